#include "events/store/writer.hpp"

#include <algorithm>
#include <chrono>

namespace ledger::store {
namespace {

constexpr std::chrono::minutes kReapInterval{1};

Refusal refusal(std::string_view code) {
  return {.code = code, .errors = {}, .state = {}, .detail = {}};
}

/// What a thread throws is a broken invariant or a damaged file.
template <typename Body>
std::thread guarded(const char* name, Body body) {
  return std::thread([name, body] {
    try {
      body();
    } catch (const std::exception& failure) {
      die(std::string(name) + " failed: " + failure.what());
    }
  });
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
  committer_ = guarded("the committing thread", [this] { commit_batches(); });
  decider_ = guarded("the deciding thread", [this] { decide_batches(); });
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
    } else if (waiting_.load(std::memory_order_relaxed) >= options_.queue_max) {
      refused = "queue_full";
    } else {
      waiting_.fetch_add(1, std::memory_order_relaxed);
      queue_.push_back({std::move(submission), std::move(answer)});
      if (queue_.size() > 1) return;  // whoever put the first one woke the decider
    }
  }
  if (!refused.empty()) {
    answer(std::unexpected(refusal(refused)));
    return;
  }
  for_decider_.notify_one();
}

void Writer::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  for_decider_.notify_one();
  if (decider_.joinable()) decider_.join();
  {
    const std::lock_guard lock(mutex_);
    no_more_jobs_ = true;
  }
  for_committer_.notify_one();
  if (committer_.joinable()) committer_.join();
}

// ---- deciding

bool Writer::take(std::vector<Pending>& taken) {
  const std::size_t batch_max = std::max<std::size_t>(options_.batch_commands_max, 1);
  std::unique_lock lock(mutex_);
  for_decider_.wait_for(lock, kReapInterval, [&] {
    if (!committing_ && !answers_.empty()) return true;
    return answers_.size() < batch_max && (!queue_.empty() || (closing_ && answers_.empty()));
  });
  if (!committing_ && in_flight_) {
    const bool durable = durable_;
    lock.unlock();
    settle(durable);
    lock.lock();
  }
  if (!committing_ && !answers_.empty()) {
    lock.unlock();
    hand_over();
    lock.lock();
  }
  const std::size_t room = answers_.size() < batch_max ? batch_max - answers_.size() : 0;
  if (queue_.size() <= room) {
    taken.swap(queue_);
  } else {
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(room);
    taken.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
    queue_.erase(queue_.begin(), end);
  }
  return !taken.empty() || !closing_ || !answers_.empty();
}

void Writer::decide_batches() {
  if (auto begun = appender_.restart(published_size(), published_time()); !begun) {
    die("views: " + begun.error().message());
  }
  std::vector<Pending> taken;
  while (take(taken)) {
    decide(taken);
    taken.clear();
    reap_readers();
  }
  appender_.end_reads();
}

void Writer::reap_readers() {
  static thread_local auto reaped = std::chrono::steady_clock::now();
  const auto now = std::chrono::steady_clock::now();
  if (now - reaped < kReapInterval) return;
  // Tools that died beside us would keep freed pages from being used again.
  stores_.log->reap_readers();
  stores_.views->environment().reap_readers();
  reaped = now;
}

void Writer::note(const ClockGuard::Reading& clock) {
  clock_trusted_.store(!clock.distrust, std::memory_order_relaxed);
  if (clock.distrust && !clock_noted_ && options_.on_notice)
    options_.on_notice("writes wait: " + *clock.distrust);
  clock_noted_ = clock.distrust.has_value();
}

void Writer::decide(std::span<Pending> taken) {
  if (taken.empty()) return;
  if (!reading_) {
    reading_ = clock_.read(appender_.last_recorded());
    note(*reading_);
  }
  for (Pending& pending : taken) {
    Outcome outcome = runner_.run(pending.submission, *reading_);
    answers_.push_back({std::move(pending.submission), std::move(pending.answer), std::move(outcome)});
  }
}

void Writer::settle(bool durable) {
  in_flight_ = false;
  if (durable) {
    if (auto thawed = appender_.thaw(); !thawed) die("views: " + thawed.error().message());
    return;
  }
  if (auto again = appender_.restart(published_size(), published_time()); !again) {
    die("views: " + again.error().message());
  }
  // What was decided meanwhile rests on what did not happen: it is decided again, on what did.
  for (Answered& answered : answers_) answered.outcome = runner_.run(answered.submission, *reading_);
}

void Writer::hand_over() {
  Job job{.batch = nullptr, .answers = std::move(answers_)};
  answers_.clear();
  reading_.reset();
  if (!appender_.empty()) {
    const auto frozen = appender_.freeze();
    if (!frozen) die("views: " + frozen.error().message());
    job.batch = *frozen;
    in_flight_ = true;
  }
  {
    const std::lock_guard lock(mutex_);
    job_.emplace(std::move(job));
    committing_ = true;
  }
  for_committer_.notify_one();
}

// ---- committing

void Writer::commit_batches() {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      for_committer_.wait(lock, [this] { return job_.has_value() || no_more_jobs_; });
      if (!job_) return;
      job = std::move(*job_);
      job_.reset();
    }
    const bool durable = job.batch == nullptr || commit(*job.batch);
    if (job.batch != nullptr) {
      has_room_.store(durable, std::memory_order_relaxed);
      if (durable) events_.fetch_add(job.batch->rows.size(), std::memory_order_relaxed);
    }
    {
      const std::lock_guard lock(mutex_);
      committing_ = false;
      durable_ = durable;
    }
    for_decider_.notify_one();  // it goes on while we answer
    answer(job, durable);
  }
}

void Writer::answer(Job& job, bool durable) {
  std::uint64_t refused = 0;
  for (Answered& answered : job.answers) {
    // What a refusal said may rest on what did not happen, so all commands of a batch without room get the
    // same.
    if (!durable) answered.outcome = std::unexpected(refusal("storage_full"));
    if (!answered.outcome) ++refused;
  }
  batches_.fetch_add(1, std::memory_order_relaxed);
  commands_.fetch_add(job.answers.size(), std::memory_order_relaxed);
  refused_.fetch_add(refused, std::memory_order_relaxed);
  waiting_.fetch_sub(job.answers.size(), std::memory_order_relaxed);
  for (Answered& answered : job.answers) answered.answer(std::move(answered.outcome));
}

bool Writer::put_views(const RowBuffer& rows, std::optional<WriteTxn>& txn) {
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

bool Writer::commit(const StagedBatch& batch) {
  if (!batch.keys.empty()) {
    // Durable before the entries that name them; a key that no entry comes to name does no harm.
    auto stored = stores_.vault->secure_room(batch.keys.size());
    if (stored) stored = stores_.vault->create(batch.keys);
    if (!stored) {
      if (stored.error().kind != VaultFailure::full) die(stored.error().detail);
      return false;
    }
  }
  std::optional<WriteTxn> views;
  if (!put_views(batch.view_rows, views)) return false;
  if (auto committed = log_.commit({batch.first, batch.rows}); !committed) {
    const StoreFault& fault = committed.error().fault;
    if (committed.error().begun)
      die("the ledger's commit failed, its outcome is unknown: " + fault.message());
    if (!fault.is_full()) die("ledger: " + fault.message());
    return false;
  }
  if (auto committed = std::move(*views).commit(); !committed) die("views: " + committed.error().message());
  published_time_.store(batch.last_recorded.value, std::memory_order_release);
  published_size_.store(batch.end(), std::memory_order_release);
  return true;
}

Engine::Metrics Writer::metrics() const {
  Engine::Metrics metrics;
  metrics.queued = waiting_.load(std::memory_order_relaxed);
  metrics.batches = batches_.load(std::memory_order_relaxed);
  metrics.commands = commands_.load(std::memory_order_relaxed);
  metrics.refused = refused_.load(std::memory_order_relaxed);
  metrics.events = events_.load(std::memory_order_relaxed);
  metrics.writable =
      has_room_.load(std::memory_order_relaxed) && clock_trusted_.load(std::memory_order_relaxed);
  return metrics;
}

}  // namespace ledger::store
