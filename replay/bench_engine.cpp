#include "replay/bench_engine.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>

#include "events/store/entry_store.hpp"

namespace ledger::replay {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

/// A number of callers, each with one command under way: an answer sends the caller's next command, from this
/// thread, as a server's thread would.
class Callers {
 public:
  Callers(store::Engine& engine, unsigned count) : engine_(engine), count_(count) {}

  /// Runs `total` commands; `next` makes one, `answered` sees each answer. Blocks until all are answered.
  void run(std::uint64_t total, const std::function<store::Submission()>& next,
           const std::function<void(const store::Accepted&)>& answered) {
    std::uint64_t sent = 0, done = 0;
    const auto send = [&] {
      ++sent;
      engine_.submit(next(), [this](store::Outcome outcome) {
        const std::lock_guard lock(mutex_);
        answers_.push_back(std::move(outcome));
        if (answers_.size() == 1) arrived_.notify_one();
      });
    };
    while (sent < total && sent < count_) send();
    std::vector<store::Outcome> taken;
    std::string failure;
    while (done < sent) {
      {
        std::unique_lock lock(mutex_);
        arrived_.wait(lock, [this] { return !answers_.empty(); });
        taken.swap(answers_);
      }
      for (const store::Outcome& outcome : taken) {
        ++done;
        if (outcome) {
          answered(*outcome);
        } else if (failure.empty()) {
          failure = "refused: " + std::string(outcome.error().code);
        }
        if (sent < total && failure.empty()) send();
      }
      taken.clear();
    }
    if (!failure.empty()) throw std::runtime_error(failure);
  }

 private:
  store::Engine& engine_;
  const unsigned count_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<store::Outcome> answers_;  // guarded by mutex_
};

store::Submission submission(Command command, const store::Granted& filer) {
  store::Submission given;
  given.command = std::move(command);
  given.caller = filer;
  return given;
}

/// The rows of a stretch of the log, copied, and where its batches end.
struct Stretch {
  std::vector<std::byte> bytes;
  struct Row {
    std::size_t entry_at, entry_size, sealed_size;  ///< sealed values follow the entry
  };
  std::vector<Row> rows;
  std::vector<std::size_t> batch_ends;  ///< index behind the last row of each batch
};

/// Batches are told apart by their recorded time: all events of one share it, and no batch takes less than a
/// microsecond.
Stretch read_stretch(const store::Engine& engine, std::uint64_t from, std::uint64_t to) {
  Stretch stretch;
  TimestampUs time;
  constexpr std::uint64_t kAtOnce = 4096;
  for (std::uint64_t begin = from; begin < to; begin += kAtOnce) {
    const store::Snapshot snapshot = engine.snapshot();
    for (std::uint64_t at = begin; at < std::min(to, begin + kAtOnce); ++at) {
      const auto entry = snapshot.entry(at);
      const auto sealed = snapshot.sealed(at).value_or(Bytes());
      const auto header = codec::decode_header(*entry);
      if (!header) throw std::runtime_error("an entry does not decode");
      if (header->header.recorded_at != time && !stretch.rows.empty())
        stretch.batch_ends.push_back(stretch.rows.size());
      time = header->header.recorded_at;
      stretch.rows.push_back({stretch.bytes.size(), entry->size(), sealed.size()});
      stretch.bytes.insert(stretch.bytes.end(), entry->begin(), entry->end());
      stretch.bytes.insert(stretch.bytes.end(), sealed.begin(), sealed.end());
    }
  }
  stretch.batch_ends.push_back(stretch.rows.size());
  return stretch;
}

/// The same bytes by the shortest way: two puts an event, one synced commit a batch.
class RawLog {
 public:
  explicit RawLog(const std::filesystem::path& directory) {
    auto opened = store::Environment::open({.path = directory});
    if (!opened) throw std::runtime_error(opened.error().message());
    environment_ = std::move(*opened);
    const auto databases = environment_->open_databases({"entries", "sealed"});
    if (!databases) throw std::runtime_error(databases.error().message());
    entries_ = (*databases)[0];
    sealed_ = (*databases)[1];
  }
  /// Answers the seconds it took.
  double append(const Stretch& stretch) {
    const auto begun = Clock::now();
    std::size_t at = 0;
    for (const std::size_t end : stretch.batch_ends) {
      auto txn = environment_->write();
      if (!txn) throw std::runtime_error(txn.error().message());
      for (; at < end; ++at) {
        const Stretch::Row& row = stretch.rows[at];
        const Bytes bytes = Bytes(stretch.bytes).subspan(row.entry_at);
        const auto key = store::position_key(next_++);
        auto put = txn->put_append(entries_, bytes_of(key), bytes.first(row.entry_size));
        if (put && row.sealed_size != 0) {
          put = txn->put_append(sealed_, bytes_of(key), bytes.subspan(row.entry_size, row.sealed_size));
        }
        if (!put) throw std::runtime_error(put.error().message());
      }
      if (auto committed = std::move(*txn).commit(); !committed)
        throw std::runtime_error(committed.error().message());
    }
    return seconds_since(begun);
  }

 private:
  std::unique_ptr<store::Environment> environment_;
  store::Database entries_, sealed_;
  std::uint64_t next_ = 0;
};

}  // namespace

void grow_filings(store::Engine& engine, const BenchCaller& caller, std::size_t more,
                  std::vector<Uuid>& filings) {
  filings.reserve(filings.size() + more);
  Callers(engine, 64)
      .run(
          more,
          [&] {
            return submission(CreateFiling{caller.subject, caller.form}, caller.filer);
          },
          [&](const store::Accepted& accepted) { filings.push_back(accepted.id); });
}

double save_drafts(store::Engine& engine, const BenchCaller& caller, std::span<const Uuid> filings,
                   std::uint64_t events, unsigned callers, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto begun = Clock::now();
  Callers(engine, callers)
      .run(
          events,
          [&] {
            return submission(SaveDraft{filings[random() % filings.size()], caller.form}, caller.filer);
          },
          [](const store::Accepted&) {});
  return static_cast<double>(events) / seconds_since(begun);
}

std::vector<AppendSample> bench_appends(store::Engine& engine, const BenchCaller& caller,
                                        std::span<const Uuid> filings, const AppendBenchOptions& options) {
  RawLog raw(options.raw_directory);
  std::vector<AppendSample> samples;
  for (unsigned repeat = 0; repeat < options.repeats; ++repeat) {
    AppendSample sample;
    const std::uint64_t from = engine.size();
    sample.engine = save_drafts(engine, caller, filings, options.events, options.callers, repeat + 1);
    const Stretch stretch = read_stretch(engine, from, from + options.events);
    const double events = static_cast<double>(stretch.rows.size());
    sample.raw = events / raw.append(stretch);
    sample.batch_events = events / static_cast<double>(stretch.batch_ends.size());
    sample.bytes_per_event = static_cast<double>(stretch.bytes.size()) / events;
    samples.push_back(sample);
  }
  return samples;
}

}  // namespace ledger::replay
