// The checkpoints that may leave the process: the newest published one, the newest that witnesses cosigned,
// and which superseded ones need not be kept.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "events/tlog/checkpoint.hpp"

namespace ledger::store {

/// The checkpoint with the log's own signatures alone: cosigners have names of their own, the log's keys are
/// named like its origin.
[[nodiscard]] tlog::SignedCheckpoint without_cosignatures(tlog::SignedCheckpoint checkpoint);

/// One checkpoint, immutable, as it is served.
struct PublishedCheckpoint {
  tlog::SignedCheckpoint checkpoint;  ///< cosignatures behind the log's own signatures
  std::string text;                   ///< the same as text
  TimestampUs at;                     ///< recorded time of the last entry that it covers
  bool cosigned = false;
  [[nodiscard]] std::uint64_t size() const { return checkpoint.checkpoint.size; }
};
using CheckpointPtr = std::shared_ptr<const PublishedCheckpoint>;

/// Any thread, but where a function says otherwise.
class Checkpoints {
 public:
  /// The newest one, for whoever shows it to somebody: it will be kept.
  [[nodiscard]] CheckpointPtr serve();
  /// One of this size is about to be shown to somebody: it will be kept if it still is.
  void show(std::uint64_t size);
  /// The newest one, only to look at.
  [[nodiscard]] CheckpointPtr newest() const;
  /// The newest one with a cosignature; null while there is none.
  [[nodiscard]] CheckpointPtr newest_cosigned() const;

  /// A newer one is durable. The committing thread.
  void publish(tlog::SignedCheckpoint checkpoint, TimestampUs at);
  /// A kept one, newest or not, now has cosignatures, durably. The committing thread.
  void cosigned(PublishedCheckpoint checkpoint);
  /// The size of a superseded checkpoint that nobody was shown, when one of its second is kept already. To be
  /// asked once before each commit, on the committing thread: of every second one stays, of the others those
  /// served or cosigned. What is newest can still be served, so it is never answered.
  [[nodiscard]] std::optional<std::uint64_t> take_forgettable();

 private:
  struct Superseded {
    std::uint64_t size = 0;
    std::int64_t second = 0;
    bool shown = false;
  };
  mutable std::mutex mutex_;  ///< guards all below
  CheckpointPtr newest_, cosigned_;
  bool newest_shown_ = true;  ///< what stood at start may have been served before
  std::optional<Superseded> superseded_;
  std::int64_t kept_second_ = -1;
};

}  // namespace ledger::store
