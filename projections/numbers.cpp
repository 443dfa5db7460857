#include "projections/numbers.hpp"

#include <algorithm>

#include "projections/row_bytes.hpp"
#include "schema/codes.hpp"

namespace ledger::projections {
namespace {

constexpr const char* kDatabases[] = {"numbers.known", "numbers.serials"};
constexpr std::size_t kSubjectDigits = 13;  ///< region and subject number
constexpr std::size_t kSeriesDigits = 15;   ///< and type
/// Of a printed text that is no number at all; real ones stay far below, and keys end at 511 bytes.
constexpr std::size_t kTextBytesMax = 256;

/// What a number is known by: its digits, or the whole text where it has none.
std::string known_key(std::string_view text, const std::optional<FilingNumber>& parsed) {
  return parsed ? parsed->digits : std::string(text.substr(0, kTextBytesMax));
}

/// A serial of a series, and since when it is known.
struct KnownSerial {
  std::uint16_t serial = 0;
  std::uint64_t since = 0;
};

std::vector<KnownSerial> serials_in(Bytes row, AsOf as_of = {}) {
  std::vector<KnownSerial> serials;
  for (RowReader in(row); !in.at_end();) {
    KnownSerial known;
    known.serial = in.number<std::uint16_t>();
    known.since = in.number<std::uint64_t>();
    if (!as_of || known.since <= *as_of) serials.push_back(known);
  }
  return serials;
}

RowBytes with_serial(std::optional<Bytes> row, KnownSerial added) {
  std::vector<KnownSerial> all;
  if (row) all = serials_in(*row);
  const auto place = std::ranges::lower_bound(all, added.serial, {}, &KnownSerial::serial);
  if (place == all.end() || place->serial != added.serial) all.insert(place, added);
  RowBytes serials;
  for (const KnownSerial& known : all) serials.number(known.serial).number(known.since);
  return serials;
}

std::string detail_of(NumberFault fault, std::string_view digits) {
  switch (fault) {
    case NumberFault::length:
      if (digits.empty()) return "A filing number is 21 digits, with or without its prefix and 号.";
      return "A filing number has 21 digits, this one has " + std::to_string(digits.size()) + ".";
    case NumberFault::check_digit:
      return std::string("The check digit is ") + digits.back() + ", but the other digits call for " +
             number_check_digit(digits.substr(0, digits.size() - 1)).value_or('?') + ".";
    case NumberFault::region: return std::string(digits.substr(0, 6)) + " is no region code of GB/T 2260.";
    case NumberFault::type:
      return "The algorithm type is 01 to 06, not " + std::string(digits.substr(kSubjectDigits, 2)) + ".";
  }
  return {};
}

}  // namespace

std::span<const char* const> Numbers::databases() const {
  return kDatabases;
}

void Numbers::open(std::span<const store::Database> databases) {
  known_ = databases[0];
  serials_ = databases[1];
}

store::StoreResult<void> Numbers::apply(store::Rows& rows, const store::Change& change) const {
  const PublicRecord* record = public_record_of(change.event.payload);
  if (record == nullptr) return {};
  if (auto learned = learn(rows, change.event.header, record->number); !learned) return learned;
  const auto* imported = std::get_if<RecordImported>(&change.event.payload);
  if (imported == nullptr || imported->source_number == record->number) return {};
  return learn(rows, change.event.header, imported->source_number);
}

store::StoreResult<void> Numbers::learn(store::Rows& rows, const EventHeader& header,
                                        std::string_view printed) const {
  const auto parsed = parse_filing_number(printed);
  const std::string key = known_key(printed, parsed);
  // Whoever had a number first keeps it: a list cannot take it from another record.
  if (key.empty() || rows.get(known_, bytes_of(key))) return {};
  const std::uint64_t here = header.position.value;
  if (auto put = rows.put(known_, bytes_of(key), RowBytes().id(header.stream.id).number(here)); !put)
    return put;

  // A misprinted number says nothing sure about whose serials are taken.
  if (!parsed || !examine_number(parsed->digits, schema::is_known_region).empty()) return {};
  const Bytes series = bytes_of(parsed->digits).first(kSeriesDigits);
  return rows.put(serials_, series,
                  with_serial(rows.get(serials_, series), {decode_number(parsed->digits)->serial, here}));
}

NumberAnswer Numbers::look_up(const store::Transaction& views, const Announcements& announcements,
                              std::string_view text, AsOf as_of) const {
  // The filing that a number was known to be of.
  const auto known = [&](std::string_view key) -> std::optional<Uuid> {
    const auto row = views.get(known_, bytes_of(key));
    if (!row) return std::nullopt;
    RowReader in(*row);
    const Uuid filing = in.id();
    if (as_of && in.number<std::uint64_t>() > *as_of) return std::nullopt;
    return filing;
  };
  const auto parsed = parse_filing_number(text);
  NumberAnswer answer;
  if (parsed) answer.digits = parsed->digits;
  if (const auto filing = known(known_key(text, parsed))) {
    auto items = announcements.of_filing(views, *filing, as_of);
    if (!items.empty()) answer.record = std::move(items.front());
  }
  const std::vector<NumberFault> faults = examine_number(answer.digits, schema::is_known_region);
  if (faults.empty()) return answer;

  NumberKnowledge knowledge;
  knowledge.typed_is_on_record = answer.record.has_value();
  knowledge.is_known_number = [&](std::string_view digits) { return known(digits).has_value(); };
  knowledge.is_known_subject = [&](std::string_view digits) {
    store::Cursor cursor = views.cursor(serials_);
    for (bool there = cursor.seek(bytes_of(digits)); there && text_of(cursor.key()).starts_with(digits);
         there = cursor.next()) {
      if (!serials_in(cursor.value(), as_of).empty()) return true;
    }
    return false;
  };
  knowledge.serial_fits = [&](const NumberParts& parts) {
    const std::string digits = compose_filing_number("-", parts).value_or(FilingNumber{}).digits;
    const auto row = views.get(serials_, bytes_of(digits).first(std::min(digits.size(), kSeriesDigits)));
    const std::vector<KnownSerial> serials = row ? serials_in(*row, as_of) : std::vector<KnownSerial>{};
    if (serials.empty()) return parts.serial == 1;
    return std::ranges::find(serials, parts.serial, &KnownSerial::serial) == serials.end() &&
           parts.serial <= serials.back().serial + 1;
  };
  const std::vector<std::string> suggestions =
      rank_suggestions(number_candidates(answer.digits, schema::is_known_region), knowledge);
  for (const NumberFault fault : faults) {
    answer.anomalies.push_back({fault, detail_of(fault, answer.digits), suggestions});
  }
  return answer;
}

}  // namespace ledger::projections
