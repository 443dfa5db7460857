#include "server/http/websocket_frame.hpp"

#include <algorithm>
#include <utility>

#include "server/http/target.hpp"

namespace ledger::http {
namespace {

constexpr std::uint64_t kMessageBytesMax = 4096;
constexpr unsigned kFinal = 0x80;
constexpr unsigned kReserved = 0x70;
constexpr unsigned kMasked = 0x80;

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = (value << 8) | static_cast<unsigned char>(byte);
  return value;
}

}  // namespace

std::uint8_t write_frame_header(Opcode opcode, std::uint64_t payload_bytes, std::array<char, 10>& header) {
  header[0] = static_cast<char>(kFinal | static_cast<unsigned>(opcode));
  std::uint8_t length_bytes = 0;
  if (payload_bytes < 126) {
    header[1] = static_cast<char>(payload_bytes);
  } else if (payload_bytes <= 0xffff) {
    header[1] = 126;
    length_bytes = 2;
  } else {
    header[1] = 127;
    length_bytes = 8;
  }
  for (std::size_t i = 0; i < length_bytes; ++i) {
    header[2 + i] = static_cast<char>(payload_bytes >> (8 * (length_bytes - 1 - i)) & 0xff);
  }
  return static_cast<std::uint8_t>(2 + length_bytes);
}

void append_frame(std::string& out, Opcode opcode, std::string_view payload) {
  std::array<char, 10> header;
  const std::size_t size = write_frame_header(opcode, payload.size(), header);
  out.append(header.data(), size).append(payload);
}

void append_close_frame(std::string& out, std::uint16_t code, std::string_view reason) {
  if (code == static_cast<std::uint16_t>(CloseCode::none)) return append_frame(out, Opcode::close, {});
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  if (payload.size() + reason.size() <= kControlPayloadMax) payload.append(reason);
  append_frame(out, Opcode::close, payload);
}

bool is_close_code(std::uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

FrameParser::Event FrameParser::refuse(CloseCode code, std::string_view reason) {
  refusal_ = {Event::Kind::refused, {}, static_cast<std::uint16_t>(code), reason};
  return refusal_;
}

// True once `wanted` bytes of the frame are held.
bool FrameParser::fill(std::string_view bytes, std::size_t& used, std::size_t wanted) {
  const std::size_t taken = std::min(wanted - std::min(wanted, held_), bytes.size() - used);
  std::copy_n(bytes.data() + used, taken, frame_.data() + held_);
  held_ += taken;
  used += taken;
  return held_ >= wanted;
}

FrameParser::Event FrameParser::parse(std::string_view bytes, std::size_t& used) {
  used = 0;
  if (refusal_.kind == Event::Kind::refused) return refusal_;
  if (std::exchange(complete_, false)) held_ = 0;
  if (!fill(bytes, used, 2)) return {};
  const std::string_view start(frame_.data(), 2);
  const unsigned first = byte_at(start, 0);
  const unsigned second = byte_at(start, 1);
  if ((first & kReserved) != 0) return refuse(CloseCode::protocol_error, "reserved bits are set");
  if ((second & kMasked) == 0) return refuse(CloseCode::protocol_error, "frames from a client are masked");
  switch (static_cast<Opcode>(first & 0x0f)) {
    case Opcode::text:
    case Opcode::binary: return judge_message(bytes, used);
    case Opcode::continuation: return refuse(CloseCode::protocol_error, "there is nothing to continue");
    case Opcode::close:
    case Opcode::ping:
    case Opcode::pong: break;
    default: return refuse(CloseCode::protocol_error, "the opcode is reserved");
  }
  if ((first & kFinal) == 0) return refuse(CloseCode::protocol_error, "control frames are not fragmented");
  const std::size_t payload_bytes = second & 0x7f;
  if (payload_bytes > kControlPayloadMax) {
    return refuse(CloseCode::too_big, "control frames hold at most 125 bytes");
  }
  if (!fill(bytes, used, 6 + payload_bytes)) return {};
  return take_control();
}

// No message is wanted, but its sender learns the first thing that is wrong with it.
FrameParser::Event FrameParser::judge_message(std::string_view bytes, std::size_t& used) {
  const unsigned short_length = byte_at({frame_.data(), 2}, 1) & 0x7f;
  const std::size_t length_bytes = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
  if (!fill(bytes, used, 2 + length_bytes)) return {};
  std::uint64_t length = short_length;
  if (length_bytes != 0) {
    length = big_endian({frame_.data() + 2, length_bytes});
    const bool shortest = length_bytes == 2 ? length >= 126 : length > 0xffff && length >> 63 == 0;
    if (!shortest) return refuse(CloseCode::protocol_error, "the length is not in its shortest form");
  }
  if (length > kMessageBytesMax)
    return refuse(CloseCode::too_big, "messages are not taken, let alone large ones");
  if (static_cast<Opcode>(byte_at({frame_.data(), 1}, 0) & 0x0f) == Opcode::binary) {
    return refuse(CloseCode::unsupported_data, "binary messages are not taken");
  }
  return refuse(CloseCode::policy, "messages are not taken");
}

FrameParser::Event FrameParser::take_control() {
  complete_ = true;
  char* const payload = frame_.data() + 6;
  const std::size_t size = held_ - 6;
  for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(payload[i] ^ frame_[2 + i % 4]);
  const std::string_view text(payload, size);
  switch (static_cast<Opcode>(byte_at({frame_.data(), 1}, 0) & 0x0f)) {
    case Opcode::ping: return {Event::Kind::ping, text, 0, {}};
    case Opcode::pong: return {Event::Kind::pong, text, 0, {}};
    default: return take_close(text);
  }
}

FrameParser::Event FrameParser::take_close(std::string_view payload) {
  if (payload.empty()) return {Event::Kind::close, {}, static_cast<std::uint16_t>(CloseCode::none), {}};
  const auto code = static_cast<std::uint16_t>(big_endian(payload.substr(0, 2)));
  if (payload.size() < 2 || !is_close_code(code)) {
    return refuse(CloseCode::protocol_error, "the close code is invalid");
  }
  const std::string_view reason = payload.substr(2);
  if (!is_utf8(reason)) return refuse(CloseCode::invalid_text, "the close reason is not UTF-8");
  return {Event::Kind::close, {}, code, reason};
}

}  // namespace ledger::http
