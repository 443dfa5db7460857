#include "events/store/writer.hpp"

#include <algorithm>
#include <chrono>

#include "events/store/erasure.hpp"

namespace ledger::store {
namespace {

constexpr std::chrono::minutes kReapInterval{1};

/// How many batches a simulation decides at most while an earlier one is being made durable.
constexpr std::size_t kBatchesAhead = 4;
/// Rows of a simulation's views in one transaction: LMDB holds every page that it touches until the commit.
constexpr std::size_t kViewsStepBytes = std::size_t{8} << 20;

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
               Start start)
    : stores_(stores),
      log_(*stores.log),
      options_(options),
      checkpoint_file_(std::move(start.file)),
      indexes_(*stores.views, stores.master, projections, options.states_max),
      appender_(stores, indexes_, start.simulation),
      runner_(stores, appender_),
      clock_(options.clock, options.monotonic),
      simulating_(start.simulation.has_value()),
      published_size_(start.size),
      published_time_(start.last.value) {
  checkpoints_.publish(std::move(start.checkpoint), start.last);
  if (start.cosigned) checkpoints_.cosigned(std::move(*start.cosigned));
  committer_ = guarded("the committing thread", [this] { commit_batches(); });
  if (simulating_) {
    begin();
  } else {
    decider_ = guarded("the deciding thread", [this] { decide_batches(); });
  }
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
  if (simulating_) {
    (void)flush();
    appender_.end_reads();
  }
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
    if (!committing_ && (!answers_.empty() || between_ != nullptr)) return true;
    if (between_ != nullptr) return false;
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
    hand_over(/*with_views=*/true);
    lock.lock();
  }
  if (between_ != nullptr) {
    if (committing_ || !answers_.empty()) return true;
    lock.unlock();
    run_between(*between_);
    lock.lock();
    between_ = nullptr;
    for_between_.notify_all();
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

void Writer::begin() {
  if (auto begun = appender_.restart(published_size(), published_time()); !begun) {
    die("views: " + begun.error().message());
  }
}

void Writer::decide_batches() {
  begin();
  std::vector<Pending> taken;
  while (take(taken)) {
    decide(taken);
    taken.clear();
    reap_readers();
  }
  appender_.end_reads();
  const std::lock_guard lock(mutex_);
  decider_ended_ = true;
  for_between_.notify_all();
}

bool Writer::between_batches(const std::function<void()>& work) {
  std::unique_lock lock(mutex_);
  if (decider_ended_) return false;
  between_ = &work;
  for_decider_.notify_one();
  for_between_.wait(lock, [this] { return between_ == nullptr || decider_ended_; });
  return std::exchange(between_, nullptr) == nullptr;
}

void Writer::run_between(const std::function<void()>& work) {
  appender_.end_reads();
  work();
  if (auto again = appender_.restart(published_size(), published_time()); !again)
    die("views: " + again.error().message());
}

void Writer::reap_readers() {
  static thread_local auto reaped = std::chrono::steady_clock::now();
  const auto now = std::chrono::steady_clock::now();
  if (now - reaped < kReapInterval) return;
  // Tools that died beside us would keep freed pages from being used again.
  stores_.log->reap_readers();
  stores_.views->file()->reap_readers();
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

void Writer::hand_over(bool with_views) {
  Job job{.batch = nullptr, .answers = std::move(answers_)};
  answers_.clear();
  reading_.reset();
  if (!appender_.empty() || (with_views && appender_.view_bytes() != 0)) {
    const auto frozen = appender_.freeze(with_views);
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

// ---- simulating

Outcome Writer::run(const Submission& submission, TimestampUs at) {
  const std::size_t staged = appender_.staged(), batch = options_.batch_commands_max;
  if (staged >= batch && (staged >= kBatchesAhead * batch || !is_committing())) {
    if (const std::string_view refused = await_committed(); !refused.empty())
      return std::unexpected(refusal(refused));
    // Two layers of rows, one that is decided on and one that is being written, and what sorting and LMDB
    // take beside them.
    hand_over(/*with_views=*/appender_.view_bytes() >= options_.rebuild_buffer_bytes / 4);
  }
  if (!refused_all_.empty()) return std::unexpected(refusal(refused_all_));
  try {
    return runner_.run(submission, {.now = at, .distrust = {}});
  } catch (...) {
    refused_all_ = "internal_error";  // the command may be staged by half
    throw;
  }
}

bool Writer::is_committing() const {
  const std::lock_guard lock(mutex_);
  return committing_;
}

std::string_view Writer::await_committed() {
  {
    std::unique_lock lock(mutex_);
    for_decider_.wait(lock, [this] { return !committing_; });
    if (!durable_ && refused_all_.empty()) refused_all_ = not_durable_;
  }
  if (in_flight_) settle(refused_all_.empty());
  return refused_all_;
}

std::string_view Writer::flush() {
  if (const std::string_view refused = await_committed(); !refused.empty()) return refused;
  if (!appender_.empty() || appender_.view_bytes() != 0) {
    hand_over(/*with_views=*/true);
    if (const std::string_view refused = await_committed(); !refused.empty()) return refused;
  }
  if (!views_whole_) {
    auto marked = TrustMark(stores_.directory.views()).set_open();
    views_whole_ = marked.has_value();
    if (!marked && options_.on_notice)
      options_.on_notice("the next start rebuilds the views: " + marked.error().message());
  }
  return {};
}

// ---- committing

void Writer::commit_batches() {
  while (true) {
    std::optional<Job> taken;
    std::vector<Cosigned> cosigned;
    {
      std::unique_lock lock(mutex_);
      for_committer_.wait(lock, [this] { return job_.has_value() || no_more_jobs_ || !cosigned_.empty(); });
      if (!job_ && cosigned_.empty()) return;
      taken = std::exchange(job_, std::nullopt);
      cosigned.swap(cosigned_);
    }
    // About one a second and witness, so that even a busy log does not wait for them.
    for (const Cosigned& one : cosigned) put_cosignatures(one);
    if (!taken) continue;
    Job& job = *taken;
    if (job.batch != nullptr) job.batch->seal_all(stores_.origin);
    const std::string_view refused = job.batch == nullptr ? std::string_view() : commit(*job.batch);
    const bool durable = refused.empty();
    if (job.batch != nullptr) {
      has_room_.store(durable, std::memory_order_relaxed);
      if (durable) events_.fetch_add(job.batch->rows.size(), std::memory_order_relaxed);
    }
    {
      const std::lock_guard lock(mutex_);
      committing_ = false;
      durable_ = durable;
      not_durable_ = refused;
    }
    for_decider_.notify_one();  // it goes on while we answer
    answer(job, refused);
  }
}

void Writer::answer(Job& job, std::string_view refusal_of_all) {
  std::uint64_t refused = 0;
  for (Answered& answered : job.answers) {
    // What a refusal said may rest on what did not happen, so all commands of a batch that was given up get
    // the same.
    if (!refusal_of_all.empty()) answered.outcome = std::unexpected(refusal(refusal_of_all));
    if (!answered.outcome) ++refused;
  }
  batches_.fetch_add(1, std::memory_order_relaxed);
  commands_.fetch_add(job.answers.size(), std::memory_order_relaxed);
  refused_.fetch_add(refused, std::memory_order_relaxed);
  waiting_.fetch_sub(job.answers.size(), std::memory_order_relaxed);
  for (Answered& answered : job.answers) answered.answer(std::move(answered.outcome));
}

bool Writer::put_views(const RowBuffer& rows, std::optional<WriteTxn>& txn) {
  // Nothing takes the file's place while a batch is being committed.
  Environment& environment = *stores_.views->file();
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

bool Writer::put_views_in_steps(const RowBuffer& rows) {
  if (rows.rows() == 0) return true;
  if (views_whole_) {
    if (auto removed = TrustMark(stores_.directory.views()).remove(); !removed)
      die("views: " + removed.error().message());
    views_whole_ = false;
  }
  // No room is secured ahead: where it ends in the middle, nothing of the file is believed anyway.
  auto put = rows.flush_in_steps(*stores_.views->file(), kViewsStepBytes);
  if (!put && !put.error().is_full()) die("views: " + put.error().message());
  return put.has_value();
}

std::string_view Writer::make_durable(const StagedBatch& batch, tlog::SignedCheckpoint& checkpoint) {
  const std::size_t keys = batch.keys.size();
  VaultResult<void> stored;
  // What an erasure will write, too: it has to be carried out once the event is durable.
  if (!batch.erasures.empty()) {
    stored = stores_.vault->secure_room_to_destroy(keys);
  } else if (keys != 0) {
    stored = stores_.vault->secure_room(keys);
  }
  // Durable before the entries that name them; a key that no entry comes to name does no harm.
  if (stored) stored = stores_.vault->create(batch.keys);
  if (!stored) {
    if (stored.error().kind != VaultFailure::full) die(stored.error().detail);
    return "storage_full";
  }
  if (signing_stopped()) return "signing_stopped";
  if (auto synced = stores_.documents->sync(); !synced) {
    if (synced.error().kind != DocumentFailure::full) die(synced.error().message());
    return "storage_full";
  }
  auto committed = log_.commit({.first = batch.first,
                                .rows = batch.rows,
                                .at = batch.last_recorded,
                                .vkeys = batch.vkeys,
                                .forget_checkpoint = checkpoints_.take_forgettable()});
  if (committed) {
    checkpoint = std::move(*committed);
    return {};
  }
  const StoreFault& fault = committed.error().fault;
  if (committed.error().begun) die("the ledger's commit failed, its outcome is unknown: " + fault.message());
  if (!fault.is_full()) die("ledger: " + fault.message());
  return "storage_full";
}

void Writer::erase(const StagedBatch& batch) {
  if (batch.erasures.empty()) return;
  const auto erased = erase_records(stores_, batch.erasures, options_.checkpoint_file);
  // The event is durable, so the next start destroys what is left.
  if (!erased) die("personal data was to be erased: " + erased.error());
  if (*erased && options_.on_notice)
    options_.on_notice("an erasure is not noted in the second place: " + **erased);
}

std::string_view Writer::commit(const StagedBatch& batch) {
  if (signing_stopped()) return "signing_stopped";
  std::optional<WriteTxn> views;
  if (simulating_ ? !put_views_in_steps(batch.view_rows) : !put_views(batch.view_rows, views))
    return "storage_full";
  if (batch.rows.empty()) return {};  // only views were left
  tlog::SignedCheckpoint checkpoint;
  if (const std::string_view refused = make_durable(batch, checkpoint); !refused.empty()) return refused;
  if (checkpoint_file_) {
    if (auto written = checkpoint_file_->write(checkpoint.text()); !written)
      die("the checkpoint file: " + written.error().message());
  }
  erase(batch);
  if (views) {
    if (auto committed = std::move(*views).commit(); !committed) die("views: " + committed.error().message());
  }
  // The checkpoint first: whoever sees the new size finds one that covers it.
  checkpoints_.publish(std::move(checkpoint), batch.last_recorded);
  published_time_.store(batch.last_recorded.value, std::memory_order_release);
  published_size_.store(batch.end(), std::memory_order_release);
  if (options_.on_published) options_.on_published();
  return {};
}

// ---- cosignatures

void Writer::cosign(std::uint64_t size, std::span<const tlog::NoteSignature> signatures) {
  {
    const std::lock_guard lock(mutex_);
    if (no_more_jobs_) return;
    cosigned_.push_back({size, {signatures.begin(), signatures.end()}});
  }
  for_committer_.notify_one();
}

namespace {

/// Puts cosignatures behind a note's own, each in the place of an older one of the same key.
void add_to(tlog::Note& note, const std::vector<tlog::NoteSignature>& signatures) {
  for (const tlog::NoteSignature& signature : signatures) {
    const auto same = std::ranges::find_if(note.signatures, [&](const tlog::NoteSignature& there) {
      return there.name == signature.name && there.key_id == signature.key_id;
    });
    if (same != note.signatures.end()) {
      *same = signature;
    } else if (note.signatures.size() < tlog::kNoteSignaturesMax) {
      note.signatures.push_back(signature);
    }
  }
}

}  // namespace

void Writer::put_cosignatures(const Cosigned& cosigned) {
  PublishedCheckpoint next;
  {
    auto reader = stores_.log->read();
    if (!reader) die("ledger: " + reader.error().message());
    const auto kept = reader->checkpoint(cosigned.size);
    auto parsed =
        kept ? tlog::parse_checkpoint(kept->text) : std::unexpected(tlog::FormatError{0, "it is not kept"});
    if (!parsed) return;  // signed anew for somebody, and cosigned for them
    next.checkpoint = std::move(*parsed);
    next.at = kept->at;
  }
  add_to(next.checkpoint.note, cosigned.signatures);
  next.text = next.checkpoint.text();
  next.cosigned = true;
  if (auto put = log_.cosign(cosigned.size, next.at, next.text); !put) {
    if (put.error().begun || !put.error().fault.is_full())
      die("ledger: cosignatures: " + put.error().fault.message());
    return;  // the witness will be asked about a later one
  }
  checkpoints_.cosigned(std::move(next));
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
  metrics.writable = metrics.writable && !signing_stopped();
  metrics.signing_stopped = signing_stopped();
  return metrics;
}

}  // namespace ledger::store
