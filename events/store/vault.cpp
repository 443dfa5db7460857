#include "events/store/vault.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <list>
#include <mutex>
#include <shared_mutex>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "events/crypto/durable_file.hpp"
#include "events/store/lmdb.hpp"

namespace ledger::store {
namespace {

using crypto::SecretKey;

constexpr std::string_view kEpochHeader = "filing-ledger vault epoch v1\n";
constexpr std::string_view kEpochRow = "epoch";
constexpr std::size_t kIdSize = 16;
constexpr std::size_t kRowSize = 4 + crypto::kWrappedKeySize;
constexpr std::size_t kRowsAtOnce = 1024;

/// What a new epoch writes for so many keys: the rewritten tree is about as large as the present one, and the
/// double of it is asked for.
constexpr std::uint64_t rewritten_bytes(std::uint64_t keys) {
  return 2 * keys * (kIdSize + kRowSize + 16);
}

using EpochBytes = std::array<std::uint8_t, 4>;

EpochBytes be32(std::uint32_t epoch) {
  EpochBytes out;
  put_be(epoch, out.data());
  return out;
}

const std::uint8_t* octets(Bytes bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}

std::unexpected<VaultFault> fault(VaultFailure kind, std::string detail) {
  return std::unexpected(VaultFault{kind, std::move(detail)});
}

std::unexpected<VaultFault> fault(const StoreFault& of_store) {
  const VaultFailure kind = of_store.is_full()        ? VaultFailure::full
                            : of_store.is_key_taken() ? VaultFailure::record_exists
                            : of_store.is_damage()    ? VaultFailure::damaged
                                                      : VaultFailure::io;
  return fault(kind, "vault: " + of_store.message());
}

std::unexpected<VaultFault> fault(const crypto::FileFault& of_file) {
  return fault(of_file.is_full() ? VaultFailure::full : VaultFailure::epoch_file, of_file.message());
}

/// An epoch and what its rows are wrapped under.
struct Epoch {
  std::uint32_t number = 0;
  SecretKey secret;
};

/// Both halves are needed: the master key, which is kept for ever, and the epoch secret, which is not.
SecretKey wrapping_key(const SecretKey& master_half, const Epoch& epoch) {
  std::array<std::byte, 2 * SecretKey::kSize> halves;
  std::ranges::copy(epoch.secret.view(), std::ranges::copy(master_half.view(), halves.begin()).out);
  SecretKey key = crypto::hkdf_sha256(halves, {bytes_of("vault/wrap/v1"), bytes_of(be32(epoch.number))});
  crypto::wipe(halves);
  return key;
}

/// Tells, before any row is touched, whether master key and epoch secret are the vault's.
Digest check_of(const SecretKey& wrapping) {
  return crypto::hmac_sha256(wrapping, {bytes_of("vault/check/v1")});
}

// ---- the epoch section, at the end of its file: a header line, then one line `<number> <64 hex>` an epoch;
// two only while `destroy` is at work. What stands before it (the master key) is kept as it is.

/// Where the section begins in a file's text; npos when it has none.
std::size_t section_of(std::string_view text) {
  if (text.starts_with(kEpochHeader)) return 0;
  const std::string below_a_line = "\n" + std::string(kEpochHeader);
  const std::size_t at = text.find(below_a_line);
  return at == std::string_view::npos ? at : at + 1;
}

std::string epoch_text(std::initializer_list<const Epoch*> epochs) {
  std::string text;
  text.reserve(256);  // no regrowth, no unwiped copy
  text += kEpochHeader;
  for (const Epoch* epoch : epochs) {
    std::string digits = hex(epoch->secret.octets());
    text.append(std::to_string(epoch->number)).append(" ").append(digits).append("\n");
    crypto::wipe(digits);
  }
  return text;
}

std::optional<std::uint8_t> octet(std::string_view two) {
  std::uint8_t value = 0;
  const auto read = std::from_chars(two.data(), two.data() + two.size(), value, 16);
  if (read.ec != std::errc() || read.ptr != two.data() + two.size()) return std::nullopt;
  return value;
}

std::optional<Epoch> parse_epoch(std::string_view line) {
  Epoch epoch;
  const auto read = std::from_chars(line.data(), line.data() + line.size(), epoch.number);
  line.remove_prefix(static_cast<std::size_t>(read.ptr - line.data()));
  if (read.ec != std::errc() || epoch.number == 0 || line.size() != 1 + 2 * SecretKey::kSize ||
      line[0] != ' ') {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < SecretKey::kSize; ++i) {
    const auto value = octet(line.substr(1 + 2 * i, 2));
    if (!value) return std::nullopt;
    epoch.secret.octets()[i] = *value;
  }
  return epoch;
}

VaultResult<std::vector<Epoch>> load_epochs(const std::filesystem::path& path) {
  auto text = crypto::load_secret_file(path);
  if (!text) return fault(VaultFailure::epoch_file, text.error().message());
  std::vector<Epoch> epochs;
  const std::size_t section = section_of(*text);
  bool read = section != std::string_view::npos;
  std::string_view rest = std::string_view(*text).substr(read ? section + kEpochHeader.size() : 0);
  while (read && !rest.empty()) {
    const std::size_t end = rest.find('\n');
    auto epoch = end == std::string_view::npos ? std::nullopt : parse_epoch(rest.substr(0, end));
    read = epoch.has_value() && epochs.size() < 2;
    if (!read) break;
    epochs.push_back(std::move(*epoch));
    rest.remove_prefix(end + 1);
  }
  crypto::wipe(*text);
  if (!read || epochs.empty())
    return fault(VaultFailure::epoch_file, "not a vault epoch file: " + path.string());
  return epochs;
}

VaultResult<void> replace_epochs(const std::filesystem::path& path,
                                 std::initializer_list<const Epoch*> epochs) {
  auto before = crypto::load_secret_file(path);
  if (!before) return fault(before.error());
  const std::string_view kept = std::string_view(*before).substr(0, section_of(*before));
  std::string section = epoch_text(epochs);
  std::string text;
  text.reserve(kept.size() + section.size());  // no regrowth, no unwiped copy
  text.append(kept).append(section);
  auto replaced = crypto::replace_secret_file(path, bytes_of(text));
  crypto::wipe(*before);
  crypto::wipe(section);
  crypto::wipe(text);
  if (!replaced) return fault(replaced.error());
  return {};
}

/// The first epoch: behind a master key that has none, or in a file of its own.
VaultResult<void> begin_epochs(const std::filesystem::path& path, const Epoch& first) {
  if (!std::filesystem::exists(path)) {
    std::string text = epoch_text({&first});
    auto created = crypto::create_secret_file(path, bytes_of(text));
    crypto::wipe(text);
    if (!created) return fault(created.error());
    return {};
  }
  auto before = crypto::load_secret_file(path);
  if (!before) return fault(before.error());
  const bool taken = section_of(*before) != std::string_view::npos;
  crypto::wipe(*before);
  if (taken) return fault(VaultFailure::epoch_file, path.string() + " holds another vault's epoch already");
  return replace_epochs(path, {&first});
}

// ---- rows

using Row = std::array<std::uint8_t, kRowSize>;

crypto::WrappedKey wrap(const SecretKey& wrapping, const Uuid& record, std::uint32_t epoch,
                        const SecretKey& key) {
  std::array<std::uint8_t, kIdSize + 4> bound;
  std::ranges::copy(be32(epoch), std::ranges::copy(record.bytes, bound.begin()).out);
  return crypto::wrap_key(wrapping, bytes_of(bound), key);
}

Row make_row(const SecretKey& wrapping, const Uuid& record, std::uint32_t epoch, const SecretKey& key) {
  Row row;
  std::ranges::copy(wrap(wrapping, record, epoch, key), std::ranges::copy(be32(epoch), row.begin()).out);
  return row;
}

std::optional<SecretKey> open_row(const SecretKey& wrapping, const Uuid& record, Bytes row) {
  if (row.size() != kRowSize) return std::nullopt;
  std::array<std::uint8_t, kIdSize + 4> bound;
  std::ranges::copy(std::span(octets(row), 4), std::ranges::copy(record.bytes, bound.begin()).out);
  return crypto::unwrap_key(wrapping, bytes_of(bound), row.subspan(4));
}

std::uint32_t epoch_of(Bytes row) {
  return row.size() == kRowSize ? get_be<std::uint32_t>(octets(row)) : 0;
}

// ---- the cache

/// Least recently used keys go first; SecretKey wipes itself as it goes.
class KeyCache {
 public:
  explicit KeyCache(std::size_t entries_max)
      : shards_(std::min(entries_max, kShardsMax)),
        shard_entries_max_(shards_.empty() ? 0 : entries_max / shards_.size()) {}

  std::optional<SecretKey> find(const Uuid& record) {
    if (shards_.empty()) return std::nullopt;
    Shard& shard = shard_of(record);
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.index.find(record);
    if (at == shard.index.end()) return std::nullopt;
    shard.recent.splice(shard.recent.begin(), shard.recent, at->second);
    return at->second->key;
  }

  void insert(const Uuid& record, const SecretKey& key) {
    if (shards_.empty()) return;
    Shard& shard = shard_of(record);
    const std::lock_guard lock(shard.mutex);
    if (shard.index.contains(record)) return;
    if (shard.recent.size() >= shard_entries_max_) {
      shard.index.erase(shard.recent.back().record);
      shard.recent.pop_back();
    }
    shard.recent.push_front(RecordKey{record, key});
    shard.index.emplace(record, shard.recent.begin());
  }

  void clear() {
    for (Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      shard.index.clear();
      shard.recent.clear();
    }
  }

  std::size_t size() {
    std::size_t size = 0;
    for (Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      size += shard.recent.size();
    }
    return size;
  }

 private:
  static constexpr std::size_t kShardsMax = 16;
  struct Shard {
    std::mutex mutex;
    std::list<RecordKey> recent;  ///< Most recently used first.
    std::unordered_map<Uuid, std::list<RecordKey>::iterator> index;
  };
  Shard& shard_of(const Uuid& record) { return shards_[record.bytes[15] % shards_.size()]; }

  std::vector<Shard> shards_;
  const std::size_t shard_entries_max_;
};

}  // namespace

struct Vault::Impl {
  VaultOptions options;
  SecretKey master_half;
  std::unique_ptr<Environment> environment;
  Database keys;
  Database meta;

  /// Shared by whoever opens a row or fills the cache, exclusive while `destroy` turns the epoch: no key of
  /// the old epoch can come into the cache after it was emptied.
  mutable std::shared_mutex turning;
  Epoch epoch;         // guarded by turning
  SecretKey wrapping;  // guarded by turning
  mutable KeyCache cache;
  std::mutex writing;  // one create or destroy at a time

  explicit Impl(const VaultOptions& given, const SecretKey& half)
      : options(given), master_half(half), cache(given.cache_entries_max) {}

  void use(Epoch next) {
    wrapping = wrapping_key(master_half, next);
    epoch = std::move(next);
  }

  /// The row that names the epoch, while its transaction lives.
  VaultResult<Bytes> epoch_row(const Transaction& txn) const {
    const auto row = txn.get(meta, bytes_of(kEpochRow));
    if (!row || row->size() != 4 + 32)
      return fault(VaultFailure::damaged, "no vault in " + options.directory.string());
    return *row;
  }

  VaultResult<void> open_files() {
    auto opened = Environment::open({.path = options.directory,
                                     .map_size = options.map_size,
                                     .max_databases = 2,
                                     .read_only = options.read_only,
                                     .random_access = true,
                                     .room_step = 1u << 20});
    if (!opened) return fault(opened.error());
    environment = std::move(*opened);
    auto databases = environment->open_databases({"keys", "meta"});
    if (!databases) return fault(databases.error());
    keys = (*databases)[0];
    meta = (*databases)[1];
    return {};
  }

  VaultResult<void> put_epoch(WriteTxn& txn, const Epoch& next) const {
    std::array<std::uint8_t, 4 + 32> row;
    std::ranges::copy(check_of(wrapping_key(master_half, next)).bytes,
                      std::ranges::copy(be32(next.number), row.begin()).out);
    if (auto put = txn.put(meta, bytes_of(kEpochRow), bytes_of(row)); !put) return fault(put.error());
    return {};
  }

  /// Draws the first epoch of a new vault.
  VaultResult<void> begin() {
    auto txn = environment->write();
    if (!txn) return fault(txn.error());
    if (txn->get(meta, bytes_of(kEpochRow))) {
      return fault(VaultFailure::record_exists, "a vault stands already in " + options.directory.string());
    }
    Epoch first{1, SecretKey::random()};
    if (auto begun = begin_epochs(options.epoch_file, first); !begun) return begun;
    if (auto put = put_epoch(*txn, first); !put) return put;
    if (auto committed = std::move(*txn).commit(); !committed) return fault(committed.error());
    use(std::move(first));
    return {};
  }

  /// Takes the epoch that the vault's last commit names out of the epoch file, and ends there what a
  /// `destroy` that died left undone: before its commit the new secret goes, after it the old one.
  VaultResult<void> resume() {
    auto epochs = load_epochs(options.epoch_file);
    if (!epochs) return std::unexpected(epochs.error());
    auto txn = environment->read();
    if (!txn) return fault(txn.error());
    const auto row = epoch_row(*txn);
    if (!row) return std::unexpected(row.error());
    const auto number = get_be<std::uint32_t>(octets(*row));
    const auto named = std::ranges::find(*epochs, number, &Epoch::number);
    if (named == epochs->end()) {
      return fault(VaultFailure::epoch_file,
                   options.epoch_file.string() + " does not hold the secret of vault epoch " +
                       std::to_string(number) + ": one of the two comes from another time or another ledger");
    }
    const Digest check = check_of(wrapping_key(master_half, *named));
    if (!crypto::equal_in_constant_time(bytes_of(check.bytes), row->subspan(4))) {
      return fault(VaultFailure::epoch_file, "the master key or " + options.epoch_file.string() +
                                                 " is not that of the vault in " +
                                                 options.directory.string());
    }
    if (epochs->size() > 1 && !options.read_only) {
      if (auto replaced = replace_epochs(options.epoch_file, {&*named}); !replaced) return replaced;
    }
    use(std::move(*named));
    return {};
  }

  /// Wraps every row anew; the rows read are copied first, for puts move the pages under a cursor.
  VaultResult<void> wrap_all(WriteTxn& txn, const Epoch& next) const {
    const SecretKey next_wrapping = wrapping_key(master_half, next);
    struct Held {
      Uuid record;
      Row row;
    };
    std::vector<Held> held;
    std::vector<std::byte> from;
    do {
      held.clear();
      {
        Cursor cursor = txn.cursor(keys);
        for (bool there = cursor.seek(from); there && held.size() < kRowsAtOnce; there = cursor.next()) {
          if (cursor.key().size() != kIdSize || cursor.value().size() != kRowSize) {
            return fault(VaultFailure::damaged, "a vault row of a wrong size");
          }
          Held& at = held.emplace_back();
          std::ranges::copy(std::span(octets(cursor.key()), kIdSize), at.record.bytes.begin());
          std::ranges::copy(std::span(octets(cursor.value()), kRowSize), at.row.begin());
        }
      }
      for (const Held& at : held) {
        const auto key = open_row(wrapping, at.record, bytes_of(at.row));
        if (!key)
          return fault(VaultFailure::damaged, "the key of record " + at.record.text() + " does not open");
        const Row row = make_row(next_wrapping, at.record, next.number, *key);
        if (auto put = txn.put(keys, bytes_of(at.record.bytes), bytes_of(row)); !put)
          return fault(put.error());
      }
      if (!held.empty()) {
        // The next key after the last one: itself and a zero byte.
        const Bytes last = bytes_of(held.back().record.bytes);
        from.assign(last.begin(), last.end());
        from.push_back(std::byte{0});
      }
    } while (held.size() == kRowsAtOnce);
    return {};
  }

  /// The durable middle of `destroy`: drops, wraps anew, commits, and lets `find` see only the result.
  VaultResult<std::size_t> turn(std::span<const Uuid> records, Epoch next) {
    auto txn = environment->write();
    if (!txn) return fault(txn.error());
    const std::uint64_t before = txn->count(keys);
    for (const Uuid& record : records) {
      if (auto gone = txn->del(keys, bytes_of(record.bytes)); !gone) return fault(gone.error());
    }
    const std::uint64_t after = txn->count(keys);
    if (auto wrapped = wrap_all(*txn, next); !wrapped) return std::unexpected(wrapped.error());
    if (auto put = put_epoch(*txn, next); !put) return std::unexpected(put.error());
    const std::unique_lock lock(turning);
    if (auto committed = std::move(*txn).commit(); !committed) return fault(committed.error());
    use(std::move(next));
    cache.clear();
    return static_cast<std::size_t>(before - after);
  }
};

Vault::Vault(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Vault::~Vault() = default;

VaultResult<std::unique_ptr<Vault>> Vault::open(const VaultOptions& options,
                                                const crypto::MasterKey& master) {
  auto impl = std::make_unique<Impl>(options, master.vault_key());
  if (auto opened = impl->open_files(); !opened) return std::unexpected(opened.error());
  if (auto ready = options.create ? impl->begin() : impl->resume(); !ready)
    return std::unexpected(ready.error());
  return std::unique_ptr<Vault>(new Vault(std::move(impl)));
}

VaultResult<std::uint32_t> Vault::epoch_in(const std::filesystem::path& directory) {
  Impl vault({.directory = directory, .epoch_file = {}, .read_only = true}, {});
  if (auto opened = vault.open_files(); !opened) return std::unexpected(opened.error());
  auto txn = vault.environment->read();
  if (!txn) return fault(txn.error());
  const auto row = vault.epoch_row(*txn);
  if (!row) return std::unexpected(row.error());
  return get_be<std::uint32_t>(octets(*row));
}

VaultResult<std::vector<std::uint32_t>> Vault::epochs_held(const std::filesystem::path& epoch_file) {
  const auto epochs = load_epochs(epoch_file);
  if (!epochs) return std::unexpected(epochs.error());
  std::vector<std::uint32_t> numbers;
  for (const Epoch& epoch : *epochs) numbers.push_back(epoch.number);
  return numbers;
}

VaultResult<void> Vault::copy(const std::filesystem::path& directory, const std::filesystem::path& to) {
  Impl vault({.directory = directory, .epoch_file = {}, .read_only = true}, {});
  if (auto opened = vault.open_files(); !opened) return opened;
  if (auto copied = vault.environment->copy_to(to); !copied) return fault(copied.error());
  return {};
}

VaultResult<void> Vault::create(std::span<const RecordKey> records) {
  if (records.empty()) return {};
  const std::lock_guard one_at_a_time(impl_->writing);
  auto txn = impl_->environment->write();
  if (!txn) return fault(txn.error());
  // Ids are random: in their order, each page of the tree is found and touched once.
  std::vector<const RecordKey*> ordered;
  ordered.reserve(records.size());
  for (const RecordKey& made : records) ordered.push_back(&made);
  std::ranges::sort(ordered, {}, &RecordKey::record);
  // Only `destroy` changes epoch and wrapping key, and it waits for `writing`.
  for (const RecordKey* made : ordered) {
    const Row row = make_row(impl_->wrapping, made->record, impl_->epoch.number, made->key);
    if (auto put = txn->put_new(impl_->keys, bytes_of(made->record.bytes), bytes_of(row)); !put) {
      return fault(put.error());
    }
  }
  if (auto committed = std::move(*txn).commit(); !committed) return fault(committed.error());
  for (const RecordKey& made : records) impl_->cache.insert(made.record, made.key);
  return {};
}

VaultResult<std::optional<SecretKey>> Vault::find(const Uuid& record) const {
  for (bool reloaded = false;; reloaded = true) {
    {
      const std::shared_lock lock(impl_->turning);
      if (auto key = impl_->cache.find(record)) return key;
      auto txn = impl_->environment->read();
      if (!txn) return fault(txn.error());
      const auto row = txn->get(impl_->keys, bytes_of(record.bytes));
      if (!row) return std::optional<SecretKey>();
      if (auto key = open_row(impl_->wrapping, record, *row)) {
        impl_->cache.insert(record, *key);
        return key;
      }
      if (reloaded || !impl_->options.read_only || epoch_of(*row) == impl_->epoch.number) {
        return fault(VaultFailure::damaged, "the key of record " + record.text() + " does not open");
      }
    }
    // Reading beside a running server, whose `destroy` has turned the epoch.
    const std::unique_lock lock(impl_->turning);
    if (auto resumed = impl_->resume(); !resumed) return std::unexpected(resumed.error());
    impl_->cache.clear();
  }
}

VaultResult<std::optional<Uuid>> Vault::check(const std::optional<Uuid>& after, std::size_t limit) const {
  std::vector<std::byte> from;
  if (after) {
    // The next key after this one: itself and a zero byte.
    from.assign(bytes_of(after->bytes).begin(), bytes_of(after->bytes).end());
    from.push_back(std::byte{0});
  }
  for (bool reloaded = false;; reloaded = true) {
    {
      const std::shared_lock lock(impl_->turning);
      auto txn = impl_->environment->read();
      if (!txn) return fault(txn.error());
      std::optional<Uuid> last;
      bool turned = false;
      Cursor cursor = txn->cursor(impl_->keys);
      for (bool there = cursor.seek(from); there && limit > 0; there = cursor.next()) {
        Uuid record;
        if (cursor.key().size() != kIdSize || cursor.value().size() != kRowSize)
          return fault(VaultFailure::damaged, "a vault row of a wrong size");
        std::ranges::copy(std::span(octets(cursor.key()), kIdSize), record.bytes.begin());
        if (!open_row(impl_->wrapping, record, cursor.value())) {
          turned = impl_->options.read_only && !reloaded && epoch_of(cursor.value()) != impl_->epoch.number;
          if (turned) break;
          return fault(VaultFailure::damaged, "the key of record " + record.text() + " does not open");
        }
        last = record;
        --limit;
      }
      if (!turned) return last;
    }
    const std::unique_lock lock(impl_->turning);
    if (auto resumed = impl_->resume(); !resumed) return std::unexpected(resumed.error());
    impl_->cache.clear();
  }
}

VaultResult<std::size_t> Vault::destroy(std::span<const Uuid> records) {
  const std::lock_guard one_at_a_time(impl_->writing);
  const std::filesystem::path& file = impl_->options.epoch_file;
  if (auto room = impl_->environment->secure_room(rewritten_bytes(count())); !room)
    return fault(room.error());
  Epoch next{impl_->epoch.number + 1, SecretKey::random()};
  // Both secrets are on the disk while the commit decides which of them counts.
  if (auto replaced = replace_epochs(file, {&impl_->epoch, &next}); !replaced)
    return std::unexpected(replaced.error());
  // After a failure both stay: when it was the commit's, nobody knows which one counts until `open` has
  // looked.
  auto turned = impl_->turn(records, std::move(next));
  if (!turned) return turned;
  if (auto forgotten = replace_epochs(file, {&impl_->epoch}); !forgotten) {
    return fault(
        VaultFailure::epoch_file,
        "the keys are gone from the vault, but the old epoch secret could not be forgotten (erase again): " +
            forgotten.error().detail);
  }
  return turned;
}

std::uint32_t Vault::current_epoch() const {
  const std::shared_lock lock(impl_->turning);
  return impl_->epoch.number;
}

std::uint64_t Vault::count() const {
  auto txn = impl_->environment->read();
  if (!txn) throw StoreDamage(txn.error());
  return txn->count(impl_->keys);
}

std::size_t Vault::cached() const {
  return impl_->cache.size();
}

VaultResult<void> Vault::secure_room_to_destroy(std::size_t records) {
  const std::lock_guard one_at_a_time(impl_->writing);
  const std::uint64_t bytes = rewritten_bytes(count() + records) + records * (kIdSize + kRowSize);
  if (auto room = impl_->environment->secure_room(bytes, records); !room) return fault(room.error());
  return {};
}

VaultResult<void> Vault::secure_room(std::size_t records) {
  const std::lock_guard one_at_a_time(impl_->writing);
  if (auto room = impl_->environment->secure_room(records * (kIdSize + kRowSize), records); !room) {
    return fault(room.error());
  }
  return {};
}

}  // namespace ledger::store
