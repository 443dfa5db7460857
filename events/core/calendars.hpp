// What a published calendar must be, and those that ship with the program. Pure; any thread.
#pragma once

#include <vector>

#include "events/core/events.hpp"
#include "events/core/refusal.hpp"

namespace ledger {

/// Years whose calendar may be published.
inline constexpr int kCalendarYearMin = 2000;
inline constexpr int kCalendarYearMax = 2100;

/// Saturday or Sunday.
[[nodiscard]] bool is_weekend(Date day);

/// Everything that keeps a calendar from being published, each with where it stands in the body of
/// `POST /v1/calendars`: `/year`, `/holidays/3`, `/working_days/0`, `/source`. Codes: `required`,
/// `out_of_range` (a year outside the bounds, a day outside the year), `weekend_day` (a holiday that is off
/// anyway), `weekday_day` (a working day that is one anyway), `duplicate_item`, `not_ascending`,
/// `too_many_items`.
[[nodiscard]] std::vector<FieldError> calendar_errors(const CalendarPublished& calendar);

/// The calendars that ship with the program (schema/calendars.hpp), ascending by year.
[[nodiscard]] std::vector<CalendarPublished> shipped_calendars();

}  // namespace ledger
