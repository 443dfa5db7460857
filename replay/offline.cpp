#include "replay/offline.hpp"

#include <cstdlib>
#include <thread>

namespace ledger::replay {
namespace {

using store::EngineFailure;
using store::EngineFault;
using store::fault_of;

/// A live server commits its views a moment after its log.
constexpr int kTriesMax = 20;
constexpr auto kBetweenTries = std::chrono::milliseconds(20);
constexpr std::uint64_t kMapBytes = std::uint64_t{64} << 30;

}  // namespace

std::expected<std::unique_ptr<OfflineLedger>, EngineFault> OfflineLedger::open(
    const std::filesystem::path& data) {
  const store::DataDirectory directory{data};
  if (!directory.holds_ledger()) {
    return std::unexpected(fault_of(EngineFailure::no_ledger, data.string() + " holds no ledger"));
  }
  auto log = store::EntryStore::open(directory.ledger(), kMapBytes, /*read_only=*/true);
  if (!log) return std::unexpected(fault_of(log.error(), "ledger"));
  std::unique_ptr<OfflineLedger> ledger(new OfflineLedger());
  // Private values stay closed, so any key will do.
  ledger->stores_.reset(new store::Stores{.directory = directory,
                                          .master = crypto::MasterKey(crypto::SecretKey::random()),
                                          .ledger_id = {},
                                          .origin = {},
                                          .log = std::move(*log),
                                          .vault = {},
                                          .documents = {},
                                          .views = {}});
  auto reader = ledger->log().read();
  if (!reader) return std::unexpected(fault_of(reader.error(), "ledger"));
  const auto first = reader->entry(0);
  const auto entry = first ? codec::decode_entry(*first) : std::unexpected(codec::CodecError::malformed);
  const auto* created = entry ? std::get_if<LedgerCreated>(&entry->event.payload) : nullptr;
  if (created == nullptr) {
    return std::unexpected(fault_of(EngineFailure::damaged, "the log does not begin with ledger.created"));
  }
  ledger->stores_->ledger_id = created->ledger_id;
  ledger->stores_->origin = created->origin;
  return ledger;
}

OfflineLedger::~OfflineLedger() {
  stores_.reset();
  std::error_code ignored;
  if (!scratch_.empty()) std::filesystem::remove_all(scratch_, ignored);
}

std::expected<void, EngineFault> OfflineLedger::open_models(
    const std::function<void(std::uint64_t, std::uint64_t)>& on_progress) {
  auto reader = log().read();
  if (!reader) return std::unexpected(fault_of(reader.error(), "ledger"));
  const std::uint64_t size = reader->size();
  try {
    if (open_own_models(size)) return {};
  } catch (const store::StoreDamage&) {
    // Views are a cache: damaged ones are passed over.
  }
  stores_->views.reset();
  return build_models(on_progress);
}

bool OfflineLedger::open_own_models(std::uint64_t size) {
  const std::filesystem::path directory = stores_->directory.views();
  if (!std::filesystem::exists(directory / "data.mdb")) return false;
  models_ = std::make_unique<projections::ReadModels>();
  auto views = store::Views::open(directory, kMapBytes, models_->all(), /*read_only=*/true);
  if (!views) return false;
  stores_->views = std::move(*views);
  for (int tries = 0; tries < kTriesMax; ++tries) {
    if (store::why_rebuild(*stores_, *stores_->views)) return false;
    if (models_meta(read_models()).size >= size) return true;
    std::this_thread::sleep_for(kBetweenTries);
  }
  return false;
}

std::expected<void, EngineFault> OfflineLedger::build_models(
    const std::function<void(std::uint64_t, std::uint64_t)>& on_progress) {
  std::string pattern = std::filesystem::temp_directory_path() / "filing-ledger-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) {
    return std::unexpected(fault_of(EngineFailure::storage, "no temporary directory " + pattern));
  }
  scratch_ = pattern;
  models_ = std::make_unique<projections::ReadModels>();
  auto vault = store::Vault::open(
      {.directory = scratch_ / "vault", .epoch_file = scratch_ / "epoch", .create = true}, stores_->master);
  if (!vault) return std::unexpected(fault_of(EngineFailure::storage, vault.error().detail));
  stores_->vault = std::move(*vault);
  auto views = store::Views::open(scratch_ / "views", kMapBytes, models_->all());
  if (!views) return std::unexpected(fault_of(views.error(), "temporary views"));
  stores_->views = std::move(*views);
  store::ViewsOptions options;
  options.on_progress = on_progress;
  if (auto built = store::apply_log(*stores_, *stores_->views, models_->all(), options, /*trusted=*/false);
      !built) {
    return std::unexpected(fault_of(built.error(), "temporary views"));
  }
  return {};
}

store::ReadTxn OfflineLedger::read_models() const {
  auto txn = stores_->views->file()->read();
  if (!txn) throw store::StoreDamage(txn.error());
  return std::move(*txn);
}

store::ViewsMeta OfflineLedger::models_meta(const store::Transaction& txn) const {
  return stores_->views->meta(txn).value_or(store::ViewsMeta{});
}

}  // namespace ledger::replay
