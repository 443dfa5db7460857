// When announcements come, and how long before one a number must have been assigned to be in it. A number
// that waits for publication waits for a date, not for a while: filings numbered at the same time are
// published together, and one that just missed a batch waits for the whole next interval. Pure; a built
// calendar may be read from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "events/core/types.hpp"
#include "replay/draws.hpp"

namespace ledger::replay {

/// A filing that waits or has waited for its publication.
struct Announceable {
  TimestampUs ready_at;                     ///< what the cut-off looks at: its approval, or its number
  std::optional<TimestampUs> published_at;  ///< nullopt: it waits still
};

/// Batches that an estimate needs at least: two intervals between them.
inline constexpr std::size_t kBatchesMin = 3;

class BatchCalendar {
 public:
  /// Publications of up to three days in a row (in Asia/Shanghai) are one batch. Fewer than kBatchesMin
  /// batches are a calendar that `batches()` tells and nothing else may be asked of.
  explicit BatchCalendar(std::vector<Announceable> filings);

  [[nodiscard]] std::size_t batches() const { return batches_.size(); }
  /// First moment of each batch, ascending.
  [[nodiscard]] std::span<const TimestampUs> dates() const { return batches_; }
  /// Filings on the wrong side of the cut-offs that explain the batches best: fewer are a better explanation.
  [[nodiscard]] std::size_t misplaced() const { return misplaced_; }

  /// The calendar seen from one moment, which is not before the last batch.
  class View {
   public:
    View(const BatchCalendar& calendar, TimestampUs now);
    /// Hours from now until the publication of what became ready `ready` hours from now (negative: it has
    /// been), and not before `earliest`. Each call draws another future.
    [[nodiscard]] double publication(Draws& draws, double ready, double earliest) const;

   private:
    const BatchCalendar& calendar_;
    double since_last_;            // hours
    std::vector<double> weights_;  // cumulative, of the intervals that may still be under way
    [[nodiscard]] double first_interval(Draws& draws) const;
  };

 private:
  [[nodiscard]] double interval(Draws& draws) const;
  [[nodiscard]] double lag(Draws& draws) const;
  void read_cut_off(std::span<const Announceable> filings, std::size_t batch, TimestampUs last_of_batch);

  std::vector<TimestampUs> batches_;
  std::vector<double> log_intervals_;  // of hours
  std::vector<double> lags_;           // hours from the cut-off to the batch
  double interval_width_ = 0;          // of the kernel that smooths the intervals, in their logarithm
  double lag_width_ = 0;               // the same for the lags, in hours
  double overdue_mean_ = 0;            // hours
  std::size_t eligible_ = 0, passed_over_ = 0, misplaced_ = 0;
};

}  // namespace ledger::replay
