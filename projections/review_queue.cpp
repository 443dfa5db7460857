#include "projections/review_queue.hpp"

#include <algorithm>
#include <array>

#include "projections/row_bytes.hpp"

namespace ledger::projections {
namespace {

constexpr std::array<std::string_view, 2> kStages = {"initial", "review"};
constexpr std::array<std::string_view, 5> kKinds = {"subject", "subject_change", "filing", "filing_change",
                                                    "cancellation"};
constexpr const char* kDatabases[] = {"review_queue"};

/// What a stream has waiting: at most one case of each kind.
struct Waiting {
  struct Case {
    QueueStage stage{};
    CaseKind kind{};
    std::uint32_t attempt = 0;
    std::uint64_t position = 0;
    bool operator==(const Case&) const = default;
  };
  std::array<Case, 2> cases;
  std::size_t count = 0;

  void add(Case one) { cases[count++] = one; }
  [[nodiscard]] std::span<const Case> all() const { return std::span(cases).first(count); }
  [[nodiscard]] bool has(const Case& one) const { return std::ranges::find(all(), one) != all().end(); }
};

Waiting waiting_of(const SubjectState& subject) {
  Waiting waiting;
  if (subject.status == SubjectStatus::submitted) {
    waiting.add(
        {QueueStage::initial, CaseKind::subject, subject.attempt, subject.information_position.value_or(0)});
  }
  if (subject.status == SubjectStatus::qualified && subject.change_position) {
    waiting.add({QueueStage::initial, CaseKind::subject_change, subject.changes, *subject.change_position});
  }
  return waiting;
}

Waiting waiting_of(const FilingState& filing) {
  Waiting waiting;
  switch (filing.status) {
    case FilingStatus::submitted:
    case FilingStatus::in_review:
      waiting.add(
          {QueueStage::review, CaseKind::filing, filing.attempt, filing.submission_position.value_or(0)});
      break;
    case FilingStatus::approved:
    case FilingStatus::numbered:
    case FilingStatus::published:
      if (filing.change_position) {
        waiting.add({QueueStage::review, CaseKind::filing_change, filing.changes, *filing.change_position});
      }
      if (filing.cancellation_position) {
        waiting.add(
            {QueueStage::review, CaseKind::cancellation, filing.attempt, *filing.cancellation_position});
      }
      break;
    case FilingStatus::draft:
    case FilingStatus::rejected:
    case FilingStatus::cancelled:
    case FilingStatus::revoked:
    case FilingStatus::discarded: break;
  }
  return waiting;
}

RowBytes key_of(const Waiting::Case& one) {
  return std::move(RowBytes().byte(one.stage).number(one.position));
}

QueueItem read_item(Bytes key, Bytes value) {
  RowReader place(key), row(value);
  QueueItem item;
  item.stage = place.byte<QueueStage>();
  item.position = place.number<std::uint64_t>();
  item.kind = row.byte<CaseKind>();
  item.id = row.id();
  item.attempt = row.number<std::uint32_t>();
  item.since = row.time();
  return item;
}

template <typename E, std::size_t N>
std::string_view text_in(const std::array<std::string_view, N>& names, E value) {
  const auto number = static_cast<std::size_t>(value);
  return number >= 1 && number <= N ? names[number - 1] : std::string_view{};
}

}  // namespace

std::string_view code_of(QueueStage stage) {
  return text_in(kStages, stage);
}
std::string_view code_of(CaseKind kind) {
  return text_in(kKinds, kind);
}

std::optional<QueueStage> queue_stage_from(std::string_view code) {
  const auto found = std::ranges::find(kStages, code);
  if (found == kStages.end()) return std::nullopt;
  return static_cast<QueueStage>(found - kStages.begin() + 1);
}

std::span<const char* const> ReviewQueue::databases() const {
  return kDatabases;
}

void ReviewQueue::open(std::span<const store::Database> databases) {
  queue_ = databases[0];
}

store::StoreResult<void> ReviewQueue::apply(store::Rows& rows, const store::Change& change) const {
  Waiting before, after;
  if (change.subject != nullptr) {
    before = waiting_of(*change.subject_before);
    after = waiting_of(*change.subject);
  } else if (change.filing != nullptr) {
    before = waiting_of(*change.filing_before);
    after = waiting_of(*change.filing);
  }
  for (const Waiting::Case& one : before.all()) {
    if (after.has(one)) continue;
    if (auto gone = rows.del(queue_, key_of(one)); !gone) return gone;
  }
  // A case that was not there before begins with this event, so this event's time is when it was submitted.
  const EventHeader& header = change.event.header;
  for (const Waiting::Case& one : after.all()) {
    if (before.has(one)) continue;
    RowBytes row;
    row.byte(one.kind).id(header.stream.id).number(one.attempt).time(header.recorded_at);
    if (auto put = rows.put(queue_, key_of(one), row); !put) return put;
  }
  return {};
}

std::expected<Page<QueueItem>, ListFault> ReviewQueue::list(const store::Transaction& views, QueueStage stage,
                                                            std::optional<std::string_view> cursor,
                                                            std::size_t limit) const {
  std::uint64_t from = 0;
  if (cursor) {
    const auto key = cursor_key(CursorKind::review_queue, *cursor);
    if (!key || key->size() != sizeof from) return std::unexpected(ListFault::bad_cursor);
    from = get_be<std::uint64_t>(key->data()) + 1;
  }
  Page<QueueItem> page;
  store::Cursor row = views.cursor(queue_);
  bool there = row.seek(RowBytes().byte(stage).number(from));
  for (; there; there = row.next()) {
    const QueueItem item = read_item(row.key(), row.value());
    if (item.stage != stage) break;
    if (page.items.size() >= limit) {
      RowBytes last;
      last.number(page.items.empty() ? from : page.items.back().position);
      page.next_cursor = cursor_text(CursorKind::review_queue, last);
      break;
    }
    page.items.push_back(item);
  }
  return page;
}

std::optional<Deadline> deadline_of(const QueueItem& item, const WorkingCalendar& calendar, Date today) {
  if (item.kind != CaseKind::filing) return std::nullopt;
  return deadline(calendar, Date::of(item.since), kReviewDays, today);
}

std::uint64_t ReviewQueue::overdue(const store::Transaction& views, QueueStage stage,
                                   const WorkingCalendar& calendar, Date today) const {
  std::uint64_t overdue = 0;
  store::Cursor row = views.cursor(queue_);
  bool there = row.seek(RowBytes().byte(stage));
  for (std::uint64_t scanned = 0; there && scanned < kOverdueScannedMax; ++scanned, there = row.next()) {
    const QueueItem item = read_item(row.key(), row.value());
    if (item.stage != stage) break;
    const auto clock = deadline_of(item, calendar, today);
    if (!clock) continue;
    if (!clock->overdue) break;
    ++overdue;
  }
  return overdue;
}

}  // namespace ledger::projections
