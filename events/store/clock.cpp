#include "events/store/clock.hpp"

#include <chrono>
#include <cstdlib>

namespace ledger::store {

TimestampUs system_now() {
  using namespace std::chrono;
  return {duration_cast<microseconds>(system_clock::now().time_since_epoch()).count()};
}

TimestampUs monotonic_now() {
  using namespace std::chrono;
  return {duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count()};
}

ClockGuard::ClockGuard(TimeSource wall, TimeSource monotonic)
    : wall_(std::move(wall)), monotonic_(std::move(monotonic)) {
  if (!wall_) {
    wall_ = system_now;
    if (!monotonic_) monotonic_ = monotonic_now;
  }
}

ClockGuard::Reading ClockGuard::read(TimestampUs last) {
  Reading reading{.now = wall_(), .distrust = {}};
  if (reading.now.value < last.value - kClockBehindMaxUs) {
    reading.distrust = "the clock is behind the newest entry";
    return reading;
  }
  if (!monotonic_) return reading;
  const std::int64_t offset = reading.now.value - monotonic_().value;
  if (offset_ && std::llabs(offset - *offset_) > kClockJumpMaxUs) {
    reading.distrust = "the clock jumped against the monotonic clock";
    return reading;
  }
  offset_ = offset;
  return reading;
}

}  // namespace ledger::store
