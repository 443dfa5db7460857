#include "server/bench/statistics_bench.hpp"

#include <algorithm>
#include <chrono>
#include <random>
#include <stdexcept>

#include <spdlog/fmt/fmt.h>

#include "projections/timeline.hpp"
#include "replay/stage_index.hpp"
#include "server/read/durations.hpp"

namespace ledger::bench {
namespace {

constexpr std::uint64_t kSeed = 20'260'101;
constexpr double kDayUs = 86'400e6;

double seconds_since(std::chrono::steady_clock::time_point begun) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

/// Rows of an open transaction.
class TxnRows final : public store::Rows {
 public:
  explicit TxnRows(store::WriteTxn& txn) : txn_(txn) {}
  std::optional<Bytes> get(store::Database database, Bytes key) override { return txn_.get(database, key); }
  store::StoreResult<void> put(store::Database database, Bytes key, Bytes value) override {
    return txn_.put(database, key, value);
  }
  store::StoreResult<void> del(store::Database database, Bytes key) override {
    return txn_.del(database, key);
  }

 private:
  store::WriteTxn& txn_;
};

template <typename T>
T must(store::StoreResult<T> result) {
  if (!result) throw std::runtime_error("bench: " + result.error().message());
  return std::move(*result);
}

/// The timeline of many filings, folded from events that nobody stored: reviews of some 32 days, three in ten
/// rejected, one filing in fifty still on its way.
class Timelines {
 public:
  Timelines(const std::filesystem::path& directory, std::size_t filings) : random_(kSeed) {
    environment_ = must(
        store::Environment::open({.path = directory, .map_size = std::uint64_t{8} << 30, .no_sync = true}));
    timeline.open(must(environment_->open_databases(timeline.databases())));
    for (std::size_t i = 0; i < filings; ++i) plan(static_cast<std::uint32_t>(i));
    std::ranges::sort(steps_, {}, &Step::at);
    states_.resize(filings);
    for (std::size_t first = 0; first < steps_.size();) {
      auto txn = must(environment_->write());
      TxnRows rows(txn);
      const std::size_t end = std::min(steps_.size(), first + 100'000);
      for (; first < end; ++first) fold(rows, steps_[first], first);
      if (auto done = std::move(txn).commit(); !done) throw std::runtime_error(done.error().message());
    }
  }

  projections::Timeline timeline;
  [[nodiscard]] store::ReadTxn read() const { return must(environment_->read()); }
  [[nodiscard]] std::uint64_t size() const { return steps_.size(); }
  [[nodiscard]] TimestampUs last() const { return {steps_.back().at}; }

 private:
  struct Step {
    std::int64_t at = 0;
    std::uint32_t filing = 0, attempt = 0;
    std::uint8_t kind = 0;
  };

  std::int64_t days(double median, double spread) {
    return static_cast<std::int64_t>(std::lognormal_distribution<>(std::log(median), spread)(random_) *
                                     kDayUs);
  }

  void plan(std::uint32_t filing) {
    std::int64_t at = 1'600'000'000'000'000 + static_cast<std::int64_t>(random_() % 1'400) * 86'400'000'000;
    std::uint8_t kind = 0;
    const auto step = [&](std::int64_t after, std::uint32_t attempt) {
      steps_.push_back({at += after, filing, attempt, kind++});
    };
    step(0, 1);
    for (std::uint32_t attempt = 1;; ++attempt) {
      kind = 1;
      step(days(10, 1), attempt);
      step(days(2, 0.5), attempt);
      if (random_() % 50 == 0) return;
      if (random_() % 10 < 3) {
        kind = 6;
        step(days(32, 0.42), attempt);
        continue;
      }
      step(days(32, 0.42), attempt);
      step(days(3, 0.5), attempt);
      step(days(30, 0.3), attempt);
      return;
    }
  }

  void fold(store::Rows& rows, const Step& step, std::size_t position) {
    FilingState& state = states_[step.filing];
    put_be<std::uint64_t>(step.filing + 1, state.id.bytes.data());
    state.subject_id = state.id;
    state.algorithm_type = from_number<AlgorithmType>(1 + step.filing % 6);
    state.role = AlgorithmRole::provider;
    Event event;
    event.header.position = Position{position};
    event.header.stream = {StreamKind::filing, state.id};
    event.header.version = ++state.version;
    event.header.recorded_at = {step.at};
    switch (step.kind) {
      case 0: {
        DraftSaved draft;
        draft.attempt = 1;
        event.payload = std::move(draft);
        break;
      }
      case 1: {
        FilingSubmitted submitted;
        submitted.attempt = step.attempt;
        event.payload = std::move(submitted);
        break;
      }
      case 2: event.payload = ReviewStarted{step.attempt}; break;
      case 3: event.payload = FilingApproved{step.attempt, 0}; break;
      case 4: event.payload = NumberAssigned{}; break;
      case 5: event.payload = FilingPublished{}; break;
      default: event.payload = FilingRejected{step.attempt, {}}; break;
    }
    const codec::EntryParts parts;
    store::Change change{.event = event, .parts = parts};
    change.filing_before = change.filing = &state;
    if (auto applied = timeline.apply(rows, change); !applied)
      throw std::runtime_error(applied.error().message());
  }

  std::mt19937_64 random_;
  std::unique_ptr<store::Environment> environment_;
  std::vector<Step> steps_;
  std::vector<FilingState> states_;
};

double median_of(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace

Result bench_statistics(const Options& options) {
  const std::size_t filings = options.quick ? 2'000 : 100'000;
  const auto say = [&](std::string line) {
    if (options.on_progress) options.on_progress(std::move(line));
  };
  say(fmt::format("folding the stays of {} filings", filings));
  const Timelines timelines(options.directory / "views", filings);
  replay::StageIndex stages;
  auto begun = std::chrono::steady_clock::now();
  stages.catch_up(timelines.read(), timelines.timeline, timelines.size());
  const double start = seconds_since(begun);

  const replay::Stratum stratum{.stage = projections::Stage::review};
  const replay::Moment moment{timelines.size() - 1, timelines.last()};
  std::vector<replay::StageSample> plain;
  stages.for_each(stratum.stage, moment.position,
                  [&](const replay::StageSample& sample) { plain.push_back(sample); });

  Result result{.unit = "statistics/s", .samples = {}, .note = {}};
  std::vector<double> rendering, past;
  std::size_t bytes = 0, points = 0;
  constexpr int kTimes = 20;
  for (unsigned i = 0; i < options.repeats; ++i) {
    say(fmt::format("asking, {} of {}", i + 1, options.repeats));
    begun = std::chrono::steady_clock::now();
    std::int64_t sum = 0;
    for (int n = 0; n < kTimes; ++n) {
      for (const replay::StageSample& sample : plain)
        sum += replay::microdays_between(sample.entered_at, sample.left_at.value_or(moment.at));
    }
    const double raw = seconds_since(begun) / kTimes;
    if (sum < 0) throw std::runtime_error("bench: time ran backwards");
    begun = std::chrono::steady_clock::now();
    replay::Survival survival;
    for (int n = 0; n < kTimes; ++n) survival = replay::survival_of_sorted(stages.spells(stratum, moment));
    const double product = seconds_since(begun) / kTimes;
    result.samples.push_back({.product = 1 / product, .raw = 1 / raw});

    const replay::Moment earlier{moment.position / 4 * 3, moment.at};
    begun = std::chrono::steady_clock::now();
    for (int n = 0; n < kTimes; ++n) (void)replay::survival_of_sorted(stages.spells(stratum, earlier));
    past.push_back(seconds_since(begun) / kTimes);
    points = survival.curve.size();
    const server::Durations durations{stratum.stage, std::move(survival), moment.position, false};
    begun = std::chrono::steady_clock::now();
    bytes = server::render_durations(durations).size();
    rendering.push_back(seconds_since(begun));
  }
  result.note = fmt::format(
      "{} stays of {} filings, {} of the stage, a curve of {} points; as of an earlier position {:.2f} ms; "
      "as "
      "JSON once a position and query {:.1f} ms for {:.1f} MB; {} bytes held a stay; {:.2f} s to read them "
      "all "
      "at start; raw adds up the lengths of the same stays",
      stages.samples(), filings, plain.size(), points, median_of(past) * 1e3, median_of(rendering) * 1e3,
      static_cast<double>(bytes) / 1e6, stages.held_bytes() / stages.samples(), start);
  return result;
}

}  // namespace ledger::bench
