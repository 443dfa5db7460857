#include "server/bench/as_of_bench.hpp"

#include <algorithm>
#include <chrono>
#include <random>
#include <stdexcept>

#include <spdlog/fmt/fmt.h>

#include "replay/as_of.hpp"
#include "replay/bench_engine.hpp"
#include "server/bench/bench_ledger.hpp"

namespace ledger::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kCallers = 64;
constexpr std::size_t kFilings = 1'000;
constexpr std::uint64_t kSeed = 20'260'101;

/// Runs `work` so often, each with its own snapshot; microseconds of each.
template <typename Work>
std::vector<double> times_of(const BenchLedger& ledger, std::size_t times, Work&& work) {
  std::vector<double> taken;
  taken.reserve(times);
  for (std::size_t i = 0; i < times; ++i) {
    const auto begun = Clock::now();
    const store::Snapshot snapshot = ledger.engine->snapshot();
    work(snapshot);
    taken.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begun).count());
  }
  return taken;
}

double a_second(const std::vector<double>& micros) {
  double sum = 0;
  for (const double each : micros) sum += each;
  return 1e6 * static_cast<double>(micros.size()) / sum;
}

std::string spread_of(std::vector<double> micros) {
  std::ranges::sort(micros);
  return fmt::format("median {:.1f} us, p99 {:.1f} us, max {:.1f} us", micros[micros.size() / 2],
                     micros[micros.size() * 99 / 100], micros.back());
}

}  // namespace

Result bench_as_of(const Options& options) {
  const std::uint64_t events = options.quick ? 5'000 : 200'000;
  const std::size_t reads = options.quick ? 500 : 20'000;
  BenchLedger ledger(options.directory);
  const replay::BenchCaller caller{
      .filer = ledger.filer, .subject = ledger.subject, .form = BenchLedger::kilobyte_form()};
  std::vector<Uuid> filings;
  if (options.on_progress) options.on_progress(fmt::format("growing a ledger to {} events", events));
  replay::grow_filings(*ledger.engine, caller, options.quick ? kFilings / 20 : kFilings, filings);
  const std::uint64_t from = ledger.engine->size();
  (void)replay::save_drafts(*ledger.engine, caller, filings, events - std::min(events, from), kCallers,
                            kSeed);
  const std::uint64_t size = ledger.engine->size();

  std::mt19937_64 random(kSeed);
  const auto any_filing = [&] { return filings[random() % filings.size()]; };
  Result result{.unit = "reads/s", .samples = {}, .note = {}};
  std::vector<double> then, searched;
  for (unsigned i = 0; i < options.repeats; ++i) {
    const auto now = times_of(ledger, reads, [&](const store::Snapshot& snapshot) {
      if (!snapshot.lookup().filing(any_filing())) throw std::runtime_error("bench: a filing is missing");
    });
    const auto past = times_of(ledger, reads, [&](const store::Snapshot& snapshot) {
      const std::uint64_t position = from + random() % (size - from);
      if (!replay::filing_at(snapshot, ledger.models, any_filing(), position))
        throw std::runtime_error("bench: a filing is missing");
    });
    result.samples.push_back({.product = a_second(past), .raw = a_second(now)});
    then.insert(then.end(), past.begin(), past.end());
    const store::Snapshot snapshot = ledger.engine->snapshot();
    const std::int64_t begun = replay::recorded_at(snapshot, from).value;
    const std::int64_t span = replay::recorded_at(snapshot, size - 1).value - begun;
    const auto found = times_of(ledger, reads / 10, [&](const store::Snapshot& fresh) {
      const TimestampUs at{begun +
                           static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(span + 1))};
      if (!replay::position_at(fresh, at)) throw std::runtime_error("bench: a time before the ledger");
    });
    searched.insert(searched.end(), found.begin(), found.end());
  }
  result.note =
      fmt::format("{} events, {} of each filing; a state of then: {}; the position of a time: {}", size,
                  size / filings.size(), spread_of(std::move(then)), spread_of(std::move(searched)));
  return result;
}

}  // namespace ledger::bench
