// The access log: one JSON object a line for every finished exchange. No query, no header, no name, no token;
// the caller only by role.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "events/core/codes.hpp"
#include "events/core/types.hpp"
#include "server/http/handler.hpp"

namespace spdlog {
class logger;
}

namespace ledger::server {

/// The line without its end: time, request id, method, route (the pattern; `-` for none), path (as received,
/// cut at 256 bytes), status (0: the client went away), duration_us, bytes_in, bytes_out, role (absent when
/// unknown).
[[nodiscard]] std::string access_line(const http::RequestSummary& summary, std::string_view route,
                                      std::optional<Role> role, TimestampUs at);

/// Writes `line` as it is through `logger` at level info; nothing when null.
void write_line(const std::shared_ptr<spdlog::logger>& logger, std::string_view line);
/// Reports a fault of ours at level error; nothing when null.
void write_fault(const std::shared_ptr<spdlog::logger>& logger, std::string_view what);

}  // namespace ledger::server
