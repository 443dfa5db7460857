// Writes the head of a response by hand into a reused buffer: Beast's serializer costs a third of a small
// answer.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/message.hpp"

namespace ledger::http {

/// The reason phrase of RFC 9110 section 15 (and RFC 6585); `Unknown` for others.
[[nodiscard]] std::string_view reason_phrase(unsigned status);

/// `Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n` (RFC 9110 section 5.6.7) of seconds since the epoch, UTC.
[[nodiscard]] std::string date_line(std::time_t at);

/// How the end of the body is told to the client.
enum class Framing : std::uint8_t { none, length, chunked, until_close };

struct HeadFacts {
  Framing framing = Framing::length;
  std::uint64_t body_bytes = 0;  // for Framing::length
  bool close = false;
  bool keep_alive_http10 = false;  // HTTP/1.0 must be told that the connection stays
  std::string_view date_line;
  std::string_view request_id_header;  // empty: none
  std::string_view request_id;
};

/// Appends the whole head, empty line included.
void append_head(std::string& out, const Response& response, const HeadFacts& facts);

}  // namespace ledger::http
