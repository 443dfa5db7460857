#include "server/bench/stream_bench.hpp"

#include <chrono>
#include <stdexcept>

#include <spdlog/fmt/fmt.h>

#include "replay/bench_engine.hpp"
#include "server/bench/bench_ledger.hpp"
#include "server/bench/product_server.hpp"
#include "server/bench/stream_peer.hpp"

namespace ledger::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kThreads = 2;
constexpr std::size_t kFilings = 64;
constexpr std::uint32_t kSeed = 1;

Result catch_up(const Options& options, Transport transport) {
  const std::uint64_t events = options.quick ? 10'000 : 1'000'000;
  BenchLedger ledger(options.directory);
  const std::string token = ledger.auditor_token();
  const replay::BenchCaller caller{ledger.filer, ledger.subject, BenchLedger::kilobyte_form()};
  std::vector<Uuid> filings;
  replay::grow_filings(*ledger.engine, caller, kFilings, filings);
  if (options.on_progress) options.on_progress(fmt::format("  growing the ledger to {} events", events));
  (void)replay::save_drafts(*ledger.engine, caller, filings, events, kFilings, kSeed);
  Result result{.unit = "events/s", .samples = {}, .note = {}};
  const ProductServer product(*ledger.engine, ledger.models, kThreads);
  for (unsigned i = 0; i < options.repeats; ++i) {
    StreamPeer peer(product.port(), transport, "", token);
    std::uint64_t received = 0;
    const auto begin = Clock::now();
    while (peer.receive([&](std::uint64_t) { ++received; })) {
    }
    if (received != ledger.engine->size()) throw std::runtime_error("bench: events are missing");
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    result.samples.push_back({.product = static_cast<double>(received) / seconds, .raw = 0});
  }
  result.note = fmt::format("{} events, client and server in one process", ledger.engine->size());
  return result;
}

}  // namespace

Result bench_stream(const Options& options) {
  return catch_up(options, Transport::sse);
}

Result bench_stream_websocket(const Options& options) {
  return catch_up(options, Transport::websocket);
}

}  // namespace ledger::bench
