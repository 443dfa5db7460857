// All views anew while the old ones serve: built beside them from the log, caught up with what is appended
// meanwhile, and swapped in between two batches of the writer.
//
// At any moment the old views are whole and in their place, or the new ones are: the new file gets its mark
// before it gets its place, and its place only once it says the same position and leaf hash as the old one.
// Whatever stops it, a start finds the one or the other. Any failure gives the rebuild up and leaves the old
// views as they were.
#pragma once

#include <atomic>
#include <expected>
#include <mutex>
#include <span>
#include <string>
#include <thread>

#include "events/store/engine.hpp"
#include "events/store/rebuild_status.hpp"
#include "events/store/stores.hpp"
#include "events/store/views_builder.hpp"

namespace ledger::store {

class Writer;

class LiveRebuild {
 public:
  /// Everything named outlives it. `clock` tells when a rebuild was begun; `notice` hears how it ended, on
  /// its thread.
  LiveRebuild(Stores& stores, Writer& writer, std::span<Projection* const> projections, ViewsOptions options,
              std::function<TimestampUs()> clock, std::function<void(std::string)> notice);
  /// As `stop`.
  ~LiveRebuild();

  /// Begins one, on a thread of its own. Refusals: `rebuild_running`; `storage_full` where the disk has less
  /// room than the old views take; `shutting_down` after `stop`. Any thread.
  [[nodiscard]] std::expected<void, Refusal> start();
  [[nodiscard]] RebuildStatus status() const;
  /// Ends the one that runs, within about a second, and lets none begin. The writer must still be open.
  void stop();

 private:
  void run();
  [[nodiscard]] std::expected<void, EngineFault> rebuild();
  [[nodiscard]] std::expected<void, EngineFault> build_and_swap(Views& beside,
                                                                const std::filesystem::path& place);
  void let_go(std::shared_ptr<Environment> old);
  void end(RebuildState state, std::string failure);

  Stores& stores_;
  Writer& writer_;
  const std::span<Projection* const> projections_;
  const std::function<TimestampUs()> clock_;
  const std::function<void(std::string)> notice_;
  ViewsOptions options_;
  std::atomic<bool> stopping_ = false;

  mutable std::mutex mutex_;  ///< guards all below
  RebuildStatus status_;
  TimestampUs begun_;  ///< by the steady clock
  std::thread thread_;
};

}  // namespace ledger::store
