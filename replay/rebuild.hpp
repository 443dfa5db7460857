// `rebuild`: makes the views of a ledger anew from its log, offline. The mechanism is the engine's own
// (events/store/views_builder.hpp), which does the same at start where the views cannot be believed.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <span>

#include "events/store/engine.hpp"

namespace ledger::replay {

struct RebuildOptions {
  std::filesystem::path data;
  std::filesystem::path master_key;  ///< empty: `DIR.key`
  /// Done and total events, every few thousand and at the end.
  std::function<void(std::uint64_t, std::uint64_t)> on_progress;
};

struct RebuildFigures {
  std::uint64_t events = 0;
  double seconds = 0;
  [[nodiscard]] double events_per_second() const {
    return seconds > 0 ? static_cast<double>(events) / seconds : 0;
  }
};

/// Takes the directory's lock, rebuilds beside the old file and swaps. Blocks. Errors as Engine::open's.
[[nodiscard]] std::expected<RebuildFigures, store::EngineFault> rebuild(
    const RebuildOptions& options, std::span<store::Projection* const> projections);

}  // namespace ledger::replay
