// What due dates are counted with: the calendars of a snapshot and the day of the request; and how a clock is
// written. Due dates are derived whenever somebody asks, so a calendar that is published later mends them
// all.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "events/core/working_days.hpp"
#include "projections/json_writer.hpp"

namespace ledger::store {
class Snapshot;
}

namespace ledger::server {

struct ReadContext;

struct Dating {
  std::shared_ptr<const WorkingCalendar> calendar;  ///< never null
  Date today;
};

/// The calendars as of a snapshot, and the request's day.
[[nodiscard]] Dating dating_of(const ReadContext& context, const store::Snapshot& snapshot);

/// The same as of a past position, which is one of the snapshot: the calendars published by then, and the day
/// of `time`, or where there is none the day that position was recorded on. Without a position: as above.
[[nodiscard]] Dating dating_of(const ReadContext& context, const store::Snapshot& snapshot,
                               const std::optional<std::uint64_t>& position,
                               const std::optional<TimestampUs>& time);

/// Members `due_on`, one that says whether the clock was missed (`overdue` while it runs, `late` where it was
/// met or not), `due_provisional`, and where that is true `due_provisional_reason`. All null where no clock
/// runs: nullopt.
void write_deadline(projections::JsonWriter& json, const std::optional<Deadline>& deadline,
                    std::string_view missed = "overdue");

/// The value `{"code":"calendar_unpublished","year","title":{"zh","en"}}`.
void write_unpublished(projections::JsonWriter& json, int year);

/// A day, or null.
void write_day(projections::JsonWriter& json, std::string_view name, const std::optional<Date>& day);

}  // namespace ledger::server
