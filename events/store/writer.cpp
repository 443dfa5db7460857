#include "events/store/writer.hpp"

#include <algorithm>
#include <chrono>

namespace ledger::store {
namespace {

constexpr std::chrono::minutes kReapInterval{1};

Refusal refusal(std::string_view code) {
  return {.code = code, .errors = {}, .state = {}, .detail = {}};
}

}  // namespace

Writer::Writer(Stores& stores, const EngineOptions& options, std::span<Projection* const> projections,
               std::uint64_t size, TimestampUs last)
    : stores_(stores),
      log_(*stores.log),
      options_(options),
      indexes_(*stores.views, stores.master, projections, options.states_max),
      appender_(stores, indexes_),
      runner_(stores, appender_),
      clock_(options.clock, options.monotonic),
      published_size_(size),
      published_time_(last.value) {
  thread_ = std::thread([this] {
    try {
      run();
    } catch (const std::exception& failure) {
      die(std::string("the writer failed: ") + failure.what());
    }
  });
}

Writer::~Writer() {
  close();
}

void Writer::submit(Submission submission, Answer answer) {
  std::string_view refused;
  {
    const std::lock_guard lock(mutex_);
    if (closing_) {
      refused = "shutting_down";
    } else if (queue_.size() + taken_.load(std::memory_order_relaxed) >= options_.queue_max) {
      refused = "queue_full";
    } else {
      queue_.push_back({std::move(submission), std::move(answer)});
      if (queue_.size() > 1) return;  // whoever put the first one woke the writer
    }
  }
  if (!refused.empty()) {
    answer(std::unexpected(refusal(refused)));
    return;
  }
  arrived_.notify_one();
}

void Writer::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  arrived_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Writer::run() {
  std::vector<Pending> taken;
  auto reaped = std::chrono::steady_clock::now();
  while (true) {
    {
      std::unique_lock lock(mutex_);
      const bool woken =
          arrived_.wait_for(lock, kReapInterval, [this] { return !queue_.empty() || closing_; });
      if (woken && queue_.empty()) return;
      taken.swap(queue_);
      taken_.store(taken.size(), std::memory_order_relaxed);
    }
    const std::size_t at_once = std::max<std::size_t>(options_.batch_commands_max, 1);
    for (std::size_t from = 0; from < taken.size(); from += at_once) {
      const std::size_t count = std::min(at_once, taken.size() - from);
      process(std::span(taken).subspan(from, count));
    }
    taken.clear();
    if (const auto now = std::chrono::steady_clock::now(); now - reaped >= kReapInterval) {
      // Tools that died beside us would keep freed pages from being used again.
      stores_.log->reap_readers();
      stores_.views->environment().reap_readers();
      reaped = now;
    }
  }
}

void Writer::note(const ClockGuard::Reading& clock) {
  clock_trusted_.store(!clock.distrust, std::memory_order_relaxed);
  if (clock.distrust && !clock_noted_ && options_.on_notice) {
    options_.on_notice("writes wait: " + *clock.distrust);
  }
  clock_noted_ = clock.distrust.has_value();
}

void Writer::process(std::span<Pending> batch) {
  const std::uint64_t size = published_size_.load(std::memory_order_relaxed);
  const ClockGuard::Reading clock = clock_.read(published_time());
  note(clock);
  if (auto begun = appender_.begin(size, published_time()); !begun) die("views: " + begun.error().message());
  for (Pending& pending : batch) {
    answers_.push_back({std::move(pending.answer), runner_.run(pending.submission, clock)});
  }
  const std::size_t staged = appender_.staged();
  bool done = true;
  if (staged == 0) {
    appender_.committed();  // nothing was staged: ends the reads
  } else {
    done = commit();
    has_room_.store(done, std::memory_order_relaxed);
  }
  std::uint64_t refused = 0;
  for (Answered& answered : answers_) {
    // What a refusal said may rest on what did not happen, so all commands of a batch without room get the
    // same.
    if (!done) answered.outcome = std::unexpected(refusal("storage_full"));
    if (!answered.outcome) ++refused;
  }
  batches_.fetch_add(1, std::memory_order_relaxed);
  commands_.fetch_add(batch.size(), std::memory_order_relaxed);
  refused_.fetch_add(refused, std::memory_order_relaxed);
  if (done) events_.fetch_add(staged, std::memory_order_relaxed);
  taken_.fetch_sub(batch.size(), std::memory_order_relaxed);
  for (Answered& answered : answers_) answered.answer(std::move(answered.outcome));
  answers_.clear();
}

bool Writer::put_views(std::optional<WriteTxn>& txn) {
  const RowBuffer& rows = indexes_.rows();
  Environment& environment = stores_.views->environment();
  const auto failed = [](const StoreFault& fault) {
    if (!fault.is_full()) die("views: " + fault.message());
    return false;
  };
  if (auto room = environment.secure_room(rows.payload_bytes(), rows.rows()); !room)
    return failed(room.error());
  auto begun = environment.write();
  if (!begun) return failed(begun.error());
  txn.emplace(std::move(*begun));
  if (auto put = rows.flush(*txn); !put) return failed(put.error());
  return true;
}

bool Writer::commit() {
  const auto batch = appender_.finish();
  if (!batch) die("views: " + batch.error().message());
  std::optional<WriteTxn> views;
  const auto give_up = [&] {
    views.reset();
    appender_.abandon();
    return false;
  };
  if (!appender_.new_keys().empty()) {
    if (auto room = stores_.vault->secure_room(appender_.new_keys().size()); !room) {
      if (room.error().kind != VaultFailure::full) die(room.error().detail);
      return give_up();
    }
    // Durable before the entries that name them; a key that no entry comes to name does no harm.
    if (auto created = stores_.vault->create(appender_.new_keys()); !created) {
      if (created.error().kind != VaultFailure::full) die(created.error().detail);
      return give_up();
    }
  }
  if (!put_views(views)) return give_up();
  if (auto committed = log_.commit(*batch); !committed) {
    const StoreFault& fault = committed.error().fault;
    if (committed.error().begun)
      die("the ledger's commit failed, its outcome is unknown: " + fault.message());
    if (!fault.is_full()) die("ledger: " + fault.message());
    return give_up();
  }
  if (auto committed = std::move(*views).commit(); !committed) die("views: " + committed.error().message());
  published_time_.store(appender_.last_recorded().value, std::memory_order_release);
  published_size_.store(appender_.size(), std::memory_order_release);
  appender_.committed();
  return true;
}

Engine::Metrics Writer::metrics() const {
  Engine::Metrics metrics;
  {
    const std::lock_guard lock(mutex_);
    metrics.queued = queue_.size() + taken_.load(std::memory_order_relaxed);
  }
  metrics.batches = batches_.load(std::memory_order_relaxed);
  metrics.commands = commands_.load(std::memory_order_relaxed);
  metrics.refused = refused_.load(std::memory_order_relaxed);
  metrics.events = events_.load(std::memory_order_relaxed);
  metrics.writable =
      has_room_.load(std::memory_order_relaxed) && clock_trusted_.load(std::memory_order_relaxed);
  return metrics;
}

}  // namespace ledger::store
