// How long a stage takes, from stays of which some are still open (right-censored, 右删失): the Kaplan-Meier
// estimate of survival with Greenwood's variance, and the cumulative incidence of each outcome
// (Aalen-Johansen). Pure. The method in words: docs/statistics.md.
//
// Time is counted in microdays, 1e-6 of a day: days with six decimals are what is printed and exported, so
// ties are decided on exactly what a reader of the numbers sees. A stay of t is at risk until t inclusive:
// whoever is censored at t was still there when others ended at t.
//
// With d_i ends among n_i at risk at the i-th distinct event time (sums and products over t_i <= t):
//   survival       S(t) = prod(1 - d_i / n_i)                        Kaplan and Meier 1958
//   variance       V(t) = sum(d_i / (n_i (n_i - d_i))), of log S(t)  Greenwood 1926
//   interval       S(t) exp(-+ z sqrt(V(t))), at most 1, z = 1.959964: 95 %, pointwise, on the log scale
//   incidence of k I_k(t) = sum(S(t_i-) d_ik / n_i)                  Aalen and Johansen 1978
// This is what R's survfit() gives by default (conf.type = "log"; for a factor as event, the state
// probabilities), with timefix = FALSE.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "events/core/types.hpp"

namespace ledger::replay {

/// A time span in 1e-6 of a day (86.4 ms).
using Microdays = std::int64_t;

/// From one moment to another, rounded to the nearest microday, halves up. A span below zero, which recorded
/// times never give, counts as zero.
[[nodiscard]] Microdays microdays_between(TimestampUs from, TimestampUs to);

/// What ended a stay, by any numbering of the caller's from 1; 0: nothing yet, it is censored.
using OutcomeNumber = std::uint8_t;
/// The numbers that an outcome may have are 1 to this.
inline constexpr OutcomeNumber kOutcomeNumberMax = 31;

/// One stay: how long it has lasted, and what ended it.
struct Spell {
  Microdays length = 0;
  OutcomeNumber outcome = 0;
  bool operator==(const Spell&) const = default;
};

struct SurvivalPoint {
  Microdays at = 0;
  double survival = 1;
  /// The 95 % interval; both NaN where survival has reached 0: its variance is then without bounds.
  double lower = 0, upper = 0;
  std::uint64_t at_risk = 0;  ///< just before `at`
  [[nodiscard]] bool bounded() const { return lower == lower; }
};

struct IncidencePoint {
  Microdays at = 0;
  double probability = 0;
};

struct Incidence {
  OutcomeNumber outcome = 0;
  std::uint64_t events = 0;
  std::vector<IncidencePoint> points;  ///< one at every distinct time of such an event
};

/// All of it for one set of stays.
struct Survival {
  std::uint64_t samples = 0;
  std::uint64_t events = 0;
  std::vector<SurvivalPoint> curve;  ///< one at every distinct time of an event; survival is 1 before it
  std::vector<Incidence> incidence;  ///< of every outcome that occurred, by number
};

/// From stays in ascending order of their lengths; among equal lengths any order. Linear.
[[nodiscard]] Survival survival_of_sorted(std::span<const Spell> spells);
/// The same from stays in any order.
[[nodiscard]] Survival survival_of(std::vector<Spell> spells);

}  // namespace ledger::replay
