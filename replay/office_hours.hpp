// The time in which people work: working days in Asia/Shanghai from 9 to 18 o'clock, laid end to end. A stay
// of so many working days is a stretch of it, wherever nights, weekends and holidays fall. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "events/core/types.hpp"

namespace ledger::replay {

/// Monday to Friday.
[[nodiscard]] bool is_weekday(Date day);
/// Midnight in Asia/Shanghai at which a day begins.
[[nodiscard]] TimestampUs start_of(Date day);

class OfficeHours {
 public:
  /// Knows the days from `first` to `last`, at least one of them a working day. Moments outside count as the
  /// nearest one inside.
  OfficeHours(Date first, Date last, const std::function<bool(Date)>& is_working_day = is_weekday);

  /// Working time before a moment, in microseconds; a working day has nine hours of it.
  [[nodiscard]] std::int64_t worked(TimestampUs at) const;
  /// The first moment before which so much working time lies.
  [[nodiscard]] TimestampUs moment(std::int64_t worked) const;
  /// The moment so many working days later, or earlier; to the millisecond.
  [[nodiscard]] TimestampUs after(TimestampUs at, double working_days) const;
  /// Nine o'clock of the first working day that is not before this day.
  [[nodiscard]] TimestampUs opening(Date day) const;
  /// How many working days there are in all, and the i-th of them.
  [[nodiscard]] std::size_t days() const { return days_.size(); }
  [[nodiscard]] Date day(std::size_t i) const { return {days_[i]}; }

 private:
  std::int32_t first_;
  std::vector<std::int32_t> before_;  ///< by day from `first_`: working days before it
  std::vector<std::int32_t> days_;    ///< the working days
};

/// Microseconds of one working day.
inline constexpr std::int64_t kWorkingDayUs = std::int64_t{9} * 3600 * 1'000'000;

}  // namespace ledger::replay
