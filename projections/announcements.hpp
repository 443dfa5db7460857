// The public list: one item per announcement (a number announced twice is two items of one record), newest
// first. What a later event of the filing changes in the record (a correction, an approved change, a
// cancellation, a revocation), it changes in all its items; what it leaves alone stays as it was announced.
// Series, batch and date belong to the announcement: only a correction changes them, on the newest item.
//
// Rows, integers big-endian: database `announcements.items`, key position[8] of the announcing event, value
//   type[1] role[1] series[1] status[1] (numbers of their enumerations, 0 = none) ascii_case[1] region[6, 0 =
//   none] batch[4, 0 = none] announced_on[4, days, INT32_MIN = none] filing[16] event_id[16] announced_at[8]
//   updated_at[8] updated_position[8], six lengths[2 each], then the texts, each followed by the byte FF:
//   number, algorithm_name, organization_name, products, purpose, remark. A search is one pass over the first
//   five texts as they stand: FF is in no UTF-8, so nothing is found across two of them. `ascii_case` is 1
//   when folding them touches only A to Z.
// Database `announcements.filings`, key filing[16], value positions[8 each] of its items, oldest first; and
// the key 00, value position[8] time[8] of the last event that changed the list; and the key 01, the counts:
// value items[8], filings published[8] cancelled[8] revoked[8], items of each algorithm type[8 each, by
// number].
// What the list said at any past position: database `announcements.past`, key position[8] of the item,
// position[8] of the event that changed it, value its row before that event; database
// `announcements.changes`, key position[8] of an event that changed the list, value time[8]. An item as of n
// is the row of the first change behind n, or the one that stands now. Rows of both are only ever added.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/store/projection.hpp"
#include "projections/page.hpp"

namespace ledger::projections {

/// Rows that one call looks at: some 2 ms (measured: 8,000 rows in 0.2 to 0.9 ms).
inline constexpr std::size_t kAnnouncementRowsScannedMax = 20'000;

struct Announcement {
  std::uint64_t position = 0;  ///< of the announcing event: `filing.published` or `record.imported`
  Uuid event_id;               ///< of the same event; names the item in feeds
  Uuid filing_id;
  PublicRecord record;  ///< as it stands now; `status` is published, cancelled or revoked
  std::string region;   ///< the first six digits of the number; empty where it has no six
  TimestampUs announced_at;
  TimestampUs updated_at;
  std::uint64_t updated_position = 0;
  bool operator==(const Announcement&) const = default;
};

/// What to list; absent and empty parts match everything.
struct AnnouncementFilter {
  /// Found, case folded (projections/case_folding.hpp), as it stands in name, organization, products, purpose
  /// or number; no pattern, blanks count.
  std::string query{};
  std::optional<AlgorithmType> type{};
  std::optional<AlgorithmRole> role{};
  std::string region{};  ///< the front of the region digits, as `region_prefix` gives it
  std::optional<std::uint32_t> batch{};
  std::optional<Series> series{};
  /// The date printed on the announcement, both ends included: what it says of itself, whenever it was
  /// recorded. Items without a date are in no range.
  std::optional<Date> announced_from{}, announced_until{};
};

/// A past position, for queries that look back: the answer is that of a ledger whose last event it was.
/// nullopt: now.
using AsOf = std::optional<std::uint64_t>;

/// How much is on the list.
struct AnnouncementCounts {
  std::uint64_t announcements = 0;  ///< items
  /// Filings by the status of their newest item.
  std::uint64_t published = 0, cancelled = 0, revoked = 0;
  /// Items by algorithm type, in the order of `all_values`; lists that name no type have items without one.
  std::vector<std::uint64_t> by_type = std::vector<std::uint64_t>(all_values<AlgorithmType>().size());
  bool operator==(const AnnouncementCounts&) const = default;
};

/// What a caller's region code selects: 2, 4 or 6 digits, where 6 that end in 00 or 0000 mean the whole
/// prefecture or province (GB/T 2260), so `110000` is `11`. nullopt for any other text.
[[nodiscard]] std::optional<std::string> region_prefix(std::string_view code);

/// The public record after an event that carries one (DESIGN section 4); nullptr for every other.
[[nodiscard]] const PublicRecord* public_record_of(const Payload& payload);

class Announcements final : public store::Projection {
 public:
  [[nodiscard]] std::string_view name() const override { return "announcements"; }
  [[nodiscard]] std::uint32_t version() const override { return 3; }
  [[nodiscard]] std::span<const char* const> databases() const override;
  void open(std::span<const store::Database> databases) override;
  [[nodiscard]] store::StoreResult<void> apply(store::Rows& rows, const store::Change& change) const override;

  // All queries: any thread with its own snapshot (`snapshot.views()`).

  /// The positions of at most `limit` matching items, newest first, behind `cursor` (nullopt: from the
  /// newest). Looking back, items match by what they said then. Error: bad_cursor; also for a cursor of
  /// another `as_of`.
  [[nodiscard]] std::expected<Page<std::uint64_t>, ListFault> find(const store::Transaction& views,
                                                                   const AnnouncementFilter& filter,
                                                                   std::optional<std::string_view> cursor,
                                                                   std::size_t limit, AsOf as_of = {}) const;
  /// The same with the items themselves.
  [[nodiscard]] std::expected<Page<Announcement>, ListFault> list(const store::Transaction& views,
                                                                  const AnnouncementFilter& filter,
                                                                  std::optional<std::string_view> cursor,
                                                                  std::size_t limit, AsOf as_of = {}) const;
  /// The item that the event at this position announced; nullopt when it announced none, or lies behind
  /// `as_of`. Items never go away.
  [[nodiscard]] std::optional<Announcement> at(const store::Transaction& views, std::uint64_t position,
                                               AsOf as_of = {}) const;
  /// A filing's items, newest first; empty while it is not public.
  [[nodiscard]] std::vector<Announcement> of_filing(const store::Transaction& views, const Uuid& filing,
                                                    AsOf as_of = {}) const;
  /// Number of items.
  [[nodiscard]] std::uint64_t count(const store::Transaction& views) const;

  /// Kept as the list changes: one row is read.
  [[nodiscard]] AnnouncementCounts counts(const store::Transaction& views) const;

  struct LastChange {
    std::uint64_t position = 0;
    TimestampUs at;
  };
  /// The last event that changed the list; nullopt while it is empty. As long as it stays, so does every
  /// answer.
  [[nodiscard]] std::optional<LastChange> last_change(const store::Transaction& views, AsOf as_of = {}) const;

 private:
  class RowsThen;

  store::StoreResult<void> announce(store::Rows& rows, const store::Change& change) const;
  store::StoreResult<void> update(store::Rows& rows, const store::Change& change) const;
  store::StoreResult<void> keep_counts(store::Rows& rows, const AnnouncementCounts& counts) const;
  store::StoreResult<void> mark_changed(store::Rows& rows, const EventHeader& header) const;

  store::Database items_;
  store::Database by_filing_;
  store::Database past_;
  store::Database changes_;
};

}  // namespace ledger::projections
