// How fast the engine appends, against raw LMDB that appends the very same bytes in the very same batches.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "events/store/engine.hpp"

namespace ledger::replay {

/// Who saves drafts of which filings.
struct BenchCaller {
  store::Granted filer;
  Uuid subject;
  FilingForm form;  ///< saved again and again
};

/// Makes filings until there are `filings.size() + more`, with 64 commands under way; adds them to `filings`.
/// Throws std::runtime_error at the first refusal.
void grow_filings(store::Engine& engine, const BenchCaller& caller, std::size_t more,
                  std::vector<Uuid>& filings);

/// Saves drafts of randomly chosen filings. Answers events a second. Throws as above.
[[nodiscard]] double save_drafts(store::Engine& engine, const BenchCaller& caller,
                                 std::span<const Uuid> filings, std::uint64_t events, unsigned callers,
                                 std::uint64_t seed);

struct AppendSample {
  double engine = 0, raw = 0;  ///< events a second
  double batch_events = 0;     ///< mean events of a batch
  double bytes_per_event = 0;  ///< entry and sealed values
};

struct AppendBenchOptions {
  std::filesystem::path raw_directory;  ///< for the raw environment; made, and left to the caller to remove
  unsigned callers = 64;                ///< commands under way at any time, each waiting for its answer
  unsigned repeats = 5;                 ///< interleaved: engine, raw, engine, raw, ...
  std::uint64_t events = 20'000;        ///< of each repeat
};

/// Saves drafts through the engine, views committed before each answer, then appends the same entries and
/// sealed values, in the same batches, to a synced LMDB environment without any index. Throws
/// std::runtime_error.
[[nodiscard]] std::vector<AppendSample> bench_appends(store::Engine& engine, const BenchCaller& caller,
                                                      std::span<const Uuid> filings,
                                                      const AppendBenchOptions& options);

}  // namespace ledger::replay
