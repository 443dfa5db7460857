// What the transparency log costs, and what its proofs do.
#pragma once

#include "server/bench/bench.hpp"

namespace ledger::bench {

/// Appends of 64 callers with tree and checkpoints, against the same engine without them.
[[nodiscard]] Result bench_tree(const Options& options);
/// The same with the checkpoint file beside, whose sync is one more flush a batch.
[[nodiscard]] Result bench_tree_file(const Options& options);
/// Inclusion proofs a second at a million entries, from the file; the note tells the median time of one.
[[nodiscard]] Result bench_proofs(const Options& options);

}  // namespace ledger::bench
