// One subscriber of the stream: a cursor into the log, with the frames that move it. The transports (SSE,
// WebSocket) only put its frames into bytes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "server/stream/bell.hpp"
#include "server/stream/feed.hpp"
#include "server/stream/newest_events.hpp"

namespace ledger::server {

/// One thing to tell a subscriber.
struct Frame {
  enum class Kind : std::uint8_t {
    event,
    caught_up,   ///< everything up to `position` was sent; what follows is live
    checkpoint,  ///< nothing up to `position` is left to send
    heartbeat,   ///< nothing happened for a while
    error,       ///< `code` says why the stream ends here
  };
  Kind kind = Kind::event;
  /// The cursor from which the stream goes on; nullopt before the first event.
  std::optional<std::uint64_t> position;
  RenderedEvents::Text event;  ///< CloudEvents JSON; null for other kinds
  std::string_view code;       ///< of an error: token_revoked, token_expired
};

/// What a stream has to say now.
struct Batch {
  enum class Then : std::uint8_t {
    again,  ///< ask again once these are written
    wait,   ///< nothing (`frames` is empty): ask again after the Wake
    end,    ///< these are the last
  };
  std::vector<Frame> frames;
  Then then = Then::again;
};

/// What all subscriptions of a server share.
struct StreamShared {
  RenderedEvents rendered;
  NewestEvents newest;
  Bell bell;
  std::atomic<bool> draining{false};
  std::function<TimestampUs()> clock;  ///< the wall clock
  std::chrono::milliseconds heartbeat{15'000};
};

/// Calls come one at a time, on any thread; `next` reads the store. It must not outlive what it was made of.
class Subscription {
 public:
  struct Begin {
    StreamStart start;
    StreamFilter filter;
    Reader reader;
    std::optional<GrantState> grant;  ///< null: the public stream
    std::shared_ptr<void> place;      ///< given back when the subscription ends
  };
  Subscription(const store::Engine& engine, StreamShared& shared, Begin begin);

  /// Before the first `next`.
  void start(http::Wake wake) { wake_ = std::move(wake); }
  /// At most about 64 KiB and one event more.
  [[nodiscard]] Batch next();
  /// The same where memory alone has the answer, which is nearly always so for a live stream; it then takes
  /// the place of `next`. nullopt: nothing was done.
  [[nodiscard]] std::optional<Batch> next_at_hand();

 private:
  [[nodiscard]] std::optional<std::uint64_t> cursor() const;
  [[nodiscard]] bool nothing_new() const;
  [[nodiscard]] bool grant_lapsed() const;
  [[nodiscard]] FeedRequest request() const;
  [[nodiscard]] FeedPage read() const;
  void tell(Batch& batch, FeedPage&& page, std::uint64_t heard);
  void tell(Batch& batch, Frame::Kind kind);
  void tell_page(Batch& batch, FeedPage&& page);
  void tell_or_wait(Batch& batch, std::uint64_t heard);

  const store::Engine& engine_;
  StreamShared& shared_;
  Feed feed_;
  Begin begin_;
  http::Wake wake_;
  std::uint64_t next_ = 0;
  std::uint64_t told_ = 0;  ///< the `next_` that the subscriber knows of
  bool caught_up_ = false, ended_ = false;
  Bell::Clock::time_point last_frame_ = Bell::Clock::now();
  Bell::Seat seat_;
};

}  // namespace ledger::server
