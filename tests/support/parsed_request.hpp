// A Request as the transport would hand it up, made from its text.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "server/http/request_parser.hpp"

namespace ledger::test {

/// Parses a head: `start` is e.g. `GET /v1/me`, `headers` are whole lines with CR LF (Host is added).
inline http::Request parsed_request(std::string_view start, std::string_view headers = {}) {
  std::string text(start);
  text += " HTTP/1.1\r\nHost: test\r\n";
  text += headers;
  text += "\r\n";
  http::RequestParser parser{http::ParserLimits{}};
  if (parser.parse_head(text) != http::RequestParser::Progress::complete) {
    throw std::runtime_error("the test's own request does not parse");
  }
  return parser.take_request();
}

}  // namespace ledger::test
