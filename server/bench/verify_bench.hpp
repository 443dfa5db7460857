// How fast `verify --data` reads a ledger that was written in batches.
#pragma once

#include "server/bench/bench.hpp"

namespace ledger::bench {

/// Events a second of a ledger of draft saves, without the master key, against bare SHA-256(0x00 || entry)
/// over the same entries; the note tells the same with the key.
[[nodiscard]] Result bench_verify(const Options& options);

}  // namespace ledger::bench
