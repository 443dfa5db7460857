#include "projections/filings.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>

#include "projections/row_bytes.hpp"

namespace ledger::projections {
namespace {

constexpr const char* kDatabases[] = {"filings.status", "filings.subject"};
constexpr std::byte kPresent[] = {std::byte{0}};
constexpr auto kStatuses = static_cast<std::uint8_t>(FilingStatus::discarded);

RowBytes status_key(FilingStatus status, const Uuid& filing) {
  return std::move(RowBytes().byte(status).id(filing));
}

bool starts_with(Bytes key, Bytes front) {
  return key.size() >= front.size() && std::memcmp(key.data(), front.data(), front.size()) == 0;
}

/// The filing ids of one key range, in order.
class IdRange {
 public:
  /// All keys of `front` and an id, above `after`.
  IdRange(const store::Transaction& views, store::Database database, RowBytes front, const Uuid& after)
      : cursor_(views.cursor(database)), front_(std::move(front)) {
    RowBytes from = front_;
    there_ = cursor_.seek(from.id(after));
    settle();
    // The nil id is before every other, so that a fresh start skips nothing.
    if (there_ && id_ == after) next();
  }

  [[nodiscard]] bool there() const { return there_; }
  [[nodiscard]] const Uuid& id() const { return id_; }
  void next() {
    there_ = cursor_.next();
    settle();
  }

 private:
  void settle() {
    there_ = there_ && starts_with(cursor_.key(), front_);
    if (there_) id_ = RowReader(cursor_.key().subspan(front_.view().size())).id();
  }

  store::Cursor cursor_;
  RowBytes front_;
  Uuid id_;
  bool there_ = false;
};

bool matches(const FilingState& filing, const FilingFilter& filter) {
  if (filter.state && filing.status != *filter.state) return false;
  if (filter.algorithm_type && filing.algorithm_type != filter.algorithm_type) return false;
  return filing.disclosed() || filter.with_undisclosed;
}

}  // namespace

std::span<const char* const> Filings::databases() const {
  return kDatabases;
}

void Filings::open(std::span<const store::Database> databases) {
  by_status_ = databases[0];
  by_subject_ = databases[1];
}

store::StoreResult<void> Filings::apply(store::Rows& rows, const store::Change& change) const {
  if (change.filing == nullptr) return {};
  const FilingState& before = *change.filing_before;
  const FilingState& after = *change.filing;
  if (before.subject_id != after.subject_id && !after.subject_id.is_nil()) {
    const RowBytes key = std::move(RowBytes().id(after.subject_id).id(after.id));
    if (auto put = rows.put(by_subject_, key, kPresent); !put) return put;
  }
  const bool moved = before.status != after.status || before.disclosed() != after.disclosed();
  if (!moved) return {};
  if (before.disclosed()) {
    if (auto gone = rows.del(by_status_, status_key(before.status, after.id)); !gone) return gone;
  }
  if (!after.disclosed()) return {};
  return rows.put(by_status_, status_key(after.status, after.id), kPresent);
}

std::expected<Page<FilingState>, ListFault> Filings::list(const store::Transaction& views,
                                                          const Lookup& lookup, const FilingFilter& filter,
                                                          std::optional<std::string_view> cursor,
                                                          std::size_t limit) const {
  Uuid after;
  if (cursor) {
    const auto key = cursor_key(CursorKind::filings, *cursor);
    if (!key || key->size() != after.bytes.size()) return std::unexpected(ListFault::bad_cursor);
    std::ranges::copy(*key, after.bytes.begin());
  }

  // One range of ids, or the ranges of all states side by side: the smallest id among them is the next
  // filing.
  std::vector<IdRange> ranges;
  if (filter.subject_id) {
    ranges.emplace_back(views, by_subject_, std::move(RowBytes().id(*filter.subject_id)), after);
  } else if (filter.state) {
    ranges.emplace_back(views, by_status_, std::move(RowBytes().byte(*filter.state)), after);
  } else {
    for (std::uint8_t status = 1; status <= kStatuses; ++status) {
      ranges.emplace_back(views, by_status_, std::move(RowBytes().byte(status)), after);
    }
  }

  Page<FilingState> page;
  for (std::size_t scanned = 0;; ++scanned) {
    IdRange* next = nullptr;
    for (IdRange& range : ranges) {
      if (range.there() && (next == nullptr || range.id() < next->id())) next = &range;
    }
    if (next == nullptr) return page;
    if (scanned == kFilingRowsScannedMax) break;
    auto filing = lookup.filing(next->id());
    const bool found = filing && matches(*filing, filter);
    // One more match than asked for says that there is a next page.
    if (found && page.items.size() >= limit) break;
    if (found) page.items.push_back(*std::move(filing).kept());
    after = next->id();
    next->next();
  }
  page.next_cursor = cursor_text(CursorKind::filings, std::as_bytes(std::span(after.bytes)));
  return page;
}

}  // namespace ledger::projections
