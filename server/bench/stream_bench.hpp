// The live stream: how fast one subscriber catches up, how soon many hear what happens, what they cost.
#pragma once

#include "server/bench/bench.hpp"

namespace ledger::bench {

/// One auditor from position 0 to `caught_up`; events a second.
[[nodiscard]] Result bench_stream(const Options& options);
[[nodiscard]] Result bench_stream_websocket(const Options& options);

/// 1,000 auditors at the head while 100 events a second are appended: the 99th percentile of the time from
/// the commit to receipt, in milliseconds. Raw: the same appends, whose commits a bare broadcaster in the
/// product's place tells with frames as long. Every frame must come.
[[nodiscard]] Result bench_stream_live(const Options& options);
[[nodiscard]] Result bench_stream_live_websocket(const Options& options);

/// What 5,000 live auditors, half of either transport, add to the memory of the process, in KiB each, after
/// each has received events.
[[nodiscard]] Result bench_stream_memory(const Options& options);

/// Durable appends in this process over 64 streams while 1,000 auditors follow, each one of the streams; raw:
/// without subscribers, in the same server. Events a second.
[[nodiscard]] Result bench_stream_appends(const Options& options);

}  // namespace ledger::bench
