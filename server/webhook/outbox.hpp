// What a webhook is sent: the events behind its cursor that are of its types and visibility, in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "events/core/states.hpp"
#include "events/store/engine.hpp"

namespace ledger::webhook {

struct Outgoing {
  std::uint64_t position = 0;
  std::string id;    ///< the CloudEvents id, `<origin>/<position>`
  std::string body;  ///< the event in structured mode
};

struct OutgoingPage {
  std::vector<Outgoing> events;
  std::uint64_t looked_at = 0;  ///< nothing else up to this position is for the webhook
  bool more = false;            ///< the log goes on behind it
};

/// The next events behind `after`, at most `events_max`; ends early after 10,000 entries or 1 MiB. Visibility
/// `public` gives the public events as anybody sees them, `staff` every event but drafts from before the
/// first submission, private values as commitments. What an event looks like does not depend on when it is
/// sent. Throws StoreDamage.
[[nodiscard]] OutgoingPage next_page(const store::Engine& engine, const WebhookState& webhook,
                                     std::uint64_t after, std::size_t events_max);

}  // namespace ledger::webhook
