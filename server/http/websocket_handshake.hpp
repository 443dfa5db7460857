// Private to server/http: the opening handshake of a WebSocket (RFC 6455 section 4.2).
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "server/http/message.hpp"
#include "server/http/request_parser.hpp"

namespace ledger::http {

/// The value of Sec-WebSocket-Accept, or why the request cannot become a WebSocket: `upgrade_required` or
/// `websocket_version_unsupported` (426), `websocket_key_malformed` (400).
[[nodiscard]] std::expected<std::string, Refusal> accept_websocket(const Request& request);

/// What a request is told that did not ask for the WebSocket it would get.
[[nodiscard]] Refusal upgrade_required();

}  // namespace ledger::http
