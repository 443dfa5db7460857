#include "events/store/views_builder.hpp"

#include "events/store/indexes.hpp"
#include "events/store/sealed_row.hpp"
#include "events/tlog/tree.hpp"

namespace ledger::store {
namespace {

constexpr std::uint64_t kEventsBetweenChecks = 256;
constexpr std::uint64_t kEventsBetweenReports = 16'384;
/// Rows of one transaction of a rebuild: LMDB holds every page that it touches in memory until the commit.
constexpr std::size_t kStepBytes = std::size_t{8} << 20;
/// A trusted file takes a flush in one transaction, so it must stay small.
constexpr std::size_t kTrustedBufferBytes = std::size_t{16} << 20;

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

/// One run over a stretch of the log.
class Build {
 public:
  Build(Stores& stores, Views& views, std::span<Projection* const> projections, const ViewsOptions& options,
        bool trusted)
      : stores_(stores),
        views_(views),
        trusted_(trusted),
        buffer_bytes_(trusted ? std::min(options.buffer_bytes, kTrustedBufferBytes) : options.buffer_bytes),
        options_(options),
        indexes_(views, stores.master, projections, options.states_max) {}

  StoreResult<void> run() {
    if (auto based = read_base(); !based) return based;
    const auto meta = views_.meta(*base_);
    std::uint64_t at = meta ? meta->size : 0;
    auto log = stores_.log->read();
    if (!log) return std::unexpected(log.error());
    const std::uint64_t size = log->size();
    LogPrivates privates(*log, *stores_.vault);
    if (!meta) {
      if (auto put = views_.put_versions(indexes_.rows(), stores_.ledger_id); !put) return put;
    }
    Cursor cursor = log->entries();
    for (bool there = cursor.seek(bytes_of(position_key(at))); at < size; there = cursor.next()) {
      if (!there || position_in(cursor.key()) != at) throw StoreDamage({0, "the log misses an entry"});
      auto entry = codec::decode_entry(cursor.value());
      if (!entry) throw StoreDamage({0, "an entry of the log does not decode"});
      if (entry->event.header.position.value != at)
        throw StoreDamage({0, "an entry lies at another's position"});
      if (auto applied = indexes_.apply(entry->event, entry->parts, privates); !applied) return applied;
      indexes_.keep();
      ++at;
      if (at == size || (at % kEventsBetweenChecks == 0 && crowded())) {
        if (auto flushed = flush(at, tlog::leaf_hash(cursor.value())); !flushed) return flushed;
      }
      if (options_.on_progress && (at == size || at % kEventsBetweenReports == 0))
        options_.on_progress(at, size);
    }
    return {};
  }

 private:
  bool crowded() {
    indexes_.trim();
    return indexes_.rows().held_bytes() >= buffer_bytes_;
  }

  StoreResult<void> read_base() {
    auto txn = views_.environment().read();
    if (!txn) return std::unexpected(txn.error());
    base_.emplace(std::move(*txn));
    indexes_.rows().set_base(&*base_);
    return {};
  }

  StoreResult<void> flush(std::uint64_t size, const Digest& last_leaf) {
    if (auto done = indexes_.finish(size, last_leaf); !done) return done;
    indexes_.rows().set_base(nullptr);
    base_.reset();
    if (trusted_) {
      auto txn = views_.environment().write();
      if (!txn) return std::unexpected(txn.error());
      if (auto put = indexes_.rows().flush(*txn); !put) return put;
      if (auto committed = std::move(*txn).commit(); !committed) return committed;
    } else if (auto put = indexes_.rows().flush_in_steps(views_.environment(), kStepBytes); !put) {
      return put;
    }
    indexes_.flushed();
    return read_base();
  }

  Stores& stores_;
  Views& views_;
  const bool trusted_;
  const std::size_t buffer_bytes_;
  const ViewsOptions& options_;
  std::optional<ReadTxn> base_;
  Indexes indexes_;
};

}  // namespace

EngineFault fault_of(EngineFailure kind, std::string detail) {
  return {kind, std::move(detail)};
}

EngineFault fault_of(const StoreFault& fault, std::string_view what) {
  return {fault.is_damage() ? EngineFailure::damaged : EngineFailure::storage,
          std::string(what) + ": " + fault.message()};
}

StoreResult<void> apply_log(Stores& stores, Views& views, std::span<Projection* const> projections,
                            const ViewsOptions& options, bool trusted) {
  return Build(stores, views, projections, options, trusted).run();
}

std::optional<std::string> why_rebuild(const Stores& stores, const Views& views) {
  if (auto distrust = TrustMark(stores.directory.views()).distrust()) return distrust;
  auto txn = views.environment().read();
  if (!txn) throw StoreDamage(txn.error());
  const auto meta = views.meta(*txn);
  if (!meta) return "they are empty";
  if (meta->ledger_id != stores.ledger_id) return "they are another ledger's";
  if (!views.versions_match(*txn)) return "they were made by another version of the program";
  auto log = stores.log->read();
  if (!log) throw StoreDamage(log.error());
  if (meta->size == 0 || meta->size > log->size()) return "they say more than the log";
  if (tlog::leaf_hash(*log->entry(meta->size - 1)) != meta->last_leaf)
    return "they were made from another log";
  return std::nullopt;
}

std::expected<void, EngineFault> rebuild_views(Stores& stores, std::span<Projection* const> projections,
                                               const ViewsOptions& options) {
  const std::filesystem::path place = stores.directory.views();
  std::filesystem::path beside = place;
  beside += ".new";
  const auto file_fault = [](const crypto::FileFault& fault) {
    return std::unexpected(fault_of(EngineFailure::storage, fault.message()));
  };
  std::error_code code;
  std::filesystem::remove_all(beside, code);
  if (code) return std::unexpected(fault_of(EngineFailure::storage, "remove views.new: " + code.message()));
  {
    auto views = Views::open(beside, options.map_bytes, projections);
    if (!views) return std::unexpected(fault_of(views.error(), "views"));
    if (auto built = apply_log(stores, **views, projections, options, /*trusted=*/false); !built) {
      return std::unexpected(fault_of(built.error(), "views"));
    }
    if (auto synced = (*views)->environment().sync(); !synced) {
      return std::unexpected(fault_of(synced.error(), "views"));
    }
  }
  if (auto marked = TrustMark(beside).set_clean(); !marked) return file_fault(marked.error());
  std::filesystem::remove_all(place, code);
  if (!code) std::filesystem::rename(beside, place, code);
  if (code) return std::unexpected(fault_of(EngineFailure::storage, "swap views: " + code.message()));
  if (auto synced = crypto::sync_directory(stores.directory.root); !synced) return file_fault(synced.error());
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
