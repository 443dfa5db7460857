// The commit seam: what makes a batch durable, behind one small interface, so that a replicated log can stand
// in for the local one without touching decisions, views or server.
#pragma once

#include <cstdint>
#include <expected>
#include <span>

#include "events/store/lmdb.hpp"

namespace ledger::store {

/// One event as it is stored: the entry, and the sealed values beside it (sealed_row.hpp), empty where it has
/// none.
struct StoredRow {
  Bytes entry;
  Bytes sealed;
};

/// The events of one batch; row i has position `first + i`.
struct Batch {
  std::uint64_t first = 0;
  std::span<const StoredRow> rows;
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
  /// Puts the batch behind everything that is there, all or none, and returns once it is durable. The
  /// writer's thread only; blocks on the disk.
  [[nodiscard]] virtual std::expected<void, CommitFault> commit(const Batch& batch) = 0;
};

}  // namespace ledger::store
