// Are the estimates right as often as they say, on histories that are known only to whoever made them? The
// seeds are fixed and printed: a failure comes back.
#include <algorithm>
#include <cstdio>
#include <numeric>

#include <catch2/catch.hpp>

#include "replay/backtest.hpp"
#include "tests/support/filing_courses.hpp"

namespace ledger::replay {
namespace {

using testing::CourseMaker;
using testing::kDayUs;

constexpr std::uint64_t kSeeds = 24;

TEST_CASE("estimates are calibrated over many histories and beat every answer without a model") {
  double coverage = 0;
  double weight = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    // Half of the histories look at the approval for a cut-off and announce two series apart.
    testing::CourseOptions options{.seed = seed, .filings = 600, .days = 900};
    options.by_approval = options.two_series = seed % 2 == 0;
    const auto made = CourseMaker(options).make();
    const auto result = backtest(made.samples, made.end, {.cutoffs = 6, .walks = 120, .on_progress = {}});
    REQUIRE(result);
    std::printf(
        "seed %3llu: %zu estimates, coverage %.3f of %zu, pinball %.2f (statutory %.2f, median %.2f, "
        "rule of thumb %.2f)\n",
        static_cast<unsigned long long>(seed), result->samples, result->coverage, result->covered_of,
        result->pinball.model, result->pinball.statutory, result->pinball.median,
        result->pinball.rule_of_thumb);
    CHECK(result->samples > 300);
    CHECK(result->pinball.model < result->pinball.statutory);
    CHECK(result->pinball.model < result->pinball.median);
    CHECK(result->pinball.model < result->pinball.rule_of_thumb);
    // Estimates of one history share its batches: a single one may be lucky or not, all together may not.
    coverage += result->coverage * static_cast<double>(result->covered_of);
    weight += static_cast<double>(result->covered_of);
  }
  std::printf("coverage over all: %.3f\n", coverage / weight);
  CHECK(coverage / weight >= 0.75);
  CHECK(coverage / weight <= 0.85);
}

TEST_CASE("an estimate of a past moment knows nothing of what came after it") {
  const auto made = CourseMaker({.seed = 4, .filings = 400, .days = 700}).make();
  const TimestampUs at{made.begin.value + 500 * kDayUs};
  const auto past = known_at(made.samples, at);
  // The same history, told another way after that moment.
  auto other = made.samples;
  std::erase_if(other, [&](const StageSample& sample) { return sample.entered_at > at; });
  for (StageSample& sample : other) {
    if (sample.left_at && *sample.left_at > at) {
      sample.left_at = made.end;
      sample.outcome = projections::StageOutcome::cancelled;
    }
  }
  CHECK(known_at(other, at) == past);
  const EstimateTables tables(past, at);
  CHECK(tables.measured_at() == at);
  const bool later = std::ranges::any_of(past, [&](const StageSample& sample) {
    return sample.entered_at > at || (sample.left_at && *sample.left_at > at);
  });
  CHECK_FALSE(later);
}

TEST_CASE("a backtest says what it lacks instead of scoring nothing") {
  const auto made = CourseMaker({.seed = 4, .filings = 20, .days = 700}).make();
  const auto result = backtest(made.samples, made.end, {});
  REQUIRE_FALSE(result);
  CHECK(result.error().lack == NoEstimate::Lack::reviews);
  CHECK(result.error().found < 30);
  REQUIRE_FALSE(backtest({}, made.end, {}));
}

TEST_CASE("the plot of a backtest has the diagonal and a point for each quantile judged") {
  Backtest result;
  result.observed = {0.12, 0.5, 0.79, 0.91, 0.96};
  result.observed_of = {100, 100, 100, 90, 0};
  const std::string svg = calibration_svg(result);
  CHECK(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  CHECK(svg.ends_with("</svg>\n"));
  CHECK(svg.find("stroke-dasharray") != std::string::npos);
  std::size_t circles = 0;
  for (std::size_t at = svg.find("<circle"); at != std::string::npos; at = svg.find("<circle", at + 1))
    ++circles;
  CHECK(circles == 4);
  CHECK(svg.find("p80: 79.0 % observed, 100 estimates") != std::string::npos);
}

}  // namespace
}  // namespace ledger::replay
