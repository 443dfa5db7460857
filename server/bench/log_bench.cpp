#include "server/bench/log_bench.hpp"

#include <algorithm>
#include <chrono>
#include <random>
#include <stdexcept>

#include <spdlog/fmt/fmt.h>

#include "events/store/entry_store.hpp"
#include "replay/bench_engine.hpp"
#include "server/bench/bench_ledger.hpp"

namespace ledger::bench {
namespace {

constexpr unsigned kCallers = 64;
constexpr std::size_t kBatch = 1'000;
constexpr std::uint64_t kMap = std::uint64_t{16} << 30;

/// One ledger of the pair, and the filings whose drafts are saved.
struct Side {
  BenchLedger ledger;
  std::vector<Uuid> filings;
  Side(const std::filesystem::path& directory, const std::function<void(store::EngineOptions&)>& change)
      : ledger(directory, change) {
    replay::grow_filings(*ledger.engine, caller(), kCallers, filings);
  }
  [[nodiscard]] replay::BenchCaller caller() const {
    return {.filer = ledger.filer, .subject = ledger.subject, .form = BenchLedger::kilobyte_form()};
  }
  [[nodiscard]] double append(std::uint64_t events, std::uint64_t seed) {
    return replay::save_drafts(*ledger.engine, caller(), filings, events, kCallers, seed);
  }
};

Result compare(const Options& options, const std::filesystem::path& checkpoint_file) {
  const std::uint64_t events = options.quick ? 2'000 : 50'000;
  Side with(options.directory / "with",
            [&](store::EngineOptions& o) { o.checkpoint_file = checkpoint_file; });
  Side without(options.directory / "without", [](store::EngineOptions& o) { o.without_tree = true; });
  Result result{.unit = "events/s", .samples = {}, .note = {}};
  for (unsigned i = 0; i < options.repeats; ++i) {
    // Who goes first takes turns, so that neither always meets a warmer machine.
    Sample sample;
    if (i % 2 == 0) sample.product = with.append(events, i + 1);
    sample.raw = without.append(events, i + 1);
    if (i % 2 == 1) sample.product = with.append(events, i + 1);
    result.samples.push_back(sample);
  }
  const auto metrics = with.ledger.engine->metrics();
  result.note = fmt::format("{} callers, {:.0f} commands a batch with the tree", kCallers,
                            static_cast<double>(metrics.commands) / static_cast<double>(metrics.batches));
  return result;
}

/// A log of short entries in batches, straight through the store.
std::unique_ptr<store::EntryStore> make_log(const Options& options, std::uint64_t size) {
  auto opened = store::EntryStore::open(options.directory / "ledger", kMap);
  if (!opened) throw std::runtime_error("bench: " + opened.error().message());
  store::EntryStore& log = **opened;
  if (auto loaded = log.load_tree(); !loaded) throw std::runtime_error("bench: " + loaded.error().detail);
  const std::string origin = "bench.example/ledger";
  const auto key = crypto::SigningKey::generate();
  const std::vector<std::string> vkeys = {
      crypto::VerifierKey{.name = origin, .key = key.public_key()}.text()};
  log.set_signer(store::LogSigner(origin, key));
  std::vector<std::string> entries(kBatch);
  std::vector<store::StoredRow> rows(kBatch);
  for (std::uint64_t first = 0; first < size; first += kBatch) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      entries[i] = "entry " + std::to_string(first + i);
      rows[i] = {bytes_of(entries[i]), {}, tlog::leaf_hash(bytes_of(entries[i]))};
    }
    auto committed =
        log.commit({.first = first, .rows = rows, .at = {}, .vkeys = vkeys, .forget_checkpoint = first});
    if (!committed) throw std::runtime_error("bench: " + committed.error().fault.message());
  }
  return std::move(*opened);
}

}  // namespace

Result bench_tree(const Options& options) {
  return compare(options, {});
}

Result bench_tree_file(const Options& options) {
  return compare(options, options.directory / "checkpoint");
}

Result bench_proofs(const Options& options) {
  const std::uint64_t size = options.quick ? 20'000 : 1'000'000;
  const std::size_t proofs = options.quick ? 1'000 : 20'000;
  const auto log = make_log(options, size);
  std::mt19937_64 random(1);
  Result result{.unit = "proofs/s", .samples = {}, .note = {}};
  std::vector<double> times;
  for (unsigned i = 0; i < options.repeats; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    for (std::size_t n = 0; n < proofs; ++n) {
      const auto start = std::chrono::steady_clock::now();
      const auto reader = log->read();
      if (!reader) throw std::runtime_error("bench: " + reader.error().message());
      const auto path = tlog::inclusion_path(tlog::RowHashReader(*reader), random() % size, size);
      if (!path) throw std::runtime_error("bench: a hash is missing");
      times.push_back(
          std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    result.samples.push_back({.product = static_cast<double>(proofs) / seconds});
  }
  std::ranges::sort(times);
  result.note = fmt::format("{} entries, one proof: median {:.1f} us, p99 {:.1f} us", size,
                            times[times.size() / 2], times[times.size() * 99 / 100]);
  return result;
}

}  // namespace ledger::bench
