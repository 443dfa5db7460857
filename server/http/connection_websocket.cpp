#include "server/http/connection_websocket.hpp"

#include <algorithm>
#include <exception>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <utility>

#include <boost/asio/post.hpp>

#include "server/http/target.hpp"
#include "server/http/websocket_handshake.hpp"

namespace ledger::http {
namespace {

using Error = boost::system::error_code;

// The peer only has to notice the end.
constexpr std::chrono::milliseconds kShortDrain{1000};
constexpr std::size_t kReasonBytesMax = kControlPayloadMax - 2;

}  // namespace

// ---- the handshake
// -------------------------------------------------------------------------------------------

std::optional<Refusal> Connection::refuse_upgrade() const {
  if (handshake_ == nullptr) return upgrade_required();
  if (!*handshake_) return handshake_->error();
  return std::nullopt;
}

Response Connection::upgrade_refusal_response(const Refusal& refusal) {
  Response response = problem_response(refusal.status, refusal.code, refusal.detail, nullptr);
  if (refusal.status == 426) {
    response.headers.add("Upgrade", "websocket");
    response.headers.add("Connection", "Upgrade");
    response.headers.add("Sec-WebSocket-Version", "13");
  }
  return response;
}

void Connection::begin_websocket(Response response) {
  response_ = Response();
  response_.tag = response.tag;
  response.status = summary_status_ = 101;
  response.content_type.clear();
  response.headers.add("Upgrade", "websocket");
  response.headers.add("Connection", "Upgrade");
  response.headers.add("Sec-WebSocket-Accept", **handshake_);
  handshake_.reset();
  HeadFacts facts;
  facts.framing = Framing::none;
  facts.date_line = io_->date_line();
  facts.request_id_header = options().request_id_header;
  facts.request_id = summary_id_;
  head_.clear();
  append_head(head_, response, facts);
  state_ = State::websocket;
  websocket_ = std::make_unique<WebSocket>(*this, *response.body.as_upgrade());
  // Thousands of these wait at the same time: they keep no request's memory.
  const InputBuffer input = std::exchange(input_, InputBuffer());
  request_ = Request();
  parser_.reset();
  websocket_->start(input.view());
}

Connection::WebSocket::WebSocket(Connection& connection, std::shared_ptr<MessageProducer> producer)
    : connection_(connection), producer_(std::move(producer)), heard_at_(std::chrono::steady_clock::now()) {}

void Connection::WebSocket::start(std::string_view first_bytes) {
  control_ = std::exchange(connection_.head_, {});
  pump();
  if (connection_.state_ == State::closed) return;
  if (connection_.io_->stopping()) stop();
  // A client that does not wait for the answer has its frames here already.
  take(first_bytes);
  if (connection_.state_ != State::closed) read();
}

// ---- reading
// -------------------------------------------------------------------------------------------------

void Connection::WebSocket::heard() {
  heard_at_ = std::chrono::steady_clock::now();
  ping_at_.reset();
  unanswered_since_.reset();
}

void Connection::WebSocket::read() {
  connection_.socket_.async_read_some(
      net::buffer(input_), [self = connection_.shared_from_this(), this](Error error, std::size_t bytes) {
        if (self->state_ == State::closed) return;
        ThreadCounters::add(self->io_->counters.bytes_in, bytes);
        self->body_bytes_in_ += bytes;
        if (error) return self->close();
        heard();
        take({input_.data(), bytes});
        if (self->state_ != State::closed) read();
      });
}

void Connection::WebSocket::take(std::string_view bytes) {
  if (deaf_ || phase_ == Phase::draining) {
    connection_.lingered_bytes_ += bytes.size();
    if (connection_.lingered_bytes_ > connection_.options().linger_bytes_max) connection_.close();
    return;
  }
  while (!bytes.empty() && !deaf_ && !peer_closed_) {
    std::size_t used = 0;
    const FrameParser::Event event = parser_.parse(bytes, used);
    bytes.remove_prefix(used);
    switch (event.kind) {
      case FrameParser::Event::Kind::none:
      case FrameParser::Event::Kind::pong: break;
      // RFC 6455 section 5.5.3: of several pings that wait, only the latest needs a pong.
      case FrameParser::Event::Kind::ping: pong_.emplace(event.payload); break;
      case FrameParser::Event::Kind::close:
        peer_closed_ = true;
        begin_close(event.code, {});
        break;
      case FrameParser::Event::Kind::refused:
        deaf_ = true;
        begin_close(event.code, event.reason);
        break;
    }
  }
  if (close_sent_ && (peer_closed_ || deaf_)) return drain();
  pump();
}

// ---- writing
// -------------------------------------------------------------------------------------------------

// Gives the socket what waits, in one call where it fits; asks for more when nothing does.
void Connection::WebSocket::pump() {
  if (writing_ || phase_ == Phase::draining || connection_.state_ == State::closed) return;
  if (phase_ == Phase::open) {
    if (pong_) append_frame(control_, Opcode::pong, *pong_);
    if (std::exchange(ping_due_, false)) append_frame(control_, Opcode::ping, {});
  }
  pong_.reset();
  writes_close_ = !close_.empty();
  control_ += std::exchange(close_, {});
  if (control_.empty() && batch_.empty()) {
    if (phase_ == Phase::open && producer_state_ == Producer::idle) ask();
    return;
  }
  output_.clear();
  if (!control_.empty()) output_.push_back(net::buffer(control_));
  sent_.swap(batch_);
  for (const Message& message : sent_) {
    const std::string_view header = message.header();
    const std::string_view payload = message.payload();
    if (!header.empty()) output_.push_back(net::buffer(header.data(), header.size()));
    if (!payload.empty()) output_.push_back(net::buffer(payload.data(), payload.size()));
  }
  writing_ = true;
  connection_.write(output_, AfterWrite::websocket);
}

void Connection::WebSocket::on_written() {
  writing_ = false;
  sent_.clear();
  control_.clear();
  connection_.no_deadline();
  if (std::exchange(writes_close_, false)) return close_sent();
  pump();
}

bool Connection::WebSocket::take_at_hand() {
  if (!producer_begun_ || at_hand_left_ == 0) return false;
  --at_hand_left_;
  std::optional<Messages> messages;
  try {
    messages = producer_->next_at_hand();
  } catch (const std::exception& error) {
    connection_.handler().fault(error.what());
    messages = Messages::failed();
  }
  if (!messages) return false;
  take_messages(*std::move(messages));
  return true;
}

void Connection::WebSocket::ask() {
  producer_state_ = Producer::asked;
  woken_ = false;
  if (take_at_hand()) return;
  const bool first = !std::exchange(producer_begun_, true);
  net::post(connection_.io_->shared->workers, [self = connection_.shared_from_this(), producer = producer_,
                                               serial = connection_.serial_, first]() mutable {
    Letter letter;
    letter.kind = Letter::Kind::messages;
    letter.to = self;
    letter.serial = serial;
    try {
      if (first) producer->start(Wake(self, serial));
      letter.messages = producer->next();
    } catch (const std::exception& error) {
      self->handler().fault(error.what());
      letter.messages = Messages::failed();
    }
    producer.reset();
    self->io_->post(std::move(letter));
  });
}

void Connection::WebSocket::on_wake() {
  woken_ = true;
  at_hand_left_ = kAtHandAfterWake;
  if (producer_state_ != Producer::dozing || phase_ != Phase::open) return;
  producer_state_ = Producer::idle;
  pump();
}

void Connection::WebSocket::on_messages(Messages messages) {
  at_hand_left_ = std::max(at_hand_left_, 1U);
  take_messages(std::move(messages));
}

void Connection::WebSocket::take_messages(Messages messages) {
  producer_state_ = Producer::idle;
  if (phase_ != Phase::open) return;
  switch (messages.kind) {
    case Messages::Kind::data: batch_ = std::move(messages.batch); return pump();
    case Messages::Kind::later:
      if (!woken_) producer_state_ = Producer::dozing;
      return pump();
    case Messages::Kind::failed: return begin_close(number(CloseCode::internal_error), "the stream failed");
    case Messages::Kind::end: break;
  }
  const bool sayable =
      is_close_code(messages.code) && messages.reason.size() <= kReasonBytesMax && is_utf8(messages.reason);
  if (sayable) return begin_close(messages.code, messages.reason);
  connection_.handler().fault("a close that cannot be sent was replaced by 1011");
  begin_close(number(CloseCode::internal_error), {});
}

// ---- the end
// -------------------------------------------------------------------------------------------------

void Connection::WebSocket::begin_close(std::uint16_t code, std::string_view reason) {
  if (phase_ != Phase::open) return;
  phase_ = Phase::closing;
  producer_.reset();
  batch_.clear();
  append_close_frame(close_, code, reason);
  pump();
}

void Connection::WebSocket::close_sent() {
  close_sent_ = true;
  if (peer_closed_ || deaf_) return drain();
  queued_before_ = queued_bytes();
  connection_.set_deadline(connection_.io_->stopping() ? kShortDrain
                                                       : connection_.options().websocket_close_timeout);
}

// The peer may still be sending: closing at once would reset the connection under our close frame.
void Connection::WebSocket::drain() {
  if (std::exchange(phase_, Phase::draining) == Phase::draining) return;
  connection_.report(/*complete=*/true);
  Error error;
  connection_.socket_.shutdown(Socket::shutdown_send, error);
  if (error) return connection_.close();
  const bool patient = deaf_ && !connection_.io_->stopping();
  connection_.set_deadline(patient ? connection_.options().linger_timeout : kShortDrain);
}

void Connection::WebSocket::stop() {
  begin_close(number(CloseCode::going_away), "the server stops");
  // Whoever still takes what was begun may do so until the server's own deadline.
  connection_.deadline_ = std::min(connection_.deadline_, std::chrono::steady_clock::now() + kShortDrain);
}

void Connection::WebSocket::on_closed() {
  producer_.reset();  // it holds a Wake, which holds this connection
  batch_.clear();
  sent_.clear();
}

// ---- the watch
// -----------------------------------------------------------------------------------------------

// What the kernel holds for the peer: megabytes where it reads slowly.
int Connection::WebSocket::queued_bytes() const {
  int bytes = 0;
  return ::ioctl(connection_.socket_.native_handle(), SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

// A slow reader has yet to come to our ping or close: as long as less lies before it, it is not silent.
bool Connection::WebSocket::reads_on() {
  const int before = std::exchange(queued_before_, queued_bytes());
  return queued_before_ < before;
}

void Connection::WebSocket::sweep(SteadyTime now) {
  const Options& options = connection_.options();
  if (now >= connection_.deadline_) {
    const bool awaits_close = phase_ == Phase::closing && close_sent_;
    if (!awaits_close || !reads_on()) return connection_.close();
    return connection_.set_deadline(options.websocket_close_timeout);
  }
  if (phase_ != Phase::open || writing_) return;
  if (unanswered_since_ && now - *unanswered_since_ >= options.websocket_silence_max) {
    if (!reads_on()) return begin_close(number(CloseCode::going_away), "pings went unanswered");
    unanswered_since_ = now;
  }
  if (now - ping_at_.value_or(heard_at_) < options.websocket_ping_after) return;
  ping_at_ = now;
  if (!unanswered_since_) {
    unanswered_since_ = now;
    queued_before_ = queued_bytes();
  }
  ping_due_ = true;
  pump();
}

}  // namespace ledger::http
