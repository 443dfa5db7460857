// How far each webhook has come, durably: a small synced LMDB file of its own, since the ledger only grows by
// events and an acknowledged delivery is none.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "events/core/types.hpp"
#include "events/store/lmdb.hpp"

namespace ledger::webhook {

/// Where a webhook stands.
struct Progress {
  std::uint64_t cursor = 0;    ///< everything up to this position was acknowledged or is not for it
  bool paused = false;         ///< nothing is sent until somebody resumes it
  std::uint32_t failures = 0;  ///< attempts since the last acknowledgement
  std::optional<TimestampUs> failing_since;  ///< when the first of them was
  std::string reason;                        ///< of the last failure; stays until the next acknowledgement
  bool operator==(const Progress&) const = default;
};

/// Any thread; a write waits for the disk.
class CursorStore {
 public:
  [[nodiscard]] static store::StoreResult<std::unique_ptr<CursorStore>> open(
      const std::filesystem::path& directory);

  [[nodiscard]] std::optional<Progress> load(const Uuid& webhook);
  /// Durable on return. After a failure the row is the old one, or the new one.
  [[nodiscard]] store::StoreResult<void> save(const Uuid& webhook, const Progress& progress);
  [[nodiscard]] store::StoreResult<void> remove(const Uuid& webhook);
  /// All that have a row.
  [[nodiscard]] std::vector<Uuid> webhooks();

 private:
  CursorStore(std::unique_ptr<store::Environment> environment, store::Database rows)
      : environment_(std::move(environment)), rows_(rows) {}
  template <typename Change>
  store::StoreResult<void> write(Change change);

  const std::unique_ptr<store::Environment> environment_;
  const store::Database rows_;
  std::mutex mutex_;
  std::optional<store::StoreFault> broken_;  // guarded by mutex_
};

}  // namespace ledger::webhook
