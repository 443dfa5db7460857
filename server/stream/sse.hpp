// Server-Sent Events (HTML, section 9.2) as a response body.
#pragma once

#include <memory>
#include <string>

#include "server/http/message.hpp"
#include "server/stream/subscription.hpp"

namespace ledger::server {

/// Appends one frame: an event as `id` and one `data` line, a heartbeat as a comment, the others with their
/// name as `event`. The `id` of each is the cursor behind it.
void append_sse(std::string& out, const Frame& frame);

/// The body of a stream; the frames of one batch are one chunk.
[[nodiscard]] std::shared_ptr<http::ChunkProducer> sse_producer(std::shared_ptr<Subscription> subscription);

}  // namespace ledger::server
