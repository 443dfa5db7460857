#include "server/http/websocket.hpp"

#include <algorithm>
#include <expected>
#include <stdexcept>
#include <utility>

#include <openssl/evp.h>

#include "events/crypto/base64.hpp"
#include "server/http/websocket_frame.hpp"
#include "server/http/websocket_handshake.hpp"

namespace ledger::http {
namespace {

constexpr std::size_t kKeyBytes = 16;

bool same_token(std::string_view a, std::string_view lower_case) {
  return std::equal(a.begin(), a.end(), lower_case.begin(), lower_case.end(), [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
  });
}

// Whether one of the comma-separated items of a header, over all its lines, is that token.
bool lists_token(const Request& request, std::string_view header, std::string_view lower_case) {
  bool found = false;
  request.each_header(header, [&](std::string_view rest) {
    for (bool more = true; more;) {
      const std::size_t comma = rest.find(',');
      std::string_view item = rest.substr(0, comma);
      more = comma != std::string_view::npos;
      if (more) rest.remove_prefix(comma + 1);
      item.remove_prefix(std::min(item.find_first_not_of(" \t"), item.size()));
      item = item.substr(0, item.find_last_not_of(" \t") + 1);
      found = found || same_token(item, lower_case);
    }
  });
  return found;
}

// RFC 6455 section 4.2.2: SHA-1 proves that the answer comes from someone who read the request; it keeps no
// secret.
std::string accept_of(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<std::byte, 20> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_sha1(),
                 nullptr) != 1 ||
      size != digest.size()) {
    throw std::runtime_error("SHA-1 is not available");
  }
  return crypto::base64(digest);
}

}  // namespace

bool asks_for_websocket(const Request& request) {
  return request.method == Method::get && request.version() >= 11 &&
         lists_token(request, "Upgrade", "websocket") && lists_token(request, "Connection", "upgrade");
}

Refusal upgrade_required() {
  return {426, "upgrade_required", "This path speaks WebSocket: ask for an upgrade with GET and HTTP/1.1."};
}

std::expected<std::string, Refusal> accept_websocket(const Request& request) {
  if (!asks_for_websocket(request)) return std::unexpected(upgrade_required());
  if (request.header_count("Sec-WebSocket-Version") != 1 || request.header("Sec-WebSocket-Version") != "13") {
    return std::unexpected(Refusal{426, "websocket_version_unsupported",
                                   "The server speaks version 13 of the WebSocket protocol."});
  }
  const std::string_view key = request.header("Sec-WebSocket-Key").value_or("");
  const auto decoded = crypto::base64_decode(key);
  if (request.header_count("Sec-WebSocket-Key") != 1 || !decoded || decoded->size() != kKeyBytes) {
    return std::unexpected(
        Refusal{400, "websocket_key_malformed", "Sec-WebSocket-Key is not one base64 value of 16 bytes."});
  }
  return accept_of(key);
}

void append_text_frame(std::string& out, std::string_view text) {
  append_frame(out, Opcode::text, text);
}

Message Message::text(std::string text) {
  return shared(std::make_shared<const std::string>(std::move(text)));
}

Message Message::shared(std::shared_ptr<const std::string> text) {
  Message message;
  message.bytes_ = std::move(text);
  message.header_bytes_ = write_frame_header(Opcode::text, message.payload().size(), message.header_);
  return message;
}

Message Message::frames(std::shared_ptr<const std::string> frames) {
  Message message;
  message.bytes_ = std::move(frames);
  return message;
}

}  // namespace ledger::http
