// The one writer thread: takes what is queued, runs each command, makes the batch durable, publishes it,
// answers.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "events/store/command_runner.hpp"
#include "events/store/indexes.hpp"

namespace ledger::store {

class Writer {
 public:
  /// `size` events are in log and views; `last` is the newest one's time. Everything named outlives the
  /// writer.
  Writer(Stores& stores, const EngineOptions& options, std::span<Projection* const> projections,
         std::uint64_t size, TimestampUs last);
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

 private:
  struct Pending {
    Submission submission;
    Answer answer;
  };
  struct Answered {
    Answer answer;
    Outcome outcome;
  };

  void run();
  void process(std::span<Pending> batch);
  /// Whether the staged events are durable; false: the machine had no room, and nothing of the batch
  /// happened.
  [[nodiscard]] bool commit();
  [[nodiscard]] bool put_views(std::optional<WriteTxn>& txn);
  void note(const ClockGuard::Reading& clock);

  Stores& stores_;
  CommitLog& log_;
  const EngineOptions& options_;
  // The writer's thread only.
  Indexes indexes_;
  Appender appender_;
  CommandRunner runner_;
  ClockGuard clock_;
  bool clock_noted_ = false;
  std::vector<Answered> answers_;

  std::atomic<std::uint64_t> published_size_;
  std::atomic<std::int64_t> published_time_;
  std::atomic<std::uint64_t> batches_ = 0, commands_ = 0, refused_ = 0, events_ = 0;
  std::atomic<bool> has_room_ = true, clock_trusted_ = true;

  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Pending> queue_;          // guarded by mutex_
  std::atomic<std::size_t> taken_ = 0;  // of the queue, not yet processed
  bool closing_ = false;                // guarded by mutex_
  std::thread thread_;
};

}  // namespace ledger::store
