// The working-day calendars that are published, as rows and as something to count with.
//
// Rows: database `calendars`, key year[2], value position[8] holidays[2] day[4]... working_days[2] day[4]...
// source[rest]. Integers big-endian, days since 1970-01-01. A row is written once and never changes.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "events/core/working_days.hpp"
#include "events/store/projection.hpp"

namespace ledger::projections {

/// One published year, and where the log says so.
struct PublishedCalendar {
  CalendarPublished calendar;
  std::uint64_t position = 0;
};

class Calendars final : public store::Projection {
 public:
  [[nodiscard]] std::string_view name() const override { return "calendars"; }
  [[nodiscard]] std::uint32_t version() const override { return 1; }
  [[nodiscard]] std::span<const char* const> databases() const override;
  void open(std::span<const store::Database> databases) override;
  [[nodiscard]] store::StoreResult<void> apply(store::Rows& rows, const store::Change& change) const override;

  // Any thread with its own snapshot (`snapshot.views()`).

  /// Every published year, ascending.
  [[nodiscard]] std::vector<PublishedCalendar> all(const store::Transaction& views) const;
  /// How many years are published. A year is published once, so this tells two calendars of a ledger apart.
  [[nodiscard]] std::uint64_t count(const store::Transaction& views) const;
  /// The calendar of a snapshot, never null; made when the number of published years is another than the last
  /// time, else the same object.
  [[nodiscard]] std::shared_ptr<const WorkingCalendar> calendar(const store::Transaction& views) const;
  /// The calendar of what was published at or before a position; made anew where that is not all of it.
  [[nodiscard]] std::shared_ptr<const WorkingCalendar> calendar_at(const store::Transaction& views,
                                                                   std::uint64_t position) const;

 private:
  store::Database years_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const WorkingCalendar> last_;  // under mutex_
};

}  // namespace ledger::projections
