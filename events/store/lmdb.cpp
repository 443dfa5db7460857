#include "events/store/lmdb.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <utility>

#include <lmdb.h>

#include "events/crypto/durable_file.hpp"
#include "events/store/cut_file.hpp"

namespace ledger::store {
namespace {

constexpr std::size_t kPooledReadsMax = 64;
/// Tree paths, the free list and the two meta pages, whatever the batch.
constexpr std::uint64_t kRoomSlackPages = 256;

std::unexpected<StoreFault> fault(int code, const char* operation) {
  return std::unexpected(StoreFault{code, operation});
}

StoreResult<void> answer(int code, const char* operation) {
  if (code != 0) return fault(code, operation);
  return {};
}

/// For reads: anything but success and "not there" means a damaged file or a misused handle.
bool found(int code, const char* operation) {
  if (code == MDB_NOTFOUND) return false;
  if (code != 0) throw StoreDamage(StoreFault{code, operation});
  return true;
}

// LMDB does not write through the pointers of keys and values that it is given to read.
MDB_val val(Bytes bytes) {
  return {bytes.size(), const_cast<std::byte*>(bytes.data())};
}

Bytes bytes(const MDB_val& value) {
  return {static_cast<const std::byte*>(value.mv_data), value.mv_size};
}

}  // namespace

bool StoreFault::is_full() const {
  return code == MDB_MAP_FULL || code == ENOSPC || code == EDQUOT;
}

bool StoreFault::is_missing() const {
  return code == MDB_NOTFOUND || code == ENOENT;
}

bool StoreFault::is_damage() const {
  return code == MDB_CORRUPTED || code == MDB_INVALID || code == MDB_PAGE_NOTFOUND ||
         code == MDB_VERSION_MISMATCH;
}

bool StoreFault::is_key_taken() const {
  return code == MDB_KEYEXIST;
}

std::string StoreFault::message() const {
  return std::string(operation) + ": " + mdb_strerror(code);
}

// ---- Transaction

Transaction::Transaction(Transaction&& other) noexcept : txn_(std::exchange(other.txn_, nullptr)) {}

std::optional<Bytes> Transaction::get(Database database, Bytes key) const {
  if (key.empty() || key.size() > kKeyBytesMax) return std::nullopt;
  MDB_val name = val(key);
  MDB_val value;
  if (!found(mdb_get(txn_, database.handle, &name, &value), "get")) return std::nullopt;
  return bytes(value);
}

Cursor Transaction::cursor(Database database) const {
  MDB_cursor* cursor = nullptr;
  found(mdb_cursor_open(txn_, database.handle, &cursor), "open cursor");
  return Cursor(cursor);
}

std::uint64_t Transaction::count(Database database) const {
  MDB_stat facts;
  found(mdb_stat(txn_, database.handle, &facts), "stat");
  return facts.ms_entries;
}

// ---- ReadTxn

ReadTxn::ReadTxn(Environment& environment, MDB_txn* txn) : Transaction(txn), environment_(&environment) {
  environment.open_reads_.fetch_add(1, std::memory_order_relaxed);
}

ReadTxn::ReadTxn(ReadTxn&& other) noexcept
    : Transaction(std::move(other)), environment_(other.environment_) {}

ReadTxn::~ReadTxn() {
  if (txn_ == nullptr) return;
  environment_->give_back(txn_);
  environment_->open_reads_.fetch_sub(1, std::memory_order_release);
}

StoreResult<void> ReadTxn::refresh() {
  mdb_txn_reset(txn_);
  return answer(mdb_txn_renew(txn_), "renew read transaction");
}

// ---- WriteTxn

WriteTxn::WriteTxn(WriteTxn&& other) noexcept : Transaction(std::move(other)) {}

WriteTxn::~WriteTxn() {
  if (txn_ != nullptr) mdb_txn_abort(txn_);
}

namespace {

StoreResult<void> put_with(MDB_txn* txn, Database database, Bytes key, Bytes value, unsigned flags,
                           const char* operation) {
  MDB_val name = val(key);
  MDB_val content = val(value);
  return answer(mdb_put(txn, database.handle, &name, &content, flags), operation);
}

}  // namespace

StoreResult<void> WriteTxn::put(Database database, Bytes key, Bytes value) {
  return put_with(txn_, database, key, value, 0, "put");
}

StoreResult<void> WriteTxn::put_append(Database database, Bytes key, Bytes value) {
  return put_with(txn_, database, key, value, MDB_APPEND, "append");
}

StoreResult<void> WriteTxn::put_new(Database database, Bytes key, Bytes value) {
  return put_with(txn_, database, key, value, MDB_NOOVERWRITE, "put new");
}

StoreResult<void> WriteTxn::del(Database database, Bytes key) {
  MDB_val name = val(key);
  const int code = mdb_del(txn_, database.handle, &name, nullptr);
  return answer(code == MDB_NOTFOUND ? 0 : code, "delete");
}

StoreResult<void> WriteTxn::clear(Database database) {
  return answer(mdb_drop(txn_, database.handle, 0), "clear database");
}

StoreResult<void> WriteTxn::commit() && {
  return answer(mdb_txn_commit(std::exchange(txn_, nullptr)), "commit");  // freed either way
}

void WriteTxn::abort() && {
  mdb_txn_abort(std::exchange(txn_, nullptr));
}

// ---- Cursor

Cursor::Cursor(Cursor&& other) noexcept
    : cursor_(std::exchange(other.cursor_, nullptr)), key_(other.key_), value_(other.value_) {}

Cursor& Cursor::operator=(Cursor&& other) noexcept {
  std::swap(cursor_, other.cursor_);
  std::swap(key_, other.key_);
  std::swap(value_, other.value_);
  return *this;
}

Cursor::~Cursor() {
  if (cursor_ != nullptr) mdb_cursor_close(cursor_);
}

bool Cursor::move(int operation) {
  MDB_val name = val(key_);
  MDB_val content;
  if (!found(mdb_cursor_get(cursor_, &name, &content, static_cast<MDB_cursor_op>(operation)),
             "move cursor")) {
    key_ = {};
    value_ = {};
    return false;
  }
  key_ = bytes(name);
  value_ = bytes(content);
  return true;
}

bool Cursor::first() {
  return move(MDB_FIRST);
}

bool Cursor::last() {
  return move(MDB_LAST);
}

bool Cursor::next() {
  return move(MDB_NEXT);
}

bool Cursor::prev() {
  return move(MDB_PREV);
}

bool Cursor::seek(Bytes key) {
  if (key.empty()) return first();
  // No stored key is longer than 511 bytes, so the one equal to a longer key's front is still below it.
  const Bytes front = key.first(std::min(key.size(), kKeyBytesMax));
  key_ = front;
  if (!move(MDB_SET_RANGE)) return false;
  return key.size() == front.size() || !std::ranges::equal(key_, front) || next();
}

bool Cursor::seek_before(Bytes key) {
  return seek(key) ? prev() : last();
}

// ---- Environment

namespace {

/// Whether the file lacks pages that its newest commit uses.
StoreResult<bool> is_cut_short(MDB_env* env, const std::filesystem::path& path) {
  // Once more where another process has committed in between.
  for (int tries = 0; tries < 8; ++tries) {
    MDB_txn* txn = nullptr;
    if (const int code = mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn); code != 0)
      return fault(code, "begin transaction");
    MDB_envinfo info;
    MDB_stat stat;
    const std::size_t id = mdb_txn_id(txn);
    const bool known =
        mdb_env_info(env, &info) == 0 && mdb_env_stat(env, &stat) == 0 && info.me_last_txnid == id;
    const bool cut = known && is_cut(path, info.me_last_pgno, stat.ms_psize, id);
    mdb_txn_abort(txn);
    if (known) return cut;
  }
  return false;  // somebody else writes to it all the time, who has looked
}

}  // namespace

StoreResult<std::unique_ptr<Environment>> Environment::open(EnvironmentOptions options) {
  if (!options.read_only) {
    if (auto made = crypto::make_directory(options.path); !made)
      return fault(made.error().code, "make directory");
  }
  MDB_env* env = nullptr;
  if (const int code = mdb_env_create(&env); code != 0) return fault(code, "create environment");
  // A handle that failed to open is still freed by closing it.
  std::unique_ptr<MDB_env, decltype(&mdb_env_close)> held(env, mdb_env_close);
  if (const int code = mdb_env_set_mapsize(env, options.map_size); code != 0)
    return fault(code, "set map size");
  if (const int code = mdb_env_set_maxdbs(env, options.max_databases); code != 0)
    return fault(code, "set databases");
  if (const int code = mdb_env_set_maxreaders(env, options.max_readers); code != 0)
    return fault(code, "set readers");
  unsigned flags = MDB_NOTLS;
  if (options.no_sync) flags |= MDB_NOSYNC;
  if (options.read_only) flags |= MDB_RDONLY;
  if (options.random_access) flags |= MDB_NORDAHEAD;
  if (const int code = mdb_env_open(env, options.path.c_str(), flags, 0600); code != 0) {
    return fault(code, "open environment");
  }
  // A file that was cut would end the process with SIGBUS when the map is read beyond its end.
  const auto cut = is_cut_short(env, options.path);
  if (!cut) return std::unexpected(cut.error());
  if (*cut) return fault(MDB_CORRUPTED, "open environment: the file was cut short");
  std::unique_ptr<Environment> environment(new Environment(std::move(options), held.release()));
  environment->reap_readers();
  return environment;
}

Environment::Environment(EnvironmentOptions options, MDB_env* env)
    : options_(std::move(options)), env_(env) {}

Environment::~Environment() {
  // A transaction outlives its environment only by a bug of ours, and what it points to is unmapped next.
  if (open_reads_.load(std::memory_order_acquire) != 0) std::abort();
  for (MDB_txn* txn : pool_) mdb_txn_abort(txn);
  mdb_env_close(env_);
}

StoreResult<std::vector<Database>> Environment::open_databases(std::initializer_list<const char*> names) {
  return open_databases(std::span(names.begin(), names.size()));
}

StoreResult<std::vector<Database>> Environment::open_databases(std::span<const char* const> names) {
  MDB_txn* txn = nullptr;
  if (const int code = mdb_txn_begin(env_, nullptr, options_.read_only ? MDB_RDONLY : 0, &txn); code != 0) {
    return fault(code, "begin transaction");
  }
  std::vector<Database> databases;
  for (const char* name : names) {
    Database& database = databases.emplace_back();
    if (const int code = mdb_dbi_open(txn, name, options_.read_only ? 0 : MDB_CREATE, &database.handle);
        code != 0) {
      mdb_txn_abort(txn);
      return fault(code, "open database");
    }
  }
  // A read transaction is committed too: that is what keeps the handles.
  if (const int code = mdb_txn_commit(txn); code != 0) return fault(code, "commit");
  return databases;
}

StoreResult<ReadTxn> Environment::read() {
  MDB_txn* txn = nullptr;
  {
    const std::lock_guard lock(pool_mutex_);
    if (!pool_.empty()) {
      txn = pool_.back();
      pool_.pop_back();
    }
  }
  if (txn != nullptr) {
    if (const int code = mdb_txn_renew(txn); code != 0) {
      mdb_txn_abort(txn);
      return fault(code, "renew read transaction");
    }
  } else if (const int code = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn); code != 0) {
    return fault(code, "begin read transaction");
  }
  return ReadTxn(*this, txn);
}

void Environment::give_back(MDB_txn* txn) noexcept {
  mdb_txn_reset(txn);
  {
    const std::lock_guard lock(pool_mutex_);
    if (pool_.size() < kPooledReadsMax) {
      pool_.push_back(txn);
      return;
    }
  }
  mdb_txn_abort(txn);
}

StoreResult<WriteTxn> Environment::write() {
  MDB_txn* txn = nullptr;
  if (const int code = mdb_txn_begin(env_, nullptr, 0, &txn); code != 0)
    return fault(code, "begin write transaction");
  return WriteTxn(txn);
}

StoreResult<void> Environment::secure_room(std::uint64_t payload_bytes, std::uint64_t rows) {
  MDB_stat facts;
  MDB_envinfo info;
  if (const int code = mdb_env_stat(env_, &facts); code != 0) return fault(code, "stat environment");
  if (const int code = mdb_env_info(env_, &info); code != 0) return fault(code, "stat environment");
  const std::uint64_t page = facts.ms_psize;
  const std::uint64_t used = (static_cast<std::uint64_t>(info.me_last_pgno) + 1) * page;
  const std::uint64_t needed = 2 * (payload_bytes + rows * (page + 32)) + kRoomSlackPages * page;
  if (used + needed > info.me_mapsize) return fault(MDB_MAP_FULL, "secure room in the map");
  if (used + needed <= secured_bytes_) return {};

  // The first time from the file's start, for the holes that pages freed before they were ever written leave.
  const std::uint64_t step = std::max<std::uint64_t>(options_.room_step, page);
  const std::uint64_t target =
      std::min<std::uint64_t>((used + needed + step - 1) / step * step, info.me_mapsize);
  int descriptor = -1;
  if (const int code = mdb_env_get_fd(env_, &descriptor); code != 0)
    return fault(code, "secure room on the disk");
  while (::fallocate(descriptor, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(secured_bytes_),
                     static_cast<off_t>(target - secured_bytes_)) != 0) {
    if (errno == EINTR) continue;
    if (errno != EOPNOTSUPP && errno != ENOSYS) return fault(errno, "secure room on the disk");
    struct statvfs disk {};
    if (::fstatvfs(descriptor, &disk) != 0) return fault(errno, "secure room on the disk");
    if (std::uint64_t{disk.f_bavail} * disk.f_frsize < needed)
      return fault(ENOSPC, "secure room on the disk");
    return {};
  }
  secured_bytes_ = target;
  return {};
}

StoreResult<void> Environment::sync() {
  return answer(mdb_env_sync(env_, 1), "sync");
}

StoreResult<void> Environment::copy_to(const std::filesystem::path& directory) {
  // Not MDB_CP_COMPACT: in LMDB 0.9.24 it fails on a file that ever lost track of a freed page.
  if (const int code = mdb_env_copy2(env_, directory.c_str(), 0); code != 0)
    return fault(code, "copy environment");
  const std::filesystem::path copy = directory / "data.mdb";
  const int descriptor = ::open(copy.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return fault(errno, "open copy");
  const int code = ::fchmod(descriptor, 0600) != 0 || ::fsync(descriptor) != 0 ? errno : 0;
  ::close(descriptor);
  if (code != 0) return fault(code, "sync copy");
  if (auto synced = crypto::sync_directory(directory); !synced)
    return fault(synced.error().code, "sync copy");
  return {};
}

std::size_t Environment::reap_readers() {
  int dead = 0;
  return mdb_reader_check(env_, &dead) == 0 ? static_cast<std::size_t>(dead) : 0;
}

Environment::Usage Environment::usage() const {
  MDB_stat facts;
  MDB_envinfo info;
  found(mdb_env_stat(env_, &facts), "stat environment");
  found(mdb_env_info(env_, &info), "stat environment");
  return {.map_bytes = info.me_mapsize,
          .used_bytes = (static_cast<std::uint64_t>(info.me_last_pgno) + 1) * facts.ms_psize,
          .last_transaction = info.me_last_txnid,
          .readers = info.me_numreaders,
          .max_readers = info.me_maxreaders};
}

}  // namespace ledger::store
