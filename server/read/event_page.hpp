// Pages of events: those of one stream, and of the whole log.
#pragma once

#include <functional>
#include <optional>

#include "events/store/engine.hpp"
#include "server/api/context.hpp"
#include "server/read/visibility.hpp"

namespace ledger::server {

/// Bytes of items after which a page ends early: the longest entries would make a page of 64 MB.
inline constexpr std::size_t kPageBytesMax = 1u << 20;
/// Entries that one page of `GET /v1/events` looks at when it filters by type: about 5 ms.
inline constexpr std::size_t kEventsScannedMax = 10'000;

/// The owner of a stream's events as of a position (nullopt: now), or nullopt where the reader may not know
/// of the stream.
using FindOwner =
    std::function<std::optional<EventOwner>(const store::Snapshot&, std::optional<std::uint64_t> position)>;

/// A page of one stream's events as CloudEvents, oldest first; parameters `cursor`, `limit`, and those of a
/// moment (moment.hpp). 404 where `find_owner` gives nothing.
[[nodiscard]] http::Response stream_events(const ReadContext& context, const StreamId& stream,
                                           const FindOwner& find_owner);

/// The event at a position, opened as the sight allows; nullopt where there is no position.
[[nodiscard]] std::optional<Event> read_event(const store::Snapshot& snapshot,
                                              std::optional<std::uint64_t> position, Sight sight);

/// What visibility asks about the stream of an event.
[[nodiscard]] EventOwner owner_of(const store::Snapshot& snapshot, const StreamId& stream);

}  // namespace ledger::server
