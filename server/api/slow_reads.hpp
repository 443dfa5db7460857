// Reads that take too long for an io thread, one after the other on a thread of their own, so that whoever
// asks for many of them waits for himself and not everybody for him.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace ledger::server {

/// Any thread.
class SlowReads {
 public:
  static constexpr std::size_t kWaitingMax = 64;

  SlowReads() : thread_([this](const std::stop_token& stop) { run(stop); }) {}
  /// False, and nothing taken, when too many wait. What still waits at the end is dropped.
  [[nodiscard]] bool take(std::move_only_function<void()> read) {
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() >= kWaitingMax) return false;
      waiting_.push_back(std::move(read));
    }
    bell_.notify_one();
    return true;
  }

 private:
  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (bell_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
      auto read = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      read();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable_any bell_;
  std::deque<std::move_only_function<void()>> waiting_;
  std::jthread thread_;  ///< last: it uses the others
};

}  // namespace ledger::server
