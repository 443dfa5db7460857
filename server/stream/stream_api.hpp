// `GET /v1/stream` and `POST /v1/stream/tickets`: who may listen to what, from where on.
#pragma once

#include <atomic>
#include <expected>
#include <memory>
#include <optional>
#include <vector>

#include "server/api/metrics.hpp"
#include "server/api/options.hpp"
#include "server/api/problem.hpp"
#include "server/stream/open_streams.hpp"
#include "server/stream/subscription.hpp"
#include "server/stream/tickets.hpp"

namespace ledger::server {

/// One a server; outlives every stream that it opened. Any thread.
class StreamApi {
 public:
  explicit StreamApi(const Options& options);
  ~StreamApi();

  /// Before the first request; the engine outlives every stream.
  void open(const store::Engine& engine);
  /// The log has grown. Never blocks: for the committing thread.
  void ring() noexcept { shared_.bell.ring(); }
  /// Ends all streams soon and refuses new ones; the bell's thread reads the engine no more. May be called
  /// again.
  void drain();

  struct Call {
    const http::Request& request;
    Language language = Language::en;
    std::optional<GrantState> grant;  ///< of the token that came; verified
  };
  /// The stream as Server-Sent Events, or the refusal.
  [[nodiscard]] http::Response sse(const Call& call);
  /// The stream as a WebSocket, or the refusal; for a call that asks for one.
  [[nodiscard]] http::Response websocket(const Call& call);
  /// What any transport streams from, or the refusal (400 bad_query, bad_cursor; 401 ticket_unknown,
  /// token_expired; 429; 503 shutting_down) while nothing was opened yet.
  [[nodiscard]] std::expected<std::shared_ptr<Subscription>, http::Response> subscribe(const Call& call);
  /// A ticket for the caller's grant, which the call has.
  [[nodiscard]] http::Response ticket(const Call& call);

  /// For /metrics.
  [[nodiscard]] std::vector<Metrics::Reading> readings() const;

 private:
  struct Asked {
    std::optional<GrantState> grant;
    StreamFilter filter;
    StreamStart start;
  };
  void prepare(std::uint64_t rung) noexcept;
  [[nodiscard]] std::expected<Asked, Refusal> read(const Call& call);
  [[nodiscard]] std::expected<GrantState, Refusal> grant_of(std::string_view ticket);

  std::atomic<const store::Engine*> engine_{nullptr};
  StreamShared shared_;
  Tickets tickets_;
  OpenStreams open_streams_;
  http::RateLimiter openings_;
};

}  // namespace ledger::server
