#include "events/core/calendars.hpp"

#include <optional>
#include <string>

#include "events/core/limits.hpp"
#include "schema/calendars.hpp"

namespace ledger {
namespace {

std::string between(std::size_t least, std::size_t most) {
  return std::to_string(least) + " to " + std::to_string(most);
}

/// Errors of one list of days: each in the year (where it is one that a day could lie in), each once,
/// ascending, all of the one kind.
void check_days(std::vector<FieldError>& errors, const std::string& list, const std::vector<Date>& days,
                std::optional<int> year, bool weekends) {
  for (std::size_t i = 0; i < days.size(); ++i) {
    const auto wrong = [&](std::string code, std::string detail) {
      errors.push_back({list + '/' + std::to_string(i), std::move(code), std::move(detail)});
    };
    if (year && days[i].year() != *year) {
      wrong("out_of_range", "a day of the calendar's own year");
    } else if (i > 0 && days[i] == days[i - 1]) {
      wrong("duplicate_item", "named once is enough");
    } else if (i > 0 && days[i] < days[i - 1]) {
      wrong("not_ascending", "days in the order of the calendar");
    } else if (is_weekend(days[i]) != weekends) {
      if (weekends) {
        wrong("weekday_day", "a Saturday or Sunday: Monday to Friday are worked anyway");
      } else {
        wrong("weekend_day", "Monday to Friday: Saturdays and Sundays are off anyway");
      }
    }
  }
}

}  // namespace

bool is_weekend(Date day) {
  // 1970-01-01 was a Thursday; Monday is 0.
  const std::int32_t weekday = ((day.days + 3) % 7 + 7) % 7;
  return weekday >= 5;
}

std::vector<FieldError> calendar_errors(const CalendarPublished& calendar) {
  std::vector<FieldError> errors;
  const bool year_fits = kCalendarYearMin <= calendar.year && calendar.year <= kCalendarYearMax;
  if (!year_fits) {
    errors.push_back({"/year", "out_of_range", between(kCalendarYearMin, kCalendarYearMax)});
  }
  // Every year has statutory holidays, and not all of them fall on weekends.
  if (calendar.holidays.empty()) errors.push_back({"/holidays", "required", "the weekdays that are off"});
  const auto check = [&](const std::string& list, const std::vector<Date>& days, std::size_t most,
                         bool weekends) {
    if (days.size() > most) {
      errors.push_back({list, "too_many_items", "at most " + std::to_string(most) + " days"});
    } else {
      check_days(errors, list, days, year_fits ? std::optional<int>(calendar.year) : std::nullopt, weekends);
    }
  };
  check("/holidays", calendar.holidays, limits::kCalendarHolidaysMax, false);
  check("/working_days", calendar.working_days, limits::kCalendarWorkingDaysMax, true);
  if (calendar.source.empty()) errors.push_back({"/source", "required", "the notice that fixes the days"});
  return errors;
}

std::vector<CalendarPublished> shipped_calendars() {
  std::vector<CalendarPublished> calendars;
  for (const schema::CalendarYear& year : schema::calendar_years()) {
    CalendarPublished& calendar = calendars.emplace_back();
    calendar.year = year.year;
    for (const std::int32_t day : year.holidays) calendar.holidays.push_back({day});
    for (const std::int32_t day : year.working_days) calendar.working_days.push_back({day});
    calendar.source = schema::kCalendarSource;
  }
  return calendars;
}

}  // namespace ledger
