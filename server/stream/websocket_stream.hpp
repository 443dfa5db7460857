// A subscription as the messages of a WebSocket.
#pragma once

#include <memory>

#include "server/http/websocket.hpp"
#include "server/stream/subscription.hpp"

namespace ledger::server {

/// The messages of a stream; those of one batch go out together. It closes with 1001 when the server drains,
/// and with 1008 and the code as reason after an error frame.
[[nodiscard]] std::shared_ptr<http::MessageProducer> websocket_producer(
    std::shared_ptr<Subscription> subscription);

}  // namespace ledger::server
