// What waits for a decision. Stage `initial`: subjects submitted, and changes of subjects. Stage `review`:
// filings submitted or in review, changes of published filings, and requests to cancel. Oldest submission
// first: the days of submission never decrease along the log, so neither do the due dates, and the oldest due
// comes first whatever calendars are published later.
//
// Rows: database `review_queue`, key stage[1] position[8] of the submission, value kind[1] id[16] attempt[4]
// since[8]. Integers big-endian, times microseconds since the epoch.
#pragma once

#include <expected>
#include <optional>
#include <string_view>

#include "events/core/working_days.hpp"
#include "events/store/projection.hpp"
#include "projections/page.hpp"

namespace ledger::projections {

enum class QueueStage : std::uint8_t { initial = 1, review };

enum class CaseKind : std::uint8_t {
  subject = 1,
  subject_change,
  filing,
  filing_change,
  cancellation,
};

/// `initial`, `subject_change`, ...; lives for ever. Empty for a number outside the list.
[[nodiscard]] std::string_view code_of(QueueStage stage);
[[nodiscard]] std::string_view code_of(CaseKind kind);
/// The inverse of `code_of`.
[[nodiscard]] std::optional<QueueStage> queue_stage_from(std::string_view code);

/// One waiting case. A filing with an open change and a request to cancel is two.
struct QueueItem {
  QueueStage stage{};
  CaseKind kind{};
  Uuid id;                     ///< of the subject or the filing
  std::uint32_t attempt = 0;   ///< for a change: the how-manieth change
  TimestampUs since;           ///< when it was submitted
  std::uint64_t position = 0;  ///< of the submission
  bool operator==(const QueueItem&) const = default;
};

/// The statutory clock of a waiting case, as of `today`: 30 working days from the submission for the attempt
/// of a filing. The law sets none for the other kinds: nullopt.
[[nodiscard]] std::optional<Deadline> deadline_of(const QueueItem& item, const WorkingCalendar& calendar,
                                                  Date today);

/// Rows that `overdue` looks at: a queue with more overdue cases counts as this many.
inline constexpr std::uint64_t kOverdueScannedMax = 10'000;

class ReviewQueue final : public store::Projection {
 public:
  [[nodiscard]] std::string_view name() const override { return "review_queue"; }
  [[nodiscard]] std::uint32_t version() const override { return 1; }
  [[nodiscard]] std::span<const char* const> databases() const override;
  void open(std::span<const store::Database> databases) override;
  [[nodiscard]] store::StoreResult<void> apply(store::Rows& rows, const store::Change& change) const override;

  /// At most `limit` items of a stage, oldest first, behind `cursor` (nullopt: from the start). Any thread
  /// with its own snapshot. Error: bad_cursor.
  [[nodiscard]] std::expected<Page<QueueItem>, ListFault> list(const store::Transaction& views,
                                                               QueueStage stage,
                                                               std::optional<std::string_view> cursor,
                                                               std::size_t limit) const;

  /// Cases of a stage that are overdue today, at most kOverdueScannedMax. They stand at the front of the
  /// queue, so nothing behind them is read.
  [[nodiscard]] std::uint64_t overdue(const store::Transaction& views, QueueStage stage,
                                      const WorkingCalendar& calendar, Date today) const;

 private:
  store::Database queue_;
};

}  // namespace ledger::projections
