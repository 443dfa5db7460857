#include "server/bench/as_of_bench.hpp"
#include "server/bench/bench.hpp"
#include "server/bench/engine_bench.hpp"
#include "server/bench/estimate_bench.hpp"
#include "server/bench/http_bench.hpp"
#include "server/bench/log_bench.hpp"
#include "server/bench/statistics_bench.hpp"
#include "server/bench/stream_bench.hpp"
#include "server/bench/verify_bench.hpp"

namespace ledger::bench {

std::span<const Bench> benches() {
  static const std::vector<Bench> all = {
      {"appends", "durable appends in this process over 64 streams against raw LMDB", 0.6, bench_appends},
      {"appends-wide", "the same over 100,000 streams at 1.5 million events", 0.35, bench_appends_wide},
      {"tree", "appends with tree and checkpoints against the same engine without them", 0.75, bench_tree},
      {"tree-file", "the same with the checkpoint file beside", 0.6, bench_tree_file},
      {"proofs", "inclusion proofs from the file at a million entries; 50 us are 20,000/s", 20'000,
       bench_proofs},
      {"rebuild",
       "all views anew from a log of a million events, 300,000/s wanted, against a bare scan of it", 300'000,
       bench_rebuild},
      {"as-of", "states of filings at past positions against those that stand now", 0.02, bench_as_of},
      {"verify", "`verify --data` without the key against bare SHA-256 of the entries", 0, bench_verify},
      {"import", "a list as long as all official ones into a fresh ledger; 2 s are 3,998 rows/s", 3'998.5,
       bench_import},
      {"statistics", "a survival statistic at 100,000 filings against one pass over the same stays", 0,
       bench_statistics},
      {"simulate", "a made-up history of 20,000 filings, documents and syncs included", 50'000,
       bench_simulate},
      {"estimate", "waiting times at the samples of 100,000 filings; 20 ms each are 50/s", 50,
       bench_estimate},
      {"http-writes", "durable draft saves over HTTP against a bare Beast group-commit server", 0.5,
       bench_http_writes},
      {"http-reads", "reads of a filing over HTTP against a bare Beast server", 0.6, bench_http_reads},
      {"stream", "one subscriber catches up with a long log over Server-Sent Events", 200'000, bench_stream},
      {"stream-ws", "the same over a WebSocket", 200'000, bench_stream_websocket},
      {"stream-live",
       "p99 from commit to receipt, 1,000 subscribers of 100 events/s, against a bare broadcaster", 1.5,
       bench_stream_live, true},
      {"stream-live-ws", "the same over WebSockets", 1.5, bench_stream_live_websocket, true},
      {"stream-memory", "memory of one of 5,000 live subscribers", 64, bench_stream_memory, true},
      {"stream-appends", "appends while 1,000 live subscribers follow against the same without any", 0.7,
       bench_stream_appends},
  };
  return all;
}

}  // namespace ledger::bench
