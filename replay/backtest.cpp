#include "replay/backtest.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <unordered_map>

namespace ledger::replay {
namespace {

using projections::Stage;
using projections::StageOutcome;
using Quantiles = std::array<double, 5>;

constexpr double kUsADay = 8.64e10;
constexpr double kDaysAMonth = 365.2425 / 12;
/// 30 working days without holidays.
constexpr double kStatutoryDays = 42;

double days_between(TimestampUs from, TimestampUs to) {
  return static_cast<double>(to.value - from.value) / kUsADay;
}

/// One filing over the whole log.
struct Course {
  std::vector<const StageSample*> stays;  // as they began
  std::optional<TimestampUs> published_at;
  double weight = 0;  // the chance that it comes to a publication, as the end of the log has it
};

double pinball(double quantile, double truth, double p) {
  return truth >= quantile ? p * (truth - quantile) : (1 - p) * (quantile - truth);
}

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

Quantiles same(double days) {
  Quantiles all;
  all.fill(std::max(0.0, days));
  return all;
}

EstimateCase case_of(const Course& course, const StageSample& stay) {
  std::optional<TimestampUs> approved_at;
  if (stay.stage == Stage::publication) {
    for (const StageSample* earlier : course.stays) {
      if (earlier->stage == Stage::numbering) approved_at = earlier->entered_at;
    }
  }
  return {.stream = stay.stream,
          .stage = stay.stage,
          .attempt = stay.attempt,
          .entered_at = stay.entered_at,
          .approved_at = approved_at,
          .type = stay.type,
          .role = stay.role,
          .region = stay.region};
}

class Scores {
 public:
  void add(const Quantiles& model, const std::array<Quantiles, 3>& naive, double truth, double followed,
           double weight) {
    ++result_.samples;
    weights_ += weight;
    const double seen = std::min(truth, followed);
    for (std::size_t i = 0; i < kNominal.size(); ++i) {
      loss_[0] += weight * pinball(std::min(model[i], followed), seen, kNominal[i]);
      for (std::size_t n = 0; n < naive.size(); ++n)
        loss_[n + 1] += weight * pinball(std::min(naive[n][i], followed), seen, kNominal[i]);
      if (model[i] > followed) continue;
      ++result_.observed_of[i];
      observed_weight_[i] += weight;
      if (truth <= model[i]) observed_[i] += weight;
    }
    if (model[3] > followed) return;
    ++result_.covered_of;
    covered_weight_ += weight;
    if (model[0] <= truth && truth <= model[3]) covered_ += weight;
  }

  [[nodiscard]] Backtest finish() {
    const double losses = weights_ * static_cast<double>(kNominal.size());
    if (losses > 0)
      result_.pinball = {loss_[0] / losses, loss_[1] / losses, loss_[2] / losses, loss_[3] / losses};
    if (covered_weight_ > 0) result_.coverage = covered_ / covered_weight_;
    for (std::size_t i = 0; i < kNominal.size(); ++i)
      result_.observed[i] = observed_weight_[i] > 0 ? observed_[i] / observed_weight_[i] : 0;
    return result_;
  }

 private:
  Backtest result_;
  double weights_ = 0, covered_weight_ = 0, covered_ = 0;
  std::array<double, 4> loss_{};  // model, statutory, median, rule of thumb
  Quantiles observed_{}, observed_weight_{};
};

std::vector<Course> courses_of(std::span<const StageSample> samples, TimestampUs end) {
  std::unordered_map<Uuid, std::size_t> known;
  std::vector<Course> courses;
  for (const StageSample& sample : samples) {
    if (sample.stream.kind != StreamKind::filing) continue;
    const auto [found, is_new] = known.try_emplace(sample.stream.id, courses.size());
    if (is_new) courses.emplace_back();
    Course& course = courses[found->second];
    course.stays.push_back(&sample);
    if (sample.outcome == StageOutcome::published) course.published_at = sample.left_at;
  }
  const EstimateTables tables(samples, end);
  for (Course& course : courses) {
    std::ranges::sort(course.stays, {}, &StageSample::entered_position);
    const StageSample& last = *course.stays.back();
    if (course.published_at) {
      course.weight = 1;
    } else if (!last.left_at) {
      const auto estimate = tables.estimate(case_of(course, last), end, {.walks = 200});
      course.weight = estimate ? 1 - estimate->never_probability : 0;
    }
  }
  return courses;
}

/// From the first submission to the publication, of filings published by then.
double overall_median(std::span<const Course> courses, TimestampUs at) {
  std::vector<double> days;
  for (const Course& course : courses) {
    if (!course.published_at || *course.published_at > at) continue;
    const auto queued = std::ranges::find(course.stays, Stage::queued, &StageSample::stage);
    if (queued != course.stays.end())
      days.push_back(days_between((*queued)->entered_at, *course.published_at));
  }
  return median_of(std::move(days));
}

/// What is answered without a model: statutory limit, overall median, rule of thumb.
std::array<Quantiles, 3> naive_answers(const Course& course, const StageSample& now_in, TimestampUs at,
                                       double median) {
  double since_submission = 0;
  double since_this_submission = 0;
  double rejections = 0;
  for (const StageSample* stay : course.stays) {
    if (stay->entered_at > at) break;
    if (stay->stage == Stage::queued) {
      since_this_submission = days_between(stay->entered_at, at);
      if (since_submission <= 0) since_submission = since_this_submission;
    }
    if (stay->outcome == StageOutcome::rejected && stay->left_at <= at) ++rejections;
  }
  const bool submitted = now_in.stage == Stage::queued || now_in.stage == Stage::review;
  const bool approved = now_in.stage == Stage::numbering || now_in.stage == Stage::publication;
  const Quantiles statutory = same(approved    ? 0
                                   : submitted ? kStatutoryDays - since_this_submission
                                               : kStatutoryDays);
  const auto months = [&](double first, double each) {
    return std::max(0.0, (first + each * rejections) * kDaysAMonth - since_submission);
  };
  const Quantiles thumb = {months(3, 2), months(3.5, 2.5), months(4, 3), months(4, 3), months(4, 3)};
  return {statutory, same(median - since_submission), thumb};
}

/// The first moment at which estimates were to be had.
std::expected<TimestampUs, NoEstimate> enough_since(std::span<const StageSample> samples, TimestampUs end) {
  if (auto lack = EstimateTables(samples, end).lack()) return std::unexpected(*lack);
  std::vector<TimestampUs> reviews;
  std::vector<Announceable> published;
  for (const StageSample& sample : samples) {
    if (sample.stream.kind != StreamKind::filing || !sample.left_at) continue;
    if (sample.stage == Stage::review &&
        (sample.outcome == StageOutcome::approved || sample.outcome == StageOutcome::rejected))
      reviews.push_back(*sample.left_at);
    if (sample.outcome == StageOutcome::published) published.push_back({sample.entered_at, sample.left_at});
  }
  std::ranges::sort(reviews);
  const BatchCalendar batches(std::move(published));
  return std::max(reviews[kReviewsMin - 1], batches.dates()[kBatchesMin - 1]);
}

}  // namespace

std::vector<StageSample> known_at(std::span<const StageSample> samples, TimestampUs at) {
  std::vector<StageSample> known;
  for (const StageSample& sample : samples) {
    if (sample.entered_at > at) continue;
    known.push_back(sample);
    if (!sample.left_at || *sample.left_at <= at) continue;
    known.back().left_at.reset();
    known.back().outcome.reset();
    known.back().left_position = 0;
  }
  return known;
}

std::expected<Backtest, NoEstimate> backtest(std::span<const StageSample> samples, TimestampUs end,
                                             const BacktestOptions& options) {
  const auto from = enough_since(samples, end);
  if (!from) return std::unexpected(from.error());
  const std::vector<Course> courses = courses_of(samples, end);
  Scores scores;
  Backtest result;
  TimestampUs first, last;
  for (unsigned i = 0; i < options.cutoffs; ++i) {
    const std::int64_t span = end.value - from->value;
    const TimestampUs at{from->value + span / options.cutoffs * i + span / options.cutoffs / 2};
    if (i == 0) first = at;
    last = at;
    const EstimateTables tables(known_at(samples, at), at);
    const double median = overall_median(courses, at);
    const double followed = days_between(at, end);
    std::size_t done = 0;
    for (const Course& course : courses) {
      if (options.on_progress)
        options.on_progress(i * courses.size() + ++done, options.cutoffs * courses.size());
      if (course.weight <= 0) continue;
      const auto open = std::ranges::find_if(course.stays, [&](const StageSample* stay) {
        return stay->entered_at <= at && (!stay->left_at || *stay->left_at > at);
      });
      if (open == course.stays.end()) continue;
      const auto estimate = tables.estimate(case_of(course, **open), at, {.walks = options.walks});
      if (!estimate || !estimate->days) continue;
      const EstimateDays& days = *estimate->days;
      const double truth = course.published_at ? days_between(at, *course.published_at)
                                               : std::numeric_limits<double>::infinity();
      scores.add({days.p10, days.p50, days.p80, days.p90, days.p95},
                 naive_answers(course, **open, at, median), truth, followed, course.weight);
    }
  }
  result = scores.finish();
  result.cutoffs = options.cutoffs;
  result.first_cutoff = first;
  result.last_cutoff = last;
  return result;
}

std::string calibration_svg(const Backtest& result) {
  // A square of 320 units with the diagonal on which a perfect forecaster lies.
  const auto x = [](double p) { return 60 + 320 * p; };
  const auto y = [](double p) { return 350 - 320 * p; };
  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 420 410\" role=\"img\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n"
      "<title>Calibration of the estimates: nominal and observed probability</title>\n"
      "<rect x=\"60\" y=\"30\" width=\"320\" height=\"320\" fill=\"none\" stroke=\"#888\"/>\n"
      "<line x1=\"60\" y1=\"350\" x2=\"380\" y2=\"30\" stroke=\"#888\" stroke-dasharray=\"4 4\"/>\n";
  char line[256];
  const auto add = [&](const char* shape, auto... values) {
    std::snprintf(line, sizeof line, shape, values...);
    svg += line;
  };
  for (const double tick : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    add("<text x=\"%.0f\" y=\"366\" text-anchor=\"middle\">%.2g</text>\n", x(tick), tick);
    add("<text x=\"54\" y=\"%.0f\" text-anchor=\"end\">%.2g</text>\n", y(tick) + 4, tick);
  }
  std::string points;
  for (std::size_t i = 0; i < kNominal.size(); ++i) {
    if (result.observed_of[i] == 0) continue;
    add("%.1f,%.1f ", x(kNominal[i]), y(result.observed[i]));
    points += line;
    svg.resize(svg.size() - std::string_view(line).size());
  }
  if (!points.empty()) points.pop_back();
  svg += "<polyline points=\"" + points + "\" fill=\"none\" stroke=\"#0a58a8\" stroke-width=\"2\"/>\n";
  for (std::size_t i = 0; i < kNominal.size(); ++i) {
    if (result.observed_of[i] == 0) continue;
    add("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"#0a58a8\"><title>p%.0f: %.1f %% observed, %zu "
        "estimates</title></circle>\n",
        x(kNominal[i]), y(result.observed[i]), 100 * kNominal[i], 100 * result.observed[i],
        result.observed_of[i]);
  }
  svg +=
      "<text x=\"220\" y=\"392\" text-anchor=\"middle\">nominal 标称概率</text>\n"
      "<text x=\"16\" y=\"190\" text-anchor=\"middle\" transform=\"rotate(-90 16 190)\">observed "
      "实际频率</text>\n"
      "</svg>\n";
  return svg;
}

}  // namespace ledger::replay
