// The HTTP/1.1 transport: sockets, threads, limits, timeouts. It knows nothing of filings: the Handler does.
//
// N io threads, one event loop each; a connection lives on one thread for its whole life, so nothing is
// locked on the way of a request. A connection handles one request at a time, in order (pipelining is safe).
// A small pool of worker threads runs body sinks and producers, which may block. Sources: RFC 9110, RFC 9112,
// RFC 7239, RFC 6455.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "server/http/handler.hpp"

namespace ledger::http {

/// Which header a trusted proxy writes the client's address into. Only one is believed: a client could forge
/// the other one through a proxy that does not know it.
enum class ForwardedHeader : std::uint8_t { x_forwarded_for, forwarded };

/// Limits and times of the transport. Every queue and buffer has one.
struct Options {
  std::string listen = "127.0.0.1:8080";  // HOST:PORT or [IPv6]:PORT; port 0 lets the system pick
  unsigned io_threads = 0;                // 0: one per processor
  unsigned worker_threads = 2;            // blocking work of sinks and producers
  std::size_t connections_max = 4096;     // beyond: 503 and close
  std::size_t header_bytes_max = 16 * 1024;
  std::size_t header_fields_max = 128;
  std::size_t target_bytes_max = 8 * 1024;
  std::uint64_t body_bytes_max = 256 * 1024;  // where Admission says nothing else
  std::chrono::milliseconds header_timeout{
      10'000};                                     // from the first byte (or the accept) to the complete head
  std::chrono::milliseconds idle_timeout{60'000};  // between requests
  std::chrono::milliseconds body_timeout{30'000};  // for every 4 KiB of progress, not for the whole
  std::chrono::milliseconds write_timeout{30'000};  // likewise; waiting for a producer does not count
  std::chrono::milliseconds linger_timeout{
      10'000};  // after an early refusal: how long the rest is read and dropped
  std::uint64_t linger_bytes_max = 64ULL << 20;             // ... and how much of it
  std::chrono::milliseconds websocket_ping_after{20'000};   // silence of the peer before a ping, and the next
  std::chrono::milliseconds websocket_silence_max{60'000};  // after an unanswered ping: close 1001
  // For every 4 KiB of progress, like write_timeout: as long as for Server-Sent Events, since a subscriber
  // that stands still costs one batch, and one that comes back costs its catching up.
  std::chrono::milliseconds websocket_write_timeout{3'600'000};
  std::chrono::milliseconds websocket_close_timeout{5'000};  // for the peer's close after ours, or progress
  std::vector<std::string> trusted_proxies;  // addresses or CIDR networks whose forwarded header is believed
  ForwardedHeader forwarded_header = ForwardedHeader::x_forwarded_for;
  std::string request_id_header = "X-Request-Id";  // added to every response; empty: none
};

/// Why the server cannot listen. `text` is for the operator: the address and the system's words.
struct ListenError {
  std::string text;
};

/// Totals since the start; `connections_open` is the present. Read from any thread.
struct Counters {
  std::uint64_t connections_open = 0;
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;  // beyond connections_max
  std::uint64_t requests = 0;             // complete heads
  std::uint64_t requests_refused = 0;     // refused by the transport itself
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

class Server {
 public:
  /// Binds and listens (connections wait in the kernel until `run`). `handler` must outlive the server.
  /// Errors: a bad address, an address in use or forbidden, a malformed trusted proxy.
  [[nodiscard]] static std::expected<std::unique_ptr<Server>, ListenError> listen(Options options,
                                                                                  Handler& handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// The port in use, also when 0 was asked for.
  [[nodiscard]] std::uint16_t port() const;
  /// `HOST:PORT` as bound, numeric, IPv6 in brackets.
  [[nodiscard]] std::string address() const;
  /// Serves on io_threads threads (this one included) until `stop`; returns when every connection is closed
  /// and no sink or producer runs any more. Call once.
  void run();
  /// Begins the orderly end, from any thread (not from a signal handler): no new connections, idle ones are
  /// closed, WebSockets close with 1001, requests in hand are finished with `Connection: close`, what remains
  /// after `deadline` is cut. May be repeated: the earliest deadline holds. Before `run` it makes `run`
  /// return at once.
  void stop(std::chrono::milliseconds deadline);
  [[nodiscard]] Counters counters() const;

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ledger::http
