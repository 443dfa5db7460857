// Lists of filings: of everyone by state, and of one subject.
//
// Rows: database `filings.status`, key status[1] filing[16]: filings that were disclosed (submitted once, or
// imported), moved when their status changes; database `filings.subject`, key subject[16] filing[16]: every
// filing of a subject from its first draft on, written once. Values are one zero byte. Both orders are that
// of the ids, which is that of creation. What a filing looks like is read from its state.
#pragma once

#include <expected>
#include <optional>
#include <string_view>

#include "events/core/lookup.hpp"
#include "events/store/projection.hpp"
#include "projections/page.hpp"

namespace ledger::projections {

/// Rows that one call looks at; each that is not left out at once costs the reading of one state.
inline constexpr std::size_t kFilingRowsScannedMax = 4'000;

/// What to list; absent parts match everything.
struct FilingFilter {
  std::optional<FilingStatus> state{};
  std::optional<Uuid> subject_id{};
  std::optional<AlgorithmType> algorithm_type{};  ///< of the last submission; a first draft has none yet
  /// Also filings that were never submitted: only for their own filer, and only together with `subject_id`
  /// (without it they are never listed). With `state` draft this is the draft box.
  bool with_undisclosed = false;
};

class Filings final : public store::Projection {
 public:
  [[nodiscard]] std::string_view name() const override { return "filings"; }
  [[nodiscard]] std::uint32_t version() const override { return 1; }
  [[nodiscard]] std::span<const char* const> databases() const override;
  void open(std::span<const store::Database> databases) override;
  [[nodiscard]] store::StoreResult<void> apply(store::Rows& rows, const store::Change& change) const override;

  /// At most `limit` filings in the order of their ids, behind `cursor` (nullopt: from the start). `views`
  /// and `lookup` are of one snapshot. Any thread with its own snapshot. Error: bad_cursor.
  [[nodiscard]] std::expected<Page<FilingState>, ListFault> list(const store::Transaction& views,
                                                                 const Lookup& lookup,
                                                                 const FilingFilter& filter,
                                                                 std::optional<std::string_view> cursor,
                                                                 std::size_t limit) const;

 private:
  store::Database by_status_;
  store::Database by_subject_;
};

}  // namespace ledger::projections
