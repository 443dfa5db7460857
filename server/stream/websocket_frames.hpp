// Frames of a stream as WebSocket messages: one JSON object each (DESIGN section 6). Pure.
#pragma once

#include <string>

#include "server/stream/subscription.hpp"

namespace ledger::server {

/// `{"kind","position"}`, with `event` for an event and `code` for an error; `position` is null before the
/// first event.
[[nodiscard]] std::string websocket_message(const Frame& frame);

}  // namespace ledger::server
