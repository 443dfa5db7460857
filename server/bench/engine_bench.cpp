#include "server/bench/engine_bench.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <sys/resource.h>

#include <spdlog/fmt/fmt.h>

#include "events/core/filing_number.hpp"
#include "events/store/clock.hpp"
#include "events/store/entry_store.hpp"
#include "replay/bench_engine.hpp"
#include "replay/import.hpp"
#include "replay/rebuild.hpp"
#include "replay/simulate.hpp"
#include "server/bench/bench_ledger.hpp"

namespace ledger::bench {
namespace {

constexpr unsigned kCallers = 64;
constexpr std::uint64_t kSeed = 20'260'101;
constexpr std::uint64_t kScanMap = std::uint64_t{64} << 30;
constexpr std::size_t kImportRows = 7'997;  // of the official lists up to 2026-05

void say(const Options& options, std::string line) {
  if (options.on_progress) options.on_progress(std::move(line));
}

replay::BenchCaller caller_of(const BenchLedger& ledger) {
  return {.filer = ledger.filer, .subject = ledger.subject, .form = BenchLedger::kilobyte_form()};
}

Result measure_appends(const Options& options, std::size_t streams, std::uint64_t events_before,
                       std::uint64_t events) {
  BenchLedger ledger(options.directory);
  const replay::BenchCaller caller = caller_of(ledger);
  std::vector<Uuid> filings;
  say(options, fmt::format("making {} filings", streams));
  replay::grow_filings(*ledger.engine, caller, streams, filings);
  if (const std::uint64_t there = ledger.engine->size(); there < events_before) {
    say(options, fmt::format("growing the ledger to {} events", events_before));
    (void)replay::save_drafts(*ledger.engine, caller, filings, events_before - there, kCallers, kSeed);
  }
  say(options, "measuring");
  replay::AppendBenchOptions append;
  append.raw_directory = options.directory / "raw";
  append.callers = kCallers;
  append.repeats = options.repeats;
  append.events = events;
  Result result{.unit = "events/s", .samples = {}, .note = {}};
  double batch = 0, bytes = 0;
  for (const replay::AppendSample& sample : replay::bench_appends(*ledger.engine, caller, filings, append)) {
    result.samples.push_back({.product = sample.engine, .raw = sample.raw});
    batch += sample.batch_events / options.repeats;
    bytes += sample.bytes_per_event / options.repeats;
  }
  result.note = fmt::format(
      "{} streams, {} callers, {:.0f} events a batch, {:.0f} bytes an event, {} events in the end", streams,
      kCallers, batch, bytes, ledger.engine->size());
  return result;
}

struct Scan {
  double events_per_second = 0;
  std::uint64_t bytes = 0;
};

/// Reads every byte of every entry and of its sealed values, and does nothing with them: what no rebuild can
/// do without.
Scan scan_log(const std::filesystem::path& directory) {
  auto log = store::EntryStore::open(directory, kScanMap, /*read_only=*/true);
  if (!log) throw std::runtime_error("bench: " + log.error().message());
  auto reader = (*log)->read();
  if (!reader) throw std::runtime_error("bench: " + reader.error().message());
  Scan scan;
  std::uint64_t sum = 0;
  const auto take = [&](Bytes bytes) {
    scan.bytes += bytes.size();
    std::uint64_t word = 0;
    for (std::size_t at = 0; at + sizeof word <= bytes.size(); at += sizeof word) {
      std::memcpy(&word, bytes.data() + at, sizeof word);
      sum += word;
    }
  };
  const auto begun = std::chrono::steady_clock::now();
  store::Cursor entries = reader->entries(), sealed = reader->sealed_values();
  std::uint64_t events = 0;
  for (; entries.next(); ++events) take(entries.value());
  while (sealed.next()) take(sealed.value());
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  if (sum == 0)
    throw std::runtime_error("bench: an empty log");  // which keeps the reading from being left out
  scan.events_per_second = static_cast<double>(events) / seconds;
  return scan;
}

/// Of this process so far, in user and kernel mode.
double cpu_seconds() {
  rusage usage{};
  (void)::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

/// A list of well-formed fictitious rows.
std::string fictitious_list(std::size_t rows) {
  std::string text =
      "list,batch_no,list_month,announced_on,seq,algorithm_name,type_or_role,subject_name,products,purpose,"
      "filing_number,remark\r\n";
  for (std::size_t i = 0; i < rows; ++i) {
    const NumberParts parts{.region = "110108",
                            .subject_number = static_cast<std::uint32_t>(2'000'000 + i / 4),
                            .type = 1,
                            .year = 25,
                            .serial = static_cast<std::uint16_t>(1 + i % 4)};
    text += fmt::format(
        "deep,{},2025-01,2025-01-15,{},示例合成算法{},服务提供者,示例科技第{}有限公司,示例应用{}（APP）,"
        "应用于对话生成场景，根据用户输入的文本，生成相应的内容。,{},\r\n",
        1 + i / 500, 1 + i % 500, i, i / 4, i, compose_filing_number("演示备", parts).value().text());
  }
  return text;
}

}  // namespace

Result bench_appends(const Options& options) {
  return measure_appends(options, kCallers, 0, options.quick ? 2'000 : 100'000);
}

Result bench_appends_wide(const Options& options) {
  if (options.quick) return measure_appends(options, 2'000, 5'000, 2'000);
  return measure_appends(options, 100'000, 1'500'000, 100'000);
}

Result bench_rebuild(const Options& options) {
  const std::uint64_t events = options.quick ? 10'000 : 1'000'000;
  {
    BenchLedger ledger(options.directory);
    const replay::BenchCaller caller = caller_of(ledger);
    std::vector<Uuid> filings;
    say(options, fmt::format("growing a ledger to {} events", events));
    replay::grow_filings(*ledger.engine, caller, events / 10, filings);
    const std::uint64_t there = ledger.engine->size();
    (void)replay::save_drafts(*ledger.engine, caller, filings, events - std::min(events, there), kCallers,
                              kSeed);
  }
  Result result{.unit = "events/s", .samples = {}, .note = {}};
  for (unsigned i = 0; i < options.repeats; ++i) {
    say(options, fmt::format("rebuilding, {} of {}", i + 1, options.repeats));
    const Scan scan = scan_log(options.directory / "data" / "ledger");
    projections::ReadModels models;
    const double cpu_before = cpu_seconds();
    const auto figures = replay::rebuild(
        {.data = options.directory / "data", .master_key = {}, .on_progress = {}}, models.all());
    if (!figures) throw std::runtime_error("bench: " + figures.error().detail);
    const double cpu = cpu_seconds() - cpu_before;
    result.samples.push_back({.product = figures->events_per_second(), .raw = scan.events_per_second});
    result.note = fmt::format(
        "{} events of {:.0f} bytes on one core; the last time {:.2f} s, {:.2f} s of it on the processor",
        figures->events, static_cast<double>(scan.bytes) / static_cast<double>(figures->events),
        figures->seconds, cpu);
  }
  return result;
}

Result bench_import(const Options& options) {
  const std::string list = fictitious_list(options.quick ? 200 : kImportRows);
  Result result{.unit = "rows/s", .samples = {}, .note = {}};
  for (unsigned i = 0; i < options.repeats; ++i) {
    const BenchLedger ledger(options.directory / std::to_string(i));
    const auto begun = std::chrono::steady_clock::now();
    const auto report = replay::import_lists(
        *ledger.engine, {.filings = list, .cancellations = std::nullopt, .on_progress = {}});
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    if (!report) throw std::runtime_error("bench: " + report.error().detail);
    if (!report->anomalies.empty() || report->records != report->rows)
      throw std::runtime_error("bench: the list");
    result.samples.push_back({.product = static_cast<double>(report->rows) / seconds});
    result.note = fmt::format("{} rows, the last time in {:.3f} s", report->rows, seconds);
  }
  return result;
}

Result bench_simulate(const Options& options) {
  Result result{.unit = "events/s", .samples = {}, .note = {}};
  for (unsigned i = 0; i < options.repeats; ++i) {
    say(options, fmt::format("simulating, {} of {}", i + 1, options.repeats));
    projections::ReadModels models;
    replay::SimulatedLedgerOptions simulated;
    simulated.directory = options.directory / std::to_string(i);
    simulated.filings = options.quick ? 500 : 20'000;
    simulated.seed = i + 1;
    simulated.now = store::system_now();
    std::filesystem::create_directory(simulated.directory);
    const replay::SimulateReport report = replay::make_simulated_ledger(simulated, models.all());
    result.samples.push_back({.product = report.events_per_second()});
    result.note = fmt::format("{} filings of {} subjects, {} events, the last time in {:.3f} s",
                              report.filings, report.subjects, report.events, report.seconds);
  }
  return result;
}

}  // namespace ledger::bench
