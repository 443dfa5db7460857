// Tells waiting subscribers that the log has grown.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <thread>

#include "server/http/message.hpp"

namespace ledger::server {

/// Rung by the committing thread, heard by whoever waits. A thread of its own does the waking, so that a ring
/// costs an atomic step and at most one system call, however many wait; it rests between two rounds, so that
/// what comes in quick succession is told at once. Any thread.
class Bell {
 public:
  using Clock = std::chrono::steady_clock;

  /// Throws std::system_error where the machine gives no event descriptor.
  explicit Bell(std::chrono::milliseconds rest = std::chrono::milliseconds(20));
  ~Bell();
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  /// Never blocks, never throws.
  void ring() noexcept;
  /// How often it has rung. Look at the log after asking, then `wait` with the answer: nothing is missed.
  [[nodiscard]] std::uint64_t rung() const { return rung_.load(std::memory_order_acquire); }

  /// One subscriber's place; it must not outlive the bell.
  class Seat {
   public:
    explicit Seat(Bell& bell);
    ~Seat();
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

    /// Calls `wake` once: in the next round if the bell has rung more often than `heard`, or when `due` has
    /// come. A second call takes the place of the first.
    void wait(http::Wake wake, std::uint64_t heard, Clock::time_point due);

   private:
    friend class Bell;
    Bell& bell_;
    // Guarded by the bell's mutex.
    std::list<Seat*>::iterator at_;
    bool waiting_ = false;
    std::uint64_t heard_ = 0;
    Clock::time_point due_;
    http::Wake wake_;
  };

  [[nodiscard]] std::size_t seats() const;

 private:
  void poke() noexcept;
  void run();
  /// Wakes who is to be woken; the earliest `due` of the others.
  Clock::time_point round();

  const std::chrono::milliseconds rest_;
  int event_ = -1;
  std::atomic<std::uint64_t> rung_{0};
  std::atomic<bool> poked_{false};
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::list<Seat*> seats_;                                // guarded by mutex_
  Clock::time_point planned_ = Clock::time_point::max();  // guarded by mutex_; when `run` looks again
  std::thread thread_;
};

}  // namespace ledger::server
