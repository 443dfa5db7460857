// Everything that a batch of decided commands wants to become durable: built by the thread that decides, then
// only read by the one that commits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "events/store/arena.hpp"
#include "events/store/checkpoint_file.hpp"
#include "events/store/commit.hpp"
#include "events/store/row_buffer.hpp"
#include "events/store/vault.hpp"

namespace ledger::store {

struct StagedBatch {
  std::uint64_t first = 0;      ///< position of the first row
  TimestampUs last_recorded;    ///< of the last row, or of the last event before the batch
  std::vector<StoredRow> rows;  ///< entries and sealed values, in `arena`
  Arena arena;
  std::vector<std::string> vkeys;  ///< of the log, in force behind the last row; filled at the end
  std::vector<RecordKey> keys;     ///< of the vault records that the rows name and that are new
  std::unordered_map<Uuid, std::size_t> key_at;
  std::vector<Erasure> erasures;  ///< whose record keys are destroyed once the rows are durable
  RowBuffer view_rows;            ///< of indexes and projections, with the progress; filled at the end

  [[nodiscard]] std::uint64_t end() const { return first + rows.size(); }
  [[nodiscard]] bool holds(std::uint64_t position) const { return position >= first && position < end(); }
  [[nodiscard]] bool erases(const Uuid& record) const {
    return std::ranges::any_of(erasures, [&](const Erasure& erasure) {
      return std::ranges::find(erasure.records, record) != erasure.records.end();
    });
  }
  [[nodiscard]] std::optional<crypto::SecretKey> key(const Uuid& record) const {
    const auto at = key_at.find(record);
    return at == key_at.end() ? std::nullopt : std::optional(keys[at->second].key);
  }
  /// Empty again, to go on behind `position`. `keep_memory`: as many rows will come again.
  void restart(std::uint64_t position, TimestampUs last, bool keep_memory) {
    first = position;
    last_recorded = last;
    rows.clear();
    keep_memory ? arena.rewind() : arena.clear();
    keys.clear();
    key_at.clear();
    erasures.clear();
    view_rows.clear(keep_memory);
  }
};

}  // namespace ledger::store
