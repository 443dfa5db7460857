// The log: `ledger/`, an LMDB environment that is fully synced and to which the server only ever appends.
//
//   entries      u64be position -> entry bytes (schema/ledger.fbs), positions from 0 without gaps
//   sealed       u64be position -> the event's sealed values (sealed_row.hpp), no row where it has none
//   leaves       u64be row -> 16 leaf hashes, 32 bytes each, of the entries from 16 * row on
//   nodes        u8 level || u64be row -> 16 hashes of complete subtrees of 2^level entries: levels 4, 8, ...
//   checkpoints  u64be size -> i64be recorded time of the last entry below it || the signed checkpoint
//
// A row of hashes has zero bytes where the log has not come yet; a hash that is there never changes. (Rows of
// 512 bytes fill a page of LMDB well: seven a page; and one that grows in place moves nothing.)
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "events/store/commit.hpp"
#include "events/store/lmdb.hpp"
#include "events/store/log_signer.hpp"
#include "events/tlog/hash_rows.hpp"

namespace ledger::store {

/// A position as a key: 8 bytes, big-endian, so that keys append.
[[nodiscard]] std::array<std::uint8_t, 8> position_key(std::uint64_t position);
/// The key of a row of nodes.
[[nodiscard]] std::array<std::uint8_t, 9> node_key(unsigned level, std::uint64_t row);

/// A checkpoint as it is kept.
struct KeptCheckpoint {
  std::uint64_t size = 0;
  TimestampUs at;         ///< recorded time of the last entry below `size`
  std::string_view text;  ///< the signed note, cosignatures behind the log's own
};
/// Reads a row; nullopt for one that is none. The text lives as long as the bytes.
[[nodiscard]] std::optional<KeptCheckpoint> read_checkpoint_row(Bytes key, Bytes value);

class EntryStore;

/// The log as of one moment. Short-lived; bytes live as long as it. One thread at a time.
class EntryReader final : public tlog::HashRows {
 public:
  /// Events in the log.
  [[nodiscard]] std::uint64_t size() const;
  [[nodiscard]] std::optional<Bytes> entry(std::uint64_t position) const;
  [[nodiscard]] std::optional<Bytes> sealed(std::uint64_t position) const;
  /// Stored hashes (events/tlog/hash_rows.hpp). Those beyond the log are not there.
  [[nodiscard]] bool read(unsigned level, std::uint64_t first, std::span<Digest> out) const override;
  /// The row of hashes as it lies there: 512 bytes; nullopt where there is none.
  [[nodiscard]] std::optional<Bytes> hash_row(unsigned level, std::uint64_t row) const;
  /// Events whose hashes are stored: fewer than `size()` only in a ledger of a time before the tree, or while
  /// its tree is being made.
  [[nodiscard]] std::uint64_t hashed_size() const;
  /// The kept checkpoint of exactly this size, or the newest one not above it.
  [[nodiscard]] std::optional<KeptCheckpoint> checkpoint(std::uint64_t size) const;
  [[nodiscard]] std::optional<KeptCheckpoint> checkpoint_up_to(std::uint64_t size) const;
  /// How many rows each database has.
  struct Counts {
    std::uint64_t entries = 0, sealed = 0, leaf_rows = 0, node_rows = 0, checkpoints = 0;
  };
  [[nodiscard]] Counts counts() const;
  /// Cursors for readers of long stretches; they go before the reader does.
  [[nodiscard]] Cursor entries() const;
  [[nodiscard]] Cursor sealed_values() const;
  [[nodiscard]] Cursor checkpoints() const;
  [[nodiscard]] Cursor leaf_rows() const;
  [[nodiscard]] Cursor node_rows() const;

 private:
  friend class EntryStore;
  EntryReader(const EntryStore& store, ReadTxn txn) : store_(&store), txn_(std::move(txn)) {}
  const EntryStore* store_;
  ReadTxn txn_;
};

/// Why the hashes cannot go on.
struct TreeFault {
  enum class Kind {
    damaged,  ///< hashes or checkpoint contradict each other
    storage,  ///< the machine failed
  };
  Kind kind = Kind::damaged;
  std::string detail;
};

/// Open once a process; outlives its readers. Reading from any thread, the rest on the writer's.
class EntryStore final : public CommitLog {
 public:
  /// `directory` is `DIR/ledger`; made unless read_only. Read-only it may be of a time before hashes were
  /// stored: then it has none.
  [[nodiscard]] static StoreResult<std::unique_ptr<EntryStore>> open(const std::filesystem::path& directory,
                                                                     std::uint64_t map_bytes,
                                                                     bool read_only = false);
  [[nodiscard]] StoreResult<EntryReader> read() const;
  /// False for a ledger of a time before the tree, opened read-only.
  [[nodiscard]] bool has_tree() const { return has_tree_; }

  /// Makes ready to commit: the right edge comes into memory and must give the root of the newest checkpoint.
  /// Hashes that are missing (a ledger of a time before the tree, or one whose making was cut off) are made
  /// from the entries, in steps; `on_progress` hears of it.
  [[nodiscard]] std::expected<void, TreeFault> load_tree(
      const std::function<void(std::uint64_t done, std::uint64_t total)>& on_progress = {});
  /// The signer that `commit` uses.
  void set_signer(LogSigner signer) { signer_.emplace(std::move(signer)); }
  [[nodiscard]] const LogSigner& signer() const { return *signer_; }
  /// The newest checkpoint, which covers the whole log; signed and kept now where it is missing. After
  /// `load_tree` and `set_signer`, before the first commit.
  [[nodiscard]] std::expected<tlog::SignedCheckpoint, TreeFault> seal_log(TimestampUs at,
                                                                          std::span<const std::string> vkeys);
  /// Root of the log as committed; the writer's thread.
  [[nodiscard]] Digest root() const { return edge_.root(); }

  [[nodiscard]] std::expected<tlog::SignedCheckpoint, CommitFault> commit(const Batch& batch) override;
  [[nodiscard]] std::expected<void, CommitFault> cosign(std::uint64_t size, TimestampUs at,
                                                        std::string_view text) override;

  /// Only to measure what the tree costs: commits put neither hashes nor checkpoints, and answer an unsigned
  /// one. Such a file is made whole by the next `load_tree`.
  void leave_tree_out() { without_tree_ = true; }

  [[nodiscard]] Environment::Usage usage() const { return environment_->usage(); }
  /// Frees the reader slots of processes that died.
  void reap_readers() { environment_->reap_readers(); }
  [[nodiscard]] StoreResult<void> copy_to(const std::filesystem::path& directory) const {
    return environment_->copy_to(directory);
  }

 private:
  friend class EntryReader;
  explicit EntryStore(std::unique_ptr<Environment> environment) : environment_(std::move(environment)) {}
  [[nodiscard]] StoreResult<void> secure_room(const Batch& batch);
  [[nodiscard]] StoreResult<void> put_rows(WriteTxn& txn, const Batch& batch);
  [[nodiscard]] StoreResult<tlog::SignedCheckpoint> put_tree(WriteTxn& txn, const Batch& batch,
                                                             tlog::GrowingRows& edge);
  [[nodiscard]] StoreResult<void> put_hashes(WriteTxn& txn, tlog::GrowingRows& edge);
  [[nodiscard]] StoreResult<void> put_checkpoint(WriteTxn& txn, std::uint64_t size, TimestampUs at,
                                                 std::string_view text);
  [[nodiscard]] std::expected<void, TreeFault> make_hashes(
      std::uint64_t from, const std::function<void(std::uint64_t, std::uint64_t)>& on_progress);

  std::unique_ptr<Environment> environment_;
  Database entries_, sealed_, leaves_, nodes_, checkpoints_;
  bool has_tree_ = true;
  bool without_tree_ = false;
  std::optional<LogSigner> signer_;
  tlog::GrowingRows edge_;  ///< the writer's thread only
};

}  // namespace ledger::store
