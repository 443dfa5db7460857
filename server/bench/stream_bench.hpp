// The live stream: how fast one subscriber catches up, and how soon many hear what happens.
#pragma once

#include "server/bench/bench.hpp"

namespace ledger::bench {

/// One auditor over Server-Sent Events, from position 0 to `caught_up`; events a second.
[[nodiscard]] Result bench_stream(const Options& options);

/// 1,000 auditors at the head while 100 events a second are appended; frames received a second by all, with
/// the time from the commit's answer to receipt in the note.
[[nodiscard]] Result bench_stream_live(const Options& options);

}  // namespace ledger::bench
