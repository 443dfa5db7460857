#include "events/core/working_days.hpp"

#include <algorithm>
#include <bit>

#include "events/core/calendars.hpp"
#include "events/core/events.hpp"

namespace ledger {
namespace {

bool counted(Date day) {
  return kFirstCountedDay <= day && day <= kLastCountedDay;
}

/// The position of the n-th set bit, from 0; the word has more than n.
unsigned select(std::uint64_t word, std::uint32_t n) {
  for (; n > 0; --n) word &= word - 1;
  return static_cast<unsigned>(std::countr_zero(word));
}

}  // namespace

WorkingCalendar::WorkingCalendar(std::span<const CalendarPublished> years)
    : working_(kWords), ranks_(kWords + 1), next_unpublished_(kYears + 1) {
  for (std::int32_t day = 0; day < static_cast<std::int32_t>(kDays); ++day) {
    if (!is_weekend({day})) set({day}, true);
  }
  for (const CalendarPublished& year : years) {
    if (year.year < kFirstYear || year.year >= kFirstYear + static_cast<int>(kYears)) continue;
    published_.set(static_cast<std::size_t>(year.year - kFirstYear));
    const auto mark = [&](const std::vector<Date>& days, bool working) {
      for (const Date day : days) {
        if (counted(day) && day.year() == year.year) set(day, working);
      }
    };
    mark(year.holidays, false);
    mark(year.working_days, true);
  }
  for (std::size_t word = 0; word < kWords; ++word) {
    ranks_[word + 1] = ranks_[word] + static_cast<std::uint32_t>(std::popcount(working_[word]));
  }
  next_unpublished_[kYears] = kYears;
  for (std::size_t year = kYears; year-- > 0;) {
    next_unpublished_[year] =
        published_[year] ? next_unpublished_[year + 1] : static_cast<std::uint16_t>(year);
  }
}

void WorkingCalendar::set(Date day, bool working) {
  const auto at = static_cast<std::size_t>(day.days);
  const std::uint64_t bit = std::uint64_t{1} << (at % 64);
  if (working) {
    working_[at / 64] |= bit;
  } else {
    working_[at / 64] &= ~bit;
  }
}

bool WorkingCalendar::is_working_day(Date day) const {
  if (!counted(day)) return false;
  const auto at = static_cast<std::size_t>(day.days);
  return (working_[at / 64] >> (at % 64) & 1) != 0;
}

bool WorkingCalendar::is_published(int year) const {
  const int index = year - kFirstYear;
  return index >= 0 && index < static_cast<int>(kYears) && published_[static_cast<std::size_t>(index)];
}

/// Working days in front of a day, from the first counted one on.
std::uint32_t WorkingCalendar::working_before(std::int32_t day) const {
  const auto at = static_cast<std::size_t>(day);
  const std::uint64_t below = (std::uint64_t{1} << (at % 64)) - 1;
  return ranks_[at / 64] + static_cast<std::uint32_t>(std::popcount(working_[at / 64] & below));
}

std::optional<int> WorkingCalendar::first_unpublished(Date from, Date to) const {
  const int first = next_unpublished_[static_cast<std::size_t>(from.year() - kFirstYear)] + kFirstYear;
  return first <= to.year() ? std::optional(first) : std::nullopt;
}

std::expected<CountedDay, CountFault> WorkingCalendar::add(Date from, std::uint32_t n) const {
  if (!counted(from)) return std::unexpected(CountFault::outside_calendar);
  if (n == 0) return CountedDay{from, std::nullopt};
  if (from == kLastCountedDay) return std::unexpected(CountFault::outside_calendar);
  // The working day that has this many in front of it.
  const Date next{from.days + 1};
  const std::uint64_t wanted = std::uint64_t{working_before(next.days)} + n - 1;
  if (wanted >= ranks_.back()) return std::unexpected(CountFault::outside_calendar);
  const auto rank = static_cast<std::uint32_t>(wanted);
  const auto word = static_cast<std::size_t>(std::ranges::upper_bound(ranks_, rank) - ranks_.begin() - 1);
  const Date day{static_cast<std::int32_t>(word * 64 + select(working_[word], rank - ranks_[word]))};
  return CountedDay{day, first_unpublished(next, day)};
}

std::expected<CountedDays, CountFault> WorkingCalendar::between(Date from, Date to) const {
  if (!counted(from) || !counted(to)) return std::unexpected(CountFault::outside_calendar);
  if (to <= from) return CountedDays{};
  const Date next{from.days + 1};
  const std::uint32_t until_to = working_before(to.days) + (is_working_day(to) ? 1 : 0);
  return CountedDays{until_to - working_before(next.days), first_unpublished(next, to)};
}

std::optional<Deadline> deadline(const WorkingCalendar& calendar, Date from, std::uint32_t days,
                                 Date seen_on) {
  const auto due = calendar.add(from, days);
  if (!due) return std::nullopt;
  return Deadline{due->day, seen_on > due->day, due->unpublished};
}

}  // namespace ledger
