#include "events/store/views_builder.hpp"

#include <cstdio>
#include <fcntl.h>

#include "events/store/indexes.hpp"
#include "events/store/sealed_row.hpp"
#include "events/tlog/tree.hpp"

namespace ledger::store {
namespace {

constexpr std::uint64_t kEventsBetweenChecks = 256;
constexpr std::uint64_t kEventsBetweenReports = 16'384;
/// Read in one transaction of the log, which keeps what is freed meanwhile from being used again.
constexpr std::uint64_t kEventsOfOneRead = 65'536;
/// Rows of one transaction of a rebuild: LMDB holds every page that it touches in memory until the commit.
constexpr std::size_t kStepBytes = std::size_t{8} << 20;
/// A trusted file takes a flush in one transaction, so it must stay small.
constexpr std::size_t kTrustedBufferBytes = std::size_t{16} << 20;

constexpr const char* kBeside = ".new";
constexpr const char* kOld = ".old";

/// Opens the few private values that indexes are made of.
class LogPrivates final : public PrivateSource {
 public:
  LogPrivates(const EntryReader& log, const Vault& vault)
      : log_(log), find_([&vault](const Uuid& record) {
          auto key = vault.find(record);
          if (!key) throw std::runtime_error(key.error().detail);
          return std::move(*key);
        }) {}
  std::optional<std::string> open(const Event& event, const codec::EntryParts& parts,
                                  std::uint32_t field) override {
    const auto row = log_.sealed(event.header.position.value);
    return row ? open_value(event, parts, *row, field, find_) : std::nullopt;
  }

 private:
  const EntryReader& log_;
  KeyFinder find_;
};

/// Exchanges the names of two directories in one step; false where the file system cannot.
bool exchange(const std::filesystem::path& one, const std::filesystem::path& other) {
  return ::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) == 0;
}

std::filesystem::path with_suffix(std::filesystem::path path, const char* suffix) {
  path += suffix;
  return path;
}

/// What a rebuild that was killed left beside the views.
std::error_code remove_leftovers(const std::filesystem::path& place) {
  std::error_code code;
  for (const char* suffix : {kBeside, kOld}) {
    std::filesystem::remove_all(with_suffix(place, suffix), code);
    if (code) return code;
  }
  return code;
}

}  // namespace

struct ViewsBuild::Impl {
  Impl(const Stores& stores, Views& views, std::span<Projection* const> projections,
       const ViewsOptions& options, bool trusted)
      : stores_(stores),
        views_(views),
        trusted_(trusted),
        buffer_bytes_(trusted ? std::min(options.buffer_bytes, kTrustedBufferBytes) : options.buffer_bytes),
        options_(options),
        indexes_(views, stores.master, projections, options.states_max) {}

  StoreResult<std::uint64_t> catch_up() {
    if (auto begun = read_base(); !begun) return std::unexpected(begun.error());
    const auto meta = views_.meta(**base_);
    at_ = meta ? meta->size : 0;
    if (!meta) {
      if (auto put = views_.put_versions(indexes_.rows(), stores_.ledger_id); !put)
        return std::unexpected(put.error());
    }
    bool more = true;
    while (more && !stopped()) {
      auto read = apply_stretch();
      if (!read) return std::unexpected(read.error());
      more = *read;
    }
    // Nothing may stay open that keeps pages of the file from being used again.
    indexes_.rows().set_base(nullptr);
    base_.reset();
    return at_;
  }

 private:
  [[nodiscard]] bool stopped() const {
    return options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed);
  }

  /// Events of one transaction of the log; answers whether there are more. At the log's end all rows are
  /// written.
  StoreResult<bool> apply_stretch() {
    auto log = stores_.log->read();
    if (!log) return std::unexpected(log.error());
    const std::uint64_t size = log->size();
    const std::uint64_t end = std::min(size, at_ + kEventsOfOneRead);
    LogPrivates privates(*log, *stores_.vault);
    Cursor cursor = log->entries();
    for (bool there = cursor.seek(bytes_of(position_key(at_))); at_ < end; there = cursor.next()) {
      if (!there || position_in(cursor.key()) != at_) throw StoreDamage({0, "the log misses an entry"});
      auto entry = codec::decode_entry(cursor.value());
      if (!entry) throw StoreDamage({0, "an entry of the log does not decode"});
      if (entry->event.header.position.value != at_)
        throw StoreDamage({0, "an entry lies at another's position"});
      if (auto applied = indexes_.apply(entry->event, entry->parts, privates); !applied)
        return std::unexpected(applied.error());
      indexes_.keep();
      ++at_;
      const bool check = at_ % kEventsBetweenChecks == 0;
      if (at_ == size || (check && crowded())) {
        if (auto flushed = flush(tlog::leaf_hash(cursor.value())); !flushed)
          return std::unexpected(flushed.error());
      }
      if (options_.on_progress && (at_ == size || at_ % kEventsBetweenReports == 0))
        options_.on_progress(at_, size);
      if (check && stopped()) return false;
    }
    return at_ < size;
  }

  bool crowded() {
    indexes_.trim();
    return indexes_.rows().held_bytes() >= buffer_bytes_;
  }

  StoreResult<void> read_base() {
    auto read = views_.read();
    if (!read) return std::unexpected(read.error());
    base_.emplace(std::move(*read));
    indexes_.rows().set_base(&**base_);
    return {};
  }

  StoreResult<void> flush(const Digest& last_leaf) {
    if (auto done = indexes_.finish(at_, last_leaf); !done) return done;
    indexes_.rows().set_base(nullptr);
    base_.reset();
    const std::shared_ptr<Environment> file = views_.file();
    if (trusted_) {
      auto txn = file->write();
      if (!txn) return std::unexpected(txn.error());
      if (auto put = indexes_.rows().flush(*txn); !put) return put;
      if (auto committed = std::move(*txn).commit(); !committed) return committed;
    } else if (auto put = indexes_.rows().flush_in_steps(*file, kStepBytes, options_.stop); !put) {
      return put;
    }
    indexes_.flushed();
    return read_base();
  }

  const Stores& stores_;
  Views& views_;
  const bool trusted_;
  const std::size_t buffer_bytes_;
  const ViewsOptions options_;
  std::optional<ViewsRead> base_;
  Indexes indexes_;
  std::uint64_t at_ = 0;  ///< events applied
};

ViewsBuild::ViewsBuild(const Stores& stores, Views& views, std::span<Projection* const> projections,
                       const ViewsOptions& options, bool trusted)
    : impl_(std::make_unique<Impl>(stores, views, projections, options, trusted)) {}

ViewsBuild::~ViewsBuild() = default;

StoreResult<std::uint64_t> ViewsBuild::catch_up() {
  return impl_->catch_up();
}

EngineFault fault_of(EngineFailure kind, std::string detail) {
  return {kind, std::move(detail)};
}

EngineFault fault_of(const StoreFault& fault, std::string_view what) {
  return {fault.is_damage() ? EngineFailure::damaged : EngineFailure::storage,
          std::string(what) + ": " + fault.message()};
}

StoreResult<void> apply_log(const Stores& stores, Views& views, std::span<Projection* const> projections,
                            const ViewsOptions& options, bool trusted) {
  const auto size = ViewsBuild(stores, views, projections, options, trusted).catch_up();
  return size ? StoreResult<void>() : std::unexpected(size.error());
}

std::expected<std::filesystem::path, EngineFault> place_beside(const Stores& stores) {
  std::filesystem::path beside = with_suffix(stores.directory.views(), kBeside);
  std::error_code code;
  std::filesystem::remove_all(beside, code);
  if (code) return std::unexpected(fault_of(EngineFailure::storage, "remove views.new: " + code.message()));
  return beside;
}

std::expected<void, EngineFault> put_in_place(const Stores& stores) {
  const std::filesystem::path place = stores.directory.views();
  const std::filesystem::path beside = with_suffix(place, kBeside);
  std::error_code code;
  if (!exchange(place, beside)) {
    const std::filesystem::path old = with_suffix(place, kOld);
    std::filesystem::remove_all(old, code);
    if (!code && std::filesystem::exists(place)) std::filesystem::rename(place, old, code);
    if (!code) std::filesystem::rename(beside, place, code);
  }
  if (code) return std::unexpected(fault_of(EngineFailure::storage, "swap views: " + code.message()));
  // What is left here goes at the next start.
  (void)remove_leftovers(place);
  return {};
}

std::optional<std::string> why_rebuild(const Stores& stores, const Views& views) {
  if (auto distrust = TrustMark(stores.directory.views()).distrust()) return distrust;
  auto read = views.read();
  if (!read) throw StoreDamage(read.error());
  const ReadTxn& txn = **read;
  const auto meta = views.meta(txn);
  if (!meta) return "they are empty";
  if (meta->ledger_id != stores.ledger_id) return "they are another ledger's";
  if (!views.versions_match(txn)) return "they were made by another version of the program";
  auto log = stores.log->read();
  if (!log) throw StoreDamage(log.error());
  if (meta->size == 0 || meta->size > log->size()) return "they say more than the log";
  if (tlog::leaf_hash(*log->entry(meta->size - 1)) != meta->last_leaf)
    return "they were made from another log";
  return std::nullopt;
}

std::expected<void, EngineFault> rebuild_views(const Stores& stores, std::span<Projection* const> projections,
                                               const ViewsOptions& options) {
  const auto beside = place_beside(stores);
  if (!beside) return std::unexpected(beside.error());
  {
    auto views = Views::open(*beside, options.map_bytes, projections);
    if (!views) return std::unexpected(fault_of(views.error(), "views"));
    if (auto built = apply_log(stores, **views, projections, options, /*trusted=*/false); !built) {
      return std::unexpected(fault_of(built.error(), "views"));
    }
    if (auto synced = (*views)->file()->sync(); !synced) {
      return std::unexpected(fault_of(synced.error(), "views"));
    }
  }
  if (auto marked = TrustMark(*beside).set_clean(); !marked)
    return std::unexpected(fault_of(EngineFailure::storage, marked.error().message()));
  if (auto swapped = put_in_place(stores); !swapped) return swapped;
  if (auto synced = crypto::sync_directory(stores.directory.root); !synced)
    return std::unexpected(fault_of(EngineFailure::storage, synced.error().message()));
  return {};
}

std::expected<void, EngineFault> open_views(Stores& stores, std::span<Projection* const> projections,
                                            const ViewsOptions& options,
                                            const std::function<void(std::string)>& notice) {
  const auto open = [&]() -> std::expected<void, EngineFault> {
    auto views = Views::open(stores.directory.views(), options.map_bytes, projections);
    if (!views) return std::unexpected(fault_of(views.error(), "views"));
    stores.views = std::move(*views);
    return {};
  };
  (void)remove_leftovers(stores.directory.views());
  std::optional<std::string> reason;
  if (!std::filesystem::exists(stores.directory.views() / "data.mdb")) {
    reason = "there are none";
  } else if (auto opened = open(); !opened) {
    reason = "they do not open";  // whatever it is, they are only a cache
  } else {
    try {
      reason = why_rebuild(stores, *stores.views);
    } catch (const StoreDamage&) {
      reason = "they are damaged";
    }
  }
  if (reason) {
    stores.views.reset();
    // Written in pieces, and given up: where that filled the disk, the new ones need its room.
    if (!TrustMark(stores.directory.views()).exists()) {
      std::error_code code;
      std::filesystem::remove_all(stores.directory.views(), code);
    }
    if (notice) notice("rebuilding the views: " + *reason);
    if (auto rebuilt = rebuild_views(stores, projections, options); !rebuilt) return rebuilt;
    if (auto opened = open(); !opened) return opened;
  }
  // Before the first write: from here on the file counts during this boot only.
  const TrustMark mark(stores.directory.views());
  if (auto marked = mark.set_open(); !marked) {
    return std::unexpected(fault_of(EngineFailure::storage, marked.error().message()));
  }
  try {
    if (auto caught_up = apply_log(stores, *stores.views, projections, options, /*trusted=*/true);
        !caught_up) {
      return std::unexpected(fault_of(caught_up.error(), "views"));
    }
    return {};
  } catch (const StoreDamage& damage) {
    // The log or the views: if it is the log, building anew meets it again.
    if (notice) notice(std::string("rebuilding the views: they are damaged, ") + damage.what());
  }
  stores.views.reset();
  if (auto rebuilt = rebuild_views(stores, projections, options); !rebuilt) return rebuilt;
  if (auto marked = mark.set_open(); !marked) {
    return std::unexpected(fault_of(EngineFailure::storage, marked.error().message()));
  }
  return open();
}

std::expected<std::unique_ptr<Stores>, EngineFault> open_stores(const std::filesystem::path& data,
                                                                const std::filesystem::path& master_key,
                                                                std::uint64_t ledger_map_bytes,
                                                                bool read_only) {
  const DataDirectory directory{data};
  if (!directory.holds_ledger()) {
    return std::unexpected(
        fault_of(EngineFailure::no_ledger, data.string() + " holds no ledger: make one with init"));
  }
  const std::filesystem::path key_file = master_key.empty() ? directory.default_master_key() : master_key;
  auto master = crypto::MasterKey::load(key_file);
  if (!master) return std::unexpected(fault_of(EngineFailure::master_key, master.error().message()));

  std::unique_ptr<Stores> stores(new Stores{.directory = directory,
                                            .master = std::move(*master),
                                            .ledger_id = {},
                                            .origin = {},
                                            .log = {},
                                            .vault = {},
                                            .documents = {},
                                            .views = {}});
  auto log = EntryStore::open(directory.ledger(), ledger_map_bytes, read_only);
  if (!log) return std::unexpected(fault_of(log.error(), "ledger"));
  stores->log = std::move(*log);
  {
    auto reader = stores->log->read();
    if (!reader) return std::unexpected(fault_of(reader.error(), "ledger"));
    const auto first = reader->entry(0);
    auto entry = first ? codec::decode_entry(*first) : std::unexpected(codec::CodecError::malformed);
    const auto* created = entry ? std::get_if<LedgerCreated>(&entry->event.payload) : nullptr;
    if (created == nullptr) {
      return std::unexpected(fault_of(EngineFailure::damaged, "the log does not begin with ledger.created"));
    }
    stores->ledger_id = created->ledger_id;
    stores->origin = created->origin;
  }
  auto vault = Vault::open(
      {.directory = directory.vault(), .epoch_file = key_file, .create = false, .read_only = read_only},
      stores->master);
  if (!vault) {
    const EngineFailure kind = vault.error().kind == VaultFailure::epoch_file ? EngineFailure::master_key
                               : vault.error().kind == VaultFailure::damaged  ? EngineFailure::damaged
                                                                              : EngineFailure::storage;
    return std::unexpected(fault_of(kind, vault.error().detail));
  }
  stores->vault = std::move(*vault);
  auto documents = DocumentStore::open(directory.documents(), read_only);
  if (!documents) return std::unexpected(fault_of(EngineFailure::storage, documents.error().message()));
  stores->documents = std::move(*documents);
  return stores;
}

}  // namespace ledger::store
