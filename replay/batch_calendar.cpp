#include "replay/batch_calendar.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ledger::replay {
namespace {

constexpr double kUsAnHour = 3.6e9;
/// Publications on this many days in a row are one batch.
constexpr std::int32_t kBatchDays = 3;
/// A walk does not look further than this many batches ahead.
constexpr int kBatchesAhead = 200;

double hours_between(TimestampUs from, TimestampUs to) {
  return static_cast<double>(to.value - from.value) / kUsAnHour;
}

double deviation(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / (n - 1));
}

/// Silverman's rule for a Gaussian kernel, wider where a handful of values says little about their spread.
double kernel_width(std::span<const double> values) {
  if (values.empty()) return 0;
  const auto n = static_cast<double>(values.size());
  return deviation(values) * std::sqrt(1.06 * 1.06 * std::pow(n, -0.4) + 4 / (n * n));
}

double pick(Draws& draws, std::span<const double> values, double width) {
  const auto which = static_cast<std::size_t>(draws.uniform() * static_cast<double>(values.size()));
  const double z = normal_with_above(draws.uniform());
  return values[which] + width * z;
}

}  // namespace

BatchCalendar::BatchCalendar(std::vector<Announceable> filings) {
  std::vector<TimestampUs> published;
  for (const Announceable& filing : filings) {
    if (filing.published_at) published.push_back(*filing.published_at);
  }
  std::ranges::sort(published);
  std::vector<TimestampUs> lasts;
  for (const TimestampUs at : published) {
    if (batches_.empty() || Date::of(at).days - Date::of(batches_.back()).days >= kBatchDays) {
      batches_.push_back(at);
      lasts.push_back(at);
    }
    lasts.back() = at;
  }
  if (batches_.size() < kBatchesMin) return;

  for (std::size_t i = 1; i < batches_.size(); ++i)
    log_intervals_.push_back(std::log(hours_between(batches_[i - 1], batches_[i])));
  interval_width_ = kernel_width(log_intervals_);
  const double mean =
      hours_between(batches_.front(), batches_.back()) / static_cast<double>(log_intervals_.size());
  overdue_mean_ = mean * std::max(deviation(log_intervals_), 0.05);

  std::ranges::sort(filings, {}, &Announceable::ready_at);
  for (std::size_t i = 0; i < batches_.size(); ++i) read_cut_off(filings, i, lasts[i]);
  lag_width_ = kernel_width(lags_);
}

void BatchCalendar::read_cut_off(std::span<const Announceable> filings, std::size_t batch,
                                 TimestampUs last_of_batch) {
  // The cut that puts the fewest filings on the wrong side: those in the batch before it, the others behind.
  struct Candidate {
    TimestampUs ready_at;
    bool in = false;
  };
  std::vector<Candidate> candidates;
  for (const Announceable& filing : filings) {
    if (filing.ready_at > batches_[batch]) break;
    if (filing.published_at && *filing.published_at < batches_[batch]) continue;
    candidates.push_back({filing.ready_at, filing.published_at && *filing.published_at <= last_of_batch});
  }
  if (candidates.empty()) return;
  std::size_t wrong = static_cast<std::size_t>(std::ranges::count(candidates, true, &Candidate::in));
  std::size_t best = wrong;
  std::size_t cut = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    wrong = candidates[i].in ? wrong - 1 : wrong + 1;
    if (wrong <= best) {
      best = wrong;
      cut = i + 1;
    }
  }
  misplaced_ += best;
  if (cut == 0) return;
  eligible_ += cut;
  for (std::size_t i = 0; i < cut; ++i) passed_over_ += candidates[i].in ? 0 : 1;
  // It lay between the last that made it and the first that did not: in the middle, for want of better.
  const double last_in = hours_between(candidates[cut - 1].ready_at, batches_[batch]);
  const double first_out =
      cut < candidates.size() ? hours_between(candidates[cut].ready_at, batches_[batch]) : 0;
  lags_.push_back((last_in + first_out) / 2);
}

double BatchCalendar::interval(Draws& draws) const {
  return std::exp(pick(draws, log_intervals_, interval_width_));
}

double BatchCalendar::lag(Draws& draws) const {
  return lags_.empty() ? 0 : std::max(0.0, pick(draws, lags_, lag_width_));
}

BatchCalendar::View::View(const BatchCalendar& calendar, TimestampUs now)
    : calendar_(calendar), since_last_(std::max(0.0, hours_between(calendar.batches_.back(), now))) {
  double sum = 0;
  for (const double log_interval : calendar.log_intervals_) {
    const double behind = since_last_ > 0 ? std::log(since_last_) - log_interval : -1e9;
    sum += calendar.interval_width_ > 0 ? normal_above(behind / calendar.interval_width_)
           : behind < 0                 ? 1
                                        : 0;
    weights_.push_back(sum);
  }
}

double BatchCalendar::View::first_interval(Draws& draws) const {
  const double sum = weights_.back();
  // Later than any interval lets expect: nothing but how much they differ is left to go by.
  if (sum < 1e-9) return since_last_ + draws.exponential(calendar_.overdue_mean_);
  const double target = draws.uniform() * sum;
  const auto found = std::ranges::lower_bound(weights_, target);
  const double log_interval = calendar_.log_intervals_[static_cast<std::size_t>(found - weights_.begin())];
  const double width = calendar_.interval_width_;
  if (width <= 0) return std::exp(log_interval);
  const double least = since_last_ > 0 ? (std::log(since_last_) - log_interval) / width : -38.0;
  const double z = normal_with_above(std::max(normal_above(least) * draws.uniform(), 1e-300));
  return std::max(since_last_, std::exp(log_interval + width * z));
}

double BatchCalendar::View::publication(Draws& draws, double ready, double earliest) const {
  const double passed_over = calendar_.eligible_ > 0 ? static_cast<double>(calendar_.passed_over_) /
                                                           static_cast<double>(calendar_.eligible_)
                                                     : 0;
  double batch = first_interval(draws) - since_last_;
  for (int ahead = 0; ahead < kBatchesAhead; ++ahead) {
    const bool in_time = earliest <= batch && ready <= batch - calendar_.lag(draws);
    if (in_time && (passed_over <= 0 || draws.uniform() >= passed_over)) return batch;
    batch += calendar_.interval(draws);
  }
  return batch;
}

}  // namespace ledger::replay
