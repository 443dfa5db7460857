// Verifying an evidence bundle offline: from its text and the keys that the verifier trusts alone. Pure; any
// thread; never throws at what a bundle holds.
//
// What a bundle cannot show: events of the filing that came after its last entry, or a product's stream that
// was left out whole; and whatever a rule asks of the rest of the ledger (whether the actor's grant was
// active, whether a number was free): `admissible` needs the whole ledger, which `verify --data` has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/crypto/signing_key.hpp"
#include "replay/bundle.hpp"

namespace ledger::replay {

/// Whom the verifier trusts.
struct BundleTrust {
  std::vector<crypto::VerifierKey> log;        ///< Ed25519 keys; those named like the origin count
  std::vector<crypto::VerifierKey> witnesses;  ///< cosignature keys
  std::size_t witnesses_min = 0;               ///< how many of them, by different keys, must have cosigned
};

/// A file that somebody holds and claims to be one of the filing's documents.
struct BundleFile {
  std::string name;  ///< only to tell of it
  Digest digest;
};

/// The first thing that is wrong: where (a JSON Pointer, or the name of a file) and what.
struct BundleProblem {
  std::string where;
  std::string what;
  bool operator==(const BundleProblem&) const = default;
};

struct BundleReport {
  std::string origin;
  Uuid filing;
  std::optional<Uuid> subject;
  std::uint64_t size = 0;  ///< of the log that the checkpoint speaks of
  Digest root;
  std::size_t entries = 0, disclosures = 0, documents = 0;
  std::size_t witnesses = 0;                   ///< trusted ones that cosigned
  std::string state;                           ///< of the filing after its last entry; empty when not checked
  std::string number;                          ///< as shown; empty before it has one
  std::optional<std::uint64_t> last_position;  ///< of the filing's last entry in the bundle
  std::vector<std::string> checks;             ///< what holds, a sentence each, in order
  std::optional<BundleProblem> problem;        ///< checks stop at the first
  [[nodiscard]] bool verified() const { return !problem; }
};

/// Checks the canonical form, the checkpoint's signatures, every entry's inclusion, that the entries are the
/// filing's, its subject's and that subject's products' streams without gaps and ones that may follow each
/// other, every disclosure, and the documents. The error: the text is no bundle at all.
[[nodiscard]] std::expected<BundleReport, BundleError> verify_bundle(std::string_view text,
                                                                     const BundleTrust& trust,
                                                                     std::span<const BundleFile> files = {});

}  // namespace ledger::replay
