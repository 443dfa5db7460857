#include "events/store/entry_store.hpp"

namespace ledger::store {

std::array<std::uint8_t, 8> position_key(std::uint64_t position) {
  std::array<std::uint8_t, 8> key;
  put_be(position, key.data());
  return key;
}

std::uint64_t EntryReader::size() const {
  Cursor cursor = entries();
  if (!cursor.last()) return 0;
  return get_be<std::uint64_t>(reinterpret_cast<const std::uint8_t*>(cursor.key().data())) + 1;
}

std::optional<Bytes> EntryReader::entry(std::uint64_t position) const {
  return txn_.get(store_->entries_, bytes_of(position_key(position)));
}

std::optional<Bytes> EntryReader::sealed(std::uint64_t position) const {
  return txn_.get(store_->sealed_, bytes_of(position_key(position)));
}

Cursor EntryReader::entries() const {
  return txn_.cursor(store_->entries_);
}

Cursor EntryReader::sealed_values() const {
  return txn_.cursor(store_->sealed_);
}

StoreResult<std::unique_ptr<EntryStore>> EntryStore::open(const std::filesystem::path& directory,
                                                          std::uint64_t map_bytes, bool read_only) {
  auto environment = Environment::open(
      {.path = directory, .map_size = map_bytes, .max_databases = 8, .read_only = read_only});
  if (!environment) return std::unexpected(environment.error());
  std::unique_ptr<EntryStore> store(new EntryStore(std::move(*environment)));
  auto databases = store->environment_->open_databases({"entries", "sealed"});
  if (!databases) return std::unexpected(databases.error());
  store->entries_ = (*databases)[0];
  store->sealed_ = (*databases)[1];
  return store;
}

StoreResult<EntryReader> EntryStore::read() const {
  auto txn = environment_->read();
  if (!txn) return std::unexpected(txn.error());
  return EntryReader(*this, std::move(*txn));
}

std::expected<void, CommitFault> EntryStore::commit(const Batch& batch) {
  const auto refused = [](const StoreFault& fault) { return std::unexpected(CommitFault{false, fault}); };
  std::uint64_t payload = 0, rows = 0;
  for (const StoredRow& row : batch.rows) {
    payload += row.entry.size() + row.sealed.size() + 16;
    rows += row.sealed.empty() ? 1 : 2;
  }
  // Rows append, so that many share a page; what does not fit into one takes pages of its own, which the
  // payload covers. One page more a database for the row that begins it.
  constexpr std::uint64_t kRowsPerPageMin = 2;
  if (auto room = environment_->secure_room(payload, rows / kRowsPerPageMin + 2); !room)
    return refused(room.error());
  auto txn = environment_->write();
  if (!txn) return refused(txn.error());
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    const auto key = position_key(batch.first + i);
    if (auto put = txn->put_append(entries_, bytes_of(key), batch.rows[i].entry); !put)
      return refused(put.error());
  }
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    if (batch.rows[i].sealed.empty()) continue;
    const auto key = position_key(batch.first + i);
    if (auto put = txn->put_append(sealed_, bytes_of(key), batch.rows[i].sealed); !put)
      return refused(put.error());
  }
  if (auto committed = std::move(*txn).commit(); !committed) {
    return std::unexpected(CommitFault{true, committed.error()});
  }
  return {};
}

}  // namespace ledger::store
