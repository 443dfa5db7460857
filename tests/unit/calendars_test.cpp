// The read model of published calendars, and the queue's due dates counted with them.
#include "projections/calendars.hpp"

#include <catch2/catch.hpp>

#include "events/core/calendars.hpp"
#include "tests/support/folded_views.hpp"

using namespace ledger;
using namespace ledger::test;
using namespace ledger::projections;

namespace {

Date day(std::string_view text) {
  return Date::parse(text).value();
}

void publish_shipped(FoldedViews& ledger) {
  for (const CalendarPublished& year : shipped_calendars()) ledger.append({}, year, Role::operator_);
}

}  // namespace

TEST_CASE("published years are kept as they were published and rebuild byte for byte") {
  FoldedViews ledger;
  ledger.append({}, CalendarPublished{2027, {day("2027-01-01")}, {day("2027-02-20")}, "通知"}, Role::admin);
  ledger.append({}, CalendarPublished{2025, {day("2025-01-01")}, {}, "a notice"}, Role::admin);
  CHECK(ledger.append({}, LedgerSimulated{}, Role::operator_) == 0);
  const auto years = ledger.models.calendars.all(ledger.views());
  REQUIRE(years.size() == 2);
  CHECK(years[0].calendar.year == 2025);
  CHECK(years[0].position == 1);
  CHECK(years[1].calendar.year == 2027);
  CHECK(years[1].calendar.holidays == std::vector<Date>{day("2027-01-01")});
  CHECK(years[1].calendar.working_days == std::vector<Date>{day("2027-02-20")});
  CHECK(years[1].calendar.source == "通知");
  CHECK(years[1].position == 0);
  CHECK((ledger.dump() == ledger.rebuilt()));
}

TEST_CASE("the calendar is made once for a number of years, and again when one is published") {
  FoldedViews ledger;
  const Calendars& model = ledger.models.calendars;
  const auto none = model.calendar(ledger.views());
  REQUIRE(none);
  CHECK(none->published() == 0);
  CHECK(model.calendar(ledger.views()) == none);
  publish_shipped(ledger);
  const auto all = model.calendar(ledger.views());
  CHECK(all != none);
  CHECK(all->published() == 23);
  CHECK(all->add(day("2024-02-08"), 30)->day == day("2024-03-27"));
  ledger.append(filing_stream(id_of(1)), draft_saved(id_of(1, 5)));
  CHECK(model.calendar(ledger.views()) == all);
  // Who held it keeps it.
  CHECK(none->published() == 0);
}

TEST_CASE("the attempt of a filing is due after thirty working days, nothing else in the queue has a clock") {
  FoldedViews ledger;
  publish_shipped(ledger);
  const auto calendar = ledger.models.calendars.calendar(ledger.views());
  const TimestampUs since = TimestampUs::parse("2025-01-24T02:00:00Z").value();
  QueueItem item{QueueStage::review, CaseKind::filing, id_of(1), 1, since, 7};
  CHECK(deadline_of(item, *calendar, day("2025-03-13")) == Deadline{day("2025-03-13"), false, std::nullopt});
  CHECK(deadline_of(item, *calendar, day("2025-03-14"))->overdue);
  for (const CaseKind kind :
       {CaseKind::subject, CaseKind::subject_change, CaseKind::filing_change, CaseKind::cancellation}) {
    item.kind = kind;
    CHECK_FALSE(deadline_of(item, *calendar, day("2030-01-01")));
  }
}

TEST_CASE("overdue cases are counted from the front of the queue") {
  FoldedViews ledger;
  publish_shipped(ledger);
  const Uuid subject = id_of(1, 5);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    ledger.append(filing_stream(id_of(i)), draft_saved(subject));
    ledger.append(filing_stream(id_of(i)), submitted(1));
  }
  const Date submitted_on = Date::of(ledger.now());
  const auto calendar = ledger.models.calendars.calendar(ledger.views());
  const Date due = calendar->add(submitted_on, kReviewDays)->day;
  const auto overdue = [&](QueueStage stage, Date today) {
    return ledger.models.review_queue.overdue(ledger.views(), stage, *calendar, today);
  };
  CHECK(overdue(QueueStage::review, due) == 0);
  CHECK(overdue(QueueStage::review, {due.days + 1}) == 5);
  CHECK(overdue(QueueStage::initial, {due.days + 1}) == 0);
  ledger.append(filing_stream(id_of(2)), ReviewStarted{1}, Role::reviewer);
  CHECK(overdue(QueueStage::review, {due.days + 1}) == 5);
  ledger.append(filing_stream(id_of(2)), FilingApproved{1, 0}, Role::reviewer);
  CHECK(overdue(QueueStage::review, {due.days + 1}) == 4);
  // A request without a clock in front of the others neither counts nor hides them.
  publish(ledger, id_of(9), subject, public_record("演示备110108000000102260012号", "甲"));
  ledger.append(filing_stream(id_of(9)), CancellationRequested{});
  CHECK(overdue(QueueStage::review, {due.days + 1}) == 4);
}
