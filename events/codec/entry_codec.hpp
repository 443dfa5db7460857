// An event as the bytes that are stored, hashed and served (schema/ledger.fbs), and back. Bytes from anywhere
// are verified here, once; after that everybody works with values. Both directions are pure and
// deterministic: the same event and parts give the same bytes in every process. Source: DESIGN section 5,
// "Entry"; schema/released/ledger.v1.fbs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/events.hpp"
#include "events/core/types.hpp"

namespace ledger::codec {

enum class CodecError : std::uint8_t {
  malformed = 1,  ///< not a valid FlatBuffer of this schema, a text in it is not UTF-8, or its parts disagree
  too_large,      ///< more than limits::kEntryBytesMax bytes
  wrong_identifier,  ///< not "FLE1": no entry at all
  unknown_schema,    ///< written by a newer program; this one cannot read it
  unknown_type,      ///< a union member that this program does not know
  unknown_value,     ///< a number outside its code list, or a code list field that is not set
  bad_parts,  ///< encoding only: the commitments do not match the event's private values, or are out of order
};

/// The stable name of an error, e.g. `wrong_identifier`; lives for ever.
[[nodiscard]] std::string_view name_of(CodecError error);

/// One private value of an event: its field number (events/core/fields.hpp) and its UTF-8 text.
struct PrivateValue {
  std::uint32_t field = 0;
  std::string_view value;
};

/// The private values that an event holds openly, in ascending order of field; in a list of tables, element i
/// of a private field n has the number n + i. The views live as long as the payload is neither changed nor
/// destroyed.
[[nodiscard]] std::vector<PrivateValue> private_values(const Payload& payload);
std::vector<PrivateValue> private_values(const Payload&&) = delete;

/// The numbers of all private fields that the event is committed to or holds openly, in ascending order.
[[nodiscard]] std::vector<std::uint32_t> private_fields(const Payload& payload);

/// Gives the private field with this number an opened value and marks it committed. False when the payload
/// has no such field (nothing is changed then).
bool set_private(Payload& payload, std::uint32_t field, std::string value);

/// The commitment to one private value; `record` is an index into EntryParts::records.
struct CommitmentRow {
  std::uint32_t field = 0;
  std::uint16_t record = 0;
  Digest digest;
  bool operator==(const CommitmentRow&) const = default;
};

/// What an entry holds besides the event itself.
struct EntryParts {
  std::vector<Uuid> records;               ///< the record keys used; the first one may key the request tag
  std::vector<CommitmentRow> commitments;  ///< ascending by field, each field once
  bool operator==(const EntryParts&) const = default;
};

/// The entry's bytes, at most limits::kEntryBytesMax. Every private value of the event, open or only
/// committed, needs its row in `parts.commitments` and no row may be left over. Values themselves are not
/// written. Errors: too_large, unknown_value (an enumeration that is not set), malformed (a text that is not
/// UTF-8), bad_parts. Any thread.
[[nodiscard]] std::expected<std::vector<std::byte>, CodecError> encode_entry(const Event& event,
                                                                             const EntryParts& parts);

/// The same without a copy: the bytes stand in this thread's own buffer until it encodes again.
[[nodiscard]] std::expected<Bytes, CodecError> encode_entry_view(const Event& event, const EntryParts& parts);

/// Where the digests of an entry's commitments stand in its bytes, so that they can be put there later: they
/// change neither its size nor any other byte.
struct DigestPlaces {
  std::size_t first = 0;  ///< offset of the first commitment's; meaningless where there is none
  /// Puts the digest of commitment `index`, counted as in EntryParts, into a copy of the entry's bytes.
  void put(std::span<std::byte> entry, std::size_t index, const Digest& digest) const;
};
/// Of bytes that `encode_entry_view` just gave, before this thread encodes again.
[[nodiscard]] DigestPlaces digest_places(Bytes encoded);

struct DecodedEntry {
  Event event;  ///< private members that the entry commits to have `committed` and no value
  EntryParts parts;
};

/// Reads an entry from bytes of any alignment and origin. Nothing in them is trusted: offsets, depth, table
/// count, texts, code lists and commitments are all checked, and what is read is never longer than the bytes.
/// Errors: all but bad_parts. Any thread.
[[nodiscard]] std::expected<DecodedEntry, CodecError> decode_entry(Bytes entry);

/// Header and type of an entry, for scans: the same checks of the bytes, but the payload is left unread.
struct DecodedHeader {
  EventHeader header;
  EventType type = 0;
};
[[nodiscard]] std::expected<DecodedHeader, CodecError> decode_header(Bytes entry);

/// Whether everybody may see the event: its type changes the public list and it carries the public record
/// after it.
[[nodiscard]] bool is_public(const Event& event);

}  // namespace ledger::codec
