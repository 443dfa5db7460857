// The log: `ledger/`, an LMDB environment that is fully synced and to which the server only ever appends.
//
//   entries   u64be position -> entry bytes (schema/ledger.fbs), positions from 0 without gaps
//   sealed    u64be position -> the event's sealed values (sealed_row.hpp), no row where it has none
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "events/store/commit.hpp"
#include "events/store/lmdb.hpp"

namespace ledger::store {

/// A position as a key: 8 bytes, big-endian, so that keys append.
[[nodiscard]] std::array<std::uint8_t, 8> position_key(std::uint64_t position);

class EntryStore;

/// The log as of one moment. Short-lived; bytes live as long as it. One thread at a time.
class EntryReader {
 public:
  /// Events in the log.
  [[nodiscard]] std::uint64_t size() const;
  [[nodiscard]] std::optional<Bytes> entry(std::uint64_t position) const;
  [[nodiscard]] std::optional<Bytes> sealed(std::uint64_t position) const;
  /// Cursors for readers of long stretches; they go before the reader does.
  [[nodiscard]] Cursor entries() const;
  [[nodiscard]] Cursor sealed_values() const;

 private:
  friend class EntryStore;
  EntryReader(const EntryStore& store, ReadTxn txn) : store_(&store), txn_(std::move(txn)) {}
  const EntryStore* store_;
  ReadTxn txn_;
};

/// Open once a process; outlives its readers. Reading from any thread, `commit` on the writer's.
class EntryStore final : public CommitLog {
 public:
  /// `directory` is `DIR/ledger`; `create` makes it, otherwise it must hold a log.
  [[nodiscard]] static StoreResult<std::unique_ptr<EntryStore>> open(const std::filesystem::path& directory,
                                                                     std::uint64_t map_bytes,
                                                                     bool read_only = false);
  [[nodiscard]] StoreResult<EntryReader> read() const;
  [[nodiscard]] std::expected<void, CommitFault> commit(const Batch& batch) override;
  [[nodiscard]] Environment::Usage usage() const { return environment_->usage(); }
  /// Frees the reader slots of processes that died.
  void reap_readers() { environment_->reap_readers(); }

 private:
  friend class EntryReader;
  explicit EntryStore(std::unique_ptr<Environment> environment) : environment_(std::move(environment)) {}
  std::unique_ptr<Environment> environment_;
  Database entries_, sealed_;
};

}  // namespace ledger::store
