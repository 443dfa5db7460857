#include "replay/rebuild.hpp"

#include <chrono>

#include "events/store/views_builder.hpp"

namespace ledger::replay {

using store::EngineFailure;
using store::EngineFault;

std::expected<RebuildFigures, EngineFault> rebuild(const RebuildOptions& options,
                                                   std::span<store::Projection* const> projections) {
  const store::DataDirectory directory{options.data};
  if (!directory.holds_ledger()) {
    return std::unexpected(EngineFault{EngineFailure::no_ledger, options.data.string() + " holds no ledger"});
  }
  auto lock = store::DirectoryLock::acquire(directory);
  if (!lock) return std::unexpected(EngineFault{EngineFailure::locked, lock.error().message()});
  try {
    auto stores =
        store::open_stores(options.data, options.master_key, store::EngineOptions{}.ledger_map_bytes);
    if (!stores) return std::unexpected(std::move(stores.error()));
    RebuildFigures figures;
    const auto begun = std::chrono::steady_clock::now();
    store::ViewsOptions views;
    views.on_progress = [&](std::uint64_t done, std::uint64_t total) {
      figures.events = done;
      if (options.on_progress) options.on_progress(done, total);
    };
    if (auto rebuilt = store::rebuild_views(**stores, projections, views); !rebuilt) {
      return std::unexpected(std::move(rebuilt.error()));
    }
    figures.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    return figures;
  } catch (const store::StoreDamage& damage) {
    return std::unexpected(EngineFault{EngineFailure::damaged, damage.what()});
  } catch (const std::runtime_error& failure) {
    return std::unexpected(EngineFault{EngineFailure::storage, failure.what()});
  }
}

}  // namespace ledger::replay
