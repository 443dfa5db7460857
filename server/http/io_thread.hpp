// Private to server/http: one event loop, its mailbox, its connections. Includes Asio; only the transport's
// own .cpp files include this.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "server/http/address.hpp"
#include "server/http/server.hpp"
#include "server/http/websocket.hpp"

namespace ledger::http {

namespace net = boost::asio;
class Connection;
using SteadyTime = std::chrono::steady_clock::time_point;

/// What all threads of one server share. Connections that outlive the server (held by a late Reply) keep it
/// alive, but touch the handler no more: they are closed by then.
struct Shared {
  Shared(Options server_options, Handler& server_handler, TrustedProxies trusted)
      : options(std::move(server_options)),
        handler(server_handler),
        proxies(std::move(trusted)),
        workers(options.worker_threads == 0 ? 1 : options.worker_threads) {}

  const Options options;
  Handler& handler;
  const TrustedProxies proxies;
  net::thread_pool workers;
  std::atomic<std::size_t> connections_open{0};
  std::atomic<std::size_t> refusals_open{0};  // beyond the limit, being told so
  std::uint32_t id_seed = 0;
};

/// Something for a connection from another thread.
struct Letter {
  enum class Kind : std::uint8_t { adopt, answer, dropped, wake, sink_written, sink_failed, chunk, messages };
  Kind kind;
  std::shared_ptr<Connection> to;
  std::uint64_t serial = 0;
  std::optional<Response> response;  // answer; sink_written: the sink's refusal
  Chunk chunk;
  Messages messages;
};

/// Written by one io thread, read by any: relaxed is enough for totals.
struct alignas(64) ThreadCounters {
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> requests_refused{0};
  std::atomic<std::uint64_t> bytes_in{0};
  std::atomic<std::uint64_t> bytes_out{0};
  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) {
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
};

class IoThread {
 public:
  using Executor = net::io_context::executor_type;

  IoThread(std::shared_ptr<Shared> shared, unsigned index);
  ~IoThread();
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  /// Runs the loop on the calling thread until the orderly end.
  void run();

  /// Any thread. False when the loop has ended: then the letter goes nowhere.
  bool post(Letter letter);
  /// Any thread: begins the orderly end.
  void stop_by(SteadyTime deadline);

  /// The rest: only on the loop's own thread.
  [[nodiscard]] bool is_current() const;
  [[nodiscard]] bool stopping() const { return stop_at_.has_value(); }
  void adopt(Connection& connection);
  void release(Connection& connection);
  [[nodiscard]] std::string_view date_line();
  [[nodiscard]] std::string next_request_id();

  const std::shared_ptr<Shared> shared;
  net::io_context context{1};
  ThreadCounters counters;

 private:
  void drain();
  void begin_stop(SteadyTime deadline);
  void sweep();
  void schedule_sweep();
  void end_if_done();

  const unsigned index_;
  const std::chrono::milliseconds tick_;

  std::mutex mutex_;
  std::vector<Letter> letters_;             // guarded by mutex_
  std::optional<SteadyTime> stop_request_;  // guarded by mutex_
  bool drain_posted_ = false;               // guarded by mutex_
  bool open_ = true;                        // guarded by mutex_

  // The loop's own.
  std::vector<Letter> reading_;
  std::optional<net::executor_work_guard<Executor>> guard_;
  net::basic_waitable_timer<std::chrono::steady_clock, net::wait_traits<std::chrono::steady_clock>, Executor>
      timer_;
  bool timer_running_ = false;
  std::optional<SteadyTime> stop_at_;
  Connection* first_ = nullptr;  // intrusive list of the open connections
  std::string date_line_;
  std::time_t date_at_ = 0;
  std::uint64_t requests_begun_ = 0;
};

}  // namespace ledger::http
