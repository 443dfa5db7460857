// Feeds arbitrary bytes, cut at arbitrary places, to the parser of a WebSocket's frames.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "server/http/target.hpp"
#include "server/http/websocket_frame.hpp"

using ledger::http::FrameParser;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// Returns what an observer could tell apart.
std::string read_all(std::string_view bytes, std::size_t step) {
  using Kind = FrameParser::Event::Kind;
  std::string seen;
  FrameParser parser;
  while (!bytes.empty()) {
    const std::string_view arrived = bytes.substr(0, step);
    std::size_t used = 0;
    const FrameParser::Event event = parser.parse(arrived, used);
    require(used <= arrived.size());
    bytes.remove_prefix(used);
    require(event.payload.size() <= ledger::http::kControlPayloadMax);
    seen.append("|").append(event.kind == Kind::ping ? "ping" : event.kind == Kind::pong ? "pong" : "");
    if (event.kind == Kind::none) {
      require(used == arrived.size());
      seen.pop_back();
      continue;
    }
    require(used != 0 || event.kind == Kind::refused);
    seen.append(event.payload);
    if (event.kind == Kind::ping || event.kind == Kind::pong) continue;
    // What is given back to the peer must be sayable.
    require(event.code == 1005 || ledger::http::is_close_code(event.code));
    require(event.reason.size() + 2 <= ledger::http::kControlPayloadMax &&
            ledger::http::is_utf8(event.reason));
    std::string close;
    ledger::http::append_close_frame(close, event.code, event.reason);
    require(close.size() <= 2 + ledger::http::kControlPayloadMax);
    return seen + std::to_string(event.code) + std::string(event.reason);
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = read_all(bytes, std::max<std::size_t>(size, 1));
  require(read_all(bytes, 1) == whole && read_all(bytes, 7) == whole);
  return 0;
}
