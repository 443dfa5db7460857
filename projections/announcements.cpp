#include "projections/announcements.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "events/core/filing_number.hpp"
#include "projections/case_folding.hpp"
#include "projections/row_bytes.hpp"

namespace ledger::projections {
namespace {

constexpr const char* kDatabases[] = {"announcements.items", "announcements.filings", "announcements.past",
                                      "announcements.changes"};
constexpr std::size_t kRegionDigits = 6;
constexpr std::int32_t kNoDate = std::numeric_limits<std::int32_t>::min();
constexpr char kTextEnd = '\xFF';

// Where a search finds what it needs in an item's row; announcements.hpp gives the whole of it.
constexpr std::size_t kTypeAt = 0, kRoleAt = 1, kSeriesAt = 2, kAsciiCaseAt = 4, kRegionAt = 5, kBatchAt = 11,
                      kAnnouncedOnAt = 15, kUpdatedPositionAt = 67, kLengthsAt = 75, kTextsAt = 87;
constexpr std::size_t kTexts = 6, kTextsSearched = 5;

RowBytes position_key(std::uint64_t position) {
  return std::move(RowBytes().number(position));
}
RowBytes past_key(std::uint64_t position, std::uint64_t changed_at) {
  return std::move(RowBytes().number(position).number(changed_at));
}
RowBytes filing_key(const Uuid& filing) {
  return std::move(RowBytes().id(filing));
}
RowBytes last_change_key() {
  return std::move(RowBytes().byte(0));
}
RowBytes counts_key() {
  return std::move(RowBytes().byte(1));
}

std::string region_of(std::string_view number) {
  const auto parsed = parse_filing_number(number);
  return parsed && parsed->digits.size() >= kRegionDigits ? parsed->digits.substr(0, kRegionDigits)
                                                          : std::string();
}

template <typename E>
std::uint8_t number_of(const std::optional<E>& value) {
  return value ? static_cast<std::uint8_t>(*value) : std::uint8_t{0};
}

template <typename E>
std::optional<E> value_of(std::uint8_t number) {
  return from_number<E>(number);
}

RowBytes encode(const Announcement& item) {
  const PublicRecord& record = item.record;
  const std::array<std::string_view, kTexts> texts = {
      record.number,   record.algorithm_name, record.organization_name,
      record.products, record.purpose,        record.remark};
  std::string region = item.region;
  region.resize(kRegionDigits, '\0');
  const bool ascii_case = std::ranges::all_of(std::span(texts).first(kTextsSearched), folds_as_ascii);
  RowBytes row;
  row.byte(number_of(record.type)).byte(number_of(record.role)).byte(number_of(record.series));
  row.byte(number_of(filing_status_from(record.status))).byte(ascii_case).text(region);
  row.number(record.batch.value_or(0)).number(record.announced_on ? record.announced_on->days : kNoDate);
  row.id(item.filing_id).id(item.event_id).time(item.announced_at).time(item.updated_at);
  row.number(item.updated_position);
  for (const std::string_view text : texts) row.number(static_cast<std::uint16_t>(text.size()));
  for (const std::string_view text : texts) row.text(text).byte(kTextEnd);
  return row;
}

Announcement decode(std::uint64_t position, Bytes row) {
  RowReader in(row);
  Announcement item;
  PublicRecord& record = item.record;
  item.position = position;
  record.type = value_of<AlgorithmType>(in.number<std::uint8_t>());
  record.role = value_of<AlgorithmRole>(in.number<std::uint8_t>());
  record.series = value_of<Series>(in.number<std::uint8_t>());
  record.status = code_of(in.byte<FilingStatus>());
  (void)in.number<std::uint8_t>();
  item.region = in.text(kRegionDigits);
  if (item.region.front() == '\0') item.region.clear();
  if (const auto batch = in.number<std::uint32_t>(); batch != 0) record.batch = batch;
  if (const auto days = in.number<std::int32_t>(); days != kNoDate) record.announced_on = Date{days};
  item.filing_id = in.id();
  item.event_id = in.id();
  item.announced_at = in.time();
  item.updated_at = in.time();
  item.updated_position = in.number<std::uint64_t>();
  std::array<std::uint16_t, kTexts> lengths;
  for (std::uint16_t& length : lengths) length = in.number<std::uint16_t>();
  const std::array<std::string*, kTexts> texts = {
      &record.number,   &record.algorithm_name, &record.organization_name,
      &record.products, &record.purpose,        &record.remark};
  for (std::size_t i = 0; i < kTexts; ++i) {
    *texts[i] = in.text(lengths[i]);
    (void)in.number<std::uint8_t>();
  }
  return item;
}

/// A filter made ready to look at many rows.
class Matcher {
 public:
  explicit Matcher(const AnnouncementFilter& filter)
      : filter_(filter),
        needle_(fold_case(filter.query)),
        needle_ends_text_(needle_.find(kTextEnd) != std::string::npos),
        needle_has_letters_(std::ranges::any_of(needle_, [](char c) { return c >= 'a' && c <= 'z'; })) {}

  [[nodiscard]] bool operator()(Bytes row) {
    if (row.size() < kTextsAt) throw store::StoreDamage({0, "read an announcement's row"});
    const auto* at = reinterpret_cast<const std::uint8_t*>(row.data());
    if (filter_.type && at[kTypeAt] != number_of(filter_.type)) return false;
    if (filter_.role && at[kRoleAt] != number_of(filter_.role)) return false;
    if (filter_.series && at[kSeriesAt] != number_of(filter_.series)) return false;
    if (filter_.batch && get_be<std::uint32_t>(at + kBatchAt) != *filter_.batch) return false;
    if (!announced_in_range(static_cast<std::int32_t>(get_be<std::uint32_t>(at + kAnnouncedOnAt))))
      return false;
    if (!filter_.region.empty() &&
        !text_of(row).substr(kRegionAt, kRegionDigits).starts_with(filter_.region)) {
      return false;
    }
    return needle_.empty() || (!needle_ends_text_ && holds_needle(row, at));
  }

 private:
  [[nodiscard]] bool announced_in_range(std::int32_t days) const {
    const auto& from = filter_.announced_from;
    const auto& until = filter_.announced_until;
    if ((from || until) && days == kNoDate) return false;
    return (!from || days >= from->days) && (!until || days <= until->days);
  }
  bool holds_needle(Bytes row, const std::uint8_t* at) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < kTextsSearched; ++i)
      length += get_be<std::uint16_t>(at + kLengthsAt + 2 * i) + 1u;
    const std::string_view texts = text_of(row).substr(kTextsAt, length);
    if (at[kAsciiCaseAt] == 0) return find(fold_case(texts));
    if (!needle_has_letters_) return find(texts);  // nothing in these texts would fold to what is looked for
    lower_ascii(texts, folded_);
    return find(folded_);
  }
  [[nodiscard]] bool find(std::string_view texts) const {
    // Two-way search: Chinese text repeats its lead bytes too often for a search by the first byte.
    return ::memmem(texts.data(), texts.size(), needle_.data(), needle_.size()) != nullptr;
  }

  const AnnouncementFilter& filter_;
  const std::string needle_;
  const bool needle_ends_text_;  ///< no text holds the byte that ends it
  const bool needle_has_letters_;
  std::string folded_;
};

/// What a public event does to the list.
enum class Effect : std::uint8_t {
  none,
  announces,  ///< a new item
  corrects,   ///< what it changes in the record, in all items; in the announcement, in the newest
  updates,    ///< the same without the announcement
};

Effect effect_of(const Payload& payload) {
  if (std::holds_alternative<FilingPublished>(payload) || std::holds_alternative<RecordImported>(payload)) {
    return Effect::announces;
  }
  if (std::holds_alternative<AnnouncementCorrected>(payload)) return Effect::corrects;
  const bool updates = std::holds_alternative<ChangeApproved>(payload) ||
                       std::holds_alternative<FilingCancelled>(payload) ||
                       std::holds_alternative<FilingRevoked>(payload);
  return updates ? Effect::updates : Effect::none;
}

bool is_ended(FilingStatus status) {
  return status == FilingStatus::cancelled || status == FilingStatus::revoked;
}

/// The status that an item shows: an ended filing stays ended, whatever a later list printed.
std::string status_after(const FilingState& filing, const PublicRecord* record) {
  if (is_ended(filing.status)) return std::string(code_of(filing.status));
  if (record != nullptr) {
    const auto said = filing_status_from(record->status);
    if (said && is_ended(*said)) return record->status;
  }
  return std::string(code_of(FilingStatus::published));
}

/// Gives an item what an event changed in the record; what the event left alone stays as it was announced.
void take_record(Announcement& item, const PublicRecord& before, const PublicRecord& after) {
  const auto take = [&](auto PublicRecord::*field) {
    if (before.*field != after.*field) item.record.*field = after.*field;
  };
  take(&PublicRecord::number);
  take(&PublicRecord::algorithm_name);
  take(&PublicRecord::type);
  take(&PublicRecord::role);
  take(&PublicRecord::organization_name);
  take(&PublicRecord::products);
  take(&PublicRecord::purpose);
  take(&PublicRecord::remark);
  item.region = region_of(item.record.number);
}

void take_announcement(Announcement& item, const PublicRecord& record) {
  if (record.series) item.record.series = record.series;
  if (record.batch) item.record.batch = record.batch;
  if (record.announced_on) item.record.announced_on = record.announced_on;
}

std::vector<std::uint64_t> positions_in(Bytes row) {
  std::vector<std::uint64_t> positions;
  for (RowReader in(row); !in.at_end();) positions.push_back(in.number<std::uint64_t>());
  return positions;
}

AnnouncementCounts decode_counts(const std::optional<Bytes>& row) {
  AnnouncementCounts counts;
  if (!row) return counts;
  RowReader in(*row);
  for (std::uint64_t* count : {&counts.announcements, &counts.published, &counts.cancelled, &counts.revoked})
    *count = in.number<std::uint64_t>();
  for (std::uint64_t& count : counts.by_type) count = in.number<std::uint64_t>();
  return counts;
}

/// The count that a filing of this status is in.
std::uint64_t& filings_of(AnnouncementCounts& counts, std::string_view status) {
  if (status == code_of(FilingStatus::cancelled)) return counts.cancelled;
  if (status == code_of(FilingStatus::revoked)) return counts.revoked;
  return counts.published;
}

/// Counts an item of this type in (1) or out (-1).
void count_type(AnnouncementCounts& counts, std::optional<AlgorithmType> type, int by) {
  if (type) counts.by_type[number_of(type) - 1u] += static_cast<std::uint64_t>(by);
}

}  // namespace

std::optional<std::string> region_prefix(std::string_view code) {
  const bool digits = std::ranges::all_of(code, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || (code.size() != 2 && code.size() != 4 && code.size() != 6)) return std::nullopt;
  while (code.size() > 2 && code.ends_with("00")) code.remove_suffix(2);
  return std::string(code);
}

const PublicRecord* public_record_of(const Payload& payload) {
  return std::visit(
      [](const auto& e) -> const PublicRecord* {
        if constexpr (requires {
                        { e.public_record } -> std::same_as<const PublicRecord&>;
                      }) {
          return &e.public_record;
        } else if constexpr (requires { e.public_record.has_value(); }) {
          return e.public_record ? &*e.public_record : nullptr;
        } else {
          return nullptr;
        }
      },
      payload);
}

std::span<const char* const> Announcements::databases() const {
  return kDatabases;
}

void Announcements::open(std::span<const store::Database> databases) {
  items_ = databases[0];
  by_filing_ = databases[1];
  past_ = databases[2];
  changes_ = databases[3];
}

/// The rows of items as they stood at one position, or as they stand now. Lives within one transaction.
class Announcements::RowsThen {
 public:
  RowsThen(const Announcements& list, const store::Transaction& views, AsOf as_of)
      : list_(list), views_(views), as_of_(as_of) {}

  /// Of the item announced at `position`, not behind `as_of`, whose row is `now`.
  [[nodiscard]] Bytes of(std::uint64_t position, Bytes now) {
    if (!as_of_ || RowReader(now.subspan(kUpdatedPositionAt)).number<std::uint64_t>() <= *as_of_) return now;
    if (!past_) past_.emplace(views_.cursor(list_.past_));
    const bool there = past_->seek(past_key(position, *as_of_ + 1));
    if (!there || !text_of(past_->key()).starts_with(text_of(position_key(position))))
      throw store::StoreDamage({0, "read an announcement's past row"});
    return past_->value();
  }

 private:
  const Announcements& list_;
  const store::Transaction& views_;
  const AsOf as_of_;
  std::optional<store::Cursor> past_;  ///< made for the first item that has changed since
};

store::StoreResult<void> Announcements::apply(store::Rows& rows, const store::Change& change) const {
  switch (effect_of(change.event.payload)) {
    case Effect::none: return {};
    case Effect::announces: return announce(rows, change);
    case Effect::corrects:
    case Effect::updates: return update(rows, change);
  }
  return {};
}

store::StoreResult<void> Announcements::announce(store::Rows& rows, const store::Change& change) const {
  const EventHeader& header = change.event.header;
  Announcement item;
  item.position = header.position.value;
  item.event_id = header.event_id;
  item.filing_id = header.stream.id;
  item.record = *public_record_of(change.event.payload);
  item.record.status = status_after(*change.filing, &item.record);
  item.region = region_of(item.record.number);
  item.announced_at = item.updated_at = header.recorded_at;
  item.updated_position = item.position;
  if (auto put = rows.put(items_, position_key(item.position), encode(item)); !put) return put;

  AnnouncementCounts counts = decode_counts(rows.get(by_filing_, counts_key()));
  const RowBytes key = filing_key(item.filing_id);
  RowBytes positions;
  if (const auto earlier = rows.get(by_filing_, key)) {
    positions.bytes(*earlier);
    const std::uint64_t newest = positions_in(*earlier).back();
    const auto row = rows.get(items_, position_key(newest));
    if (!row) throw store::StoreDamage({0, "read an announcement's row"});
    --filings_of(counts, decode(newest, *row).record.status);
  }
  ++counts.announcements;
  ++filings_of(counts, item.record.status);
  count_type(counts, item.record.type, 1);
  if (auto kept = keep_counts(rows, counts); !kept) return kept;
  if (auto put = rows.put(by_filing_, key, positions.number(item.position)); !put) return put;
  return mark_changed(rows, header);
}

store::StoreResult<void> Announcements::update(store::Rows& rows, const store::Change& change) const {
  const EventHeader& header = change.event.header;
  const auto row = rows.get(by_filing_, filing_key(header.stream.id));
  if (!row) return {};  // not public yet
  const std::vector<std::uint64_t> positions = positions_in(*row);
  const PublicRecord* record = public_record_of(change.event.payload);
  const PublicRecord record_before = change.filing_before->public_record.value_or(PublicRecord{});
  const bool corrects = effect_of(change.event.payload) == Effect::corrects;
  AnnouncementCounts counts = decode_counts(rows.get(by_filing_, counts_key()));
  for (const std::uint64_t position : positions) {
    const bool newest = position == positions.back();
    const RowBytes key = position_key(position);
    const auto old = rows.get(items_, key);
    if (!old) throw store::StoreDamage({0, "read an announcement's row"});
    Announcement item = decode(position, *old);
    const RowBytes before = std::move(RowBytes().bytes(*old));
    if (auto put = rows.put(past_, past_key(position, header.position.value), before); !put) return put;
    count_type(counts, item.record.type, -1);
    if (newest) --filings_of(counts, item.record.status);
    if (record != nullptr) take_record(item, record_before, *record);
    if (corrects && newest) take_announcement(item, *record);
    item.record.status = status_after(*change.filing, record);
    item.updated_at = header.recorded_at;
    item.updated_position = header.position.value;
    count_type(counts, item.record.type, 1);
    if (newest) ++filings_of(counts, item.record.status);
    if (auto put = rows.put(items_, key, encode(item)); !put) return put;
  }
  if (auto kept = keep_counts(rows, counts); !kept) return kept;
  return mark_changed(rows, header);
}

store::StoreResult<void> Announcements::keep_counts(store::Rows& rows,
                                                    const AnnouncementCounts& counts) const {
  RowBytes row;
  row.number(counts.announcements).number(counts.published).number(counts.cancelled).number(counts.revoked);
  for (const std::uint64_t count : counts.by_type) row.number(count);
  return rows.put(by_filing_, counts_key(), row);
}

store::StoreResult<void> Announcements::mark_changed(store::Rows& rows, const EventHeader& header) const {
  auto put = rows.put(changes_, position_key(header.position.value), RowBytes().time(header.recorded_at));
  if (!put) return put;
  return rows.put(by_filing_, last_change_key(),
                  RowBytes().number(header.position.value).time(header.recorded_at));
}

std::expected<Page<std::uint64_t>, ListFault> Announcements::find(const store::Transaction& views,
                                                                  const AnnouncementFilter& filter,
                                                                  std::optional<std::string_view> cursor,
                                                                  std::size_t limit, AsOf as_of) const {
  // A cursor is the place of the last item that was looked at; looking back, the position asked of as well.
  const auto cursor_at = [&](std::uint64_t position) {
    RowBytes key = position_key(position);
    if (as_of) key.number(*as_of);
    return cursor_text(CursorKind::announcements, key);
  };
  std::optional<std::uint64_t> below;
  if (cursor) {
    const auto key = cursor_key(CursorKind::announcements, *cursor);
    if (!key || key->size() < sizeof *below) return std::unexpected(ListFault::bad_cursor);
    below = get_be<std::uint64_t>(key->data());
    if (cursor_at(*below) != *cursor) return std::unexpected(ListFault::bad_cursor);
  }
  Page<std::uint64_t> page;
  Matcher matches(filter);
  RowsThen rows(*this, views, as_of);
  store::Cursor row = views.cursor(items_);
  bool there = false;
  if (below) {
    there = row.seek_before(position_key(*below));
  } else {
    there = as_of ? row.seek_before(position_key(*as_of + 1)) : row.last();
  }
  for (std::size_t scanned = 0; there; there = row.prev(), ++scanned) {
    const auto position = RowReader(row.key()).number<std::uint64_t>();
    const bool enough = scanned == kAnnouncementRowsScannedMax;
    const bool found = !enough && matches(rows.of(position, row.value()));
    if (below && (enough || (found && page.items.size() >= limit))) {
      page.next_cursor = cursor_at(*below);
      return page;
    }
    below = position;
    if (found) page.items.push_back(*below);
  }
  return page;
}

std::expected<Page<Announcement>, ListFault> Announcements::list(const store::Transaction& views,
                                                                 const AnnouncementFilter& filter,
                                                                 std::optional<std::string_view> cursor,
                                                                 std::size_t limit, AsOf as_of) const {
  auto found = find(views, filter, cursor, limit, as_of);
  if (!found) return std::unexpected(found.error());
  Page<Announcement> page;
  page.next_cursor = std::move(found->next_cursor);
  page.items.reserve(found->items.size());
  for (const std::uint64_t position : found->items) page.items.push_back(*at(views, position, as_of));
  return page;
}

std::optional<Announcement> Announcements::at(const store::Transaction& views, std::uint64_t position,
                                              AsOf as_of) const {
  if (as_of && position > *as_of) return std::nullopt;
  const auto row = views.get(items_, position_key(position));
  if (!row) return std::nullopt;
  return decode(position, RowsThen(*this, views, as_of).of(position, *row));
}

std::vector<Announcement> Announcements::of_filing(const store::Transaction& views, const Uuid& filing,
                                                   AsOf as_of) const {
  std::vector<Announcement> items;
  const auto row = views.get(by_filing_, filing_key(filing));
  if (!row) return items;
  for (const std::uint64_t position : positions_in(*row)) {
    if (auto item = at(views, position, as_of)) items.push_back(std::move(*item));
  }
  std::ranges::reverse(items);
  return items;
}

std::uint64_t Announcements::count(const store::Transaction& views) const {
  return views.count(items_);
}

AnnouncementCounts Announcements::counts(const store::Transaction& views) const {
  return decode_counts(views.get(by_filing_, counts_key()));
}

std::optional<Announcements::LastChange> Announcements::last_change(const store::Transaction& views,
                                                                    AsOf as_of) const {
  LastChange last;
  if (as_of) {
    store::Cursor change = views.cursor(changes_);
    if (!change.seek_before(position_key(*as_of + 1))) return std::nullopt;
    last.position = RowReader(change.key()).number<std::uint64_t>();
    last.at = RowReader(change.value()).time();
    return last;
  }
  const auto row = views.get(by_filing_, last_change_key());
  if (!row) return std::nullopt;
  RowReader in(*row);
  last.position = in.number<std::uint64_t>();
  last.at = in.time();
  return last;
}

}  // namespace ledger::projections
