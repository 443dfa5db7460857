// Filings through their stages, made up for tests of estimates: stage times in working days as `simulate`
// draws them by default, rejections, rework, abandonment, and announcements in batches. Samples only, no log.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "replay/draws.hpp"
#include "replay/stage_sample.hpp"

namespace ledger::testing {

using projections::Stage;
using projections::StageOutcome;
using replay::StageSample;

inline constexpr std::int64_t kDayUs = 86'400'000'000;

struct CourseOptions {
  std::uint64_t seed = 1;
  unsigned filings = 600;
  double days = 900;  ///< over which they begin and at whose end the log ends
  double batch_days_min = 55, batch_days_max = 70;
  bool by_approval = false;  ///< the cut-off looks at the approval, not at the number
  bool two_series = false;   ///< generation_synthesis is announced on days of its own
  double drift = 0.5;        ///< how much more filings come at the end than in the middle
};

/// A history and when its last event may have been.
struct Courses {
  std::vector<StageSample> samples;
  TimestampUs begin, end;
};

class CourseMaker {
 public:
  explicit CourseMaker(const CourseOptions& options) : options_(options), draws_(options.seed * 7'919 + 17) {}

  Courses make() {
    Courses made;
    // A Monday, 2024-01-01, at 9 o'clock in Shanghai.
    made.begin = TimestampUs{19'723LL * kDayUs + 3'600'000'000};
    made.end = TimestampUs{made.begin.value + static_cast<std::int64_t>(options_.days * kDayUs)};
    make_batches(batches_);
    if (options_.two_series) make_batches(synthesis_batches_);
    for (unsigned i = 0; i < options_.filings; ++i) {
      // Arrivals grow denser: the inverse of a distribution function with a rising slope.
      const double u = draws_.uniform();
      const double share =
          options_.drift > 0
              ? (std::sqrt((1 - options_.drift) * (1 - options_.drift) + 4 * options_.drift * u) -
                 (1 - options_.drift)) /
                    (2 * options_.drift)
              : u;
      one_filing(i, share * options_.days);
    }
    for (const Stay& stay : stays_) {
      if (stay.from >= options_.days) continue;
      StageSample sample = stay.sample;
      sample.entered_at = at(made.begin, stay.from);
      if (stay.outcome && stay.to < options_.days) {
        sample.left_at = at(made.begin, stay.to);
        sample.outcome = stay.outcome;
      }
      made.samples.push_back(sample);
    }
    number(made.samples);
    return made;
  }

 private:
  struct Stay {
    StageSample sample;
    double from = 0, to = 0;
    std::optional<StageOutcome> outcome;
  };

  static TimestampUs at(TimestampUs begin, double day) {
    return {begin.value + static_cast<std::int64_t>(day * static_cast<double>(kDayUs))};
  }

  /// Lognormal with this median and this 90th percentile.
  double lognormal(double median, double p90) {
    return median * std::exp(std::log(p90 / median) / 1.281552 * replay::normal_with_above(draws_.uniform()));
  }

  /// So many working days later: weekends do not count.
  static double work(double from, double working_days) {
    double day = from;
    double left = working_days;
    while (true) {
      const double in_week = day - 7 * std::floor(day / 7);
      if (in_week >= 5) {
        day = 7 * std::floor(day / 7) + 7;
        continue;
      }
      const double until_weekend = 5 - in_week;
      if (left < until_weekend) return day + left;
      left -= until_weekend;
      day += until_weekend;
    }
  }

  void make_batches(std::vector<std::pair<double, double>>& batches) {
    double day = 20 + 40 * draws_.uniform();
    while (day < 3 * options_.days + 2'000) {
      batches.push_back({work(day, 0.1), 10 + 35 * draws_.uniform()});
      day += options_.batch_days_min + (options_.batch_days_max - options_.batch_days_min) * draws_.uniform();
    }
  }

  double stay(const StageSample& of, Stage stage, std::uint32_t attempt, double from, double to,
              std::optional<StageOutcome> outcome) {
    Stay stay{of, from, to, outcome};
    stay.sample.stage = stage;
    stay.sample.attempt = attempt;
    if (stage == Stage::drafting && attempt == 1) stay.sample.type.reset();
    stays_.push_back(stay);
    return to;
  }

  void one_filing(unsigned index, double day) {
    StageSample of;
    of.stream.kind = StreamKind::filing;
    put_be<std::uint64_t>(draws_.next(), of.stream.id.bytes.data());
    put_be<std::uint64_t>(index, of.stream.id.bytes.data() + 8);
    of.type = static_cast<AlgorithmType>(1 + draws_.next() % 6);
    of.role = draws_.uniform() < 0.8 ? AlgorithmRole::provider : AlgorithmRole::technical_supporter;
    of.region = draws_.uniform() < 0.5 ? std::array{'1', '1', '0', '1', '0', '8'}
                                       : std::array{'4', '4', '0', '3', '0', '5'};
    double now = stay(of, Stage::drafting, 1, day, work(day, lognormal(4, 15)), StageOutcome::submitted);
    for (std::uint32_t attempt = 1;; ++attempt) {
      now = stay(of, Stage::queued, attempt, now, work(now, lognormal(2, 5)), StageOutcome::started);
      const bool rejected = draws_.uniform() < (attempt == 1 ? 0.3 : 0.2);
      now = stay(of, Stage::review, attempt, now, work(now, lognormal(32, 55)),
                 rejected ? StageOutcome::rejected : StageOutcome::approved);
      if (!rejected) {
        const double approved = now;
        now = stay(of, Stage::numbering, attempt, now, work(now, std::min(8.0, lognormal(2, 5))),
                   StageOutcome::numbered);
        const bool apart = options_.two_series && of.type == AlgorithmType::generation_synthesis;
        const auto& batches = apart ? synthesis_batches_ : batches_;
        const auto batch = std::ranges::find_if(batches, [&](const auto& announced) {
          return now <= announced.first &&
                 (options_.by_approval ? approved : now) <= announced.first - announced.second;
        });
        stay(of, Stage::publication, attempt, now, batch->first, StageOutcome::published);
        return;
      }
      if (draws_.uniform() < 0.03) {
        stay(of, Stage::rework, attempt + 1, now, 1e9, std::nullopt);
        return;
      }
      now = stay(of, Stage::rework, attempt + 1, now, work(now, lognormal(10, 40)), StageOutcome::submitted);
    }
  }

  static void number(std::vector<StageSample>& samples) {
    std::vector<std::int64_t> moments;
    for (const StageSample& sample : samples) {
      moments.push_back(sample.entered_at.value);
      if (sample.left_at) moments.push_back(sample.left_at->value);
    }
    std::ranges::sort(moments);
    const auto position = [&](TimestampUs at) {
      return static_cast<std::uint64_t>(std::ranges::lower_bound(moments, at.value) - moments.begin());
    };
    for (StageSample& sample : samples) {
      sample.entered_position = position(sample.entered_at);
      if (sample.left_at) sample.left_position = position(*sample.left_at);
    }
  }

  CourseOptions options_;
  replay::Draws draws_;
  std::vector<std::pair<double, double>> synthesis_batches_;
  std::vector<std::pair<double, double>> batches_;  // the day, and how long before it the cut-off lies
  std::vector<Stay> stays_;
};

}  // namespace ledger::testing
