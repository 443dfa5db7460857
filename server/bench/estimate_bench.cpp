#include "server/bench/estimate_bench.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include <spdlog/fmt/fmt.h>

#include "replay/estimate.hpp"

namespace ledger::bench {
namespace {

using projections::Stage;
using projections::StageOutcome;

constexpr std::int64_t kDayUs = 86'400'000'000;
constexpr std::int64_t kDays = 1'400;
constexpr std::int64_t kBegin = 1'600'000'000'000'000;

double milliseconds_since(std::chrono::steady_clock::time_point begun) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
}

/// Stays of many filings over four years: reviews of some 45 days, three in ten rejected, batches every 60
/// days.
std::vector<replay::StageSample> make_samples(std::size_t filings) {
  std::vector<replay::StageSample> samples;
  replay::Draws draws(20'260'101);
  const auto days = [&](double median, double spread) {
    return static_cast<std::int64_t>(median * std::exp(spread * replay::normal_with_above(draws.uniform())) *
                                     static_cast<double>(kDayUs));
  };
  const TimestampUs end{kBegin + kDays * kDayUs};
  static constexpr const char* kRegions[] = {"110108", "310115", "330106", "440305", "510107", "320505"};
  for (std::size_t i = 0; i < filings; ++i) {
    replay::StageSample of;
    of.stream.kind = StreamKind::filing;
    put_be<std::uint64_t>(i + 1, of.stream.id.bytes.data() + 8);
    of.type = from_number<AlgorithmType>(static_cast<std::uint8_t>(1 + draws.next() % 6));
    of.role = draws.uniform() < 0.8 ? AlgorithmRole::provider : AlgorithmRole::technical_supporter;
    std::copy_n(kRegions[draws.next() % 6], 6, of.region.begin());
    std::int64_t at =
        kBegin + static_cast<std::int64_t>(draws.uniform() * static_cast<double>(kDays * kDayUs));
    const auto stay = [&](Stage stage, std::uint32_t attempt, std::int64_t until, StageOutcome outcome) {
      if (at < end.value) {
        of.stage = stage;
        of.attempt = attempt;
        of.entered_at = {at};
        of.left_at = until < end.value ? std::optional(TimestampUs{until}) : std::nullopt;
        of.outcome = until < end.value ? std::optional(outcome) : std::nullopt;
        samples.push_back(of);
      }
      at = until;
    };
    stay(Stage::drafting, 1, at + days(6, 1), StageOutcome::submitted);
    for (std::uint32_t attempt = 1;; ++attempt) {
      stay(Stage::queued, attempt, at + days(3, 0.7), StageOutcome::started);
      const bool rejected = draws.uniform() < 0.3;
      stay(Stage::review, attempt, at + days(45, 0.42),
           rejected ? StageOutcome::rejected : StageOutcome::approved);
      if (!rejected) {
        stay(Stage::numbering, attempt, at + days(3, 0.7), StageOutcome::numbered);
        const std::int64_t batch = ((at - kBegin) / kDayUs + 30 + 59) / 60 * 60;
        stay(Stage::publication, attempt, kBegin + batch * kDayUs, StageOutcome::published);
        break;
      }
      stay(Stage::rework, attempt + 1, at + days(14, 1.08), StageOutcome::submitted);
    }
  }
  return samples;
}

}  // namespace

Result bench_estimate(const Options& options) {
  const std::size_t filings = options.quick ? 2'000 : 100'000;
  if (options.on_progress) options.on_progress(fmt::format("making the stays of {} filings", filings));
  const std::vector<replay::StageSample> samples = make_samples(filings);
  const TimestampUs end{kBegin + kDays * kDayUs};
  std::vector<replay::EstimateCase> cases;
  for (std::size_t i = samples.size(); i-- > 0 && cases.size() < 200;) {
    const replay::StageSample& sample = samples[i];
    if (sample.left_at) continue;
    cases.push_back({.stream = sample.stream,
                     .stage = sample.stage,
                     .attempt = sample.attempt,
                     .entered_at = sample.entered_at,
                     .approved_at = std::nullopt,
                     .type = sample.type,
                     .role = sample.role,
                     .region = sample.region});
  }
  Result result{.unit = "estimates/s", .samples = {}, .note = {}};
  double building = 0;
  double slowest_first = 0;
  double slowest = 0;
  for (unsigned i = 0; i < options.repeats; ++i) {
    if (options.on_progress) options.on_progress(fmt::format("estimating, {} of {}", i + 1, options.repeats));
    auto begun = std::chrono::steady_clock::now();
    const replay::EstimateTables tables(samples, end);
    building = std::max(building, milliseconds_since(begun));
    for (const bool first : {true, false}) {
      const auto all = std::chrono::steady_clock::now();
      for (const replay::EstimateCase& of : cases) {
        begun = std::chrono::steady_clock::now();
        if (!tables.estimate(of, end, {})) throw std::runtime_error("bench: no estimate");
        (first ? slowest_first : slowest) =
            std::max(first ? slowest_first : slowest, milliseconds_since(begun));
      }
      if (!first)
        result.samples.push_back(
            {.product = 1e3 * static_cast<double>(cases.size()) / milliseconds_since(all), .raw = 0});
    }
  }
  result.note = fmt::format(
      "{} stays of {} filings, {} open filings, {} walks each; slowest {:.1f} ms, with curves that nobody "
      "had "
      "asked for {:.1f} ms; tables, once a day and batch, {:.0f} ms",
      samples.size(), filings, cases.size(), replay::kWalks, slowest, slowest_first, building);
  return result;
}

}  // namespace ledger::bench
