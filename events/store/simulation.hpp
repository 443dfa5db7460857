// A ledger opened to be given a made-up history: one thread decides, at times that it gives itself, and what
// would be random follows from a seed. Everything else is the engine's: the same decisions, the same gate,
// the same batches, tree and checkpoints. What nobody waits for is done later: values are sealed by the
// thread that makes their batch durable, and the views are written in large pieces, as in a rebuild, whole
// only after `flush`. A process that dies before leaves a log that is whole, and views that the next start
// makes anew.
//
// This is the only way to a seeded ledger: `Engine::open` has none. What follows from a seed keeps no secret.
// Ids and record keys are known to whoever knows the seed; token digests are of no token that anybody has.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string_view>

#include "events/store/documents.hpp"
#include "events/store/engine.hpp"

namespace ledger::store {

/// One thread.
class Simulation {
 public:
  /// Opens a ledger as `Engine::open` does, whatever its age, and takes its lock. Of the options neither
  /// clock nor queue counts; `batch_commands_max` is a number of events, and `rebuild_buffer_bytes` bounds
  /// the rows of the views in memory. Two ledgers of one origin that hold the same entries give the same
  /// entries from then on for the same seed and commands.
  [[nodiscard]] static std::expected<std::unique_ptr<Simulation>, EngineFault> open(
      EngineOptions options, std::span<Projection* const> projections, std::uint64_t seed);
  /// Flushes; afterwards the ledger can be served.
  ~Simulation();

  /// Decides a command as of `at` (never before the last event: then as of that) and answers at once. It is
  /// durable once `flush` was called; a process that dies before leaves a shorter ledger that is whole.
  /// Refusals: those of any command; `storage_full`, `signing_stopped` when an earlier batch could not be
  /// made durable, and from then on.
  [[nodiscard]] Outcome run(const Submission& submission, TimestampUs at);
  /// Uploads a document for a subject that is registered; durable before any event that names it is. A
  /// failure to write it shows as that of the batch.
  [[nodiscard]] Digest upload(const Uuid& subject, std::string content);
  /// Waits until all is durable. Empty, or the refusal of what was not made durable.
  [[nodiscard]] std::string_view flush();

  /// Events so far, those not yet durable included.
  [[nodiscard]] std::uint64_t size() const;
  /// Time of the newest event.
  [[nodiscard]] TimestampUs last_recorded() const;
  /// What was durable at the last `flush`, to read; not while commands run.
  [[nodiscard]] const Engine& engine() const { return *engine_; }

 private:
  explicit Simulation(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
  std::unique_ptr<Engine> engine_;
};

}  // namespace ledger::store
