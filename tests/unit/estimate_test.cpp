#include "replay/estimate.hpp"

#include <catch2/catch.hpp>

#include "tests/support/filing_courses.hpp"

namespace ledger::replay {
namespace {

using projections::Stage;
using projections::StageOutcome;
using testing::kDayUs;

constexpr TimestampUs kBegin{19'723 * kDayUs};

TimestampUs day(double days) {
  return {kBegin.value + static_cast<std::int64_t>(days * static_cast<double>(kDayUs))};
}

/// Filings that all take the same way, one a day: drafting 2 days, queued 1, review 30, numbering 1, then the
/// next batch of every 60th day whose cut-off, 20 days before, they make.
class Clockwork {
 public:
  void stay(Stage stage, std::uint32_t attempt, double from, double to, StageOutcome outcome) {
    open(stage, attempt, from);
    if (to > end_) return;
    samples.back().left_at = day(to);
    samples.back().outcome = outcome;
  }
  void open(Stage stage, std::uint32_t attempt, double from) {
    StageSample sample;
    sample.stream = stream_;
    sample.stage = stage;
    sample.attempt = attempt;
    sample.entered_at = day(from);
    sample.type = AlgorithmType::personalized_push;
    sample.role = AlgorithmRole::provider;
    sample.region = {'1', '1', '0', '1', '0', '8'};
    samples.push_back(sample);
  }
  void next_filing() {
    put_be<std::uint64_t>(++filings_, stream_.id.bytes.data() + 8);
    stream_.kind = StreamKind::filing;
  }
  static double batch_for(double numbered) {
    double batch = 60;
    while (numbered > batch - 20) batch += 60;
    return batch;
  }
  void filing(double from, bool rejected_first) {
    next_filing();
    stay(Stage::drafting, 1, from, from + 2, StageOutcome::submitted);
    double at = from + 2;
    std::uint32_t attempt = 1;
    if (rejected_first) {
      stay(Stage::queued, 1, at, at + 1, StageOutcome::started);
      stay(Stage::review, 1, at + 1, at + 31, StageOutcome::rejected);
      stay(Stage::rework, 2, at + 31, at + 41, StageOutcome::submitted);
      at += 41;
      attempt = 2;
    }
    stay(Stage::queued, attempt, at, at + 1, StageOutcome::started);
    stay(Stage::review, attempt, at + 1, at + 31, StageOutcome::approved);
    stay(Stage::numbering, attempt, at + 31, at + 32, StageOutcome::numbered);
    stay(Stage::publication, attempt, at + 32, batch_for(at + 32), StageOutcome::published);
  }

  std::vector<StageSample> samples;

  explicit Clockwork(double end) : end_(end) {}
  /// One a day, each third one rejected once where asked.
  static Clockwork running(double end, bool with_rejections = false) {
    Clockwork clockwork(end);
    for (int i = 0; i < static_cast<int>(end); ++i) clockwork.filing(i, with_rejections && i % 3 == 0);
    std::erase_if(clockwork.samples, [&](const StageSample& sample) { return sample.entered_at > day(end); });
    return clockwork;
  }

 private:
  double end_;
  StreamId stream_{StreamKind::filing, {}};
  std::uint64_t filings_ = 0;
};

EstimateCase in(Stage stage, std::uint32_t attempt, double since) {
  EstimateCase filing;
  filing.stream = {StreamKind::filing, {{7}}};
  filing.stage = stage;
  filing.attempt = attempt;
  filing.entered_at = day(since);
  filing.type = AlgorithmType::personalized_push;
  filing.role = AlgorithmRole::provider;
  filing.region = {'1', '1', '0', '1', '0', '8'};
  return filing;
}

/// All five quantiles lie within an hour of this many days.
void require_days(const std::expected<Estimate, NoEstimate>& estimate, double days) {
  REQUIRE(estimate);
  REQUIRE(estimate->days);
  for (const double quantile : {estimate->days->p10, estimate->days->p50, estimate->days->p80,
                                estimate->days->p90, estimate->days->p95})
    CHECK(quantile == Approx(days).margin(0.05));
}

TEST_CASE("where every filing takes the same way, an estimate is the date") {
  const Clockwork clockwork = Clockwork::running(400);
  const EstimateTables tables(clockwork.samples, day(400));
  // Batches on day 60, 120, ..., 420, 480; cut-offs on day 400, 460.
  require_days(tables.estimate(in(Stage::publication, 1, 399), day(400), {}), 20);
  require_days(tables.estimate(in(Stage::review, 1, 380), day(400), {}), 80);    // numbered on day 411
  require_days(tables.estimate(in(Stage::drafting, 1, 400), day(400), {}), 80);  // numbered on day 434
  require_days(tables.estimate(in(Stage::queued, 1, 400), day(400), {}), 80);
  const auto estimate = tables.estimate(in(Stage::review, 1, 380), day(400), {});
  CHECK(estimate->elapsed_days == Approx(20));
  CHECK(estimate->rejection_probability == 0);
  CHECK(estimate->never_probability == 0);
  CHECK(estimate->batches == 6);
}

TEST_CASE("what just missed a cut-off waits for the batch after the next") {
  const Clockwork clockwork = Clockwork::running(430);
  const EstimateTables tables(clockwork.samples, day(430));
  require_days(tables.estimate(in(Stage::publication, 1, 429), day(430), {}), 50);
  // Ready on day 461, a day after the cut-off of day 480.
  require_days(tables.estimate(in(Stage::queued, 1, 430), day(430), {}), 110);
}

TEST_CASE("one more rejection costs a review, a rework and perhaps a batch") {
  const Clockwork clockwork = Clockwork::running(400, true);
  const EstimateTables tables(clockwork.samples, day(400));
  const auto plain = tables.estimate(in(Stage::review, 2, 380), day(400), {});
  require_days(plain, 80);
  CHECK(plain->rejection_probability == 0);
  // Rejected on day 410, submitted on 420, decided on 451, numbered on 452: still the batch of day 480.
  const EstimateOptions once_more{.rejected_once_more = true};
  const auto rejected = tables.estimate(in(Stage::review, 1, 380), day(400), once_more);
  require_days(rejected, 80);
  CHECK(rejected->rejection_probability == 1);
  // Rejected on day 420, decided on 461, numbered on 462: the batch of day 540.
  require_days(tables.estimate(in(Stage::review, 1, 390), day(400), once_more), 140);
  CHECK(tables.estimate(in(Stage::review, 1, 380), day(400), {})->rejection_probability ==
        Approx(1.0 / 3).margin(0.05));
}

TEST_CASE("the same samples, filing and position give the same answer") {
  const auto made = testing::CourseMaker({.seed = 3}).make();
  const EstimateTables one(made.samples, made.end);
  const EstimateTables other(made.samples, made.end);
  EstimateCase filing = in(Stage::review, 1, 0);
  filing.entered_at = {made.end.value - 20 * kDayUs};
  // Asked in another order, so that curves are built in another order.
  (void)other.estimate(in(Stage::drafting, 1, 0), made.end, {.position = 9});
  const auto first = one.estimate(filing, made.end, {.position = 5});
  const auto second = other.estimate(filing, made.end, {.position = 5});
  REQUIRE(first->days);
  CHECK(first->days->p10 == second->days->p10);
  CHECK(first->days->p50 == second->days->p50);
  CHECK(first->days->p95 == second->days->p95);
  CHECK(first->rejection_probability == second->rejection_probability);
  const auto elsewhere = one.estimate(filing, made.end, {.position = 6});
  CHECK(elsewhere->days->p50 == Approx(first->days->p50).margin(3));
  CHECK(first->days->p10 < first->days->p50);
  CHECK(first->days->p50 < first->days->p95);
}

TEST_CASE("without thirty finished reviews there is no number") {
  const auto lacking = [](double end) {
    const Clockwork clockwork = Clockwork::running(end);
    return EstimateTables(clockwork.samples, day(end)).estimate(in(Stage::review, 1, 0), day(end), {});
  };
  CHECK(EstimateTables(std::span<const StageSample>(), day(1)).lack()->found == 0);
  CHECK(EstimateTables(std::span<const StageSample>(), day(1)).lack()->lack == NoEstimate::Lack::reviews);
  // Reviews end on day 33, 34, ...: one and three of them.
  REQUIRE_FALSE(lacking(33));
  CHECK(lacking(33).error().found == 1);
  CHECK(lacking(35).error().found == 3);
  CHECK(lacking(35).error().needed == 30);
  // Enough reviews, but two announcements only.
  REQUIRE_FALSE(lacking(70));
  CHECK(lacking(70).error().lack == NoEstimate::Lack::batches);
  CHECK(lacking(70).error().found == 1);
  REQUIRE_FALSE(lacking(179));
  CHECK(lacking(179).error().found == 2);
  CHECK(lacking(181));
}

TEST_CASE("a stage that nobody has come through yet is named instead of guessed") {
  Clockwork clockwork = Clockwork::running(400);
  // Forty more that were rejected, and not one that came back.
  for (int i = 0; i < 40; ++i) {
    clockwork.next_filing();
    clockwork.stay(Stage::review, 1, 300, 330, StageOutcome::rejected);
    clockwork.open(Stage::rework, 2, 330);
  }
  const auto none =
      EstimateTables(clockwork.samples, day(400)).estimate(in(Stage::review, 1, 380), day(400), {});
  REQUIRE_FALSE(none);
  CHECK(none.error().lack == NoEstimate::Lack::stage);
  CHECK(none.error().stage == Stage::rework);
  CHECK(none.error().found == 0);
}

TEST_CASE("a stratum under thirty finished visits gives way to a wider one, and says so") {
  const Clockwork clockwork = Clockwork::running(400);
  const EstimateTables tables(clockwork.samples, day(400));
  const auto stratum = [&](const EstimateCase& filing) {
    const auto estimate = tables.estimate(filing, day(400), {});
    REQUIRE(estimate);
    return estimate->basis.front().stratum;
  };
  EstimateCase filing = in(Stage::review, 1, 395);
  CHECK(stratum(filing).region == "110108");
  CHECK(stratum(filing).role == AlgorithmRole::provider);
  CHECK_FALSE(stratum(filing).pooled());
  filing.region = {'1', '1', '0', '1', '0', '1'};
  CHECK(stratum(filing).region == "11");
  filing.region = {'4', '4', '0', '3', '0', '5'};
  CHECK(stratum(filing).region.empty());
  CHECK(stratum(filing).role == AlgorithmRole::provider);
  filing.role = AlgorithmRole::technical_supporter;
  CHECK_FALSE(stratum(filing).role);
  CHECK(stratum(filing).type == AlgorithmType::personalized_push);
  filing.type = AlgorithmType::dispatch_decision;
  CHECK_FALSE(stratum(filing).type);
  CHECK(stratum(filing).attempt_to == 1);
  filing.attempt = 2;  // no second attempt was ever reviewed
  CHECK(stratum(filing).pooled());
  const auto estimate = tables.estimate(filing, day(400), {});
  CHECK(estimate->basis.front().finished >= 30);
  CHECK(estimate->basis.front().visits > estimate->basis.front().finished);
}

TEST_CASE("time already spent counts: whoever has waited longer waits less for the same end") {
  const auto made = testing::CourseMaker({.seed = 11, .filings = 1'500}).make();
  const EstimateTables tables(made.samples, made.end);
  EstimateCase filing = in(Stage::review, 1, 0);
  const auto median = [&](double spent) {
    filing.entered_at = {made.end.value - static_cast<std::int64_t>(spent * static_cast<double>(kDayUs))};
    return tables.estimate(filing, made.end, {})->days->p50;
  };
  CHECK(median(30) < median(0));
  // Beyond everything that was ever seen it is still a wait, and a finite one.
  CHECK(median(900) > 0);
  CHECK(median(900) < 400);
}

TEST_CASE("drafts that are thrown away are published never, not late") {
  Clockwork clockwork = Clockwork::running(400);
  for (int i = 0; i < 400; ++i) {
    clockwork.next_filing();
    clockwork.stay(Stage::drafting, 1, i, i + 1, StageOutcome::discarded);
  }
  const EstimateTables tables(clockwork.samples, day(400));
  const auto fresh = tables.estimate(in(Stage::drafting, 1, 400), day(400), {});
  CHECK(fresh->never_probability == Approx(0.5).margin(0.05));
  require_days(fresh, 80);
  // After a day and a half the other half is left.
  CHECK(tables.estimate(in(Stage::drafting, 1, 398.5), day(400), {})->never_probability < 0.05);
}

TEST_CASE("a rework that outlasts all that came back is told as one that may never end") {
  Clockwork clockwork = Clockwork::running(400, true);
  for (int i = 0; i < 40; ++i) {
    clockwork.next_filing();
    clockwork.stay(Stage::review, 1, 10, 40, StageOutcome::rejected);
    clockwork.open(Stage::rework, 2, 40);
  }
  const EstimateTables tables(clockwork.samples, day(400));
  const auto fresh = tables.estimate(in(Stage::rework, 2, 399), day(400), {});
  REQUIRE(fresh);
  CHECK(fresh->never_probability > 0.15);
  CHECK(fresh->days);
  const auto stale = tables.estimate(in(Stage::rework, 2, 100), day(400), {});
  REQUIRE(stale);
  CHECK(stale->never_probability == 1);
  CHECK_FALSE(stale->days);
}

TEST_CASE("visits of subjects do not count") {
  Clockwork clockwork = Clockwork::running(400);
  for (int i = 0; i < 500; ++i) {
    StageSample sample = clockwork.samples.front();
    sample.stream = {StreamKind::subject, {}};
    sample.stage = i % 2 == 0 ? Stage::rework : Stage::initial_review;
    clockwork.samples.push_back(sample);
  }
  const EstimateTables tables(clockwork.samples, day(400));
  require_days(tables.estimate(in(Stage::review, 1, 380), day(400), {}), 80);
  CHECK(EstimateTables(std::span(clockwork.samples).last(500), day(400)).lack()->found == 0);
}

TEST_CASE("two series that come out on days of their own have calendars of their own") {
  Clockwork clockwork = Clockwork::running(400);
  const std::size_t ordinary = clockwork.samples.size();
  for (std::size_t i = 0; i < ordinary; ++i) {
    StageSample sample = clockwork.samples[i];
    sample.stream.id.bytes[0] = 1;
    sample.type = AlgorithmType::generation_synthesis;
    const auto later = [](TimestampUs at) { return TimestampUs{at.value + 30 * kDayUs}; };
    sample.entered_at = later(sample.entered_at);
    if (sample.left_at) sample.left_at = later(*sample.left_at);
    clockwork.samples.push_back(sample);
  }
  // The others on day 420 and 480, these on day 450 and 510 with a cut-off on day 430.
  std::vector<StageSample> known;
  for (StageSample sample : clockwork.samples) {
    if (sample.entered_at > day(400)) continue;
    if (sample.left_at && *sample.left_at > day(400)) {
      sample.left_at.reset();
      sample.outcome.reset();
    }
    known.push_back(sample);
  }
  const EstimateTables tables(known, day(400));
  require_days(tables.estimate(in(Stage::publication, 1, 399), day(400), {}), 20);
  EstimateCase synthesis = in(Stage::publication, 1, 399);
  synthesis.type = AlgorithmType::generation_synthesis;
  require_days(tables.estimate(synthesis, day(400), {}), 50);
}

TEST_CASE("a curve follows Kaplan and Meier and reads the remaining time from them") {
  // Ends after 10 (onward), 20 (back), 40 hours (onward); open after 20 and 30.
  const std::vector<DurationRow> rows = {
      {10, WayOut::onward}, {20, WayOut::back}, {20, std::nullopt}, {30, std::nullopt}, {40, WayOut::onward}};
  const DurationCurve curve(rows, Holder::office);
  CHECK(curve.visits() == 5);
  CHECK(curve.finished() == 3);
  CHECK(curve.at_risk_beyond(0) == 5);
  CHECK(curve.at_risk_beyond(10) == 4);
  CHECK(curve.at_risk_beyond(20) == 1);
  CHECK(curve.at_risk_beyond(40) == 0);
  // Survival 4/5, then 4/5 * 3/4 = 3/5, then 0.
  Draws draws(42);
  int counts[3] = {};
  constexpr int kDraws = 20'000;
  for (int i = 0; i < kDraws; ++i) {
    const auto end = curve.draw(draws, 0);
    REQUIRE(end);
    if (end->hours == 10) ++counts[0];
    if (end->hours == 20) ++counts[1];
    if (end->hours == 40) ++counts[2];
    CHECK((end->way == WayOut::back) == (end->hours == 20));
  }
  CHECK(counts[0] == Approx(0.2 * kDraws).margin(0.02 * kDraws));
  CHECK(counts[1] == Approx(0.2 * kDraws).margin(0.02 * kDraws));
  CHECK(counts[2] == Approx(0.6 * kDraws).margin(0.02 * kDraws));
  // Given 15 hours: a quarter after 5 more, the rest after 25 more.
  int soon = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double hours = curve.draw(draws, 15)->hours;
    CHECK((hours == 5 || hours == 25));
    if (hours == 5) ++soon;
  }
  CHECK(soon == Approx(0.25 * kDraws).margin(0.02 * kDraws));
  CHECK(curve.draw(draws, 0, WayOut::back)->hours == 20);
  // Beyond the last end an office still acts, in the time that visits spent for an end: 80 hours by 3.
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) sum += curve.draw(draws, 50)->hours;
  CHECK(sum / kDraws == Approx(120.0 / 3).epsilon(0.05));
}

TEST_CASE("the normal distribution and its inverse undo each other") {
  for (const double above : {1e-12, 1e-6, 0.001, 0.024, 0.025, 0.3, 0.5, 0.7, 0.975, 0.999, 1 - 1e-6})
    CHECK(normal_above(normal_with_above(above)) == Approx(above).epsilon(1e-9));
  CHECK(normal_with_above(0.025) == Approx(1.959963984540054).epsilon(1e-12));
  CHECK(normal_with_above(0.5) == Approx(0).margin(1e-12));
}

}  // namespace
}  // namespace ledger::replay
