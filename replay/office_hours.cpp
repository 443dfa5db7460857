#include "replay/office_hours.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace ledger::replay {
namespace {

constexpr std::int64_t kHourUs = std::int64_t{3600} * 1'000'000;
constexpr std::int64_t kDayUs = 24 * kHourUs;
constexpr std::int64_t kOpens = 9 * kHourUs;
constexpr std::int64_t kZone = 8 * kHourUs;

}  // namespace

bool is_weekday(Date day) {
  // 1970-01-01 was a Thursday.
  return (day.days + 3) % 7 < 5;
}

TimestampUs start_of(Date day) {
  return {day.days * kDayUs - kZone};
}

OfficeHours::OfficeHours(Date first, Date last, const std::function<bool(Date)>& is_working_day)
    : first_(first.days) {
  for (std::int32_t day = first.days; day <= last.days; ++day) {
    before_.push_back(static_cast<std::int32_t>(days_.size()));
    if (is_working_day({day})) days_.push_back(day);
  }
  if (days_.empty()) throw std::invalid_argument("no working day");
}

std::int64_t OfficeHours::worked(TimestampUs at) const {
  const std::int32_t day = Date::of(at).days;
  if (day < first_) return 0;
  const auto index = static_cast<std::size_t>(day - first_);
  if (index >= before_.size()) return static_cast<std::int64_t>(days_.size()) * kWorkingDayUs;
  const std::int64_t whole = before_[index] * kWorkingDayUs;
  const auto next = static_cast<std::size_t>(before_[index]);
  if (next >= days_.size() || days_[next] != day) return whole;
  return whole + std::clamp<std::int64_t>(at.value - start_of({day}).value - kOpens, 0, kWorkingDayUs);
}

TimestampUs OfficeHours::moment(std::int64_t worked) const {
  const std::int64_t last = static_cast<std::int64_t>(days_.size()) - 1;
  const std::int64_t day = std::clamp<std::int64_t>(worked / kWorkingDayUs, 0, last);
  const std::int64_t rest = std::clamp<std::int64_t>(worked - day * kWorkingDayUs, 0, kWorkingDayUs);
  return {start_of({days_[static_cast<std::size_t>(day)]}).value + kOpens + rest};
}

TimestampUs OfficeHours::after(TimestampUs at, double working_days) const {
  const auto more =
      static_cast<std::int64_t>(std::llround(working_days * (static_cast<double>(kWorkingDayUs) / 1000.0)));
  return moment(worked(at) + more * 1000);
}

TimestampUs OfficeHours::opening(Date day) const {
  const auto found = std::ranges::lower_bound(days_, day.days);
  return {start_of({found != days_.end() ? *found : days_.back()}).value + kOpens};
}

}  // namespace ledger::replay
