#include "replay/duration_curve.hpp"

#include <algorithm>

namespace ledger::replay {
namespace {

constexpr std::size_t kTailEndsMin = 10;

double ratio(double numerator, double denominator) {
  return denominator > 0 ? numerator / denominator : 0;
}

}  // namespace

double normal_with_above(double above) {
  // Of the smaller side, so that nothing is lost far out.
  const bool flipped = above > 0.5;
  const double p = flipped ? 1 - above : above;
  double z = 0;
  if (p < 0.02425) {
    const double q = std::sqrt(-2 * std::log(p));
    z = -(((((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838) * q -
            2.549732539343734) *
               q +
           4.374664141464968) *
              q +
          2.938163982698783) /
        ((((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996) * q +
          3.754408661907416) *
             q +
         1);
  } else {
    const double q = p - 0.5;
    const double r = q * q;
    z = -(((((-3.969683028665376e+01 * r + 2.209460984245205e+02) * r - 2.759285104469687e+02) * r +
            1.383577518672690e+02) *
               r -
           3.066479806614716e+01) *
              r +
          2.506628277459239) *
        q /
        (((((-5.447609879822406e+01 * r + 1.615858368580409e+02) * r - 1.556989798598866e+02) * r +
           6.680131188771972e+01) *
              r -
          1.328068155288572e+01) *
             r +
         1);
  }
  const double error = p - normal_above(z);
  const double slope = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
  if (slope > 0) {
    // normal_above falls with z.
    const double step = -error / slope;
    z += step / (1 - z * step / 2);
  }
  return flipped ? -z : z;
}

DurationCurve::DurationCurve(std::span<const DurationRow> rows, Holder holder)
    : visits_(rows.size()), holder_(holder) {
  double survival = 1;
  double onward = 0;
  double back = 0;
  for (std::size_t i = 0; i < rows.size();) {
    const std::uint32_t hours = rows[i].hours;
    const std::size_t at_risk = rows.size() - i;
    std::size_t ends[3] = {};
    for (; i < rows.size() && rows[i].hours == hours; ++i) {
      if (rows[i].way) ++ends[static_cast<std::size_t>(*rows[i].way)];
    }
    const std::size_t all = ends[0] + ends[1] + ends[2];
    if (all == 0) continue;
    const double each = survival / static_cast<double>(at_risk);
    onward += each * static_cast<double>(ends[0]);
    back += each * static_cast<double>(ends[1]);
    // As a product, so that a curve whose last visit ended is exactly empty.
    survival *= static_cast<double>(at_risk - all) / static_cast<double>(at_risk);
    points_.push_back({static_cast<double>(hours), 1 - survival, onward, back, at_risk});
    finished_ += all;
    for (std::size_t way = 0; way < 3; ++way) ways_[way] += ends[way];
  }
  if (points_.empty()) return;

  // The tail: the ends after `from` over the time that visits spent after it.
  const std::size_t wanted = std::min(finished_, std::max(kTailEndsMin, finished_ / 10));
  std::size_t ends = 0;
  double ways[3] = {};
  double from = 0;
  for (std::size_t i = rows.size(); i-- > 0;) {
    if (!rows[i].way) continue;
    from = rows[i].hours;
    if (ends == wanted) break;
    ++ends;
    ways[static_cast<std::size_t>(*rows[i].way)] += 1;
    if (ends == finished_) from = 0;
  }
  double spent = 0;
  for (const DurationRow& row : rows) spent += std::max(0.0, row.hours - from);
  tail_mean_ = std::max({spent / static_cast<double>(ends), points_.back().hours / 20, 1.0});
  tail_onward_ = ratio(ways[0], static_cast<double>(ends));
  tail_back_ = ratio(ways[1], static_cast<double>(ends));
}

std::size_t DurationCurve::first_after(double hours) const {
  return static_cast<std::size_t>(std::ranges::upper_bound(points_, hours, {}, &Point::hours) -
                                  points_.begin());
}

std::size_t DurationCurve::at_risk_beyond(double hours) const {
  const std::size_t next = first_after(hours);
  return next < points_.size() ? points_[next].at_risk : 0;
}

DurationCurve::End DurationCurve::tail(Draws& draws, double elapsed, double from) const {
  const double hours = from - elapsed + draws.exponential(tail_mean_);
  const double which = draws.uniform();
  return {hours, which < tail_onward_                ? WayOut::onward
                 : which < tail_onward_ + tail_back_ ? WayOut::back
                                                     : WayOut::out};
}

std::optional<DurationCurve::End> DurationCurve::draw(Draws& draws, double elapsed) const {
  if (points_.empty()) return std::nullopt;
  const std::size_t next = first_after(elapsed);
  const Point before = next > 0 ? points_[next - 1] : Point{};
  const double left = 1 - before.ended;
  const double target = before.ended + draws.uniform() * left;
  const auto found = std::ranges::lower_bound(points_.begin() + static_cast<std::ptrdiff_t>(next),
                                              points_.end(), target, {}, &Point::ended);
  if (found == points_.end()) {
    if (holder_ == Holder::filer && left > 0) return std::nullopt;
    return tail(draws, elapsed, std::max(elapsed, points_.back().hours));
  }
  const Point earlier = found == points_.begin() ? Point{} : *(found - 1);
  const double which = draws.uniform() * (found->ended - earlier.ended);
  const double onward = found->onward - earlier.onward;
  const double back = found->back - earlier.back;
  return End{found->hours - elapsed, which < onward          ? WayOut::onward
                                     : which < onward + back ? WayOut::back
                                                             : WayOut::out};
}

std::optional<DurationCurve::End> DurationCurve::draw(Draws& draws, double elapsed, WayOut way) const {
  if (points_.empty()) return std::nullopt;
  const auto ended = [&](const Point& point) {
    return way == WayOut::onward ? point.onward
           : way == WayOut::back ? point.back
                                 : point.ended - point.onward - point.back;
  };
  const std::size_t next = first_after(elapsed);
  const double before = next > 0 ? ended(points_[next - 1]) : 0;
  const double left = ended(points_.back()) - before;
  if (left <= 1e-12) {
    auto end = draw(draws, elapsed);
    if (!end) end = tail(draws, elapsed, std::max(elapsed, points_.back().hours));
    end->way = way;
    return end;
  }
  const double target = before + draws.uniform() * left;
  auto found = std::ranges::lower_bound(points_.begin() + static_cast<std::ptrdiff_t>(next), points_.end(),
                                        target, {}, ended);
  if (found == points_.end()) --found;
  return End{found->hours - elapsed, way};
}

}  // namespace ledger::replay
