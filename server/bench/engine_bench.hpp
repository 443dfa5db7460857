// The engine in this process beside raw LMDB, and how fast it rebuilds and imports.
#pragma once

#include "server/bench/bench.hpp"

namespace ledger::bench {

/// Durable draft saves of 64 callers, views committed before each answer, against raw LMDB that appends the
/// same bytes in the same batches: over 64 filings, and over 100,000 filings of a ledger of 1.5 million
/// events.
[[nodiscard]] Result bench_appends(const Options& options);
[[nodiscard]] Result bench_appends_wide(const Options& options);

/// All views anew from a log of a million events; events a second.
[[nodiscard]] Result bench_rebuild(const Options& options);

/// A list as long as the 35 official ones together, of fictitious rows, into a fresh ledger; rows a second.
[[nodiscard]] Result bench_import(const Options& options);

/// A made-up history of two years into a ledger fresh from `init`, documents and the last sync included;
/// events a second.
[[nodiscard]] Result bench_simulate(const Options& options);

}  // namespace ledger::bench
