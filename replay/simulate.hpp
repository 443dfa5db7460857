// `simulate`: gives a ledger fresh from `init` a made-up history, through the same decisions and the same
// gate as every other door, by its own clock. The same seed, origin, span and parameters give the same
// entries.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>

#include "events/store/engine.hpp"
#include "replay/simulation_model.hpp"

namespace ledger::replay {

struct SimulateOptions {
  store::EngineOptions engine;  ///< where the ledger lies; clock and queue are not used
  std::uint32_t filings = 0;    ///< 1 to kSimulatedFilingsMax
  std::uint64_t seed = 0;
  /// From the ledger's last entry to `now` unless told.
  std::optional<TimestampUs> from, to;
  /// Where `from` is the start of a day: on the day of the ledger's last entry, that entry's time counts.
  std::optional<Date> from_day;
  TimestampUs now;
  SimulationParameters parameters;
  /// How many become durable together, or some more where the disk is slow. No entry depends on it.
  std::size_t batch_events = 4'096;
  /// Events staged so far and in all.
  std::function<void(std::uint64_t done, std::uint64_t total)> on_progress;
  /// Asked every few hundred events; true ends the history there.
  std::function<bool()> should_stop;
};

struct SimulateReport {
  std::uint64_t events = 0;    ///< appended, `ledger.simulated` included
  std::uint64_t filings = 0;   ///< begun
  std::uint64_t subjects = 0;  ///< registered
  TimestampUs from, to;        ///< `to`: of the last event where it was stopped
  double seconds = 0;          ///< the last sync included
  bool stopped = false;
  [[nodiscard]] double events_per_second() const {
    return seconds > 0 ? static_cast<double>(events) / seconds : 0;
  }
};

struct SimulateFault {
  enum class Kind : std::uint8_t {
    filings,  ///< too few or too many
    from,     ///< before the ledger's last entry
    to,       ///< in the future, or not after `from`
    used,     ///< the ledger has a history
    engine,   ///< `engine` says what; events of whole batches may have been appended
  };
  Kind kind = Kind::engine;
  std::string detail;  ///< one line
  store::EngineFailure engine = store::EngineFailure::storage;
};

/// Blocks; nothing is appended unless all arguments are right. Whatever ends it, what is there is a whole
/// ledger that can be served, but never simulated again. A step that the ledger refuses throws
/// std::logic_error: the model is wrong.
[[nodiscard]] std::expected<SimulateReport, SimulateFault> simulate(
    const SimulateOptions& options, std::span<store::Projection* const> projections);

/// For benches and tests: makes a ledger in `directory`/data whose simulated history spans the two years
/// before `now`. Throws std::runtime_error.
struct SimulatedLedgerOptions {
  std::filesystem::path directory;
  std::uint32_t filings = 0;
  std::uint64_t seed = 1;
  TimestampUs now;
  std::function<void(std::uint64_t done, std::uint64_t total)> on_progress;
};
SimulateReport make_simulated_ledger(const SimulatedLedgerOptions& options,
                                     std::span<store::Projection* const> projections);

}  // namespace ledger::replay
