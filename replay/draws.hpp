// Randomness that is no randomness: the n-th number of a seed is a function of both, so that an estimate is
// the same wherever and however often it is made. Pure.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "events/core/events.hpp"

namespace ledger::replay {

/// Numbers of one seed, in order. SplitMix64 over a counter (Steele, Lea, Flood 2014, "Fast splittable
/// pseudorandom number generators"). One thread.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : seed_(seed) {}
  /// The seed of a stream at a position.
  [[nodiscard]] static std::uint64_t seed_of(const StreamId& stream, std::uint64_t position) {
    std::uint64_t seed = mixed(position + static_cast<std::uint64_t>(stream.kind));
    seed = mixed(seed ^ get_be<std::uint64_t>(stream.id.bytes.data()));
    return mixed(seed ^ get_be<std::uint64_t>(stream.id.bytes.data() + 8));
  }
  [[nodiscard]] std::uint64_t next() { return mixed(seed_ + ++count_ * 0x9E37'79B9'7F4A'7C15ULL); }
  /// Strictly between 0 and 1.
  [[nodiscard]] double uniform() { return (static_cast<double>(next() >> 11) + 0.5) * 0x1.0p-53; }
  /// Exponential with this mean.
  [[nodiscard]] double exponential(double mean) { return -mean * std::log(uniform()); }

 private:
  [[nodiscard]] static std::uint64_t mixed(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58'476D'1CE4'E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D0'49BB'1331'11EBULL;
    return x ^ (x >> 31);
  }
  std::uint64_t seed_;
  std::uint64_t count_ = 0;
};

/// How much of the standard normal lies above z.
[[nodiscard]] inline double normal_above(double z) {
  return 0.5 * std::erfc(z / std::numbers::sqrt2);
}

/// The inverse of `normal_above`, for 0 < above < 1. Source: Acklam's rational approximation, refined by one
/// step of Halley's method to the precision of `erfc`.
[[nodiscard]] double normal_with_above(double above);

}  // namespace ledger::replay
