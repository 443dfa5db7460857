// Subscribers of `/v1/stream` for the benches: what they count is what came over the socket.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ledger::bench {

enum class Transport : std::uint8_t { sse, websocket };

/// One subscriber's socket, its request sent. For one thread.
class StreamPeer {
 public:
  /// Connects to 127.0.0.1:`port` and asks for `/v1/stream` with `query` (empty, or from `?` on). Throws
  /// std::runtime_error where the machine gives no connection.
  StreamPeer(std::uint16_t port, Transport transport, std::string_view query, std::string_view token);
  ~StreamPeer();
  StreamPeer(StreamPeer&& other) noexcept;
  StreamPeer& operator=(StreamPeer&&) = delete;

  [[nodiscard]] int socket() const { return socket_; }
  /// Bytes of the longest frame so far.
  [[nodiscard]] std::size_t longest_frame() const { return longest_frame_; }

  /// Waits for bytes, reads what is there and calls `each(position)` for each event; false once `caught_up`
  /// was among it. Throws std::runtime_error at a refusal and at the end of the stream.
  template <typename Each>
  bool receive(Each&& each) {
    receive_bytes();
    bool goes_on = true;
    for (std::string_view frame; next_frame(frame);) {
      longest_frame_ = std::max(longest_frame_, frame.size());
      if (std::uint64_t position = 0; position_of_event(frame, position)) {
        each(position);
      } else if (is_caught_up(frame)) {
        goes_on = false;
      }
    }
    keep_tail();
    return goes_on;
  }

 private:
  void receive_bytes();
  [[nodiscard]] bool next_frame(std::string_view& frame);
  void keep_tail();
  [[nodiscard]] bool is_caught_up(std::string_view frame) const;
  [[nodiscard]] bool position_of_event(std::string_view frame, std::uint64_t& position) const;

  std::string tail_;       // of a frame that has only begun
  std::string_view rest_;  // within `receive`: what is still to be looked at, of what came or of tail_
  std::size_t longest_frame_ = 0;
  bool head_read_ = false;
  Transport transport_;
  int socket_;
};

/// That many subscribers, each live: they have received `caught_up`. They ask with `query(i)`.
template <typename Query>
[[nodiscard]] std::vector<StreamPeer> live_peers(std::size_t count, std::uint16_t port, Transport transport,
                                                 std::string_view token, Query&& query) {
  std::vector<StreamPeer> peers;
  peers.reserve(count);
  for (std::size_t i = 0; i < count; ++i) peers.emplace_back(port, transport, query(i), token);
  for (StreamPeer& peer : peers) {
    while (peer.receive([](std::uint64_t) {})) {
    }
  }
  return peers;
}

}  // namespace ledger::bench
