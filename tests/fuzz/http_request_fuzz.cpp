// Feeds arbitrary bytes, cut at arbitrary places, to the request parser and its screening.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "server/http/request_parser.hpp"
#include "server/http/target.hpp"

using ledger::http::RequestParser;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// One connection's worth of requests; `step` bytes arrive at a time. Returns what an observer could tell
// apart.
std::string read_all(const std::string& bytes, std::size_t step) {
  std::string seen;
  RequestParser parser({.header_bytes_max = 2048, .header_fields_max = 32, .target_bytes_max = 512});
  std::size_t used = 0;
  std::size_t arrived = 0;
  const auto more = [&] {
    if (arrived == bytes.size()) return false;
    arrived = std::min(bytes.size(), arrived + step);
    return true;
  };
  for (;;) {
    RequestParser::Progress head;
    while ((head = parser.parse_head(std::string_view(bytes).substr(used, arrived - used))) ==
           RequestParser::Progress::incomplete) {
      if (!more()) return seen + "|cut";
    }
    if (head == RequestParser::Progress::refused) {
      require(parser.refusal().status >= 400 && !parser.refusal().code.empty());
      return seen + "|refused";
    }
    used += parser.head_bytes();
    const auto request = parser.take_request();
    require(request.target().starts_with('/'));
    require(request.version() < 11 || request.header_count("host") == 1);
    require(request.header_count("content-length") + request.header_count("transfer-encoding") <= 1);
    for (const std::string& segment : request.path) require(ledger::http::is_utf8(segment));
    for (const auto& [name, value] : request.query)
      require(ledger::http::is_utf8(name) && ledger::http::is_utf8(value));
    seen += "|" + std::string(request.method_text()) + std::string(request.target());
    if (parser.has_body()) {
      std::string body;
      for (;;) {
        std::size_t taken = 0;
        const auto progress =
            parser.parse_body(std::string_view(bytes).substr(used, arrived - used), body, 4096, taken);
        used += taken;
        require(used <= arrived && body.size() <= 4096 && body.size() == parser.body_bytes());
        if (progress == RequestParser::Progress::refused) return seen + "|no body";
        if (progress == RequestParser::Progress::complete) break;
        if (!more()) return seen + "|no body";  // a malformed tail of a few bytes may wait
      }
      seen += ":" + body;
    }
    parser.reset();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = read_all(bytes, std::max<std::size_t>(size, 1));
  // However the network cuts the stream, the requests are the same; only a limit may strike earlier or later.
  if (size <= 1024) require(read_all(bytes, 1) == whole && read_all(bytes, 7) == whole);
  return 0;
}
