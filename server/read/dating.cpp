#include "server/read/dating.hpp"

#include <string>

#include "events/store/engine.hpp"
#include "projections/read_models.hpp"
#include "replay/as_of.hpp"
#include "server/api/context.hpp"

namespace ledger::server {

Dating dating_of(const ReadContext& context, const store::Snapshot& snapshot) {
  return {context.models.calendars.calendar(snapshot.views()), context.today()};
}

Dating dating_of(const ReadContext& context, const store::Snapshot& snapshot,
                 const std::optional<std::uint64_t>& position, const std::optional<TimestampUs>& time) {
  if (!position) return dating_of(context, snapshot);
  return {context.models.calendars.calendar_at(snapshot.views(), *position),
          Date::of(time ? *time : replay::recorded_at(snapshot, *position))};
}

void write_deadline(projections::JsonWriter& json, const std::optional<Deadline>& deadline,
                    std::string_view missed) {
  if (!deadline) {
    json.member("due_on", nullptr).member(missed, nullptr).member("due_provisional", nullptr);
    return;
  }
  json.member("due_on", deadline->due_on.text()).member(missed, deadline->overdue);
  json.member("due_provisional", deadline->unpublished.has_value());
  if (deadline->unpublished) {
    json.key("due_provisional_reason");
    write_unpublished(json, *deadline->unpublished);
  }
}

void write_unpublished(projections::JsonWriter& json, int year) {
  const std::string number = std::to_string(year);
  json.begin_object().member("code", "calendar_unpublished").member("year", year);
  json.key("title").begin_object();
  json.member("zh", number + " 年工作日历尚未发布，暂按周末休息计算");
  json.member("en", "The calendar of " + number + " is not published: only its weekends count as days off");
  json.end_object().end_object();
}

void write_day(projections::JsonWriter& json, std::string_view name, const std::optional<Date>& day) {
  json.key(name);
  if (day) {
    json.value(day->text());
  } else {
    json.value(nullptr);
  }
}

}  // namespace ledger::server
