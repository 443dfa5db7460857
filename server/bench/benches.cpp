#include "server/bench/bench.hpp"
#include "server/bench/http_bench.hpp"

namespace ledger::bench {

std::span<const Bench> benches() {
  static const std::vector<Bench> all = {
      {"http-writes", "durable draft saves over HTTP against a bare Beast group-commit server", 0.5,
       bench_http_writes},
      {"http-reads", "reads of a filing over HTTP against a bare Beast server", 0.6, bench_http_reads},
  };
  return all;
}

}  // namespace ledger::bench
