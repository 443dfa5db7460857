// WebSockets (RFC 6455) as the application sees them: it answers a GET that asks for one with
// Response::upgrade(producer), and the producer gives the messages. One direction only: what the peer may
// send is ping, pong and close.
//
// Close codes that the transport itself sends; a producer ends with its own by Messages::end:
//   1000  the producer ended
//   1001  the server stops; or the peer left our pings unanswered
//   1002  the peer broke RFC 6455: an unmasked frame, reserved bits or opcodes, a fragmented control
//         frame, a continuation of nothing, a length not in its shortest form, an invalid close code
//   1003  the peer sent a binary message
//   1007  the peer's close reason is not UTF-8
//   1008  the peer sent a text message
//   1009  the peer announced a message above 4 KiB, or a control frame above 125 bytes
//   1011  the producer failed
// A peer that closes gets its own code back. A peer that reads nothing is cut without a close frame, since
// none would reach it. Extensions (permessage-deflate too) and subprotocols are not negotiated.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/http/message.hpp"

namespace ledger::http {

enum class CloseCode : std::uint16_t {
  normal = 1000,
  going_away = 1001,
  protocol_error = 1002,
  unsupported_data = 1003,
  none = 1005,  // never on the wire: a close frame without a code
  invalid_text = 1007,
  policy = 1008,
  too_big = 1009,
  internal_error = 1011,
};

/// True when the head is a GET of HTTP/1.1 that asks to become a WebSocket. Its version and key are judged
/// when the upgrade is answered: 426 with `Sec-WebSocket-Version: 13`, 400 for a bad key.
[[nodiscard]] bool asks_for_websocket(const Request& request);

/// Appends `text` (UTF-8) as one whole text frame.
void append_text_frame(std::string& out, std::string_view text);

/// A text message, or frames made before, on its way to one or many peers. The bytes are shared, never
/// copied; a copy of a Message is cheap.
class Message {
 public:
  /// UTF-8, best within 64 KiB.
  [[nodiscard]] static Message text(std::string text);
  /// The same text for many peers: only the frame's header stands beside it.
  [[nodiscard]] static Message shared(std::shared_ptr<const std::string> text);
  /// One or many whole frames made with append_text_frame: many small messages cost one buffer.
  [[nodiscard]] static Message frames(std::shared_ptr<const std::string> frames);

  /// What goes to the socket, one after the other. Valid while the Message or a copy lives.
  [[nodiscard]] std::string_view header() const { return {header_.data(), header_bytes_}; }
  [[nodiscard]] std::string_view payload() const {
    return bytes_ == nullptr ? std::string_view() : std::string_view(*bytes_);
  }

 private:
  std::shared_ptr<const std::string> bytes_;
  std::array<char, 10> header_{};
  std::uint8_t header_bytes_ = 0;
};

/// What a producer gives when asked for its next messages.
struct Messages {
  enum class Kind : std::uint8_t {
    data,    ///< `batch` to send, in order (an empty one is skipped)
    end,     ///< close with `code` and `reason`
    later,   ///< nothing yet: ask again after the Wake was called
    failed,  ///< the rest cannot be had: close 1011
  };
  Kind kind = Kind::end;
  std::vector<Message> batch;
  std::uint16_t code = 1000;  // 1000 to 1003, 1007 to 1014 or 3000 to 4999
  std::string reason;         // UTF-8, at most 123 bytes

  static Messages data(std::vector<Message> batch) { return {Kind::data, std::move(batch), 1000, {}}; }
  static Messages end(std::uint16_t code = 1000, std::string reason = {}) {
    return {Kind::end, {}, code, std::move(reason)};
  }
  static Messages later() { return {Kind::later, {}, 1000, {}}; }
  static Messages failed() { return {Kind::failed, {}, 1000, {}}; }
};

/// Gives a WebSocket's messages, as a ChunkProducer gives chunks: several at once, since a send call costs
/// more than a message. The next are asked only after the previous went to the socket, so a peer that never
/// reads costs one batch and a timer. Calls come one at a time, on a worker thread. After the close it is
/// asked no more, and dropped.
class MessageProducer {
 public:
  virtual ~MessageProducer() = default;
  /// Called once before the first `next`. A call of `wake` during `next` is not lost. The Wake keeps the
  /// connection's memory, not its socket: drop it when done.
  virtual void start(Wake /*wake*/) {}
  /// The next messages, ideally 16 to 64 KiB together.
  [[nodiscard]] virtual Messages next() = 0;
  /// As ChunkProducer::next_at_hand.
  [[nodiscard]] virtual std::optional<Messages> next_at_hand() { return std::nullopt; }
};

}  // namespace ledger::http
