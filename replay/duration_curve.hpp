// How long visits of one stage last and where they lead, as an estimate draws from it: the Kaplan-Meier
// curve with the Aalen-Johansen share of every way out, read backwards. Open visits count for as long as they
// have lasted. Pure; a built curve may be read from any thread.
//
// Durations are whole hours: enough for waits of weeks, and a curve stays small however many visits there
// are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "replay/draws.hpp"

namespace ledger::replay {

/// Where the end of a visit leads: on towards publication, back to an earlier stage (a rejection, a
/// withdrawal), or out (discarded, cancelled, revoked, ...).
enum class WayOut : std::uint8_t { onward, back, out };

/// One visit: how long it lasted or has lasted, and how it ended unless it is open.
struct DurationRow {
  std::uint32_t hours = 0;
  std::optional<WayOut> way;
};

/// What a stage does with visits that outlast everything ever observed to end. An office must act some day; a
/// filer need not.
enum class Holder : std::uint8_t { office, filer };

class DurationCurve {
 public:
  /// `rows` ascend by hours.
  DurationCurve(std::span<const DurationRow> rows, Holder holder);

  [[nodiscard]] std::size_t visits() const { return visits_; }
  [[nodiscard]] std::size_t finished() const { return finished_; }
  /// Finished visits that took this way.
  [[nodiscard]] std::size_t finished(WayOut way) const { return ways_[static_cast<std::size_t>(way)]; }
  /// Visits that are known to have lasted longer and either ended later or are open.
  [[nodiscard]] std::size_t at_risk_beyond(double hours) const;

  struct End {
    double hours = 0;  ///< from now
    WayOut way{};
  };
  /// The rest of a visit that has lasted `elapsed` hours. nullopt: it never ends, with the chance that the
  /// curve leaves above its last event where the filer holds it. Where an office holds it, and where nobody
  /// was left to observe, the rest is exponential with the rate of the last tenth of all ends (at least ten).
  [[nodiscard]] std::optional<End> draw(Draws& draws, double elapsed) const;
  /// The rest of such a visit given that it leads this way; of any end where none did.
  [[nodiscard]] std::optional<End> draw(Draws& draws, double elapsed, WayOut way) const;

 private:
  struct Point {
    double hours = 0;
    double ended = 0;             ///< 1 - survival after these hours
    double onward = 0, back = 0;  ///< of `ended`
    std::size_t at_risk = 0;      ///< just before
  };
  [[nodiscard]] std::size_t first_after(double hours) const;
  [[nodiscard]] End tail(Draws& draws, double elapsed, double from) const;

  std::vector<Point> points_;
  std::size_t visits_ = 0, finished_ = 0;
  std::size_t ways_[3] = {};
  Holder holder_;
  double tail_mean_ = 0;                    // hours
  double tail_onward_ = 1, tail_back_ = 0;  // shares of the ends that the tail is drawn from
};

}  // namespace ledger::replay
