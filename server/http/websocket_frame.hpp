// Private to server/http: the frames of RFC 6455 section 5, from the server's side. Pure.
//
// Why not Beast's websocket stream: it writes one message a call and owns the socket's reading, writing and
// timers. Here the cost of a subscriber is the send call, so many messages travel in one, built once for all
// peers; and the transport already owns its sockets, deadlines and orderly end. What is left of the protocol
// for a peer that may send control frames only is this file.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/http/websocket.hpp"

namespace ledger::http {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

inline constexpr std::size_t kControlPayloadMax = 125;

/// Writes the header of an unmasked, unfragmented frame; returns its length (2, 4 or 10).
[[nodiscard]] std::uint8_t write_frame_header(Opcode opcode, std::uint64_t payload_bytes,
                                              std::array<char, 10>& header);
void append_frame(std::string& out, Opcode opcode, std::string_view payload);
/// CloseCode::none writes no payload; a reason beyond what a control frame holds is left out.
void append_close_frame(std::string& out, std::uint16_t code, std::string_view reason);
/// The codes that may stand in a close frame: RFC 6455 section 7.4 and the registered ones up to 1014.
[[nodiscard]] bool is_close_code(std::uint16_t code);

/// Reads the peer's frames however they are cut. It keeps one control frame at most: messages are refused by
/// their header, their payload is never read.
class FrameParser {
 public:
  struct Event {
    enum class Kind : std::uint8_t {
      none,  ///< all bytes are used, more are needed
      ping,
      pong,
      close,    ///< whatever follows is not to be read
      refused,  ///< likewise; every later call says the same
    };
    Kind kind = Kind::none;
    std::string_view payload;  // ping, pong; valid until the next call
    std::uint16_t code = 0;    // close: the peer's, 1005 for none; refused: what to close with
    std::string_view reason;   // close: the peer's, valid until the next call; refused: ours
  };
  /// Takes bytes up to the end of one frame; `used` says how many.
  [[nodiscard]] Event parse(std::string_view bytes, std::size_t& used);

 private:
  [[nodiscard]] bool fill(std::string_view bytes, std::size_t& used, std::size_t wanted);
  [[nodiscard]] Event refuse(CloseCode code, std::string_view reason);
  [[nodiscard]] Event judge_message(std::string_view bytes, std::size_t& used);
  [[nodiscard]] Event take_control();
  [[nodiscard]] Event take_close(std::string_view payload);

  std::array<char, 6 + kControlPayloadMax> frame_{};
  std::size_t held_ = 0;
  bool complete_ = false;  // what is held was given out
  Event refusal_;
};

}  // namespace ledger::http
