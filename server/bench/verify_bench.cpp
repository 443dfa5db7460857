#include "server/bench/verify_bench.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include <spdlog/fmt/fmt.h>

#include "events/tlog/tree.hpp"
#include "replay/bench_engine.hpp"
#include "replay/verify_data.hpp"
#include "server/bench/bench_ledger.hpp"

namespace ledger::bench {
namespace {

constexpr unsigned kCallers = 64;
constexpr std::size_t kFilings = 64;
constexpr std::uint64_t kSeed = 20'260'101;

void say(const Options& options, std::string line) {
  if (options.on_progress) options.on_progress(std::move(line));
}

void grow(const Options& options, std::uint64_t events) {
  BenchLedger ledger(options.directory);
  const replay::BenchCaller caller{
      .filer = ledger.filer, .subject = ledger.subject, .form = BenchLedger::kilobyte_form()};
  std::vector<Uuid> filings;
  replay::grow_filings(*ledger.engine, caller, kFilings, filings);
  const std::uint64_t there = ledger.engine->size();
  (void)replay::save_drafts(*ledger.engine, caller, filings, events - std::min(events, there), kCallers,
                            kSeed);
}

/// Hashes of every entry, and nothing else. Answers events a second.
double hash_entries(const replay::VerifiedStores& stores) {
  const auto begun = std::chrono::steady_clock::now();
  auto reader = stores.log->read();
  if (!reader) throw std::runtime_error("bench: " + reader.error().message());
  store::Cursor cursor = reader->entries();
  std::uint64_t events = 0;
  for (bool there = cursor.first(); there; there = cursor.next()) {
    (void)tlog::leaf_hash(cursor.value());
    ++events;
  }
  return static_cast<double>(events) /
         std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

replay::VerifyReport verify(replay::VerifiedStores stores, bool with_key) {
  if (!with_key) stores.privates = {};
  auto report = replay::verify_data(stores, {});
  if (!report) throw std::runtime_error("bench: " + report.error().detail);
  if (!report->good()) throw std::runtime_error("bench: " + report->problems.front().what);
  return std::move(*report);
}

}  // namespace

Result bench_verify(const Options& options) {
  const std::uint64_t events = options.quick ? 10'000 : 500'000;
  say(options, fmt::format("growing a ledger to {} events", events));
  grow(options, events);
  const auto opened =
      replay::OpenedDirectory::open(options.directory / "data", options.directory / "data.key");
  if (!opened) throw std::runtime_error("bench: " + opened.error().detail);
  Result result{.unit = "events/s", .samples = {}, .note = {}};
  std::vector<double> with_key;
  std::uint64_t bytes = 0;
  for (unsigned i = 0; i < options.repeats; ++i) {
    say(options, fmt::format("verifying, {} of {}", i + 1, options.repeats));
    const double hashed = hash_entries(opened->stores());
    const replay::VerifyReport report = verify(opened->stores(), false);
    result.samples.push_back({.product = report.events_per_second(), .raw = hashed});
    with_key.push_back(verify(opened->stores(), true).events_per_second());
    bytes = report.bytes / report.size;
  }
  std::ranges::sort(with_key);
  result.note = fmt::format(
      "{} events of {} bytes; raw is bare SHA-256 of the entries; with the master key {:.0f} events/s",
      events, bytes, with_key[with_key.size() / 2]);
  return result;
}

}  // namespace ledger::bench
