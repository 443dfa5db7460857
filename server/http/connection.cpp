#include "server/http/connection.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <limits>
#include <sys/socket.h>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include "server/http/connection_websocket.hpp"
#include "server/http/upload.hpp"
#include "server/http/websocket_handshake.hpp"

namespace ledger::http {
namespace {

using Error = boost::system::error_code;

constexpr std::size_t kHeadReadBytes = 4096;
constexpr std::size_t kBodyReadBytes = 64 * 1024;
// A stalled peer must move this much within a timeout, or it is not progress but a trickle.
constexpr std::size_t kProgressBytes = 4096;
// An unfinished chunk header or trailer may wait in the buffer up to this size.
constexpr std::size_t kChunkLineBytesMax = 8 * 1024;
// Chunks of one byte cost five more; beyond this the client plays games.
constexpr std::uint64_t kChunkOverheadBytesMax = 256 * 1024;
constexpr std::uint64_t kChunkOverheadFactorMax = 8;
// When everything was read, the client only has to notice the end.
constexpr std::chrono::milliseconds kShortLinger{1000};
constexpr std::size_t kBufferKeptBytes = 16 * 1024;

// Where dropped bytes go; one for all connections of a thread.
thread_local std::array<char, 64 * 1024> scratch;

}  // namespace

net::mutable_buffer InputBuffer::room(std::size_t wanted, std::size_t bytes_max) {
  if (capacity_ - end_ < wanted && begin_ > 0) {
    std::memmove(memory_.get(), memory_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (capacity_ - end_ < wanted && capacity_ < bytes_max) {
    const std::size_t larger = std::min(bytes_max, std::max({capacity_ * 2, end_ + wanted, kHeadReadBytes}));
    auto memory = std::make_unique_for_overwrite<char[]>(larger);
    if (end_ != 0) std::memcpy(memory.get(), memory_.get(), end_);
    memory_ = std::move(memory);
    capacity_ = larger;
  }
  return {memory_.get() + end_, capacity_ - end_};
}

void InputBuffer::shrink() {
  if (!empty() || capacity_ <= kBufferKeptBytes) return;
  memory_.reset();
  capacity_ = begin_ = end_ = 0;
}

Connection::Connection(std::shared_ptr<IoThread> io, Socket socket, std::string peer, bool refuse_at_once)
    : io_(std::move(io)),
      peer_(std::move(peer)),
      refuse_at_once_(refuse_at_once),
      socket_(std::move(socket)),
      parser_({options().header_bytes_max, options().header_fields_max, options().target_bytes_max}) {
  open_count().fetch_add(1, std::memory_order_relaxed);
}

Connection::~Connection() {
  if (state_ != State::closed) open_count().fetch_sub(1, std::memory_order_relaxed);
}

// Those that are only told to go away must not keep others out.
std::atomic<std::size_t>& Connection::open_count() {
  return refuse_at_once_ ? io_->shared->refusals_open : io_->shared->connections_open;
}

// ---- from any thread
// -----------------------------------------------------------------------------------------

void Connection::answer(std::uint64_t serial, Response&& response) {
  if (io_->is_current() && in_handle_ && serial == serial_) {
    inline_answer_.emplace(std::move(response));
    return;
  }
  Letter letter;
  letter.kind = Letter::Kind::answer;
  letter.to = shared_from_this();
  letter.serial = serial;
  letter.response.emplace(std::move(response));
  io_->post(std::move(letter));
}

void Connection::dropped(std::uint64_t serial) {
  if (io_->is_current() && in_handle_ && serial == serial_) {
    inline_dropped_ = true;
    return;
  }
  Letter letter;
  letter.kind = Letter::Kind::dropped;
  letter.to = shared_from_this();
  letter.serial = serial;
  io_->post(std::move(letter));
}

void Connection::wake(std::uint64_t serial) {
  Letter letter;
  letter.kind = Letter::Kind::wake;
  letter.to = shared_from_this();
  letter.serial = serial;
  io_->post(std::move(letter));
}

// ---- the io thread
// -------------------------------------------------------------------------------------------

void Connection::receive(Letter letter) {
  if (letter.kind == Letter::Kind::adopt) return start();
  if (state_ == State::closed || letter.serial != serial_) return;  // too late
  switch (letter.kind) {
    case Letter::Kind::adopt: return;
    case Letter::Kind::answer:
      if (state_ == State::handling) respond(std::move(*letter.response));
      return;
    case Letter::Kind::dropped:
      if (state_ == State::handling) respond(lost_thread_response());
      return;
    case Letter::Kind::wake:
      if (websocket_ != nullptr) return websocket_->on_wake();
      at_hand_left_ = kAtHandAfterWake;
      if (state_ == State::dozing) return ask_producer();
      woken_ = true;
      return;
    case Letter::Kind::sink_written: return on_sink_written(std::move(letter.response));
    case Letter::Kind::sink_failed: return on_sink_written(lost_thread_response());
    case Letter::Kind::chunk:
      at_hand_left_ = std::max(at_hand_left_, 1U);
      return on_chunk(std::move(letter.chunk));
    case Letter::Kind::messages: return websocket_->on_messages(std::move(letter.messages));
  }
}

void Connection::start() {
  keep_ = shared_from_this();
  io_->adopt(*this);
  Error error;
  socket_.non_blocking(true, error);
  if (error || io_->stopping()) return close();
  socket_.set_option(net::ip::tcp::no_delay(true), error);
  if (refuse_at_once_) {
    const Refusal refusal{503, "connections_exhausted", "The server holds as many connections as it may."};
    return refuse(refusal);
  }
  set_deadline(options().header_timeout);
  read_some();
}

void Connection::begin_stop() {
  const auto self = shared_from_this();
  if (state_ == State::websocket) {
    websocket_->stop();
  } else if (state_ == State::lingering) {
    deadline_ = std::min(deadline_, std::chrono::steady_clock::now() + kShortLinger);
  } else if (state_ == State::head && input_.empty()) {
    // A request that is already in the kernel is in hand: it will be answered.
    Error error;
    if (socket_.available(error) == 0 || error) close();
  }
}

void Connection::sweep(SteadyTime now, bool cut) {
  const auto self = shared_from_this();
  if (cut) return close();
  if (state_ == State::websocket) return websocket_->sweep(now);
  if (state_ == State::dozing) {
    // Nothing is being read or written, so nobody else would notice that the client left.
    char byte;
    if (::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) return close();
  }
  if (now >= deadline_) on_timeout();
}

void Connection::on_timeout() {
  const bool waits_for_request = state_ == State::head || state_ == State::body;
  const bool idle = state_ == State::head && input_.empty();
  if (!waits_for_request || idle || !reading_) return close();
  // Answered once the outstanding read has come back, so that there is never more than one.
  no_deadline();
  timed_out_ = true;
  Error error;
  socket_.cancel(error);
}

void Connection::set_deadline(std::chrono::milliseconds after) {
  progress_bytes_ = 0;
  deadline_ = std::chrono::steady_clock::now() + after;
}

void Connection::progress(std::size_t bytes, std::chrono::milliseconds timeout) {
  progress_bytes_ += bytes;
  if (progress_bytes_ >= kProgressBytes) set_deadline(timeout);
}

void Connection::read_some() {
  const bool in_body = state_ == State::body;
  const std::size_t bytes_max = in_body ? kBodyReadBytes : options().header_bytes_max + kHeadReadBytes;
  std::size_t wanted = 1024;
  if (in_body) {
    const std::uint64_t length = parser_.content_length().value_or(kBodyReadBytes / 4);
    wanted = static_cast<std::size_t>(std::min<std::uint64_t>(length, kBodyReadBytes / 2));
  }
  reading_ = true;
  socket_.async_read_some(input_.room(wanted, std::max(bytes_max, input_.view().size() + 1024)),
                          [self = shared_from_this()](Error error, std::size_t bytes) {
                            self->reading_ = false;
                            self->on_read(bytes, static_cast<bool>(error));
                          });
}

void Connection::on_read(std::size_t bytes, bool failed) {
  if (state_ == State::closed) return;
  input_.commit(bytes);
  ThreadCounters::add(io_->counters.bytes_in, bytes);
  if (std::exchange(timed_out_, false)) {
    const Refusal refusal{408, "request_timeout", "The request did not arrive in time."};
    return refuse(refusal);
  }
  if (failed) return close();
  if (state_ == State::body) {
    progress(bytes, options().body_timeout);
    process_body();
  } else {
    process_input();
  }
}

void Connection::process_input() {
  in_loop_ = true;
  while (state_ == State::head) {
    const auto head =
        input_.empty() ? RequestParser::Progress::incomplete : parser_.parse_head(input_.view());
    if (head == RequestParser::Progress::complete) {
      input_.consume(parser_.head_bytes());
      begin_request();
    } else if (head == RequestParser::Progress::refused) {
      refuse(parser_.refusal());
    } else if (input_.empty() && io_->stopping()) {
      close();
    } else {
      if (!input_.empty() && !std::exchange(head_begun_, true)) set_deadline(options().header_timeout);
      read_some();
      break;
    }
  }
  in_loop_ = false;
}

void Connection::open_exchange(bool head_known) {
  ++serial_;
  exchange_open_ = true;
  began_ = std::chrono::steady_clock::now();
  no_deadline();
  body_bytes_in_ = bytes_out_ = body_wire_bytes_ = 0;
  summary_status_ = 0;
  woken_ = upload_complete_ = head_only_ = false;
  close_after_ = unread_input_ = !head_known;
  client_version_ = request_.version();
  request_.id = io_->next_request_id();
  const TrustedProxies& proxies = io_->shared->proxies;
  request_.remote =
      proxies.empty() || !head_known ? peer_ : proxies.client_of(request_, peer_, options().forwarded_header);
  // The handler takes the request away; the access log needs these after it.
  summary_method_.assign(head_known ? request_.method_text() : "-");
  summary_path_.assign(head_known ? request_.raw_path() : "-");
  summary_id_ = request_.id;
  summary_remote_ = request_.remote;
}

void Connection::begin_request() {
  request_ = parser_.take_request();
  open_exchange(/*head_known=*/true);
  head_only_ = request_.method == Method::head;
  close_after_ = !parser_.keep_alive() || io_->stopping();
  ThreadCounters::add(io_->counters.requests, 1);
  // The handler takes the request away; its answer may need this. Hardly any request carries it.
  handshake_.reset();
  if (request_.header("Upgrade")) {
    handshake_ = std::make_unique<std::expected<std::string, Refusal>>(accept_websocket(request_));
  }
  if (parser_.has_body()) {
    begin_body();
  } else {
    dispatch();
  }
}

void Connection::begin_body() {
  Admission admission;
  try {
    admission = handler().admit(request_);
  } catch (const std::exception& error) {
    handler().fault(error.what());
    admission = Admission::refuse(lost_thread_response());
  }
  body_bytes_max_ = admission.body_bytes_max.value_or(options().body_bytes_max);
  if (admission.sink != nullptr)
    upload_ = std::make_shared<Upload>(std::move(admission.sink), io_->shared->workers);
  if (admission.refusal) {
    abort_upload();
    unread_input_ = !skip_buffered_body();
    return respond(std::move(*admission.refusal));
  }
  const std::uint64_t length = parser_.content_length().value_or(0);
  if (length > body_bytes_max_) {
    const Refusal refusal{413, "body_too_large", "The body is larger than this path accepts."};
    return refuse(refusal);
  }
  if (upload_ == nullptr) request_.body.reserve(std::min<std::uint64_t>(length, kBodyReadBytes));
  if (parser_.expects_continue() && input_.empty()) {
    head_ = "HTTP/1.1 100 Continue\r\n\r\n";
    pieces_ = {net::buffer(head_), {}, {}};
    return write(AfterWrite::read_body);
  }
  state_ = State::body;
  set_deadline(options().body_timeout);
  process_body();
}

// A refused body that is here already costs nothing to skip and saves the client a connection.
bool Connection::skip_buffered_body() {
  std::size_t used = 0;
  std::string skipped;
  const auto progress =
      parser_.parse_body(input_.view(), skipped, std::numeric_limits<std::uint64_t>::max(), used);
  input_.consume(used);
  return progress == RequestParser::Progress::complete;
}

void Connection::process_body() {
  std::size_t used = 0;
  const auto progress =
      parser_.parse_body(input_.view(), upload_ != nullptr ? piece_ : request_.body, body_bytes_max_, used);
  input_.consume(used);
  body_wire_bytes_ += used;
  body_bytes_in_ = parser_.body_bytes();
  if (progress == RequestParser::Progress::refused) return refuse(parser_.refusal());
  const bool wasteful =
      body_wire_bytes_ > kChunkOverheadBytesMax + (1 + kChunkOverheadFactorMax) * body_bytes_in_;
  upload_complete_ = progress == RequestParser::Progress::complete;
  if (!upload_complete_ && (wasteful || input_.view().size() > kChunkLineBytesMax)) {
    const Refusal refusal{400, "body_malformed", "The chunked body is malformed."};
    return refuse(refusal);
  }
  if (upload_ != nullptr && !piece_.empty()) return hand_over_piece();
  if (!upload_complete_) return read_some();
  if (upload_ != nullptr) return finish_upload();
  dispatch();
}

// ---- uploads: the sink works on the worker threads, one call after another
// ---------------------------------

void Connection::hand_over_piece() {
  state_ = State::sinking;
  no_deadline();
  net::post(upload_->strand, [self = shared_from_this(), upload = upload_, serial = serial_,
                              piece = std::exchange(piece_, {})] {
    Letter letter;
    letter.kind = Letter::Kind::sink_written;
    letter.to = self;
    letter.serial = serial;
    try {
      letter.response = upload->sink->write(piece);
      if (letter.response) upload->sink.reset();
    } catch (const std::exception& error) {
      self->handler().fault(error.what());
      upload->abort();
      letter.kind = Letter::Kind::sink_failed;
    }
    self->io_->post(std::move(letter));
  });
}

void Connection::on_sink_written(std::optional<Response> refusal) {
  if (state_ != State::sinking) return;
  if (refusal) {
    upload_.reset();
    unread_input_ = !upload_complete_;
    return respond(std::move(*refusal));
  }
  if (upload_complete_) return finish_upload();
  state_ = State::body;
  set_deadline(options().body_timeout);
  process_body();
}

void Connection::finish_upload() {
  state_ = State::handling;
  no_deadline();
  net::post(upload_->strand, [self = shared_from_this(), upload = std::exchange(upload_, nullptr),
                              serial = serial_, request = std::exchange(request_, {})]() mutable {
    const auto sink = std::exchange(upload->sink, nullptr);
    try {
      sink->finish(std::move(request), Reply(self, serial));
    } catch (const std::exception& error) {
      self->handler().fault(error.what());
    }
  });
}

void Connection::abort_upload() {
  if (upload_ == nullptr) return;
  net::post(upload_->strand, [upload = std::exchange(upload_, nullptr)] { upload->abort(); });
  piece_.clear();
}

// ---- answers
// -------------------------------------------------------------------------------------------------

void Connection::dispatch() {
  state_ = State::handling;
  no_deadline();
  in_handle_ = true;
  try {
    handler().handle(std::exchange(request_, {}), Reply(shared_from_this(), serial_));
  } catch (const std::exception& error) {
    handler().fault(error.what());
  }
  in_handle_ = false;
  if (inline_answer_) {
    Response response = std::move(*inline_answer_);
    inline_answer_.reset();
    respond(std::move(response));
  } else if (std::exchange(inline_dropped_, false)) {
    respond(lost_thread_response());
  }
}

Response Connection::problem_response(unsigned status, std::string_view code, std::string_view detail,
                                      const Request* request) {
  Problem problem;
  problem.status = status;
  problem.code = code;
  problem.detail = detail;
  problem.request = request;
  problem.request_id = summary_id_;
  Response response = handler().problem(problem);
  response.status = status;
  return response;
}

// The application broke its promise to answer. The request itself may have moved away with it.
Response Connection::lost_thread_response() {
  return problem_response(500, "reply_dropped", "The server lost the thread of this request.", nullptr);
}

// The transport's own refusal: whatever else the client sends is read and dropped.
void Connection::refuse(const Refusal& refusal) {
  ThreadCounters::add(io_->counters.requests_refused, 1);
  if (!exchange_open_) {
    // A head that was read but not liked still says how its sender wants to be spoken to.
    request_ = parser_.take_request();
    open_exchange(!request_.method_text().empty());
    head_only_ = request_.method == Method::head;
  }
  abort_upload();
  unread_input_ = true;
  respond(problem_response(refusal.status, refusal.code, refusal.detail,
                           request_.method_text().empty() ? nullptr : &request_));
}

void Connection::report(bool complete) {
  exchange_open_ = false;
  RequestSummary summary;
  summary.method = summary_method_;
  summary.path = summary_path_;
  summary.status = summary_status_;
  summary.body_bytes_in = body_bytes_in_;
  summary.bytes_out = bytes_out_;
  const auto spent = std::chrono::steady_clock::now() - began_;
  summary.duration_us =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(spent).count());
  summary.request_id = summary_id_;
  summary.remote = summary_remote_;
  summary.complete = complete;
  summary.tag = response_.tag;
  handler().done(summary);
}

void Connection::finish_exchange() {
  report(/*complete=*/true);
  forget_response();
  if (close_after_ || io_->stopping()) return linger();
  parser_.reset();
  request_ = Request();
  input_.shrink();
  state_ = State::head;
  head_begun_ = false;
  set_deadline(options().idle_timeout);
  if (!in_loop_) process_input();
}

void Connection::linger() {
  state_ = State::lingering;
  input_ = InputBuffer();
  lingered_bytes_ = 0;
  Error error;
  socket_.shutdown(Socket::shutdown_send, error);
  if (error) return close();
  const bool patient = unread_input_ && !refuse_at_once_ && !io_->stopping();
  set_deadline(patient ? options().linger_timeout : kShortLinger);
  read_and_drop();
}

void Connection::read_and_drop() {
  reading_ = true;
  socket_.async_read_some(net::buffer(scratch), [self = shared_from_this()](Error error, std::size_t bytes) {
    self->reading_ = false;
    if (self->state_ == State::closed) return;
    self->lingered_bytes_ += bytes;
    ThreadCounters::add(self->io_->counters.bytes_in, bytes);
    if (error || self->lingered_bytes_ > self->options().linger_bytes_max) return self->close();
    self->read_and_drop();
  });
}

void Connection::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  abort_upload();
  if (exchange_open_) report(/*complete=*/false);
  forget_response();  // a waiting producer holds a Wake, which holds this connection
  if (websocket_ != nullptr) websocket_->on_closed();
  Error error;
  socket_.close(error);
  open_count().fetch_sub(1, std::memory_order_relaxed);
  const auto self = std::move(keep_);
  io_->release(*this);
}

}  // namespace ledger::http
