#include "projections/calendars.hpp"

#include "projections/row_bytes.hpp"

namespace ledger::projections {
namespace {

constexpr const char* kDatabases[] = {"calendars"};

void put_days(RowBytes& row, const std::vector<Date>& days) {
  row.number(static_cast<std::uint16_t>(days.size()));
  for (const Date day : days) row.number(day.days);
}

std::vector<Date> take_days(RowReader& row) {
  std::vector<Date> days(row.number<std::uint16_t>());
  for (Date& day : days) day.days = row.number<std::int32_t>();
  return days;
}

}  // namespace

std::span<const char* const> Calendars::databases() const {
  return kDatabases;
}

void Calendars::open(std::span<const store::Database> databases) {
  years_ = databases[0];
  // The rows may be another ledger's than before, with as many years.
  const std::scoped_lock lock(mutex_);
  last_.reset();
}

store::StoreResult<void> Calendars::apply(store::Rows& rows, const store::Change& change) const {
  const auto* published = std::get_if<CalendarPublished>(&change.event.payload);
  if (published == nullptr) return {};
  RowBytes row;
  row.number(change.event.header.position.value);
  put_days(row, published->holidays);
  put_days(row, published->working_days);
  row.text(published->source);
  return rows.put(years_, RowBytes().number(published->year), row);
}

std::vector<PublishedCalendar> Calendars::all(const store::Transaction& views) const {
  std::vector<PublishedCalendar> years;
  store::Cursor row = views.cursor(years_);
  while (row.next()) {
    RowReader value(row.value());
    PublishedCalendar& year = years.emplace_back();
    year.calendar.year = RowReader(row.key()).number<std::uint16_t>();
    year.position = value.number<std::uint64_t>();
    year.calendar.holidays = take_days(value);
    year.calendar.working_days = take_days(value);
    year.calendar.source = text_of(value.rest());
  }
  return years;
}

std::uint64_t Calendars::count(const store::Transaction& views) const {
  return views.count(years_);
}

std::shared_ptr<const WorkingCalendar> Calendars::calendar(const store::Transaction& views) const {
  const std::uint64_t years = count(views);
  {
    const std::scoped_lock lock(mutex_);
    if (last_ && last_->published() == years) return last_;
  }
  std::vector<CalendarPublished> published;
  for (PublishedCalendar& year : all(views)) published.push_back(std::move(year.calendar));
  auto made = std::make_shared<const WorkingCalendar>(published);
  const std::scoped_lock lock(mutex_);
  // A slow reader of an older snapshot must not push out what is newer.
  if (!last_ || last_->published() < years) last_ = made;
  return made;
}

std::shared_ptr<const WorkingCalendar> Calendars::calendar_at(const store::Transaction& views,
                                                              std::uint64_t position) const {
  std::vector<CalendarPublished> published;
  bool all_of_them = true;
  for (PublishedCalendar& year : all(views)) {
    if (year.position <= position) {
      published.push_back(std::move(year.calendar));
    } else {
      all_of_them = false;
    }
  }
  return all_of_them ? calendar(views) : std::make_shared<const WorkingCalendar>(published);
}

}  // namespace ledger::projections
