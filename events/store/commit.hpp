// The commit seam: what makes a batch durable, behind one small interface, so that a replicated log can stand
// in for the local one without touching decisions, views or server.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>

#include "events/store/lmdb.hpp"
#include "events/tlog/checkpoint.hpp"

namespace ledger::store {

/// One event as it is stored: the entry, the sealed values beside it (sealed_row.hpp; empty where it has
/// none), and the entry's leaf hash as it was when the entry was made.
struct StoredRow {
  Bytes entry;
  Bytes sealed;
  Digest leaf;
};

/// The events of one batch; row i has position `first + i`.
struct Batch {
  std::uint64_t first = 0;
  std::span<const StoredRow> rows;
  TimestampUs at;  ///< recorded time of the last row
  /// Verifier keys of the log that are in force behind the last row: all of them sign.
  std::span<const std::string> vkeys;
  /// Size of an earlier checkpoint that need not be kept any more.
  std::optional<std::uint64_t> forget_checkpoint;
};

/// Why a batch was not made durable. `begun` says that its outcome is unknown: the process must end.
/// Otherwise nothing was changed, and a full disk or map may have room again later.
struct CommitFault {
  bool begun = false;
  StoreFault fault;
};

class CommitLog {
 public:
  virtual ~CommitLog() = default;
  /// Puts the batch behind everything that is there, all or none, with its hashes and a signed checkpoint of
  /// the log behind it, and returns that once all of it is durable: no signature leaves before. What was
  /// stored is hashed again before the signature; other bytes than those that were made throw StoreDamage.
  /// The writer's thread only; blocks on the disk.
  [[nodiscard]] virtual std::expected<tlog::SignedCheckpoint, CommitFault> commit(const Batch& batch) = 0;
  /// Puts cosignatures behind a kept checkpoint's signatures, durably: `text` is the whole checkpoint of this
  /// size as it is served from now on. The writer's thread only.
  [[nodiscard]] virtual std::expected<void, CommitFault> cosign(std::uint64_t size, TimestampUs at,
                                                                std::string_view text) = 0;
};

}  // namespace ledger::store
