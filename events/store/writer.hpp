// The writer: two threads that pass batches on. One takes what is queued and decides it, in order, in memory;
// the other makes a batch durable, publishes it and answers. While a batch waits for the disk the next is
// decided on top of it, and nobody is told of either before the disk has it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "events/store/checkpoint_file.hpp"
#include "events/store/checkpoints.hpp"
#include "events/store/command_runner.hpp"
#include "events/store/indexes.hpp"

namespace ledger::store {

class Writer {
 public:
  /// Where the log ends, in the log itself and in the views.
  struct Start {
    std::uint64_t size = 0;
    TimestampUs last;  ///< time of the newest event
    tlog::SignedCheckpoint checkpoint;
    std::optional<PublishedCheckpoint> cosigned;  ///< the newest one that a witness cosigned
    std::optional<CheckpointFile> file;
    std::optional<SimulationSeed> simulation;  ///< see Simulation: no thread decides, its owner does
  };
  /// Everything named outlives the writer.
  Writer(Stores& stores, const EngineOptions& options, std::span<Projection* const> projections, Start start);
  /// Drains and joins.
  ~Writer();

  /// See Engine::submit.
  void submit(Submission submission, Answer answer);
  /// Takes no more, drains what is queued, joins. Not from an answer.
  void close();

  [[nodiscard]] std::uint64_t published_size() const {
    return published_size_.load(std::memory_order_acquire);
  }
  [[nodiscard]] TimestampUs published_time() const {
    return {published_time_.load(std::memory_order_acquire)};
  }
  /// queued, batches, commands, refused, events, writable.
  [[nodiscard]] Engine::Metrics metrics() const;
  [[nodiscard]] Checkpoints& checkpoints() { return checkpoints_; }
  /// See Engine::add_cosignatures.
  void cosign(std::uint64_t size, std::span<const tlog::NoteSignature> signatures);
  /// Runs `work` between two batches, on the deciding thread: everything decided is committed and answered or
  /// on its way to be, nothing of the views is open, and what is queued waits. Blocks until it has run; false
  /// where the writer closes first and it does not. One caller at a time. It must not throw.
  [[nodiscard]] bool between_batches(const std::function<void()>& work);
  /// From here on nothing is signed, and so nothing is committed.
  void stop_signing() { signing_stopped_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool signing_stopped() const { return signing_stopped_.load(std::memory_order_relaxed); }

  // For a simulation, whose owner's thread is the deciding one.

  /// Decides a command at a given time and stages its events: they are durable after `flush` has returned. A
  /// batch of `batch_commands_max` events, or of some more where an earlier one takes its time, is handed
  /// over on the way. The views follow in large pieces, as in a rebuild: from the first one until `flush`
  /// they are not whole, and whoever opens the ledger after a process that died makes them anew.
  [[nodiscard]] Outcome run(const Submission& submission, TimestampUs at);
  /// Waits until everything staged is durable and the views are up to it. Empty, or the refusal of all that
  /// was not made durable.
  [[nodiscard]] std::string_view flush();
  /// False where a simulation ended before its views were. Not while it runs.
  [[nodiscard]] bool views_whole() const { return views_whole_; }
  [[nodiscard]] const Appender& appender() const { return appender_; }

 private:
  struct Pending {
    Submission submission;
    Answer answer;
  };
  struct Answered {
    Submission submission;  ///< kept until it is durable: it may have to be decided again
    Answer answer;
    Outcome outcome;
  };
  /// What the committing thread is given: the events of a batch, none where its commands only asked or were
  /// refused, and the answers that follow.
  struct Job {
    StagedBatch* batch = nullptr;
    std::vector<Answered> answers;
  };
  struct Cosigned {
    std::uint64_t size = 0;
    std::vector<tlog::NoteSignature> signatures;
  };

  // The deciding thread.
  void begin();
  void decide_batches();
  [[nodiscard]] bool take(std::vector<Pending>& taken);
  void decide(std::span<Pending> taken);
  void settle(bool durable);
  void hand_over(bool with_views);
  void run_between(const std::function<void()>& work);
  [[nodiscard]] std::string_view await_committed();
  [[nodiscard]] bool is_committing() const;
  void note(const ClockGuard::Reading& clock);
  void reap_readers();

  // The committing thread.
  void commit_batches();
  /// Empty: the batch is durable. Else nothing of it happened, and this refusal says why.
  [[nodiscard]] std::string_view commit(const StagedBatch& batch);
  [[nodiscard]] std::string_view make_durable(const StagedBatch& batch, tlog::SignedCheckpoint& checkpoint);
  void erase(const StagedBatch& batch);
  void put_cosignatures(const Cosigned& cosigned);
  [[nodiscard]] bool put_views(const RowBuffer& rows, std::optional<WriteTxn>& txn);
  [[nodiscard]] bool put_views_in_steps(const RowBuffer& rows);
  void answer(Job& job, std::string_view refused);

  Stores& stores_;
  CommitLog& log_;
  const EngineOptions& options_;

  Checkpoints checkpoints_;
  std::optional<CheckpointFile> checkpoint_file_;  ///< the committing thread only

  // The deciding thread only.
  Indexes indexes_;
  Appender appender_;
  CommandRunner runner_;
  ClockGuard clock_;
  std::optional<ClockGuard::Reading> reading_;  ///< of this batch
  bool clock_noted_ = false;
  std::vector<Answered> answers_;  ///< of this batch
  bool in_flight_ = false;         ///< a batch was handed over and not yet settled
  const bool simulating_;
  bool views_whole_ = true;       ///< the committing thread while it has a batch, else the deciding one
  std::string_view refused_all_;  ///< of a simulation: why its batch was not made durable, nor any later one

  std::atomic<std::uint64_t> published_size_;
  std::atomic<std::int64_t> published_time_;
  std::atomic<std::uint64_t> batches_ = 0, commands_ = 0, refused_ = 0, events_ = 0;
  std::atomic<bool> has_room_ = true, clock_trusted_ = true, signing_stopped_ = false;
  std::atomic<std::size_t> waiting_ = 0;  ///< commands queued, decided or being committed, not yet answered

  mutable std::mutex mutex_;  ///< guards all below
  std::condition_variable for_decider_, for_committer_, for_between_;
  std::vector<Pending> queue_;
  const std::function<void()>* between_ = nullptr;  ///< to be run once nothing is decided or committed
  bool decider_ended_ = false;
  bool closing_ = false;
  std::optional<Job> job_;  ///< handed over and not yet taken
  std::vector<Cosigned> cosigned_;
  bool committing_ = false;       ///< a job is handed over or being committed
  bool durable_ = true;           ///< how the last one ended
  std::string_view not_durable_;  ///< and why
  bool no_more_jobs_ = false;

  std::thread decider_, committer_;
};

}  // namespace ledger::store
