// What looking back costs.
#pragma once

#include "server/bench/bench.hpp"

namespace ledger::bench {

/// States of filings as of random past positions, against the states as they stand; the note tells the median
/// and the slowest time of one, and the same for the position of a time.
[[nodiscard]] Result bench_as_of(const Options& options);

}  // namespace ledger::bench
