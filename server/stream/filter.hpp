// What a subscriber asks for: which events, and from where on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "events/core/events.hpp"
#include "server/read/query.hpp"

namespace ledger::server {

/// Which events a stream shows, of those that its reader may see. All conditions must hold.
struct StreamFilter {
  /// Bit n stands for event type n.
  std::uint64_t types = ~std::uint64_t{0};
  std::optional<StreamId> stream;
  std::optional<Uuid> subject_id;  ///< streams of this subject: its own, its products', its filings'
  std::string region;              ///< the front of the region digits; empty: any

  [[nodiscard]] bool takes(EventType type) const { return (types >> type & 1) != 0; }
  /// Whether it takes every event of every stream.
  [[nodiscard]] bool everything() const {
    return types == ~std::uint64_t{0} && !stream && !subject_id && region.empty();
  }
  bool operator==(const StreamFilter&) const = default;
};
static_assert(std::variant_size_v<Payload> < 64);

/// Where a stream begins: at a position, or behind the last event of the moment.
struct StreamStart {
  bool head = false;
  std::uint64_t next = 0;  ///< the first position to look at, unless `head`
  bool operator==(const StreamStart&) const = default;
};

/// Reads `type` (one, or several with commas between), `stream`, `filing_id`, `subject_id`, `region`.
[[nodiscard]] StreamFilter read_stream_filter(QueryReader& query);

/// Reads `after` (a position, or `head`) and `Last-Event-ID`, which wins. Whether the position exists is for
/// the caller to ask.
[[nodiscard]] StreamStart read_stream_start(QueryReader& query, const http::Request& request);

}  // namespace ledger::server
