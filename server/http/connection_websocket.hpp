// Private to server/http: what a connection does once it became a WebSocket. One reader and one writer, both
// on the io thread; only the producer works elsewhere.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/connection.hpp"
#include "server/http/websocket_frame.hpp"

namespace ledger::http {

/// It is made with the 101 answer and lives as long as its connection. No queue: at most one batch of
/// messages, one pong, one ping and one close wait for the socket.
class Connection::WebSocket {
 public:
  WebSocket(Connection& connection, std::shared_ptr<MessageProducer> producer);
  /// Sends the head, then reads what came with the request, then all else.
  void start(std::string_view first_bytes);
  void on_written();
  void on_wake();
  void on_messages(Messages messages);
  /// The peer moves: it sent bytes, or took some that had to wait.
  void heard();
  void sweep(SteadyTime now);
  /// Closes with 1001.
  void stop();
  void on_closed();

 private:
  enum class Phase : std::uint8_t {
    open,
    closing,   // our close is on its way, or the peer's is awaited
    draining,  // all is said; reading and dropping until the peer is done
  };
  enum class Producer : std::uint8_t { idle, asked, dozing };

  [[nodiscard]] static constexpr std::uint16_t number(CloseCode code) {
    return static_cast<std::uint16_t>(code);
  }
  void read();
  void take(std::string_view bytes);
  void pump();
  void ask();
  void take_messages(Messages messages);
  [[nodiscard]] bool take_at_hand();
  void begin_close(std::uint16_t code, std::string_view reason);
  void close_sent();
  void drain();
  [[nodiscard]] int queued_bytes() const;
  [[nodiscard]] bool reads_on();

  Connection& connection_;
  std::shared_ptr<MessageProducer> producer_;  // null once no more is asked
  Producer producer_state_ = Producer::idle;
  bool producer_begun_ = false;
  bool woken_ = false;  // it rang before it dozed
  unsigned at_hand_left_ = 0;
  Phase phase_ = Phase::open;

  FrameParser parser_;
  bool deaf_ = false;         // the peer's bytes make no sense any more, or are not wanted
  bool peer_closed_ = false;  // its close frame came
  std::array<char, 512> input_;

  std::vector<Message> batch_;             // waits while a control frame is written
  std::vector<Message> sent_;              // being written
  std::string control_;                    // control frames being written
  std::vector<net::const_buffer> output_;  // views of control_ and sent_
  std::optional<std::string> pong_;        // what the latest unanswered ping said
  bool ping_due_ = false;
  std::string close_;  // the whole frame, until it is written
  bool writing_ = false;
  bool writes_close_ = false;
  bool close_sent_ = false;

  SteadyTime heard_at_;
  std::optional<SteadyTime> ping_at_;           // the last ping since the peer was heard
  std::optional<SteadyTime> unanswered_since_;  // the first one
  int queued_before_ = 0;                       // when reads_on was last asked
};

}  // namespace ledger::http
