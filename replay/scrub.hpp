// The background scrub: verifies the ledger that a server has open, again and again, slowly enough that
// nobody notices, so that damage on the disk is known before the good copy is needed.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "events/store/stores.hpp"
#include "replay/verify_problem.hpp"

namespace ledger::replay {

/// One thread of its own, at the lowest priority. Stops within a second when it goes out of scope.
class Scrub {
 public:
  struct Options {
    /// From the end of one pass to the beginning of the next; the first begins at once.
    std::chrono::milliseconds interval = std::chrono::hours(24);
    std::uint64_t events_per_second = 20'000;  ///< 0: as fast as it goes
    /// Told of each problem, and of a pass that could not be made, on the scrub's thread.
    std::function<void(const VerifyProblem&)> on_problem;
  };
  struct Figures {
    std::uint64_t position = 0;  ///< events verified in this pass, or in the last one
    std::uint64_t passes = 0;    ///< ended, good or not
    std::uint64_t problems = 0;  ///< found since the start
    std::uint64_t failures = 0;  ///< passes that could not be made
    TimestampUs last_good;       ///< when the last good pass ended; 0: none yet
  };

  /// `stores` are an engine's own and outlive this. The views that it needs lie in `DIR/scrub`.
  Scrub(const store::Stores& stores, Options options);
  ~Scrub();
  Scrub(const Scrub&) = delete;
  Scrub& operator=(const Scrub&) = delete;

  /// Any thread.
  [[nodiscard]] Figures figures() const;

 private:
  void run();
  void pass();
  [[nodiscard]] bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  const store::Stores& stores_;
  const Options options_;
  std::atomic<std::uint64_t> position_ = 0, passes_ = 0, problems_ = 0, failures_ = 0;
  std::atomic<std::int64_t> last_good_ = 0;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;  ///< for `wake_` only
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace ledger::replay
