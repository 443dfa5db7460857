// The working-day calendar of a year, published once.
#include <algorithm>

#include "events/core/calendars.hpp"
#include "events/core/guards.hpp"

namespace ledger {

Decided decide_on(const PublishCalendar& command, const Lookup& lookup, const Context&) {
  if (auto errors = calendar_errors(command.calendar); !errors.empty())
    return refuse_fields(std::move(errors));
  if (lookup.ledger().has_calendar(command.calendar.year)) {
    return refuse("calendar_published", "what a year's calendar says stands for ever");
  }
  return decided(StreamKind::ledger, {}, command.calendar);
}

}  // namespace ledger
