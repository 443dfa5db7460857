// How indexes and projections write their rows: key-value puts against named databases of the views, so that
// the live writer (an open LMDB transaction) and a rebuild (a sorted buffer that spills) run the very same
// code.
#pragma once

#include <optional>

#include "events/store/lmdb.hpp"

namespace ledger::store {

class Rows {
 public:
  virtual ~Rows() = default;
  /// The value under a key, or nullopt. The bytes live until the next call on this object.
  [[nodiscard]] virtual std::optional<Bytes> get(Database database, Bytes key) = 0;
  /// Puts a row, replacing an older one. Errors: a full map or disk; the caller gives the whole batch up.
  [[nodiscard]] virtual StoreResult<void> put(Database database, Bytes key, Bytes value) = 0;
  /// Deletes a row; one that is not there is no error.
  [[nodiscard]] virtual StoreResult<void> del(Database database, Bytes key) = 0;
};

}  // namespace ledger::store
