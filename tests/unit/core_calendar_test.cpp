// Publishing a year's working-day calendar as the core decides on it.
#include "events/core/calendars.hpp"
#include "events/core/limits.hpp"
#include "tests/support/core_story.hpp"

using namespace ledger;
using namespace ledger::test;
using Strings = std::vector<std::string>;

namespace {

Date day(std::string_view text) {
  return Date::parse(text).value();
}

CalendarPublished year_2027() {
  return {2027, {day("2027-01-01"), day("2027-02-08")}, {day("2027-02-20")}, "a notice"};
}

}  // namespace

TEST_CASE("an admin publishes the calendar of a year, once and for ever") {
  Story s;
  s.must(PublishCalendar{year_2027()}, s.ledger.admin());
  CHECK(s.ledger.ledger().calendars == std::vector<std::uint16_t>{2027});
  const Event& event = s.ledger.log.back();
  CHECK(event.header.stream == StreamId{});
  CHECK(std::get<CalendarPublished>(event.payload).holidays == year_2027().holidays);

  CHECK(s.ask(PublishCalendar{year_2027()}, s.ledger.admin()) == "calendar_published");
  CalendarPublished other = year_2027();
  other.holidays.pop_back();
  CHECK(s.ask(PublishCalendar{other}, s.ledger.admin()) == "calendar_published");
  CHECK(s.ledger.ledger().calendars.size() == 1);
}

TEST_CASE("years may be published in any order, and each shipped one is fit to be") {
  Story s;
  auto years = shipped_calendars();
  std::swap(years.front(), years.back());
  for (const CalendarPublished& year : years) s.must(PublishCalendar{year}, s.ledger.admin());
  CHECK(s.ledger.ledger().calendars.front() == 2026);
  CHECK(s.ledger.ledger().calendars.size() == years.size());
}

TEST_CASE("nobody but an admin publishes a calendar") {
  Story s;
  for (const Person& person :
       {s.initial, s.reviewer, s.registrar, s.supervisor, s.filer, s.nobody, s.ledger.staff(Role::auditor)}) {
    CHECK(s.ask(PublishCalendar{year_2027()}, person) == "role_forbidden");
  }
}

TEST_CASE("everything that is wrong with a calendar is told at once") {
  Story s;
  const Person admin = s.ledger.admin();
  CHECK(s.errors(PublishCalendar{}, admin) ==
        Strings{"/year out_of_range", "/holidays required", "/source required"});
  CalendarPublished wrong{2027,
                          {day("2027-01-01"), day("2027-01-01"), day("2027-05-03"), day("2027-02-08"),
                           day("2027-10-02"), day("2026-10-01")},
                          {day("2027-02-22"), day("2028-02-19")},
                          ""};
  CHECK(s.errors(PublishCalendar{wrong}, admin) ==
        Strings{"/holidays/1 duplicate_item", "/holidays/3 not_ascending", "/holidays/4 weekend_day",
                "/holidays/5 out_of_range", "/working_days/0 weekday_day", "/working_days/1 out_of_range",
                "/source required"});
  CHECK(s.ledger.ledger().calendars.empty());
}

TEST_CASE("years and sizes are bounded") {
  Story s;
  const Person admin = s.ledger.admin();
  for (const int year : {1999, 2101}) {
    const CalendarPublished other{
        static_cast<std::uint16_t>(year), {day(std::to_string(year) + "-03-01")}, {}, "a notice"};
    CHECK(s.errors(PublishCalendar{other}, admin) == Strings{"/year out_of_range"});
  }
  CalendarPublished long_year{2027, {}, {}, "a notice"};
  for (Date at = day("2027-01-01"); at.year() == 2027; ++at.days) {
    (is_weekend(at) ? long_year.working_days : long_year.holidays).push_back(at);
  }
  CHECK(s.errors(PublishCalendar{long_year}, admin) ==
        Strings{"/holidays too_many_items", "/working_days too_many_items"});
  long_year.holidays.resize(limits::kCalendarHolidaysMax);
  long_year.working_days.resize(limits::kCalendarWorkingDaysMax);
  CHECK(s.ask(PublishCalendar{long_year}, admin) == "ok");
  const CalendarPublished last{2100, {day("2100-01-01")}, {}, "a notice"};
  CHECK(s.ask(PublishCalendar{last}, admin) == "ok");
}

TEST_CASE("no door appends a calendar that a command would refuse") {
  Story s;
  const Person admin = s.ledger.admin();
  const auto judged = [&](CalendarPublished calendar, const Person& person) {
    const auto violation =
        s.ledger.judge(StreamId{}, std::move(calendar), person, s.ledger.ledger().version + 1);
    return violation ? std::string(violation->rule) : "ok";
  };
  CHECK(judged(year_2027(), admin) == "ok");
  CHECK(judged(year_2027(), Person{s.ledger.fresh(), Role::operator_, {}}) == "ok");
  CHECK(judged(year_2027(), s.reviewer) == "role");
  CalendarPublished unsorted = year_2027();
  std::swap(unsorted.holidays[0], unsorted.holidays[1]);
  CHECK(judged(unsorted, admin) == "calendar");
  s.must(PublishCalendar{year_2027()}, admin);
  CHECK(judged(year_2027(), admin) == "unique");
}
