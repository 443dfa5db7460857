// Estimates as of any position of a log: which samples they stand on, and what a filing was then.
//
// The tables behind an estimate change with every event, and an answer need not: they are those of the last
// event of the day before (Asia/Shanghai), or of the last publication of the day itself, whichever is later,
// so that they are built once a day and once a batch. Where that is not history enough, the position itself
// is taken, so that a young ledger says what it has. All of this depends on the position alone: the same
// position gives the same answer, whenever and however often it is asked.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "projections/timeline.hpp"
#include "replay/estimate.hpp"
#include "replay/stage_index.hpp"

namespace ledger::replay {

/// A log to estimate from, for one call: rows of one transaction, and when its events were recorded.
struct EstimateLog {
  const store::Transaction& views;
  const projections::Timeline& timeline;
  std::uint64_t size = 0;  ///< events in both
  std::function<TimestampUs(std::uint64_t)> recorded_at;

  /// The last position recorded at or before a time; nullopt where nothing was yet.
  [[nodiscard]] std::optional<std::uint64_t> position_at(TimestampUs at) const;
};

/// A filing as it stood at a position.
struct FilingThen {
  std::vector<projections::Visit> visits;  ///< oldest first; empty where it had no stage yet
  std::optional<EstimateCase> open;        ///< of the visit that was open
  /// Whether it had been submitted by then: earlier it is its filer's own business.
  [[nodiscard]] bool submitted() const;
};

/// `position` is below `log.size`.
[[nodiscard]] FilingThen filing_then(const EstimateLog& log, const Uuid& filing, std::uint64_t position);

/// One a process. Any thread.
class Estimator {
 public:
  /// The index must outlive it, and be caught up with a log before the log is asked.
  explicit Estimator(const StageIndex& stages) : stages_(stages) {}

  struct Tables {
    std::shared_ptr<const EstimateTables> tables;
    std::uint64_t position = 0;  ///< that they are of
  };
  /// Those behind an estimate at a position below `log.size`.
  [[nodiscard]] Tables tables_for(const EstimateLog& log, std::uint64_t position);
  /// Those of exactly this position.
  [[nodiscard]] Tables tables_of(const EstimateLog& log, std::uint64_t position);

 private:
  /// Some 12 bytes a visit and the curves that were asked for: 10 MB at 100,000 filings.
  static constexpr std::size_t kKept = 4;
  [[nodiscard]] std::shared_ptr<const EstimateTables> kept(std::uint64_t position);

  const StageIndex& stages_;
  std::mutex build_mutex_;  ///< one builds, the others wait for it instead of building the same
  std::mutex mutex_;
  std::list<Tables> kept_;  ///< the front was used last
};

}  // namespace ledger::replay
