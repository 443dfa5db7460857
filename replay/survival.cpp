#include "replay/survival.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace ledger::replay {
namespace {

/// The 97.5 % quantile of the standard normal distribution.
constexpr double kZ = 1.959963984540054;
constexpr std::int64_t kMicrosecondsInMicroday = 86'400;

}  // namespace

Microdays microdays_between(TimestampUs from, TimestampUs to) {
  if (to.value <= from.value) return 0;
  const std::int64_t span = to.value - from.value;
  return span / kMicrosecondsInMicroday +
         (span % kMicrosecondsInMicroday * 2 >= kMicrosecondsInMicroday ? 1 : 0);
}

Survival survival_of_sorted(std::span<const Spell> spells) {
  Survival found;
  found.samples = spells.size();
  std::array<Incidence, kOutcomeNumberMax + 1> incidence;
  for (const Spell& spell : spells) {
    if (spell.outcome == 0) continue;
    ++found.events;
    ++incidence[std::min(spell.outcome, kOutcomeNumberMax)].events;
  }
  found.curve.reserve(found.events);
  for (Incidence& of : incidence) of.points.reserve(of.events);

  double survival = 1, variance = 0;
  std::array<std::uint64_t, kOutcomeNumberMax + 1> ends{};  // at one time; zero between times
  for (std::size_t first = 0, next = 0; first < spells.size(); first = next) {
    const Microdays at = spells[first].length;
    std::uint32_t outcomes = 0;  // that occurred at this time, as bits
    std::uint64_t ended = 0;
    for (; next < spells.size() && spells[next].length == at; ++next) {
      const OutcomeNumber outcome = std::min(spells[next].outcome, kOutcomeNumberMax);
      if (outcome == 0) continue;
      ++ends[outcome];
      ++ended;
      outcomes |= std::uint32_t{1} << outcome;
    }
    if (ended == 0) continue;
    const std::uint64_t at_risk = spells.size() - first;
    const auto n = static_cast<double>(at_risk), d = static_cast<double>(ended);
    for (; outcomes != 0; outcomes &= outcomes - 1) {
      const auto outcome = static_cast<std::size_t>(std::countr_zero(outcomes));
      std::vector<IncidencePoint>& points = incidence[outcome].points;
      const double before = points.empty() ? 0 : points.back().probability;
      points.push_back({at, before + survival * static_cast<double>(ends[outcome]) / n});
      ends[outcome] = 0;
    }
    if (ended == at_risk) {
      // Nobody is left: survival is 0 exactly, and no later event is possible.
      constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
      found.curve.push_back({at, 0, kNone, kNone, at_risk});
      continue;
    }
    survival *= (n - d) / n;
    variance += d / (n * (n - d));
    const double factor = std::exp(kZ * std::sqrt(variance));
    found.curve.push_back({at, survival, survival / factor, std::min(1.0, survival * factor), at_risk});
  }
  for (OutcomeNumber outcome = 1; outcome <= kOutcomeNumberMax; ++outcome) {
    if (incidence[outcome].events == 0) continue;
    incidence[outcome].outcome = outcome;
    found.incidence.push_back(std::move(incidence[outcome]));
  }
  return found;
}

Survival survival_of(std::vector<Spell> spells) {
  std::ranges::sort(spells, {}, &Spell::length);
  return survival_of_sorted(spells);
}

}  // namespace ledger::replay
