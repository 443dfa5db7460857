// How fast a survival statistic is once the index of stays is warm.
#pragma once

#include "server/bench/bench.hpp"

namespace ledger::bench {

/// The statistic of the stage `review` over the stays of 100,000 filings, against one pass over the same
/// stays that only adds their lengths up.
[[nodiscard]] Result bench_statistics(const Options& options);

}  // namespace ledger::bench
