// Working days: the design's vectors, the bounds, what is provisional, and agreement with a loop over days.
#include "events/core/working_days.hpp"

#include <algorithm>
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "events/core/calendars.hpp"
#include "events/core/events.hpp"

using namespace ledger;

namespace {

Date day(std::string_view text) {
  return Date::parse(text).value();
}

const WorkingCalendar& shipped() {
  static const WorkingCalendar calendar(shipped_calendars());
  return calendar;
}

/// The same rules said a second time, one day after the other.
class NaiveCalendar {
 public:
  explicit NaiveCalendar(const std::vector<CalendarPublished>& years) {
    for (const CalendarPublished& year : years) {
      published_[year.year] = true;
      for (const Date off : year.holidays) special_[off] = false;
      for (const Date on : year.working_days) special_[on] = true;
    }
  }
  [[nodiscard]] bool works(Date at) const {
    const auto found = special_.find(at);
    return found != special_.end() ? found->second : !is_weekend(at);
  }
  [[nodiscard]] std::optional<int> unpublished(Date from, Date to) const {
    for (Date at{from.days + 1}; at <= to; ++at.days) {
      if (!published_.contains(at.year())) return at.year();
    }
    return std::nullopt;
  }
  [[nodiscard]] Date add(Date from, std::uint32_t n) const {
    while (n > 0) {
      ++from.days;
      if (works(from)) --n;
    }
    return from;
  }
  [[nodiscard]] std::uint32_t between(Date from, Date to) const {
    std::uint32_t days = 0;
    for (Date at{from.days + 1}; at <= to; ++at.days) days += works(at) ? 1 : 0;
    return days;
  }

 private:
  std::map<Date, bool> special_;
  std::map<int, bool> published_;
};

}  // namespace

TEST_CASE("the vectors of the design hold") {
  struct Vector {
    const char* from;
    std::uint32_t days;
    const char* due;
  };
  for (const Vector& vector : {Vector{"2024-02-08", 30, "2024-03-27"}, Vector{"2025-01-24", 30, "2025-03-13"},
                               Vector{"2025-09-25", 10, "2025-10-15"}, Vector{"2026-02-11", 10, "2026-03-03"},
                               Vector{"2026-04-29", 20, "2026-05-29"}}) {
    CAPTURE(vector.from);
    const auto due = shipped().add(day(vector.from), vector.days);
    REQUIRE(due);
    CHECK(due->day.text() == vector.due);
    CHECK_FALSE(due->unpublished);
    CHECK(shipped().between(day(vector.from), day(vector.due)) == CountedDays{vector.days, std::nullopt});
  }
}

TEST_CASE("holidays are off, adjusted weekends are on, other days are as in any week") {
  CHECK_FALSE(shipped().is_working_day(day("2026-10-01")));  // a Thursday: National Day
  CHECK(shipped().is_working_day(day("2025-01-26")));        // a Sunday before the Spring Festival
  CHECK(shipped().is_working_day(day("2005-12-31")));        // a Saturday for New Year 2006
  CHECK_FALSE(shipped().is_working_day(day("2026-06-13")));  // a plain Saturday
  CHECK(shipped().is_working_day(day("2026-06-15")));        // a plain Monday
  CHECK_FALSE(shipped().is_working_day(day("2030-01-05")));
  CHECK(shipped().is_working_day(day("2030-01-01")));  // not published: as if it were any Tuesday
}

TEST_CASE("each shipped year moves days and makes none") {
  // Weekdays off less weekends worked are the statutory days, once the end of December counts with the New
  // Year.
  std::map<int, int> balance;
  for (const CalendarPublished& year : shipped_calendars()) {
    CAPTURE(year.year);
    CHECK(calendar_errors(year).empty());
    const Date late = day(std::to_string(year.year) + "-12-29");
    for (const Date off : year.holidays) ++balance[off < late ? year.year : year.year + 1];
    for (const Date on : year.working_days) --balance[on < late ? year.year : year.year + 1];
  }
  for (const auto& [year, days] : balance) {
    CAPTURE(year);
    if (year > 2026) continue;
    int granted = year < 2008 ? 10 : (year < 2025 ? 11 : 13);
    if (year == 2015) granted = 12;
    if (year == 2020) granted = 13;
    CHECK(days == granted);
  }
  CHECK(balance.begin()->first == 2004);
  CHECK(shipped().published() == 23);
}

TEST_CASE("the first day is not counted, also where it is no working day") {
  CHECK(shipped().add(day("2026-06-12"), 0)->day == day("2026-06-12"));
  CHECK(shipped().add(day("2026-06-13"), 0)->day == day("2026-06-13"));
  CHECK(shipped().add(day("2026-06-12"), 1)->day == day("2026-06-15"));
  CHECK(shipped().add(day("2026-06-13"), 1)->day == day("2026-06-15"));
  CHECK(shipped().between(day("2026-06-12"), day("2026-06-12"))->days == 0);
  CHECK(shipped().between(day("2026-06-15"), day("2026-06-12"))->days == 0);
}

TEST_CASE("a year without a calendar makes the answer provisional, and only where it was counted through") {
  CHECK_FALSE(shipped().add(day("2026-12-01"), 22)->unpublished);
  CHECK(shipped().add(day("2026-12-01"), 22)->day == day("2026-12-31"));
  const auto beyond = shipped().add(day("2026-12-01"), 23);
  CHECK(beyond->unpublished == 2027);
  CHECK(beyond->day == day("2027-01-01"));  // as if New Year were worked
  CHECK(shipped().between(day("2026-12-31"), day("2027-01-04"))->unpublished == 2027);
  // The day before the count is not counted, so its year is not asked for.
  CHECK_FALSE(shipped().between(day("2003-12-31"), day("2004-01-05"))->unpublished);
  CHECK(shipped().between(day("2003-12-30"), day("2004-01-05"))->unpublished == 2003);
  CHECK_FALSE(shipped().add(day("2027-05-01"), 0)->unpublished);
  CHECK(WorkingCalendar().add(day("2024-02-08"), 30) == CountedDay{day("2024-03-21"), 2024});
}

TEST_CASE("a calendar that is published later mends what was provisional") {
  auto years = shipped_calendars();
  years.push_back({2027, {day("2027-01-01")}, {day("2027-01-03")}, "a notice"});
  const WorkingCalendar mended(years);
  CHECK(mended.add(day("2026-12-31"), 1) == CountedDay{day("2027-01-03"), std::nullopt});
  CHECK(mended.add(day("2026-12-31"), 2) == CountedDay{day("2027-01-04"), std::nullopt});
  CHECK(mended.is_published(2027));
  CHECK_FALSE(mended.is_published(2028));
  CHECK_FALSE(mended.is_published(-1));
}

TEST_CASE("days outside the calendar's bounds are refused, never counted") {
  const auto outside = std::unexpected(CountFault::outside_calendar);
  CHECK(kLastCountedDay == day("2199-12-31"));
  for (const Date at : {Date{-1}, Date{kLastCountedDay.days + 1}, Date{2'147'483'647}, Date{-2'147'483'647},
                        day("9999-12-31")}) {
    CAPTURE(at.days);
    CHECK(shipped().add(at, 1) == outside);
    CHECK(shipped().add(at, 0) == outside);
    CHECK(shipped().between(at, day("2026-01-01")) == outside);
    CHECK(shipped().between(day("2026-01-01"), at) == outside);
    CHECK_FALSE(shipped().is_working_day(at));
    CHECK_FALSE(deadline(shipped(), at, 10, day("2026-01-01")));
  }
  CHECK(shipped().add(kLastCountedDay, 1) == outside);
  CHECK(shipped().add(day("2199-12-30"), 1)->day == kLastCountedDay);
  CHECK(shipped().add(day("2199-12-30"), 2) == outside);
  CHECK(shipped().add(day("2026-01-01"), 4'000'000'000) == outside);
  CHECK(shipped().add(kFirstCountedDay, 1)->day == day("1970-01-02"));
}

TEST_CASE("a deadline is kept on its day and missed the day after") {
  const Date launched = day("2026-02-11");
  CHECK(deadline(shipped(), launched, kFirstFilingDays, day("2026-03-03")) ==
        Deadline{day("2026-03-03"), false, std::nullopt});
  CHECK(deadline(shipped(), launched, kFirstFilingDays, day("2026-03-04")) ==
        Deadline{day("2026-03-03"), true, std::nullopt});
  CHECK(deadline(shipped(), day("2026-04-29"), kCancellationDays, day("2026-05-29"))->overdue == false);
}

TEST_CASE("moments become days of Asia/Shanghai") {
  CHECK(Date::of(TimestampUs::parse("2026-06-12T15:59:59.999999Z").value()) == day("2026-06-12"));
  CHECK(Date::of(TimestampUs::parse("2026-06-12T16:00:00Z").value()) == day("2026-06-13"));
}

TEST_CASE("counting agrees with a loop over days, for any calendar") {
  const std::uint32_t seed = GENERATE(1u, 2u, 3u, 4u);
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto pick = [&](std::uint32_t below) { return static_cast<std::int32_t>(random() % below); };
  // Some of the shipped years, and made-up ones with days at random.
  std::vector<CalendarPublished> years;
  for (CalendarPublished& year : shipped_calendars()) {
    if (pick(4) != 0) years.push_back(std::move(year));
  }
  for (int year = 2027; year < 2035; ++year) {
    if (pick(3) == 0) continue;
    CalendarPublished& made = years.emplace_back();
    made.year = static_cast<std::uint16_t>(year);
    for (Date at = day(std::to_string(year) + "-01-01"); at.year() == year; ++at.days) {
      if (pick(9) == 0) (is_weekend(at) ? made.working_days : made.holidays).push_back(at);
    }
  }
  std::ranges::shuffle(years, random);
  const WorkingCalendar calendar(years);
  const NaiveCalendar naive(years);
  const Date first = day("2002-11-01");
  for (int i = 0; i < 2'000; ++i) {
    const Date from{first.days + pick(34 * 365)};
    const auto n = static_cast<std::uint32_t>(pick(i % 10 == 0 ? 700 : 40));
    const Date due = naive.add(from, n);
    REQUIRE(calendar.add(from, n) == CountedDay{due, naive.unpublished(from, due)});
    const Date to{from.days + pick(400)};
    REQUIRE(calendar.between(from, to) == CountedDays{naive.between(from, to), naive.unpublished(from, to)});
    REQUIRE(calendar.is_working_day(from) == naive.works(from));
    REQUIRE(calendar.between(from, due)->days == n);
  }
}
