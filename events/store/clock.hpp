// The time that events carry, and when not to believe it (DESIGN section 5, "Time").
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "events/core/types.hpp"

namespace ledger::store {

/// A wall clock this far behind the newest entry makes writes wait.
inline constexpr std::int64_t kClockBehindMaxUs = 5'000'000;
/// So does one that went this far from the monotonic clock.
inline constexpr std::int64_t kClockJumpMaxUs = 300'000'000;
/// At start a gap since the newest entry above this must be accepted by the operator.
inline constexpr std::int64_t kClockGapMaxUs = std::int64_t{30} * 86'400 * 1'000'000;

using TimeSource = std::function<TimestampUs()>;

/// Now, as the machine tells it; microseconds since the epoch, and of the monotonic clock.
[[nodiscard]] TimestampUs system_now();
[[nodiscard]] TimestampUs monotonic_now();

/// One thread.
class ClockGuard {
 public:
  /// Empty sources: the machine's clocks; a wall clock of its own without a monotonic one is not held against
  /// it.
  ClockGuard(TimeSource wall, TimeSource monotonic);
  struct Reading {
    TimestampUs now;
    std::optional<std::string> distrust;  ///< why the reading must not date an event
  };
  /// Reads the clocks; `last` is the time of the newest entry. Slow drift is followed, a jump is not: the
  /// clock is trusted again when it comes back.
  [[nodiscard]] Reading read(TimestampUs last);

 private:
  TimeSource wall_, monotonic_;
  std::optional<std::int64_t> offset_;  ///< wall minus monotonic, when last trusted
};

}  // namespace ledger::store
