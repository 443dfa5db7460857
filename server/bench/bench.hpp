// `filing-ledger bench`: the same work raw and through the product, side by side in one run, as ratios.
// Absolute figures of one machine say little; what the product adds to the raw work says much.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ledger::bench {

struct Options {
  unsigned repeats = 5;                          ///< interleaved: raw, product, raw, product, ...
  std::filesystem::path directory;               ///< an empty one to work in, removed afterwards
  bool quick = false;                            ///< less work each, to see that everything runs
  std::function<void(std::string)> on_progress;  ///< one line each
};

/// One repeat: how much work a second each side did, or what it cost. `raw` is 0 where there is nothing to
/// compare with.
struct Sample {
  double product = 0, raw = 0;
};

struct Result {
  std::string unit;             ///< of both figures: work a second (`events/s`), or a cost (`ms`)
  std::vector<Sample> samples;  ///< one a repeat
  std::string note;             ///< what else was measured, one line; may be empty
};

struct Bench {
  std::string_view name;  ///< of the command line
  std::string_view about;
  double goal = 0;  ///< the least ratio wanted, or from 1,000 on the least figure; 0: none
  std::function<Result(const Options&)> run;
  bool at_most = false;  ///< the goal is a bound from above: what is measured is a cost
};

/// All benches, in the order in which they run. A failure of the machine throws std::runtime_error.
[[nodiscard]] std::span<const Bench> benches();

}  // namespace ledger::bench
