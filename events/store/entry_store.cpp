#include "events/store/entry_store.hpp"

#include <algorithm>
#include <cstring>

namespace ledger::store {
namespace {

using tlog::kRowWidth;

constexpr std::size_t kHashRowBytes = kRowWidth * sizeof(Digest);
constexpr std::size_t kTimeBytes = 8;
/// Entries hashed in one transaction while a tree is made for a ledger that has none.
constexpr std::uint64_t kHashedAtOnce = 65'536;
/// A checkpoint with a few keys; generous, for room that is secured ahead.
constexpr std::uint64_t kCheckpointBytesMax = 8192;

std::uint64_t number_in(Bytes key) {
  return get_be<std::uint64_t>(reinterpret_cast<const std::uint8_t*>(key.data()));
}

std::unexpected<TreeFault> damaged(std::string detail) {
  return std::unexpected(TreeFault{TreeFault::Kind::damaged, std::move(detail)});
}

std::unexpected<TreeFault> storage(const StoreFault& fault) {
  return std::unexpected(TreeFault{TreeFault::Kind::storage, "ledger: " + fault.message()});
}

std::unexpected<TreeFault> missing(const tlog::TreeError& error) {
  return damaged("the hash of level " + std::to_string(error.level) + ", index " +
                 std::to_string(error.index) + " is missing");
}

}  // namespace

std::array<std::uint8_t, 8> position_key(std::uint64_t position) {
  std::array<std::uint8_t, 8> key;
  put_be(position, key.data());
  return key;
}

std::array<std::uint8_t, 9> node_key(unsigned level, std::uint64_t row) {
  std::array<std::uint8_t, 9> key;
  key[0] = static_cast<std::uint8_t>(level);
  put_be(row, key.data() + 1);
  return key;
}

std::optional<KeptCheckpoint> read_checkpoint_row(Bytes key, Bytes value) {
  if (key.size() != 8 || value.size() <= kTimeBytes) return std::nullopt;
  return KeptCheckpoint{.size = number_in(key),
                        .at = {static_cast<std::int64_t>(number_in(value))},
                        .text = text_of(value.subspan(kTimeBytes))};
}

// ---- reading

std::uint64_t EntryReader::size() const {
  Cursor cursor = entries();
  return cursor.last() ? number_in(cursor.key()) + 1 : 0;
}

std::optional<Bytes> EntryReader::entry(std::uint64_t position) const {
  return txn_.get(store_->entries_, bytes_of(position_key(position)));
}

std::optional<Bytes> EntryReader::sealed(std::uint64_t position) const {
  return txn_.get(store_->sealed_, bytes_of(position_key(position)));
}

std::optional<Bytes> EntryReader::hash_row(unsigned level, std::uint64_t row) const {
  if (!store_->has_tree_) return std::nullopt;
  const auto bytes = level == 0 ? txn_.get(store_->leaves_, bytes_of(position_key(row)))
                                : txn_.get(store_->nodes_, bytes_of(node_key(level, row)));
  return bytes && bytes->size() == kHashRowBytes ? bytes : std::nullopt;
}

bool EntryReader::read(unsigned level, std::uint64_t first, std::span<Digest> out) const {
  const std::size_t begin = first % kRowWidth;
  if (begin + out.size() > kRowWidth) return false;
  const auto row = hash_row(level, first / kRowWidth);
  if (!row) return false;
  std::memcpy(out.data(), row->data() + begin * sizeof(Digest), out.size_bytes());
  // Hashes fill a row from its front, so the last one asked for speaks for all.
  return out.back() != Digest{};
}

std::uint64_t EntryReader::hashed_size() const {
  if (!store_->has_tree_) return 0;
  Cursor cursor = leaf_rows();
  if (!cursor.last() || cursor.value().size() != kHashRowBytes) return 0;
  std::array<Digest, kRowWidth> hashes;
  std::memcpy(hashes.data(), cursor.value().data(), kHashRowBytes);
  const auto end = std::ranges::find(hashes, Digest{});
  return number_in(cursor.key()) * kRowWidth + static_cast<std::uint64_t>(end - hashes.begin());
}

std::optional<KeptCheckpoint> EntryReader::checkpoint(std::uint64_t size) const {
  if (!store_->has_tree_) return std::nullopt;
  const auto key = position_key(size);
  const auto value = txn_.get(store_->checkpoints_, bytes_of(key));
  return value ? read_checkpoint_row(bytes_of(key), *value) : std::nullopt;
}

std::optional<KeptCheckpoint> EntryReader::checkpoint_up_to(std::uint64_t size) const {
  if (!store_->has_tree_) return std::nullopt;
  Cursor cursor = checkpoints();
  const bool there =
      size == ~std::uint64_t{0} ? cursor.last() : cursor.seek_before(bytes_of(position_key(size + 1)));
  return there ? read_checkpoint_row(cursor.key(), cursor.value()) : std::nullopt;
}

EntryReader::Counts EntryReader::counts() const {
  Counts counts{.entries = txn_.count(store_->entries_), .sealed = txn_.count(store_->sealed_)};
  if (!store_->has_tree_) return counts;
  counts.leaf_rows = txn_.count(store_->leaves_);
  counts.node_rows = txn_.count(store_->nodes_);
  counts.checkpoints = txn_.count(store_->checkpoints_);
  return counts;
}

Cursor EntryReader::entries() const {
  return txn_.cursor(store_->entries_);
}

Cursor EntryReader::sealed_values() const {
  return txn_.cursor(store_->sealed_);
}

Cursor EntryReader::checkpoints() const {
  return txn_.cursor(store_->checkpoints_);
}

Cursor EntryReader::leaf_rows() const {
  return txn_.cursor(store_->leaves_);
}

Cursor EntryReader::node_rows() const {
  return txn_.cursor(store_->nodes_);
}

// ---- opening

StoreResult<std::unique_ptr<EntryStore>> EntryStore::open(const std::filesystem::path& directory,
                                                          std::uint64_t map_bytes, bool read_only) {
  auto environment = Environment::open(
      {.path = directory, .map_size = map_bytes, .max_databases = 8, .read_only = read_only});
  if (!environment) return std::unexpected(environment.error());
  std::unique_ptr<EntryStore> store(new EntryStore(std::move(*environment)));
  auto log = store->environment_->open_databases({"entries", "sealed"});
  if (!log) return std::unexpected(log.error());
  store->entries_ = (*log)[0];
  store->sealed_ = (*log)[1];
  auto tree = store->environment_->open_databases({"leaves", "nodes", "checkpoints"});
  if (!tree) {
    if (!read_only || !tree.error().is_missing()) return std::unexpected(tree.error());
    store->has_tree_ = false;
    return store;
  }
  store->leaves_ = (*tree)[0];
  store->nodes_ = (*tree)[1];
  store->checkpoints_ = (*tree)[2];
  return store;
}

StoreResult<EntryReader> EntryStore::read() const {
  auto txn = environment_->read();
  if (!txn) return std::unexpected(txn.error());
  return EntryReader(*this, std::move(*txn));
}

std::expected<void, TreeFault> EntryStore::load_tree(
    const std::function<void(std::uint64_t, std::uint64_t)>& on_progress) {
  std::uint64_t size = 0, hashed = 0;
  {
    auto reader = read();
    if (!reader) return storage(reader.error());
    size = reader->size();
    hashed = reader->hashed_size();
    if (hashed > size) return damaged("there are hashes of more entries than the log has");
    auto edge = tlog::GrowingRows::load(*reader, hashed);
    if (!edge) return missing(edge.error());
    edge_ = std::move(*edge);
    if (const auto newest = reader->checkpoint_up_to(~std::uint64_t{0})) {
      const auto parsed = tlog::parse_checkpoint(newest->text);
      if (!parsed || parsed->checkpoint.size != newest->size)
        return damaged("the newest checkpoint does not read");
      if (newest->size > hashed) return damaged("the newest checkpoint speaks of more than the log has");
      const auto root = tlog::root_at(tlog::RowHashReader(*reader), newest->size);
      if (!root) return missing(root.error());
      if (*root != parsed->checkpoint.root) {
        return damaged("the stored hashes do not give the root of the checkpoint of size " +
                       std::to_string(newest->size));
      }
    }
  }
  return hashed < size ? make_hashes(size, on_progress) : std::expected<void, TreeFault>{};
}

std::expected<void, TreeFault> EntryStore::make_hashes(
    std::uint64_t size, const std::function<void(std::uint64_t, std::uint64_t)>& on_progress) {
  while (edge_.size() < size) {
    tlog::GrowingRows edge = edge_;
    const std::uint64_t end = std::min(size, edge.size() + kHashedAtOnce);
    const std::uint64_t rows = (end - edge.size()) / kRowWidth * 2 + 64;
    if (auto room = environment_->secure_room(rows * kHashRowBytes, rows); !room)
      return storage(room.error());
    auto txn = environment_->write();
    if (!txn) return storage(txn.error());
    {
      Cursor cursor = txn->cursor(entries_);
      bool there = cursor.seek(bytes_of(position_key(edge.size())));
      for (; edge.size() < end; there = cursor.next()) {
        if (!there || number_in(cursor.key()) != edge.size())
          return damaged("the log misses the entry at position " + std::to_string(edge.size()));
        edge.append(tlog::leaf_hash(cursor.value()));
      }
    }
    if (auto put = put_hashes(*txn, edge); !put) return storage(put.error());
    if (auto committed = std::move(*txn).commit(); !committed) return storage(committed.error());
    edge_ = std::move(edge);
    if (on_progress) on_progress(end, size);
  }
  return {};
}

std::expected<tlog::SignedCheckpoint, TreeFault> EntryStore::seal_log(TimestampUs at,
                                                                      std::span<const std::string> vkeys) {
  const std::uint64_t size = edge_.size();
  {
    auto reader = read();
    if (!reader) return storage(reader.error());
    if (const auto kept = reader->checkpoint(size)) {
      auto parsed = tlog::parse_checkpoint(kept->text);
      if (!parsed) return damaged("the newest checkpoint does not read: " + parsed.error().message());
      return std::move(*parsed);
    }
  }
  tlog::SignedCheckpoint made = signer_->sign(size, edge_.root(), vkeys);
  if (auto room = environment_->secure_room(kCheckpointBytesMax, 2); !room) return storage(room.error());
  auto txn = environment_->write();
  if (!txn) return storage(txn.error());
  if (auto put = put_checkpoint(*txn, size, at, made.text()); !put) return storage(put.error());
  if (auto committed = std::move(*txn).commit(); !committed) return storage(committed.error());
  return made;
}

// ---- committing

StoreResult<void> EntryStore::secure_room(const Batch& batch) {
  std::uint64_t payload = kCheckpointBytesMax, rows = 0;
  for (const StoredRow& row : batch.rows) {
    payload += row.entry.size() + row.sealed.size() + 16;
    rows += row.sealed.empty() ? 1 : 2;
  }
  // Every level of stored hashes begins one row more than its hashes fill.
  const std::uint64_t hash_rows = batch.rows.size() / kRowWidth * 2 + 16;
  payload += hash_rows * kHashRowBytes;
  // Rows append, so that many share a page; what does not fit into one takes pages of its own, which the
  // payload covers. A page more a database for the row that begins it.
  constexpr std::uint64_t kRowsPerPageMin = 2;
  return environment_->secure_room(payload, (rows + hash_rows) / kRowsPerPageMin + 4);
}

StoreResult<void> EntryStore::put_rows(WriteTxn& txn, const Batch& batch) {
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    const auto key = position_key(batch.first + i);
    if (auto put = txn.put_append(entries_, bytes_of(key), batch.rows[i].entry); !put) return put;
  }
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    if (batch.rows[i].sealed.empty()) continue;
    const auto key = position_key(batch.first + i);
    if (auto put = txn.put_append(sealed_, bytes_of(key), batch.rows[i].sealed); !put) return put;
  }
  return {};
}

StoreResult<void> EntryStore::put_hashes(WriteTxn& txn, tlog::GrowingRows& edge) {
  for (const tlog::HashRow& row : edge.take()) {
    const auto leaf_key = position_key(row.index);
    const auto inner_key = node_key(row.level, row.index);
    const Bytes value = std::as_bytes(std::span(row.hashes));
    const Database database = row.level == 0 ? leaves_ : nodes_;
    const Bytes key = row.level == 0 ? bytes_of(leaf_key) : bytes_of(inner_key);
    // A row that begins here comes behind all others of its level; leaves have a database of their own, where
    // that fills the pages.
    const bool begins = row.level == 0 && !txn.get(database, key);
    auto put = begins ? txn.put_append(database, key, value) : txn.put(database, key, value);
    if (!put) return put;
  }
  return {};
}

StoreResult<void> EntryStore::put_checkpoint(WriteTxn& txn, std::uint64_t size, TimestampUs at,
                                             std::string_view text) {
  std::vector<std::byte> value(kTimeBytes + text.size());
  put_be(at.value, reinterpret_cast<std::uint8_t*>(value.data()));
  std::memcpy(value.data() + kTimeBytes, text.data(), text.size());
  return txn.put(checkpoints_, bytes_of(position_key(size)), value);
}

StoreResult<tlog::SignedCheckpoint> EntryStore::put_tree(WriteTxn& txn, const Batch& batch,
                                                         tlog::GrowingRows& edge) {
  if (edge.size() != batch.first) throw StoreDamage({0, "the tree does not end where the batch begins"});
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    // What is signed is what lies there, not what was meant to.
    const auto stored = txn.get(entries_, bytes_of(position_key(batch.first + i)));
    if (!stored || tlog::leaf_hash(*stored) != batch.rows[i].leaf)
      throw StoreDamage({0, "an entry was stored other than it was made"});
    edge.append(batch.rows[i].leaf);
  }
  if (auto put = put_hashes(txn, edge); !put) return std::unexpected(put.error());
  tlog::SignedCheckpoint made = signer_->sign(edge.size(), edge.root(), batch.vkeys);
  if (batch.forget_checkpoint) {
    if (auto gone = txn.del(checkpoints_, bytes_of(position_key(*batch.forget_checkpoint))); !gone)
      return std::unexpected(gone.error());
  }
  if (auto put = put_checkpoint(txn, edge.size(), batch.at, made.text()); !put)
    return std::unexpected(put.error());
  return made;
}

std::expected<tlog::SignedCheckpoint, CommitFault> EntryStore::commit(const Batch& batch) {
  const auto refused = [](const StoreFault& fault) { return std::unexpected(CommitFault{false, fault}); };
  if (auto room = secure_room(batch); !room) return refused(room.error());
  auto txn = environment_->write();
  if (!txn) return refused(txn.error());
  if (auto put = put_rows(*txn, batch); !put) return refused(put.error());
  tlog::GrowingRows edge = edge_;
  tlog::SignedCheckpoint checkpoint;
  if (!without_tree_) {
    auto made = put_tree(*txn, batch, edge);
    if (!made) return refused(made.error());
    checkpoint = std::move(*made);
  }
  if (auto committed = std::move(*txn).commit(); !committed) {
    return std::unexpected(CommitFault{true, committed.error()});
  }
  edge_ = std::move(edge);
  return checkpoint;
}

std::expected<void, CommitFault> EntryStore::cosign(std::uint64_t size, TimestampUs at,
                                                    std::string_view text) {
  const auto refused = [](const StoreFault& fault) { return std::unexpected(CommitFault{false, fault}); };
  if (auto room = environment_->secure_room(text.size() + kCheckpointBytesMax, 2); !room)
    return refused(room.error());
  auto txn = environment_->write();
  if (!txn) return refused(txn.error());
  if (auto put = put_checkpoint(*txn, size, at, text); !put) return refused(put.error());
  if (auto committed = std::move(*txn).commit(); !committed) {
    return std::unexpected(CommitFault{true, committed.error()});
  }
  return {};
}

}  // namespace ledger::store
