// The product over HTTP beside the plainest Beast servers that do the same work (bare_server.hpp).
#pragma once

#include "server/bench/bench.hpp"

namespace ledger::bench {

/// Draft saves of a 1 KiB form at 64 connections, each durable before its answer, against a bare group-commit
/// server that commits as many rows of the same sizes.
[[nodiscard]] Result bench_http_writes(const Options& options);

/// Reads of one filing's state by its filer at 64 connections, against a bare server answering as many bytes.
[[nodiscard]] Result bench_http_reads(const Options& options);

}  // namespace ledger::bench
