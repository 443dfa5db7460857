#include "server/read/moment.hpp"

#include <algorithm>

#include "replay/as_of.hpp"
#include "server/read/position.hpp"

namespace ledger::server {
namespace {

constexpr std::int64_t kHour = 3'600'000'000;
constexpr std::int64_t kDay = 24 * kHour;

/// An RFC 3339 time. Query strings are decoded like forms, so the `+` of an offset that nobody escaped has
/// become a blank, which is in no time of its own at that place.
std::optional<TimestampUs> time_in(std::string_view text) {
  constexpr std::size_t kOffset = std::string_view("+08:00").size();
  std::string time(text);
  if (time.size() > kOffset && time[time.size() - kOffset] == ' ') time[time.size() - kOffset] = '+';
  return TimestampUs::parse(time);
}

/// The last microsecond of a day in Asia/Shanghai (UTC+8, no summer time since 1991).
TimestampUs end_of(Date day) {
  return {(std::int64_t{day.days} + 1) * kDay - 8 * kHour - 1};
}

}  // namespace

Moment read_moment(QueryReader& query, TimestampUs now, TimestampUs last_recorded) {
  Moment moment;
  moment.position = query.number("at_position", 0, kPositionMax);
  const auto text = query.text("as_of");
  if (text && query.given("at_position")) query.wrong("as_of", "stands in place of at_position");
  if (!text) return moment;
  moment.time = time_in(*text);
  const auto day = moment.time ? std::nullopt : Date::parse(*text);
  if (day) moment.time = end_of(*day);
  if (!moment.time) {
    query.wrong("as_of", "must be an RFC 3339 time, or a date");
  } else if (*moment.time > std::max(now, last_recorded)) {
    query.wrong("as_of", day ? "is a day that is not over in Asia/Shanghai" : "is in the future");
  }
  return moment;
}

std::expected<std::optional<std::uint64_t>, http::Response> position_of(const ReadContext& context,
                                                                        const store::Snapshot& snapshot,
                                                                        const Moment& moment) {
  if (moment.position && *moment.position >= snapshot.size())
    return std::unexpected(beyond_log(context, snapshot.size()));
  if (moment.position || !moment.time) return moment.position;
  const auto position = replay::position_at(snapshot, *moment.time);
  if (!position) return std::unexpected(not_found(context));
  return position;
}

http::Response beyond_log(const ReadContext& context, std::uint64_t size) {
  ProblemParts parts;
  parts.detail = "the log has " + std::to_string(size) + " entries";
  parts.members.emplace_back("size", std::to_string(size));
  return problem(context.language, "beyond_log", std::move(parts));
}

}  // namespace ledger::server
