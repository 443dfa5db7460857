// Were the estimates right? Every open filing of past moments is estimated from what was recorded by then and
// scored against what the log says happened later, beside answers that need no model. Pure.
//
// What has not happened yet is scored as far as it is known. An estimate made at one cut-off can be followed
// for the same time as all others of it, up to the end of the log:
//  - coverage counts an estimate where its upper quantile lies within that time: then it is known for every
//    filing, published or not, on which side the truth fell, and nothing is chosen by its outcome;
//  - pinball loss compares both quantile and truth up to that time: the smaller of each and the time
//  followed.
// Estimates speak of filings that come to a publication. One that ended otherwise is left out; one that is
// open at the end of the log counts with the chance, estimated there, that it will come to one.
#pragma once

#include <array>
#include <cstddef>
#include <expected>
#include <functional>
#include <span>
#include <string>

#include "replay/estimate.hpp"

namespace ledger::replay {

/// The quantiles of an estimate.
inline constexpr std::array<double, 5> kNominal = {0.1, 0.5, 0.8, 0.9, 0.95};

struct BacktestOptions {
  unsigned cutoffs = 12;   ///< spread evenly from the first moment with enough history to the end
  unsigned walks = 1'000;  ///< of each estimate
  std::function<void(std::uint64_t, std::uint64_t)> on_progress;  ///< estimates made, of about how many
};

struct Backtest {
  unsigned cutoffs = 0;
  std::size_t samples = 0;     ///< estimates scored
  std::size_t covered_of = 0;  ///< of them, those whose interval from p10 to p90 could be judged
  double coverage = 0;         ///< share of truths within it
  /// For each nominal probability: share of truths not above the quantile, and of how many.
  std::array<double, 5> observed{};
  std::array<std::size_t, 5> observed_of{};
  /// Mean over samples and quantiles, in days.
  struct Pinball {
    double model = 0, statutory = 0, median = 0, rule_of_thumb = 0;
  } pinball;
  TimestampUs first_cutoff, last_cutoff;
};

/// `samples` are those of a whole log whose last event was recorded at `end`.
[[nodiscard]] std::expected<Backtest, NoEstimate> backtest(std::span<const StageSample> samples,
                                                           TimestampUs end, const BacktestOptions& options);

/// The samples as they stood at a moment: later ones left out, later ends not yet known.
[[nodiscard]] std::vector<StageSample> known_at(std::span<const StageSample> samples, TimestampUs at);

/// The calibration plot: nominal against observed probabilities, plain SVG.
[[nodiscard]] std::string calibration_svg(const Backtest& result);

}  // namespace ledger::replay
