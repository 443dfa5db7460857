#include "server/cli/background.hpp"

#include <condition_variable>
#include <stop_token>

#include <spdlog/logger.h>

#include "events/store/clock.hpp"
#include "server/cli/lapse.hpp"

namespace ledger::cli {
namespace {

/// How long a start waits for what its witnesses know.
constexpr std::chrono::seconds kAskWitnesses{3};
constexpr std::chrono::seconds kWatchInterval{2};
constexpr auto kLapseInterval = std::chrono::hours(1);
constexpr std::int64_t kDayUs = std::int64_t{86'400} * 1'000'000;

void lapse_now_and_then(const std::stop_token& stop, store::Engine& engine, unsigned days,
                        spdlog::logger& log) {
  std::mutex mutex;
  std::condition_variable_any bell;
  std::unique_lock lock(mutex);
  do {
    const TimestampUs before{store::system_now().value - std::int64_t{days} * kDayUs};
    if (const auto lapsed = lapse_unused(engine, before, [&] { return stop.stop_requested(); });
        lapsed != 0) {
      log.info("{} unused registrations lapsed", lapsed);
    }
    bell.wait_for(lock, stop, kLapseInterval, [] { return false; });
  } while (!stop.stop_requested());
}

std::string told(const replay::VerifyProblem& problem) {
  return problem.position ? "position " + std::to_string(*problem.position) + ": " + problem.what
                          : problem.what;
}

/// How far the scrub has come, for /metrics.
void add_readings(Readings& readings, const replay::Scrub& scrub) {
  const replay::Scrub::Figures figures = scrub.figures();
  const auto add = [&](const char* name, const char* help, double value) {
    readings.push_back({name, help, {}, value});
  };
  add("ledger_scrub_position", "Events that the present scrub has verified, or the last one",
      static_cast<double>(figures.position));
  add("ledger_scrub_passes", "Scrubs that came to the end of the log", static_cast<double>(figures.passes));
  add("ledger_scrub_problems", "Damage that scrubs found since the start",
      static_cast<double>(figures.problems));
  add("ledger_scrub_failures", "Scrubs that could not be made", static_cast<double>(figures.failures));
  add("ledger_scrub_last_good_seconds", "When the last scrub ended that found none, seconds since the epoch",
      static_cast<double>(figures.last_good.value) / 1e6);
}

/// How it stands with each witness, for /metrics.
void add_readings(Readings& readings, const witness::WitnessClients& witnesses) {
  const auto standings = witnesses.standings();
  const auto add = [&](const char* name, const char* help, auto&& value) {
    for (const witness::WitnessStanding& standing : standings)
      readings.push_back({name, help, {{"witness", standing.name}}, static_cast<double>(value(standing))});
  };
  add("ledger_witness_cosigned_size", "Entries under the last checkpoint that the witness cosigned",
      [](const auto& s) { return s.cosigned_size; });
  add("ledger_witness_cosigned_seconds", "When that came, seconds since the epoch; 0: not yet",
      [](const auto& s) { return static_cast<double>(s.cosigned_at.value) / 1e6; });
  add("ledger_witness_failures", "Rounds without a cosignature since then",
      [](const auto& s) { return s.failures; });
}

/// Logs when it comes to stand otherwise with a witness: each verdict once, not each failure.
void watch_witnesses(const std::stop_token& stop, const witness::WitnessClients& witnesses,
                     spdlog::logger& log) {
  std::mutex mutex;
  std::condition_variable_any bell;
  std::unique_lock lock(mutex);
  std::vector<std::string> told;
  while (!bell.wait_for(lock, stop, kWatchInterval, [] { return false; }) && !stop.stop_requested()) {
    const auto standings = witnesses.standings();
    told.resize(standings.size());
    for (std::size_t i = 0; i < standings.size(); ++i) {
      const witness::WitnessStanding& standing = standings[i];
      if (!standing.asked) continue;
      const bool agrees = standing.verdict == witness::WitnessVerdict::agrees;
      std::string now(agrees ? "cosigns" : standing.reason);
      if (now == told[i]) continue;
      log.log(agrees ? spdlog::level::info : spdlog::level::warn, "the witness {}: {}", standing.name, now);
      told[i] = std::move(now);
    }
  }
}

}  // namespace

std::optional<std::string> hindrance(store::Engine& engine, const BackgroundOptions& options,
                                     spdlog::logger& log) {
  if (options.witnesses.empty()) return std::nullopt;
  witness::EngineLog asked(engine);
  witness::Heard heard = witness::hear_witnesses(options.witnesses, asked, kAskWitnesses);
  for (const std::string& silent : heard.silent) log.warn("{}", silent);
  return std::move(heard.hindrance);
}

Background::Background(store::Engine& engine, Bell& bell, const BackgroundOptions& options,
                       std::shared_ptr<spdlog::logger> log)
    : bell_(bell), log_(engine) {
  if (!options.witnesses.empty()) {
    witnesses_.emplace(options.witnesses, log_);
    bell_.hang([this] { witnesses_->ring(); });
    watching_ =
        std::jthread([this, log](const std::stop_token& stop) { watch_witnesses(stop, *witnesses_, *log); });
  }
  if (options.scrub_hours != 0) {
    scrub_.emplace(engine.stores(),
                   replay::Scrub::Options{.interval = std::chrono::hours(options.scrub_hours),
                                          .on_problem = [log](const replay::VerifyProblem& problem) {
                                            log->error("DAMAGE found by the scrub: {}", told(problem));
                                          }});
  }
  if (options.lapse_after_days != 0) {
    lapsing_ = std::jthread([&engine, days = options.lapse_after_days, log](const std::stop_token& stop) {
      lapse_now_and_then(stop, engine, days, *log);
    });
  }
}

Background::~Background() {
  bell_.hang({});
  begin_to_stop();
  if (watching_.joinable()) watching_.join();
}

Readings Background::readings() const {
  Readings readings;
  if (witnesses_) add_readings(readings, *witnesses_);
  if (scrub_) add_readings(readings, *scrub_);
  return readings;
}

}  // namespace ledger::cli
