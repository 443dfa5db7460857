// Tells waiting subscribers that the log has grown.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

#include "server/http/message.hpp"

namespace ledger::server {

/// Rung by the committing thread, heard by whoever waits. A thread of its own does the waking, so that a ring
/// costs an atomic step and at most one system call, however many wait; it rests between two rounds, so that
/// what comes in quick succession is told together. Any thread.
class Bell {
 public:
  using Clock = std::chrono::steady_clock;

  /// How long it rests from one round to the next: the shortest time while it rings now and then; twice as
  /// long each time while it rings in quick succession, up to the longest. Rounds in quick succession wake
  /// only as many as may cost `each` of that time, who waited longest first: to tell one subscriber takes
  /// about 10 us of a processor, so that a crowd, however large, takes a tenth of one, in small portions, and
  /// the writer keeps the rest.
  struct Rest {
    std::chrono::microseconds shortest = std::chrono::milliseconds(2);
    std::chrono::microseconds longest = std::chrono::milliseconds(20);
    std::chrono::microseconds each{100};
    std::chrono::microseconds quick = std::chrono::milliseconds(5);  ///< from ring to ring, on the average

    /// Whether `rings` within `elapsed` are quick succession.
    [[nodiscard]] bool is_quick(std::chrono::microseconds elapsed, std::uint64_t rings) const;
    /// The rest that follows one of `last`.
    [[nodiscard]] std::chrono::microseconds after(std::chrono::microseconds last, bool is_quick) const;
    /// How many a round in quick succession wakes, after a rest of `last`.
    [[nodiscard]] std::size_t together(std::chrono::microseconds last) const;
  };
  /// Throws std::system_error where the machine gives no event descriptor.
  Bell() : Bell(Rest()) {}
  explicit Bell(Rest rest);
  ~Bell();
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  /// Never blocks, never throws.
  void ring() noexcept;
  /// How often it has rung. Look at the log after asking, then `wait` with the answer: nothing is missed.
  [[nodiscard]] std::uint64_t rung() const { return rung_.load(std::memory_order_acquire); }

  /// Called before each round in which somebody waits, on the bell's own thread, with how often it has rung.
  /// Setting another waits for a call that is under way; it must not throw.
  void before_round(std::function<void(std::uint64_t rung)> prepare);

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
  /// Wakes who is to be woken, `woken_max` of them at most; when it is the next one's turn.
  Clock::time_point round(std::size_t woken_max);

  const Rest rest_;
  int event_ = -1;
  std::atomic<std::uint64_t> rung_{0};
  std::atomic<bool> poked_{false};
  std::atomic<bool> stopping_{false};
  std::mutex prepare_mutex_;
  std::function<void(std::uint64_t)> prepare_;  // guarded by prepare_mutex_
  mutable std::mutex mutex_;
  std::list<Seat*> seats_;                                // guarded by mutex_; who was woken goes to the end
  Clock::time_point planned_ = Clock::time_point::max();  // guarded by mutex_; when `run` looks again
  std::thread thread_;
};

}  // namespace ledger::server
