// What the application implements for the transport: admission of bodies, answers, refusals in its own words.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "server/http/message.hpp"

namespace ledger::http {

namespace detail {
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual void answer(std::uint64_t serial, Response&& response) = 0;
  virtual void dropped(std::uint64_t serial) = 0;
  virtual void wake(std::uint64_t serial) = 0;
};
}  // namespace detail

/// The right and the duty to answer one request: move-only, called exactly once, from any thread, now or
/// later. Destroyed uncalled, it answers 500. It may outlive the connection and the server: then the answer
/// goes nowhere.
class Reply {
 public:
  Reply() = default;
  Reply(std::shared_ptr<detail::Exchange> exchange, std::uint64_t serial)
      : exchange_(std::move(exchange)), serial_(serial) {}
  /// For tests and inner calls: the answer goes to a function instead of a connection (500 `reply_dropped` if
  /// dropped).
  static Reply to(std::move_only_function<void(Response)> answer);
  Reply(Reply&& other) noexcept = default;
  Reply& operator=(Reply&& other) noexcept;
  ~Reply();
  /// Sends the answer. A second call is a bug and does nothing.
  void operator()(Response response);
  /// False once called or moved from.
  [[nodiscard]] explicit operator bool() const { return exchange_ != nullptr; }

 private:
  std::shared_ptr<detail::Exchange> exchange_;
  std::uint64_t serial_ = 0;
};

/// Takes a request body as it arrives (document uploads). All calls come one after another on worker threads,
/// so blocking file work is fine; the connection reads on only after `write` returned. Exactly one of
/// `finish`, `abort` or a refusing `write` is the last call; then the sink is destroyed.
class BodySink {
 public:
  virtual ~BodySink() = default;
  /// A piece of the body, at most 64 KiB. A Response refuses the rest: it is sent at once, the connection
  /// closes.
  [[nodiscard]] virtual std::optional<Response> write(std::string_view piece) = 0;
  /// The body is complete (its length within the admitted limit): answer now or later. Takes the place of
  /// `handle`.
  virtual void finish(Request&& request, Reply reply) = 0;
  /// The client went away, broke the chunking, exceeded the limit or stalled: undo. Nobody is waiting for an
  /// answer.
  virtual void abort() noexcept = 0;
};

/// What becomes of an announced body.
struct Admission {
  std::optional<std::uint64_t> body_bytes_max;  // none: Options::body_bytes_max. Beyond: 413 `body_too_large`
  std::unique_ptr<BodySink> sink;               // null: collected into Request::body
  std::optional<Response> refusal;              // set: sent at once, the body is not read

  static Admission collect(std::uint64_t bytes_max) {
    Admission admission;
    admission.body_bytes_max = bytes_max;
    return admission;
  }
  static Admission into(std::unique_ptr<BodySink> sink, std::uint64_t bytes_max) {
    Admission admission;
    admission.body_bytes_max = bytes_max;
    admission.sink = std::move(sink);
    return admission;
  }
  static Admission refuse(Response response) {
    Admission admission;
    admission.refusal = std::move(response);
    return admission;
  }
};

/// A refusal that the transport itself makes; the application gives it words and form.
struct Problem {
  unsigned status = 400;
  /// Stable: request_malformed, request_ambiguous, target_malformed, method_malformed (400), request_timeout
  /// (408), body_malformed, websocket_key_malformed (400), body_too_large (413), target_too_long (414),
  /// expectation_unknown (417), upgrade_required, websocket_version_unsupported (426), header_too_large
  /// (431), reply_dropped, response_broken (500), connections_exhausted (503), version_unsupported (505).
  std::string_view code;
  /// One English sentence for the log and the curious; never echoes what was received.
  std::string_view detail;
  /// The request as far as it is known, for `Accept-Language`; null when its head could not be read.
  const Request* request = nullptr;
  /// Never empty when a request began.
  std::string_view request_id;
};

/// One finished exchange, for the access log. Views are valid during the call only.
struct RequestSummary {
  std::string_view method;  // `-` when the head could not be read
  std::string_view path;    // as received, without the query; `-` when unreadable
  unsigned status = 0;      // 0: the client went away before an answer
  std::uint64_t body_bytes_in = 0;
  std::uint64_t bytes_out = 0;    // head and body, as sent
  std::uint64_t duration_us = 0;  // from the complete head to the last byte given to the kernel
  std::string_view request_id;
  std::string_view remote;
  bool complete = false;  // the whole response was written
  std::uint32_t tag = 0;  // Response::tag of the answer
};

/// The application. Every method but those of the sinks is called on io threads, possibly several at once,
/// and must not block for long: quick reads may answer inside `handle`, slow work takes the Reply elsewhere.
class Handler {
 public:
  virtual ~Handler() = default;
  /// Asked after the head and before the body of a request that announces one (not for an empty body).
  /// `100 Continue` is sent only after this admitted.
  [[nodiscard]] virtual Admission admit(const Request& /*head*/) { return {}; }
  /// A whole request. Exceptions thrown here are reported to `fault`, and the client gets 500.
  virtual void handle(Request&& request, Reply reply) = 0;
  /// The wording of a transport refusal; the transport sets the status and `Connection: close` as needed.
  [[nodiscard]] virtual Response problem(const Problem& problem) = 0;
  /// The access log and the metrics per request.
  virtual void done(const RequestSummary& /*summary*/) {}
  /// Something on our side went wrong: an exception out of the application, a failed accept, a broken
  /// response. Any thread.
  virtual void fault(std::string_view /*what*/) {}
};

}  // namespace ledger::http
