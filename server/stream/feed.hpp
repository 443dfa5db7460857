// Pages of the log as one reader may see them: what every kind of stream is made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "events/store/engine.hpp"
#include "server/stream/filter.hpp"
#include "server/stream/rendered_events.hpp"

namespace ledger::server {

/// Where a page ends early.
struct PageLimits {
  std::size_t events = 512;
  std::size_t bytes = std::size_t{64} << 10;
  std::size_t scanned = 10'000;
};

/// Whose page it is, and what of it.
struct FeedRequest {
  std::uint64_t next = 0;  ///< the first position to look at
  Reader reader;
  std::optional<Uuid> grant_id;  ///< what the reader's sight rests on
  const StreamFilter& filter;
  TimestampUs now;
};

struct FeedPage {
  struct Item {
    std::uint64_t position = 0;
    RenderedEvents::Text event;  ///< as CloudEvents JSON
  };
  std::vector<Item> items;
  std::uint64_t next = 0;  ///< where the next page begins; everything before it was looked at
  bool at_head = false;    ///< there was nothing behind it
  /// Why the reader may see no more; then nothing else is in the page. Empty: they may.
  std::string_view refused;
};

/// Any thread. A page is one short snapshot: the grant is judged by the same one that the events come from,
/// so nothing is ever shown from behind a revocation.
class Feed {
 public:
  /// Both outlive it.
  Feed(const store::Engine& engine, RenderedEvents& rendered) : engine_(engine), rendered_(rendered) {}

  [[nodiscard]] FeedPage read(const FeedRequest& request, const PageLimits& limits = {}) const;

 private:
  class Page;
  const store::Engine& engine_;
  RenderedEvents& rendered_;
};

}  // namespace ledger::server
