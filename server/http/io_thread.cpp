#include "server/http/io_thread.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include <boost/asio/post.hpp>

#include "server/http/connection.hpp"
#include "server/http/response_head.hpp"

namespace ledger::http {
namespace {

thread_local const IoThread* current_thread = nullptr;

// Timeouts are noticed by a sweep instead of a timer per operation; an eighth of the shortest is precise
// enough.
std::chrono::milliseconds tick_of(const Options& options) {
  const auto shortest =
      std::min({options.header_timeout, options.idle_timeout, options.body_timeout, options.write_timeout,
                options.linger_timeout, options.websocket_ping_after, options.websocket_silence_max,
                options.websocket_write_timeout, options.websocket_close_timeout});
  return std::clamp(shortest / 8, std::chrono::milliseconds(5), std::chrono::milliseconds(500));
}

}  // namespace

IoThread::IoThread(std::shared_ptr<Shared> all, unsigned index)
    : shared(std::move(all)), index_(index), tick_(tick_of(shared->options)), timer_(context) {
  guard_.emplace(context.get_executor());
}

IoThread::~IoThread() = default;

void IoThread::run() {
  current_thread = this;
  context.run();
  current_thread = nullptr;
  std::vector<Letter> late;
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
    late.swap(letters_);
  }
}

bool IoThread::is_current() const {
  return current_thread == this;
}

bool IoThread::post(Letter letter) {
  const std::lock_guard lock(mutex_);
  if (!open_) return false;
  letters_.push_back(std::move(letter));
  // One wake-up for a whole batch of answers.
  if (!std::exchange(drain_posted_, true)) net::post(context, [this] { drain(); });
  return true;
}

void IoThread::stop_by(SteadyTime deadline) {
  const std::lock_guard lock(mutex_);
  if (!open_) return;
  stop_request_ = stop_request_ ? std::min(*stop_request_, deadline) : deadline;
  if (!std::exchange(drain_posted_, true)) net::post(context, [this] { drain(); });
}

void IoThread::drain() {
  std::optional<SteadyTime> stop;
  {
    const std::lock_guard lock(mutex_);
    reading_.swap(letters_);
    stop = stop_request_;
    drain_posted_ = false;
  }
  // First, so that an answer given after `stop` already says that the connection closes.
  if (stop) begin_stop(*stop);
  for (Letter& letter : reading_) {
    const std::shared_ptr<Connection> to = letter.to;
    to->receive(std::move(letter));
  }
  reading_.clear();
}

void IoThread::begin_stop(SteadyTime deadline) {
  const bool earlier = !stop_at_ || deadline < *stop_at_;
  if (earlier) stop_at_ = deadline;
  for (Connection* at = first_; at != nullptr;) {
    Connection* const next = at->next_open;
    at->begin_stop();
    at = next;
  }
  if (earlier && first_ != nullptr) schedule_sweep();
  end_if_done();
}

void IoThread::adopt(Connection& connection) {
  connection.next_open = first_;
  connection.previous_open = nullptr;
  if (first_ != nullptr) first_->previous_open = &connection;
  first_ = &connection;
  if (!timer_running_) schedule_sweep();
}

void IoThread::release(Connection& connection) {
  if (connection.previous_open != nullptr) {
    connection.previous_open->next_open = connection.next_open;
  } else {
    first_ = connection.next_open;
  }
  if (connection.next_open != nullptr) connection.next_open->previous_open = connection.previous_open;
  connection.next_open = connection.previous_open = nullptr;
  end_if_done();
}

void IoThread::schedule_sweep() {
  timer_running_ = true;
  SteadyTime at = std::chrono::steady_clock::now() + tick_;
  if (stop_at_) at = std::min(at, *stop_at_);
  timer_.expires_at(at);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;  // rescheduled or at the end
    timer_running_ = false;
    sweep();
    if (first_ != nullptr) schedule_sweep();
  });
}

void IoThread::sweep() {
  const SteadyTime now = std::chrono::steady_clock::now();
  const bool cut = stop_at_ && now >= *stop_at_;
  for (Connection* at = first_; at != nullptr;) {
    Connection* const next = at->next_open;  // only `at` can leave the list meanwhile
    at->sweep(now, cut);
    at = next;
  }
}

// Without connections, once stopping, nothing is left to wait for: the loop runs out of work.
void IoThread::end_if_done() {
  if (!stop_at_ || first_ != nullptr) return;
  guard_.reset();
  timer_.cancel();
}

std::string_view IoThread::date_line() {
  const std::time_t now = std::time(nullptr);
  if (now != date_at_) {
    date_at_ = now;
    date_line_ = http::date_line(now);
  }
  return date_line_;
}

std::string IoThread::next_request_id() {
  // 5 digits of the start, 2 of the thread, 8 of the count: 15 fit a std::string without an allocation.
  constexpr char kHex[] = "0123456789abcdef";
  const std::uint64_t value = (std::uint64_t{shared->id_seed & 0xfffff} << 40) |
                              (std::uint64_t{index_ & 0xff} << 32) | (requests_begun_++ & 0xffffffff);
  std::array<char, 15> text;
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = kHex[(value >> (4 * (text.size() - 1 - i))) & 15];
  return {text.data(), text.size()};
}

}  // namespace ledger::http
