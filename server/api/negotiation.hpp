// What the request's header fields ask for: language, preconditions, keys, tokens, traces. Pure; any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "events/core/events.hpp"
#include "events/store/engine.hpp"
#include "server/http/message.hpp"

namespace ledger::server {

/// `If-Match` (RFC 9110 section 13.1.1): `*`, or a list of entity tags. Tags of ours are versions in quotes;
/// weak tags and tags that are no version are well-formed but never match, so they are left out of the answer
/// (an empty list then matches nothing). nullopt: no such header. Error: the header is malformed
/// (`bad_precondition`). Several header lines count as one list.
[[nodiscard]] std::expected<std::optional<store::ExpectedVersion>, std::string_view> if_match_of(
    const http::Request& request);
/// The same for the header's text.
[[nodiscard]] std::expected<store::ExpectedVersion, std::string_view> parse_if_match(std::string_view text);

/// Whether `If-None-Match` (RFC 9110 section 13.1.2, weak comparison) names this entity tag, or is `*`.
/// `etag` is with its quotes. A malformed header names nothing.
[[nodiscard]] bool none_match_fails(const http::Request& request, std::string_view etag);

/// `Idempotency-Key`: 1 to 255 printable ASCII characters without leading or trailing blanks, kept as
/// received, quotes included: clients that write it as a structured field string and those that do not are
/// both understood. nullopt: none. Error: malformed, empty, or given twice (`bad_idempotency_key`).
[[nodiscard]] std::expected<std::optional<std::string>, std::string_view> idempotency_key_of(
    const http::Request& request);

/// `traceparent` (W3C Trace Context); nullopt when absent, malformed or given twice: then it is ignored, as
/// the specification says.
[[nodiscard]] std::optional<TraceParent> trace_of(const http::Request& request);

/// The credentials of `Authorization: Bearer <token>` (RFC 6750 section 2.1; the scheme in any case).
struct Credentials {
  enum class Kind : std::uint8_t {
    none,       ///< no such header
    bearer,     ///< `token` is set
    malformed,  ///< another scheme, no token, or more than one header: no token of ours
  };
  Kind kind = Kind::none;
  std::string_view token;  ///< lives as long as the request; never to be logged
};
[[nodiscard]] Credentials credentials_of(const http::Request& request);

/// Whether a `Content-Type` is JSON: `application/json`, with no parameter but `charset=utf-8`.
[[nodiscard]] bool is_json_type(std::string_view content_type);

}  // namespace ledger::server
