#include "server/stream/bell.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <poll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace ledger::server {

using std::chrono::microseconds;

bool Bell::Rest::is_quick(microseconds elapsed, std::uint64_t rings) const {
  // By the rate, not by whether it rang while it rested: a long rest would else keep itself long.
  return rings != 0 && elapsed / static_cast<microseconds::rep>(rings) <= quick;
}

microseconds Bell::Rest::after(microseconds last, bool is_quick) const {
  return is_quick ? std::min(2 * last, longest) : std::max(last / 2, shortest);
}

std::size_t Bell::Rest::together(microseconds last) const {
  return static_cast<std::size_t>(std::max<microseconds::rep>(last / each, 1));
}

Bell::Bell(Rest rest) : rest_(rest), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (event_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  thread_ = std::thread([this] { run(); });
}

Bell::~Bell() {
  stopping_.store(true);
  poke();
  thread_.join();
  ::close(event_);
}

void Bell::ring() noexcept {
  rung_.fetch_add(1, std::memory_order_acq_rel);
  poke();
}

void Bell::poke() noexcept {
  if (poked_.exchange(true, std::memory_order_acq_rel)) return;
  const std::uint64_t one = 1;
  // It cannot be full: one poke is written for each time that the thread reads.
  [[maybe_unused]] const auto written = ::write(event_, &one, sizeof one);
}

void Bell::before_round(std::function<void(std::uint64_t rung)> prepare) {
  const std::scoped_lock lock(prepare_mutex_);
  prepare_ = std::move(prepare);
}

std::size_t Bell::seats() const {
  const std::scoped_lock lock(mutex_);
  return seats_.size();
}

Bell::Seat::Seat(Bell& bell) : bell_(bell) {
  const std::scoped_lock lock(bell_.mutex_);
  at_ = bell_.seats_.insert(bell_.seats_.end(), this);
}

Bell::Seat::~Seat() {
  const std::scoped_lock lock(bell_.mutex_);
  bell_.seats_.erase(at_);
}

void Bell::Seat::wait(http::Wake wake, std::uint64_t heard, Clock::time_point due) {
  bool soon = false;
  {
    const std::scoped_lock lock(bell_.mutex_);
    std::swap(wake_, wake);
    waiting_ = true;
    heard_ = heard;
    due_ = due;
    soon = heard != bell_.rung() || due < bell_.planned_;
  }
  if (soon) bell_.poke();
}

void Bell::run() {
  auto rest = rest_.shortest;
  auto last = Clock::now() - rest;
  auto last_rung = last - rest_.quick;
  std::uint64_t told = 0;
  auto next = Clock::time_point::max();
  while (!stopping_.load()) {
    pollfd wanted{.fd = event_, .events = POLLIN, .revents = 0};
    int timeout = -1;
    if (next != Clock::time_point::max()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
      timeout = static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
    }
    ::poll(&wanted, 1, timeout);
    if (stopping_.load()) return;
    std::this_thread::sleep_until(last + rest);
    std::uint64_t count = 0;
    [[maybe_unused]] const auto bytes = ::read(event_, &count, sizeof count);
    poked_.store(false, std::memory_order_release);
    last = Clock::now();
    const std::uint64_t rung = this->rung();
    const std::uint64_t rings = rung - std::exchange(told, rung);
    // Since the last round that was rung for: others come because somebody's time has.
    const bool quick = rest_.is_quick(std::chrono::duration_cast<microseconds>(last - last_rung), rings);
    if (rings != 0) last_rung = last;
    const std::size_t woken_max = quick ? rest_.together(rest) : std::numeric_limits<std::size_t>::max();
    rest = rest_.after(rest, quick);
    if (seats() != 0) {
      const std::scoped_lock lock(prepare_mutex_);
      if (prepare_) prepare_(rung);
    }
    next = round(woken_max);
  }
}

Bell::Clock::time_point Bell::round(std::size_t woken_max) {
  // Called outside the lock: a Wake may be the last to hold a connection, and with it a seat.
  std::vector<http::Wake> woken;
  auto next = Clock::time_point::max();
  {
    const std::scoped_lock lock(mutex_);
    const std::uint64_t rung = this->rung();
    const auto now = Clock::now();
    auto at = seats_.begin();
    for (std::size_t left = seats_.size(); left != 0; --left) {
      const auto seat = at++;
      if (!(*seat)->waiting_) continue;
      if ((*seat)->heard_ == rung && (*seat)->due_ > now) {
        next = std::min(next, (*seat)->due_);
        continue;
      }
      if (woken.size() == woken_max) {
        next = now;
        break;
      }
      (*seat)->waiting_ = false;
      woken.push_back(std::exchange((*seat)->wake_, {}));
      seats_.splice(seats_.end(), seats_, seat);
    }
    planned_ = next;
  }
  for (const http::Wake& wake : woken) wake();
  return next;
}

}  // namespace ledger::server
