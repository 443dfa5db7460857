#include "server/bench/stream_peer.hpp"

#include <arpa/inet.h>
#include <charconv>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

#include <spdlog/fmt/fmt.h>

namespace ledger::bench {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kEventStart = R"({"kind":"event","position":)";
constexpr std::string_view kCaughtUpStart = R"({"kind":"caught_up")";
/// A frame's names stand before its data: the rest need not be searched.
constexpr std::size_t kNamesWithin = 64;

bool number_at(std::string_view text, std::size_t at, std::uint64_t& number) {
  return std::from_chars(text.data() + at, text.data() + text.size(), number).ec == std::errc();
}

/// The header's size and the payload's of a server's frame; {0, 0} where more bytes are needed.
std::pair<std::size_t, std::size_t> frame_sizes(std::string_view bytes) {
  constexpr std::size_t kShort = 126;
  const auto octet = [&](std::size_t i) { return std::size_t{static_cast<unsigned char>(bytes[i])}; };
  if (bytes.size() < 2) return {0, 0};
  const std::size_t length = octet(1) & 0x7f;
  if (length < kShort) return {2, length};
  const std::size_t more = length == kShort ? 2 : 8;
  if (bytes.size() < 2 + more) return {0, 0};
  std::size_t size = 0;
  for (std::size_t i = 0; i < more; ++i) size = size << 8 | octet(2 + i);
  return {2 + more, size};
}

}  // namespace

StreamPeer::StreamPeer(std::uint16_t port, Transport transport, std::string_view query,
                       std::string_view token)
    : transport_(transport), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string request =
      fmt::format("GET /v1/stream{} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n", query, token);
  if (transport == Transport::websocket) {
    request +=
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  }
  request += "\r\n";
  if (socket_ < 0 || ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::send(socket_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    if (socket_ >= 0) ::close(socket_);
    throw std::runtime_error("bench: cannot connect");
  }
}

StreamPeer::~StreamPeer() {
  if (socket_ >= 0) ::close(socket_);
}

StreamPeer::StreamPeer(StreamPeer&& other) noexcept
    : tail_(std::move(other.tail_)),
      longest_frame_(other.longest_frame_),
      head_read_(other.head_read_),
      transport_(other.transport_),
      socket_(std::exchange(other.socket_, -1)) {}

void StreamPeer::receive_bytes() {
  static thread_local std::string bytes(std::size_t{1} << 20, '\0');
  const ssize_t count = ::recv(socket_, bytes.data(), bytes.size(), 0);
  if (count <= 0) throw std::runtime_error("bench: the server ended a stream");
  // Frames are looked at where they were received; only what began before has to be put together.
  rest_ = std::string_view(bytes).substr(0, static_cast<std::size_t>(count));
  if (!tail_.empty()) rest_ = tail_.append(rest_);
  if (head_read_) return;
  const std::size_t end = rest_.find(kHeadEnd);
  if (end == rest_.npos) return;
  const std::string_view wanted = transport_ == Transport::sse ? "HTTP/1.1 200" : "HTTP/1.1 101";
  if (!rest_.starts_with(wanted))
    throw std::runtime_error("bench: the server refused a stream: " + std::string(rest_));
  head_read_ = true;
  rest_.remove_prefix(end + kHeadEnd.size());
}

bool StreamPeer::next_frame(std::string_view& frame) {
  if (!head_read_) return false;
  std::size_t size = 0;
  if (transport_ == Transport::websocket) {
    const auto [header, payload] = frame_sizes(rest_);
    if (header == 0 || rest_.size() < header + payload) return false;
    frame = rest_.substr(header, payload);
    size = header + payload;
  } else {
    const std::size_t end = rest_.find("\n\n");
    if (end == rest_.npos) return false;
    frame = rest_.substr(0, end);
    size = end + 2;
  }
  rest_.remove_prefix(size);
  return true;
}

void StreamPeer::keep_tail() {
  // The end of a chunk belongs to no frame.
  if (transport_ == Transport::sse && rest_ == "\r\n") rest_ = {};
  // A thousand of them must not keep what one catching up needed.
  tail_ = std::string(std::exchange(rest_, {}));
}

bool StreamPeer::is_caught_up(std::string_view frame) const {
  return transport_ == Transport::websocket
             ? frame.starts_with(kCaughtUpStart)
             : frame.substr(0, kNamesWithin).find("event: caught_up") != frame.npos;
}

bool StreamPeer::position_of_event(std::string_view frame, std::uint64_t& position) const {
  if (transport_ == Transport::websocket) {
    return frame.starts_with(kEventStart) && number_at(frame, kEventStart.size(), position);
  }
  // The chunk's own line may come before it.
  const std::size_t id = frame.substr(0, kNamesWithin).find("id: ");
  if (id == frame.npos || frame.substr(0, id).find("event: ") != frame.npos) return false;
  return number_at(frame, id + 4, position);
}

}  // namespace ledger::bench
