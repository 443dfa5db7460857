// LMDB behind move-only handles whose lifetimes nest: Environment > WriteTxn, ReadTxn > Cursor.
//
// Facts that the types keep (measured on LMDB 0.9.24): a commit frees its transaction even when it fails; a
// write transaction's cursor must be closed before the transaction ends; a write transaction belongs to the
// thread that began it; database handles are opened once, in one transaction, and count after its commit;
// MDB_MAP_FULL spoils a transaction, whose owner aborts it; keys are 1 to 511 bytes; one process opens an
// environment once and never uses it after fork.
//
// Failures: writing and opening can fail for reasons of the machine and answer a StoreFault. Reading mapped
// memory fails only when the file is damaged or a handle is misused: that throws StoreDamage.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "events/core/types.hpp"

struct MDB_env;
struct MDB_txn;
struct MDB_cursor;

namespace ledger::store {

/// A failure of the machine: an errno or an LMDB code, and the operation (static text) that met it.
struct StoreFault {
  int code = 0;
  const char* operation = "";
  /// No room: in the map, on the disk or in the quota. Nothing was changed; answer 507 and stay readable.
  [[nodiscard]] bool is_full() const;
  /// The thing asked for is not there: a database, or the environment's file.
  [[nodiscard]] bool is_missing() const;
  /// The file is none of this format, or was cut, or its pages do not hang together.
  [[nodiscard]] bool is_damage() const;
  /// A put that would have overwritten or come before an existing key.
  [[nodiscard]] bool is_key_taken() const;
  [[nodiscard]] std::string message() const;
};

template <typename T>
using StoreResult = std::expected<T, StoreFault>;

/// The file is damaged or a handle was used outside its lifetime: whoever meets it stops the process, or,
/// verifying, reports the damage.
class StoreDamage : public std::runtime_error {
 public:
  explicit StoreDamage(const StoreFault& fault) : std::runtime_error(fault.message()), fault(fault) {}
  StoreFault fault;
};

inline constexpr std::size_t kKeyBytesMax = 511;

struct EnvironmentOptions {
  std::filesystem::path path;                        ///< A directory; made (0700) unless read_only.
  std::uint64_t map_size = std::uint64_t{64} << 30;  ///< Bytes of address space, not of disk: far above need.
  unsigned max_databases = 16;
  unsigned max_readers = 512;  ///< Slots for threads, pooled transactions and operators' tools together.
  bool no_sync = false;        ///< Commits do not wait for the disk: only for what can be rebuilt.
  bool read_only = false;
  bool random_access = false;           ///< No read-ahead: for point lookups in a file larger than memory.
  std::uint64_t room_step = 16u << 20;  ///< `secure_room` grows the file by multiples of this many bytes.
};

/// A named database of an environment; plain value, good as long as the environment.
struct Database {
  unsigned handle = 0;
};

class Cursor;

/// What reading needs, in either kind of transaction. Memory handed out dies at the transaction's end and, in
/// a write transaction, at its next update: copy what must live longer.
class Transaction {
 public:
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  /// The value under the key, or nullopt (also for keys of impossible length).
  [[nodiscard]] std::optional<Bytes> get(Database database, Bytes key) const;
  /// A cursor that stands nowhere yet. It must be gone before the transaction ends.
  [[nodiscard]] Cursor cursor(Database database) const;
  /// Number of rows.
  [[nodiscard]] std::uint64_t count(Database database) const;

 protected:
  explicit Transaction(MDB_txn* txn) : txn_(txn) {}
  ~Transaction() = default;
  Transaction(Transaction&& other) noexcept;
  MDB_txn* txn_;
};

class Environment;

/// A snapshot, cheap to begin: ended ones go back to a pool of the environment and are renewed. Short: an
/// open one keeps every page freed since from being used again. One thread at a time, any thread.
class ReadTxn final : public Transaction {
 public:
  ReadTxn(ReadTxn&& other) noexcept;
  ReadTxn& operator=(ReadTxn&&) = delete;
  ~ReadTxn();
  /// Ends the snapshot and begins one of the newest commit. Invalidates everything read; no cursor may be
  /// open.
  [[nodiscard]] StoreResult<void> refresh();

 private:
  friend class Environment;
  ReadTxn(Environment& environment, MDB_txn* txn);
  Environment* environment_;
};

/// The one write transaction. Begun, used and ended on one thread; not committed means aborted. After any
/// fault abort it: do not commit.
class WriteTxn final : public Transaction {
 public:
  WriteTxn(WriteTxn&& other) noexcept;
  WriteTxn& operator=(WriteTxn&&) = delete;
  ~WriteTxn();

  /// Puts or replaces. The value must not lie in this environment's memory.
  [[nodiscard]] StoreResult<void> put(Database database, Bytes key, Bytes value);
  /// Puts behind the last key (MDB_APPEND); a key that is not above it is a fault with is_key_taken().
  [[nodiscard]] StoreResult<void> put_append(Database database, Bytes key, Bytes value);
  /// Puts where there was nothing; an existing key is a fault with is_key_taken(), which does not spoil the
  /// transaction.
  [[nodiscard]] StoreResult<void> put_new(Database database, Bytes key, Bytes value);
  /// Removes; an absent key is no fault.
  [[nodiscard]] StoreResult<void> del(Database database, Bytes key);
  /// Removes every row.
  [[nodiscard]] StoreResult<void> clear(Database database);
  /// Makes it so, on the disk unless the environment is no_sync. After a fault other than is_full() the state
  /// on disk is unknown: end the process.
  [[nodiscard]] StoreResult<void> commit() &&;
  /// Gives it up (as the destructor does).
  void abort() &&;

 private:
  friend class Environment;
  explicit WriteTxn(MDB_txn* txn) : Transaction(txn) {}
};

/// A place in a database, in key order (bytewise). Every move answers whether there is a row there. Move
/// only.
class Cursor {
 public:
  Cursor(Cursor&& other) noexcept;
  Cursor& operator=(Cursor&& other) noexcept;
  ~Cursor();

  bool first();
  bool last();
  /// To the first row whose key is not below `key`; an empty key means the first row.
  bool seek(Bytes key);
  /// To the last row whose key is below `key`.
  bool seek_before(Bytes key);
  /// From nowhere: to the first row.
  bool next();
  /// From nowhere: to the last row.
  bool prev();

  /// Of the row the last move found; the lifetime is that of `Transaction::get`.
  [[nodiscard]] Bytes key() const { return key_; }
  [[nodiscard]] Bytes value() const { return value_; }

 private:
  friend class Transaction;
  explicit Cursor(MDB_cursor* cursor) : cursor_(cursor) {}
  bool move(int operation);
  MDB_cursor* cursor_;
  Bytes key_;
  Bytes value_;
};

/// One LMDB file. Open it once a process; outlives its transactions. Safe from any thread.
class Environment {
 public:
  /// Opens, making directory and file unless read_only, and frees the reader slots of processes that died. A
  /// file that was cut short is refused as damage.
  [[nodiscard]] static StoreResult<std::unique_ptr<Environment>> open(EnvironmentOptions options);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  /// Opens (and makes, unless read_only) the named databases in one transaction. Once, at start.
  [[nodiscard]] StoreResult<std::vector<Database>> open_databases(std::initializer_list<const char*> names);
  [[nodiscard]] StoreResult<std::vector<Database>> open_databases(std::span<const char* const> names);

  [[nodiscard]] StoreResult<ReadTxn> read();
  /// Waits for the write transaction of another thread or process to end. Twice on one thread is a deadlock.
  [[nodiscard]] StoreResult<WriteTxn> write();

  /// Makes sure that a transaction that puts `payload_bytes` of keys and values in at most `rows` rows will
  /// find map and disk: counts each row's page, header and alignment at its worst, doubles it for copied tree
  /// pages, and allocates the file ahead in steps (fallocate, size kept). LMDB writes its pages past the end
  /// of the file at commit; allocated ahead, a full disk shows here, before anything is begun. Pages freed
  /// earlier are not counted on, so it refuses early rather than late. Full: a fault with is_full(), and
  /// nothing changed. Where the file system cannot allocate ahead, free space is asked for instead, which
  /// others may still take; copy-on-write file systems promise no more than that either. Call on the writer's
  /// thread without an open write transaction.
  [[nodiscard]] StoreResult<void> secure_room(std::uint64_t payload_bytes, std::uint64_t rows = 0);

  /// Flushes what no_sync commits left to the kernel.
  [[nodiscard]] StoreResult<void> sync();
  /// A consistent, synced copy into a directory that exists and holds no data.mdb, while others read and
  /// write.
  [[nodiscard]] StoreResult<void> copy_to(const std::filesystem::path& directory);
  /// Frees the reader slots of dead processes; answers how many.
  std::size_t reap_readers();

  struct Usage {
    std::uint64_t map_bytes = 0;
    std::uint64_t used_bytes = 0;  ///< Up to the highest page ever used; freed pages below it count as used.
    std::uint64_t last_transaction = 0;
    unsigned readers = 0;  ///< Slots ever used at once.
    unsigned max_readers = 0;
  };
  [[nodiscard]] Usage usage() const;

 private:
  friend class ReadTxn;
  Environment(EnvironmentOptions options, MDB_env* env);
  void give_back(MDB_txn* txn) noexcept;

  const EnvironmentOptions options_;
  MDB_env* const env_;
  std::uint64_t secured_bytes_ = 0;  ///< The file is allocated up to here; the writer's thread only.
  std::atomic<int> open_reads_ = 0;
  std::mutex pool_mutex_;
  std::vector<MDB_txn*> pool_;  ///< Reset read transactions; guarded by pool_mutex_.
};

}  // namespace ledger::store
