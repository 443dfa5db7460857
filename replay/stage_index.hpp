// All stays in a stage, in memory: what durations and estimates are computed from without reading the log.
// Kept up to date from the rows that the timeline appends (projections/timeline.hpp, `timeline.changes`).
//
// A stay takes 64 bytes, once it has ended 32 more: about 0.8 kB for a filing of eight stages. A statistic is
// one pass over the stays of its stage: ended ones are kept in the order of their lengths, and those that
// were open at a position come in the order of theirs by themselves, since recorded times never decrease.
//
// As of a position: only what had been recorded by then counts. A stay that began later is left out; one that
// ended later is open, censored at the recorded time of the position.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "events/store/lmdb.hpp"
#include "replay/stage_sample.hpp"
#include "replay/survival.hpp"

namespace ledger::replay {

/// The numbers of stay's outcomes in `Spell` and `Incidence` are those of StageOutcome.
[[nodiscard]] constexpr projections::StageOutcome stage_outcome(OutcomeNumber number) {
  return static_cast<projections::StageOutcome>(number);
}

/// Which stays to look at; absent parts match everything.
struct Stratum {
  projections::Stage stage{};
  std::uint32_t attempt_min = 1, attempt_max = 0xFFFF'FFFF;  ///< both inclusive
  std::string region{};  ///< the front of the region's digits, as projections::region_prefix gives it
  std::optional<AlgorithmType> type{};
  std::optional<AlgorithmRole> role{};
  std::optional<StreamKind> kind{};  ///< filing or subject: both have a stage `rework`
};

/// A position of the log with its recorded time: the moment as of which is asked.
struct Moment {
  std::uint64_t position = 0;
  TimestampUs at;
};

/// One a process. Any thread.
class StageIndex {
 public:
  StageIndex() = default;
  StageIndex(const StageIndex&) = delete;
  StageIndex& operator=(const StageIndex&) = delete;

  /// Takes in what the snapshot's rows hold and the index does not yet. `size` is the number of events of the
  /// snapshot. Costs nothing where the index is as far already; a whole history once, at start. Every query
  /// needs a catch-up with a snapshot that holds the position asked for.
  void catch_up(const store::Transaction& views, const projections::Timeline& timeline, std::uint64_t size);
  /// Events that were taken in.
  [[nodiscard]] std::uint64_t size() const;
  /// Stays known, open ones included.
  [[nodiscard]] std::size_t samples() const;
  /// Heap memory of the stays, in bytes.
  [[nodiscard]] std::size_t held_bytes() const;

  /// The stays of a stratum as of a moment, ascending by length. One pass over the stage.
  [[nodiscard]] std::vector<Spell> spells(const Stratum& stratum, const Moment& moment) const;

  /// Every stay as of a position, in the order in which they began. `each` must not call the index.
  void for_each(std::uint64_t position, const std::function<void(const StageSample&)>& each) const;
  /// The same for one stage.
  void for_each(projections::Stage stage, std::uint64_t position,
                const std::function<void(const StageSample&)>& each) const;
  /// The same as a list.
  [[nodiscard]] std::vector<StageSample> samples_at(std::uint64_t position) const;

 private:
  static constexpr std::uint64_t kOpen = ~std::uint64_t{0};

  struct Stay {
    std::int64_t entered_at = 0, left_at = 0;
    std::uint64_t entered_position = 0, left_position = kOpen;
    Uuid id;
    std::uint32_t attempt = 0, region = 0;  // region: the six digits as a number; 0: unknown
    StreamKind kind{};
    std::uint8_t outcome = 0, type = 0, role = 0;
  };
  static_assert(sizeof(Stay) == 64);
  /// What a statistic asks of a stay that has ended.
  struct Ended {
    Microdays length = 0;
    std::uint64_t left_position = 0;
    std::uint32_t attempt = 0, region = 0;
    StreamKind kind{};
    std::uint8_t outcome = 0, type = 0, role = 0;
  };
  static_assert(sizeof(Ended) == 32);
  struct Shelf {
    std::vector<Stay> stays;   // by entered_position
    std::vector<Ended> ended;  // by length, up to `sorted`; behind it as they ended
    std::size_t sorted = 0;
    std::uint64_t last_left = 0;      // the highest left_position
    std::vector<std::uint32_t> open;  // indexes of stays, ascending; some may have ended since
    std::size_t open_ended = 0;       // how many of them
    void begin(const projections::StageChange& change);
    void end(const projections::StageChange& change);
    void sort();
  };
  class Match;

  [[nodiscard]] const Shelf& shelf_of(projections::Stage stage) const;
  [[nodiscard]] static StageSample sample_of(projections::Stage stage, const Stay& stay,
                                             std::uint64_t position);

  mutable std::shared_mutex mutex_;
  std::array<Shelf, 9> shelves_;  // by the stage's number
  std::uint64_t size_ = 0;
};

}  // namespace ledger::replay
