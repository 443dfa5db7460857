// The sealed values of one event as one row beside its entry, and the choice of the records that seal them.
//
//   row = { u32be field || u16be record || u32be length || ciphertext[length] }, ascending by field
//
// `record` is an index into the entry's records. What a ciphertext is: events/crypto/commitment.hpp.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "events/codec/entry_codec.hpp"
#include "events/core/states.hpp"
#include "events/crypto/commitment.hpp"

namespace ledger::store {

/// What `add_unsealed` adds of a value.
[[nodiscard]] std::size_t unsealed_size(std::string_view value);
/// Adds one value behind a row's end, in the clear, with room for its tag: `seal_row` seals it there.
void add_unsealed(std::vector<std::byte>& row, std::uint32_t field, std::uint16_t record,
                  std::string_view value);

/// Seals every value of a row that `add_unsealed` made, in place. `sealers` are those of the entry's records,
/// in their order; `each` is given the commitments in the order of the values.
void seal_row(std::span<std::byte> row, std::string_view origin, const Uuid& event_id,
              std::span<const crypto::RecordSealer> sealers, const std::function<void(const Digest&)>& each);

struct SealedValue {
  std::uint32_t field = 0;
  std::uint16_t record = 0;
  Bytes sealed;
};

/// The values of a row, in order. A row that is cut gives those before the cut. They live as long as the row.
[[nodiscard]] std::vector<SealedValue> sealed_values(Bytes row);

/// Finds a record's key: nullopt when it is gone.
using KeyFinder = std::function<std::optional<crypto::SecretKey>(const Uuid& record)>;

/// Opens one value of an event; nullopt where it has none, its key is gone, or it does not authenticate.
[[nodiscard]] std::optional<std::string> open_value(const Event& event, const codec::EntryParts& parts,
                                                    Bytes row, std::uint32_t field, const KeyFinder& find);

/// Joins every private value that can be opened to the event.
void open_values(Event& event, const codec::EntryParts& parts, Bytes row, const KeyFinder& find);

/// Takes the private values out of an event, leaving `committed`, for as long as it lives: then they are
/// back.
class HiddenValues {
 public:
  /// The payload must stay where and what it is meanwhile.
  explicit HiddenValues(Payload& payload);
  ~HiddenValues();
  HiddenValues(const HiddenValues&) = delete;
  HiddenValues& operator=(const HiddenValues&) = delete;

 private:
  std::vector<std::pair<Private*, std::string>> values_;
};

/// The record of this kind that an event's values are sealed under, if it has any of the kind.
[[nodiscard]] std::optional<Uuid> record_of(const codec::EntryParts& parts, RecordKind kind);

/// The record that confidential text of the next event on a stream is sealed under, where an earlier one
/// serves on: one for each filing attempt, product, and subject submission. nullopt: a new one.
[[nodiscard]] std::optional<Uuid> record_to_reuse(const SubjectState& state, const Payload& next);
[[nodiscard]] std::optional<Uuid> record_to_reuse(const ProductState& state, const Payload& next);
[[nodiscard]] std::optional<Uuid> record_to_reuse(const FilingState& state, const Payload& next);

/// Notes in the state after an event the record that its confidential text is sealed under; live and in
/// rebuilds.
void note_record(SubjectState& state, const Event& event, const codec::EntryParts& parts);
void note_record(ProductState& state, const Event& event, const codec::EntryParts& parts);
void note_record(FilingState& state, const Event& event, const codec::EntryParts& parts);
inline void note_record(LedgerState&, const Event&, const codec::EntryParts&) {}

}  // namespace ledger::store
