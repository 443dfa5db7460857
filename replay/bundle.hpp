// The evidence bundle of one filing, `filing-ledger/bundle/v1`: the entries that matter to it with their
// inclusion proofs under one signed checkpoint, and what its reader may see of the private values. One JSON
// text with one canonical form: members in this order, no blanks, everything ascending, one newline at the
// end. docs/bundle.md tells it to readers. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/events.hpp"
#include "events/crypto/commitment.hpp"
#include "projections/json_writer.hpp"

namespace ledger::replay {

inline constexpr std::string_view kBundleFormat = "filing-ledger/bundle/v1";
/// A bundle's text, in bytes. A filing of a hundred drafts of the largest size, with its subject and 200
/// products, stays below.
inline constexpr std::size_t kBundleBytesMax = std::size_t{64} << 20;

/// What stands before the lists.
struct BundleHead {
  std::string origin;
  Uuid filing;
  std::optional<Uuid> subject;  ///< absent for a filing that came from an official list
  std::uint16_t schema = 0;     ///< the highest schema number among the entries
  std::string checkpoint;       ///< the signed checkpoint, as it was served
  bool operator==(const BundleHead&) const = default;
};

struct BundleEntry {
  std::uint64_t position = 0;
  std::vector<std::byte> entry;  ///< as stored and hashed
  std::vector<Digest> proof;     ///< inclusion path in the checkpoint's tree, the leaf's sibling first
  bool operator==(const BundleEntry&) const = default;
};

/// The opening of one commitment.
struct BundleDisclosure {
  std::uint64_t position = 0;
  std::uint32_t field = 0;  ///< events/core/fields.hpp
  std::string name;         ///< private_field_pointer: for people, follows from entry and field
  crypto::Salt salt{};
  std::string value;
  bool operator==(const BundleDisclosure&) const = default;
};

/// A document that an entry names, in clear or by a disclosed value; follows from them.
struct BundleDocument {
  std::uint64_t position = 0;
  std::uint32_t field = 0;
  std::string name;
  Digest digest;
  bool operator==(const BundleDocument&) const = default;
};

struct Bundle {
  BundleHead head;
  std::vector<BundleEntry> entries;           ///< ascending by position
  std::vector<BundleDisclosure> disclosures;  ///< ascending by position and field
  std::vector<BundleDocument> documents;      ///< the same
  bool operator==(const Bundle&) const = default;
};

/// Writes the canonical form piece by piece, for bundles that are sent while they are made. First `begin`,
/// then all entries, all disclosures, all documents, each ascending, then `end`. What was written may be
/// taken out of `out` between the calls. One thread at a time.
class BundleWriter {
 public:
  /// Appends to `out`, which outlives the writer.
  explicit BundleWriter(std::string& out) : out_(out), json_(out) {}
  void begin(const BundleHead& head);
  void entry(std::uint64_t position, Bytes entry, std::span<const Digest> proof);
  void disclosure(const BundleDisclosure& disclosure);
  void document(const BundleDocument& document);
  void end();

 private:
  enum class Part : std::uint8_t { entries, disclosures, documents };
  void enter(Part part);

  std::string& out_;
  projections::JsonWriter json_;
  Part part_ = Part::entries;
};

/// The whole text at once.
[[nodiscard]] std::string encode(const Bundle& bundle);

/// Why a text is no bundle.
struct BundleError {
  std::string where;  ///< `line 1, column 7`, or a JSON Pointer (RFC 6901); empty: the whole text
  std::string what;
  [[nodiscard]] std::string message() const { return where.empty() ? what : where + ": " + what; }
};

/// Reads a bundle: members known and each once, texts of the right form, lists ascending and bounded. Nothing
/// is verified, nor whether the text is the canonical form of what it says.
[[nodiscard]] std::expected<Bundle, BundleError> parse_bundle(std::string_view text);

/// Where a private field stands in an event's `data`, as a JSON Pointer such as `/reasons/0/note`; nullopt
/// where the payload has no such field.
[[nodiscard]] std::optional<std::string> private_field_pointer(const Payload& payload, std::uint32_t field);

/// The documents that an event names by private values which are joined to it, and those of a publication,
/// which stand in clear: a bundle's `documents` are these of all its events, in order.
[[nodiscard]] std::vector<BundleDocument> documents_named(const Event& event);

}  // namespace ledger::replay
