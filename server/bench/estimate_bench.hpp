// How fast a waiting time is estimated once the tables of its position are there.
#pragma once

#include "server/bench/bench.hpp"

namespace ledger::bench {

/// Estimates of filings in every stage over the samples of 100,000, each with curves that nobody asked for
/// before as well as with known ones; the note tells both, and what building the tables took.
[[nodiscard]] Result bench_estimate(const Options& options);

}  // namespace ledger::bench
