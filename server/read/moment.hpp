// Which moment a read is asked of: `?at_position=n`, after the event at position n; `?as_of=TIME`, after the
// last event recorded at or before that time, which an RFC 3339 time names, or a date alone: the end of that
// day in Asia/Shanghai. Neither: now. What a reader may see is decided as of now; what there is to see, and
// whether a filing was disclosed, as of the moment.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>

#include "events/store/engine.hpp"
#include "server/read/answer.hpp"

namespace ledger::server {

struct Moment {
  std::optional<std::uint64_t> position;
  std::optional<TimestampUs> time;
};

/// Reads both parameters; at most one may be given. A time that is not over yet is refused, since events
/// could still be recorded before it: `now` is the wall clock, `last_recorded` the ledger's, which may be
/// ahead.
[[nodiscard]] Moment read_moment(QueryReader& query, TimestampUs now, TimestampUs last_recorded);

/// The position that a moment means in a snapshot; nullopt for now. Error: 404 `beyond_log` with `size` for a
/// position beyond the end, 404 `not_found` for a time before the ledger's first event.
[[nodiscard]] std::expected<std::optional<std::uint64_t>, http::Response> position_of(
    const ReadContext& context, const store::Snapshot& snapshot, const Moment& moment);

/// 404 `beyond_log` with the log's `size`.
[[nodiscard]] http::Response beyond_log(const ReadContext& context, std::uint64_t size);

}  // namespace ledger::server
