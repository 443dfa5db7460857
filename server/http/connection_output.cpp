// The writing half of Connection: heads, bodies, chunks.
#include <array>
#include <charconv>
#include <exception>
#include <sys/socket.h>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include "server/http/connection.hpp"
#include "server/http/connection_websocket.hpp"
#include "server/http/response_head.hpp"

namespace ledger::http {
namespace {

using Error = boost::system::error_code;

}  // namespace

void Connection::respond(Response response) {
  const auto* const upgrade = response.body.as_upgrade();
  const bool splits =
      response.headers.broken() || response.content_type.find_first_of("\r\n") != std::string::npos;
  const bool sendable = upgrade != nullptr ? *upgrade != nullptr && !unread_input_
                                           : response.status >= 200 && response.status <= 599;
  if (splits || !sendable) {
    handler().fault("a response with a broken header or status was replaced by 500");
    response =
        problem_response(500, "response_broken", "The server made an answer that cannot be sent.", nullptr);
  }
  if (response.body.as_upgrade() != nullptr) {
    const auto refusal = refuse_upgrade();
    if (!refusal) return begin_websocket(std::move(response));
    response = upgrade_refusal_response(*refusal);
  }
  response_ = std::move(response);
  summary_status_ = response_.status;
  close_after_ = close_after_ || response_.close || unread_input_ || io_->stopping();

  const Body::Stream* stream = response_.body.as_stream();
  const bool bodyless = response_.status == 204 || response_.status == 304;
  HeadFacts facts;
  if (bodyless) {
    facts.framing = Framing::none;
  } else if (const auto size = response_.body.size()) {
    facts.body_bytes = *size;
  } else if (client_version_ >= 11) {
    facts.framing = Framing::chunked;
  } else {
    facts.framing = Framing::until_close;
    close_after_ = true;
  }
  facts.close = close_after_;
  facts.keep_alive_http10 = client_version_ < 11;
  facts.date_line = io_->date_line();
  facts.request_id_header = options().request_id_header;
  facts.request_id = summary_id_;
  head_.clear();
  append_head(head_, response_, facts);

  framing_ = facts.framing;
  const bool silent = bodyless || head_only_;
  const std::string_view text = silent ? std::string_view() : response_.body.text();
  pieces_ = {net::buffer(head_), net::buffer(text.data(), text.size()), {}};
  const bool streams = stream != nullptr && !silent && stream->length.value_or(1) != 0;
  if (streams) {
    stream_bytes_left_ = stream->length;
    stream_begun_ = false;
  }
  write(streams ? AfterWrite::next_chunk : AfterWrite::finish);
}

void Connection::forget_response() {
  // Cleared, not replaced: the status line of the next answer reuses nothing, but the buffers keep their
  // memory.
  response_ = Response();
  chunk_ = {};
}

void Connection::write(AfterWrite after) {
  state_ = State::writing;
  write(pieces_, after);
}

void Connection::write(std::span<net::const_buffer> output, AfterWrite after) {
  after_write_ = after;
  output_ = output;
  output_at_ = 0;
  if (!write_now()) {
    set_deadline(write_timeout());
    return write_later();
  }
  written();
}

std::chrono::milliseconds Connection::write_timeout() const {
  if (state_ == State::websocket) return options().websocket_write_timeout;
  return response_.write_timeout.count() > 0 ? response_.write_timeout : options().write_timeout;
}

// Most answers fit the socket's buffer: then no event is waited for at all. True: done, or the connection is
// closed.
bool Connection::write_now() {
  while (output_at_ < output_.size()) {
    if (output_[output_at_].size() == 0) {
      ++output_at_;
      continue;
    }
    Error error;
    const std::size_t bytes = socket_.write_some(output_.subspan(output_at_), error);
    if (error == net::error::would_block || error == net::error::try_again) return false;
    if (error) {
      close();
      return true;
    }
    advance_output(bytes);
  }
  return true;
}

void Connection::write_later() {
  socket_.async_write_some(output_.subspan(output_at_),
                           [self = shared_from_this()](Error error, std::size_t bytes) {
                             if (self->state_ == State::closed) return;
                             if (error) return self->close();
                             self->advance_output(bytes);
                             self->progress(bytes, self->write_timeout());
                             if (self->websocket_ != nullptr) self->websocket_->heard();
                             if (!self->write_now()) return self->write_later();
                             self->written();
                           });
}

void Connection::advance_output(std::size_t bytes) {
  bytes_out_ += bytes;
  ThreadCounters::add(io_->counters.bytes_out, bytes);
  for (; output_at_ < output_.size(); ++output_at_) {
    net::const_buffer& buffer = output_[output_at_];
    const std::size_t taken = std::min(bytes, buffer.size());
    buffer += taken;
    bytes -= taken;
    if (buffer.size() != 0) return;
  }
}

void Connection::written() {
  if (state_ == State::closed) return;
  switch (after_write_) {
    case AfterWrite::read_body:
      state_ = State::body;
      set_deadline(options().body_timeout);
      return process_body();
    case AfterWrite::next_chunk:
      // The announced length is there: no need to ask for the end.
      if (stream_bytes_left_ && *stream_bytes_left_ == 0) return finish_exchange();
      return ask_producer();
    case AfterWrite::finish: return finish_exchange();
    case AfterWrite::websocket: return websocket_->on_written();
  }
}

bool Connection::take_at_hand() {
  if (!stream_begun_ || at_hand_left_ == 0) return false;
  --at_hand_left_;
  std::optional<Chunk> chunk;
  try {
    chunk = response_.body.as_stream()->producer->next_at_hand();
  } catch (const std::exception& error) {
    handler().fault(error.what());
    chunk = Chunk::failed();
  }
  if (!chunk) return false;
  on_chunk(*std::move(chunk));
  return true;
}

void Connection::ask_producer() {
  state_ = State::producing;
  woken_ = false;
  no_deadline();
  if (take_at_hand()) return;
  const bool first = !std::exchange(stream_begun_, true);
  net::post(io_->shared->workers, [self = shared_from_this(), producer = response_.body.as_stream()->producer,
                                   serial = serial_, first]() mutable {
    Letter letter;
    letter.kind = Letter::Kind::chunk;
    letter.to = self;
    letter.serial = serial;
    try {
      if (first) producer->start(Wake(self, serial));
      letter.chunk = producer->next();
    } catch (const std::exception& error) {
      self->handler().fault(error.what());
      letter.chunk = Chunk::failed();
    }
    producer.reset();
    self->io_->post(std::move(letter));
  });
}

void Connection::on_chunk(Chunk chunk) {
  if (state_ != State::producing) return;
  switch (chunk.kind) {
    case Chunk::Kind::later:
      if (woken_) return ask_producer();
      state_ = State::dozing;
      return;
    case Chunk::Kind::failed: return cut_stream();
    case Chunk::Kind::end:
      if (stream_bytes_left_) return cut_stream();  // less than announced
      head_ = framing_ == Framing::chunked ? "0\r\n\r\n" : "";
      pieces_ = {net::buffer(head_), {}, {}};
      return write(AfterWrite::finish);
    case Chunk::Kind::data: break;
  }
  if (chunk.bytes.empty()) return ask_producer();
  if (stream_bytes_left_) {
    if (chunk.bytes.size() > *stream_bytes_left_) return cut_stream();
    *stream_bytes_left_ -= chunk.bytes.size();
  }
  chunk_ = std::move(chunk.bytes);
  if (framing_ == Framing::chunked) {
    std::array<char, 16> size;
    const auto end = std::to_chars(size.data(), size.data() + size.size(), chunk_.size(), 16).ptr;
    head_.assign(size.data(), end).append("\r\n");
    constexpr std::string_view kLineEnd = "\r\n";
    pieces_ = {net::buffer(head_), net::buffer(chunk_), net::buffer(kLineEnd.data(), kLineEnd.size())};
  } else {
    pieces_ = {net::buffer(chunk_), {}, {}};
  }
  write(AfterWrite::next_chunk);
}

void Connection::cut_stream() {
  // Where the end of the connection is the end of the body, only a reset tells the client that something is
  // missing.
  Error error;
  if (framing_ == Framing::until_close) socket_.set_option(net::socket_base::linger(true, 0), error);
  close();
}

}  // namespace ledger::http
