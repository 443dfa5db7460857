// Counting working days 工作日 of the People's Republic of China: Monday to Friday but for statutory
// holidays, and adjusted working weekends 调休. Day 0 is never counted: one working day after a Friday is the
// next Monday that is one. Days are those of Asia/Shanghai (`Date::of`). Pure; any thread.
//
// A year counts as its calendar says once that is published; until then its weekends alone are off, and every
// answer that such a year had a part in says so.
#pragma once

#include <bitset>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "events/core/types.hpp"

namespace ledger {

struct CalendarPublished;

/// Days that are counted with: 1970-01-01 to 2199-12-31. What lies outside is refused, not guessed.
inline constexpr Date kFirstCountedDay{0};
inline constexpr Date kLastCountedDay{84'005};

/// Why a count has no answer: a day, or the day it leads to, lies outside those bounds.
enum class CountFault : std::uint8_t { outside_calendar };

/// A day that working days lead to.
struct CountedDay {
  Date day;
  /// The first year among those counted through whose calendar is not published: then `day` is provisional.
  std::optional<int> unpublished;
  bool operator==(const CountedDay&) const = default;
};

/// How many working days lie between two days.
struct CountedDays {
  std::uint32_t days = 0;
  std::optional<int> unpublished;  ///< as in CountedDay
  bool operator==(const CountedDays&) const = default;
};

/// The calendars published so far. Immutable once made; every question takes constant or logarithmic time.
class WorkingCalendar {
 public:
  /// No year is published: weekends alone are off, everything is provisional.
  WorkingCalendar() : WorkingCalendar(std::span<const CalendarPublished>{}) {}
  /// From the published years, in any order. Of a year given twice the later counts; days outside the bounds
  /// or outside their year are ignored (`calendar_errors` refuses them before they are published).
  explicit WorkingCalendar(std::span<const CalendarPublished> years);

  /// Whether a day is a working day; false outside the bounds.
  [[nodiscard]] bool is_working_day(Date day) const;
  /// Whether the calendar of a Gregorian year is published.
  [[nodiscard]] bool is_published(int year) const;
  /// Published years.
  [[nodiscard]] std::size_t published() const { return published_.count(); }

  /// The n-th working day after `from`, which itself is not counted; `from` for n = 0.
  [[nodiscard]] std::expected<CountedDay, CountFault> add(Date from, std::uint32_t n) const;
  /// Working days after `from` up to and including `to`; 0 where `to` is not after `from`. So
  /// `between(d, add(d, n))` is n.
  [[nodiscard]] std::expected<CountedDays, CountFault> between(Date from, Date to) const;

 private:
  static constexpr int kFirstYear = 1970;
  static constexpr std::size_t kYears = 230;
  static constexpr std::size_t kDays = 84'006;
  static constexpr std::size_t kWords = (kDays + 63) / 64;

  [[nodiscard]] std::uint32_t working_before(std::int32_t day) const;
  [[nodiscard]] std::optional<int> first_unpublished(Date from, Date to) const;
  void set(Date day, bool working);

  // One bit a day, and how many bits are set in front of each word.
  std::vector<std::uint64_t> working_;
  std::vector<std::uint32_t> ranks_;
  std::bitset<kYears> published_;
  std::vector<std::uint16_t> next_unpublished_;  // by year: the first index from it on that is unpublished
};

// The statutory clocks (DESIGN section 4), in working days.
inline constexpr std::uint32_t kReviewDays = 30;        ///< 备案审核, per attempt from its submission
inline constexpr std::uint32_t kFirstFilingDays = 10;   ///< 首次备案, from the launch of the service
inline constexpr std::uint32_t kChangeDays = 10;        ///< 变更, from the day of the change
inline constexpr std::uint32_t kCancellationDays = 20;  ///< 注销, from the end of the service

/// One clock: when it is due, and whether it was kept.
struct Deadline {
  Date due_on;
  bool overdue = false;            ///< `seen_on` lies behind `due_on`; on the due day itself it is kept
  std::optional<int> unpublished;  ///< set: provisional until the calendar of this year is published
  bool operator==(const Deadline&) const = default;
};

/// The clock of `days` working days that started on `from`, looked at on `seen_on`: the day it was met on, or
/// today. nullopt where the days lie outside the calendar's bounds.
[[nodiscard]] std::optional<Deadline> deadline(const WorkingCalendar& calendar, Date from, std::uint32_t days,
                                               Date seen_on);

}  // namespace ledger
