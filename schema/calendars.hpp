// The working-day calendar 工作日历 of the People's Republic of China, as far as it ships with the program:
// for each year the weekdays that are holidays and the weekends that are worked (调休). Constant tables,
// built from schema/calendars/prc.csv (what it was made from and checked against:
// schema/calendars/README.md). Any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ledger::schema {

/// One year. Days count from 1970-01-01, ascend, and lie in the year.
struct CalendarYear {
  std::uint16_t year = 0;
  std::span<const std::int32_t> holidays;      ///< Mondays to Fridays off
  std::span<const std::int32_t> working_days;  ///< Saturdays and Sundays worked
};

/// Every shipped year, ascending without a gap.
[[nodiscard]] std::span<const CalendarYear> calendar_years();

/// What the `source` of a published year says of these.
inline constexpr std::string_view kCalendarSource =
    "国务院办公厅各年度节假日安排通知 (State Council holiday notices), from schema/calendars/prc.csv";

}  // namespace ledger::schema
