// Private to server/http: one connection, a state machine on one io thread.
#pragma once

#include <array>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>

#include "server/http/io_thread.hpp"
#include "server/http/request_parser.hpp"
#include "server/http/response_head.hpp"

namespace ledger::http {

/// Received bytes not yet used, in one piece, in memory that grows with need up to a bound and shrinks again.
class InputBuffer {
 public:
  [[nodiscard]] std::string_view view() const { return {memory_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] bool empty() const { return begin_ == end_; }
  void consume(std::size_t bytes) {
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  /// Room behind the unused bytes: `wanted` of it if the whole may then stay within `bytes_max`, else what
  /// there is (at least 1 byte as long as fewer than `bytes_max` are unused).
  [[nodiscard]] net::mutable_buffer room(std::size_t wanted, std::size_t bytes_max);
  void commit(std::size_t bytes) { end_ += bytes; }
  void shrink();

 private:
  std::unique_ptr<char[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

class Connection final : public detail::Exchange, public std::enable_shared_from_this<Connection> {
 public:
  using Socket = net::basic_stream_socket<net::ip::tcp, IoThread::Executor>;

  /// `refuse_at_once`: one connection too many, answered 503.
  Connection(std::shared_ptr<IoThread> io, Socket socket, std::string peer, bool refuse_at_once);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Any thread (Reply, Wake).
  void answer(std::uint64_t serial, Response&& response) override;
  void dropped(std::uint64_t serial) override;
  void wake(std::uint64_t serial) override;

  // The io thread.
  void receive(Letter letter);
  void sweep(SteadyTime now, bool cut);
  void begin_stop();

  Connection* next_open = nullptr;  // IoThread's list
  Connection* previous_open = nullptr;

 private:
  enum class State : std::uint8_t {
    head,       // reading, or about to read, a request head
    body,       // reading a body
    sinking,    // a worker holds a piece of the body
    handling,   // the application holds the Reply
    writing,    // bytes are on their way out
    producing,  // a worker is asked for the next chunk
    dozing,     // the producer said `later`
    websocket,  // reading and writing at once: WebSocket has the word
    lingering,  // everything is said; reading and dropping until the client is done
    closed,
  };
  enum class AfterWrite : std::uint8_t { read_body, next_chunk, finish, websocket };
  struct Upload;  // a BodySink with its strand
  class WebSocket;

  /// A wake brings a piece, and then the word that there is no more. Whoever has more takes turns with the
  /// other connections of the thread, by way of a worker.
  static constexpr unsigned kAtHandAfterWake = 2;

  [[nodiscard]] const Options& options() const { return io_->shared->options; }
  [[nodiscard]] Handler& handler() const { return io_->shared->handler; }

  [[nodiscard]] std::atomic<std::size_t>& open_count();
  void start();
  void read_some();
  void on_read(std::size_t bytes, bool failed);
  void process_input();
  void open_exchange(bool head_known);
  void begin_request();
  void begin_body();
  [[nodiscard]] bool skip_buffered_body();
  void process_body();
  void hand_over_piece();
  void on_sink_written(std::optional<Response> refusal);
  void finish_upload();
  void abort_upload();
  void dispatch();

  void refuse(const Refusal& refusal);
  [[nodiscard]] Response problem_response(unsigned status, std::string_view code, std::string_view detail,
                                          const Request* request);
  [[nodiscard]] Response lost_thread_response();
  void respond(Response response);
  [[nodiscard]] std::optional<Refusal> refuse_upgrade() const;
  [[nodiscard]] Response upgrade_refusal_response(const Refusal& refusal);
  void begin_websocket(Response response);
  void ask_producer();
  [[nodiscard]] bool take_at_hand();
  void on_chunk(Chunk chunk);
  void cut_stream();
  void forget_response();
  void write(AfterWrite after);
  void write(std::span<net::const_buffer> output, AfterWrite after);
  [[nodiscard]] std::chrono::milliseconds write_timeout() const;
  [[nodiscard]] bool write_now();
  void write_later();
  void advance_output(std::size_t bytes);
  void written();
  void report(bool complete);
  void finish_exchange();
  void linger();
  void read_and_drop();
  void close();
  void on_timeout();
  void set_deadline(std::chrono::milliseconds after);
  void no_deadline() { deadline_ = SteadyTime::max(); }
  void progress(std::size_t bytes, std::chrono::milliseconds timeout);

  // Constant after construction.
  const std::shared_ptr<IoThread> io_;
  const std::string peer_;
  const bool refuse_at_once_;

  // The io thread's own from here on.
  std::shared_ptr<Connection> keep_;  // itself, while open
  Socket socket_;
  State state_ = State::head;
  SteadyTime deadline_ = SteadyTime::max();
  std::size_t progress_bytes_ = 0;
  bool reading_ = false;        // a read is outstanding
  bool timed_out_ = false;      // ... and was cancelled by the sweep
  bool in_loop_ = false;        // process_input is on the stack
  bool in_handle_ = false;      // Handler::handle is on the stack
  bool exchange_open_ = false;  // a request began and `done` was not called yet
  bool head_begun_ = false;     // the head's own deadline runs
  bool close_after_ = false;    // this exchange is the last
  bool unread_input_ = false;   // the request was refused before its end
  bool head_only_ = false;      // HEAD
  bool woken_ = false;          // the producer rang before it dozed
  bool upload_complete_ = false;

  InputBuffer input_;
  RequestParser parser_;
  Request request_;
  std::uint64_t serial_ = 0;
  unsigned client_version_ = 11;
  std::uint64_t body_bytes_max_ = 0;
  std::uint64_t body_wire_bytes_ = 0;
  std::shared_ptr<Upload> upload_;
  std::string piece_;
  std::optional<Response> inline_answer_;
  bool inline_dropped_ = false;

  // What a request said about a WebSocket; null when nothing.
  std::unique_ptr<std::expected<std::string, Refusal>> handshake_;
  std::unique_ptr<WebSocket> websocket_;

  Response response_;
  std::string head_;  // the bytes before the body or chunk
  std::string chunk_;
  std::array<net::const_buffer, 3> pieces_{};
  std::span<net::const_buffer> output_;  // pieces_, or a WebSocket's batch
  std::size_t output_at_ = 0;
  AfterWrite after_write_ = AfterWrite::finish;
  Framing framing_ = Framing::none;
  bool stream_begun_ = false;
  unsigned at_hand_left_ = 0;  // how often the producer may still be asked on this thread
  std::optional<std::uint64_t> stream_bytes_left_;

  // For the access log.
  SteadyTime began_{};
  unsigned summary_status_ = 0;
  std::string summary_method_;
  std::string summary_path_;
  std::string summary_id_;
  std::string summary_remote_;
  std::uint64_t body_bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  std::uint64_t lingered_bytes_ = 0;
};

}  // namespace ledger::http
