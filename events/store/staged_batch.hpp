// Everything that a batch of decided commands wants to become durable: built by the thread that decides, then
// only read by the one that commits.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "events/codec/entry_codec.hpp"
#include "events/crypto/commitment.hpp"
#include "events/store/arena.hpp"
#include "events/store/checkpoint_file.hpp"
#include "events/store/commit.hpp"
#include "events/store/row_buffer.hpp"
#include "events/store/vault.hpp"

namespace ledger::store {

/// A staged event that is laid out, but not sealed: its private values stand in the clear where their
/// ciphertexts will be, and its commitments and its leaf hash are missing.
struct UnsealedEvent {
  Uuid event_id;
  std::span<std::byte> entry, values;  ///< in the batch's arena
  codec::DigestPlaces digests;
  std::size_t first_sealer = 0, sealers = 0;  ///< of its records, in the batch
  bool sealed = false;
};

struct StagedBatch {
  std::uint64_t first = 0;      ///< position of the first row
  TimestampUs last_recorded;    ///< of the last row, or of the last event before the batch
  std::vector<StoredRow> rows;  ///< entries and sealed values, in `arena`
  Arena arena;
  std::vector<UnsealedEvent> unsealed;  ///< one a row
  std::vector<crypto::RecordSealer> sealers;
  std::atomic<bool> all_sealed = false;  ///< told by whoever sealed the rest
  std::vector<std::string> vkeys;        ///< of the log, in force behind the last row; filled at the end
  std::vector<RecordKey> keys;           ///< of the vault records that the rows name and that are new
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

  /// Seals one row, if it is not. Whoever fills the batch; once it is given away, who commits it.
  void seal(std::size_t row, std::string_view origin);
  /// Seals all that is not, and wakes who waits in `await_sealed`.
  void seal_all(std::string_view origin);
  /// Waits until the thread that commits has sealed the batch.
  void await_sealed() const { all_sealed.wait(false, std::memory_order_acquire); }
  /// Takes rows back behind the first `count`, and wipes what of them is in the clear.
  void take_back(std::size_t count);

  /// Empty again, to go on behind `position`. `keep_memory`: as many rows will come again.
  void restart(std::uint64_t position, TimestampUs last, bool keep_memory) {
    first = position;
    last_recorded = last;
    rows.clear();
    unsealed.clear();
    sealers.clear();
    all_sealed.store(false, std::memory_order_relaxed);
    keep_memory ? arena.rewind() : arena.clear();
    keys.clear();
    key_at.clear();
    erasures.clear();
    view_rows.clear(keep_memory);
  }
};

}  // namespace ledger::store
