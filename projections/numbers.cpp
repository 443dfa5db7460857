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

bool holds(Bytes serials, std::uint16_t serial) {
  for (RowReader in(serials); !in.at_end();) {
    if (in.number<std::uint16_t>() == serial) return true;
  }
  return false;
}

std::uint16_t last_of(Bytes serials) {
  return serials.empty() ? std::uint16_t{0} : RowReader(serials.last(2)).number<std::uint16_t>();
}

RowBytes with_serial(std::optional<Bytes> serials, std::uint16_t added) {
  std::vector<std::uint16_t> all = {added};
  if (serials) {
    for (RowReader in(*serials); !in.at_end();) all.push_back(in.number<std::uint16_t>());
  }
  std::ranges::sort(all);
  all.erase(std::ranges::unique(all).begin(), all.end());
  RowBytes row;
  for (const std::uint16_t serial : all) row.number(serial);
  return row;
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
  const Uuid& filing = change.event.header.stream.id;
  if (auto learned = learn(rows, filing, record->number); !learned) return learned;
  const auto* imported = std::get_if<RecordImported>(&change.event.payload);
  if (imported == nullptr || imported->source_number == record->number) return {};
  return learn(rows, filing, imported->source_number);
}

store::StoreResult<void> Numbers::learn(store::Rows& rows, const Uuid& filing,
                                        std::string_view printed) const {
  const auto parsed = parse_filing_number(printed);
  const std::string key = known_key(printed, parsed);
  // Whoever had a number first keeps it: a list cannot take it from another record.
  if (key.empty() || rows.get(known_, bytes_of(key))) return {};
  if (auto put = rows.put(known_, bytes_of(key), RowBytes().id(filing)); !put) return put;

  // A misprinted number says nothing sure about whose serials are taken.
  if (!parsed || !examine_number(parsed->digits, schema::is_known_region).empty()) return {};
  const Bytes series = bytes_of(parsed->digits).first(kSeriesDigits);
  return rows.put(serials_, series,
                  with_serial(rows.get(serials_, series), decode_number(parsed->digits)->serial));
}

NumberAnswer Numbers::look_up(const store::Transaction& views, const Announcements& announcements,
                              std::string_view text) const {
  const auto parsed = parse_filing_number(text);
  NumberAnswer answer;
  if (parsed) answer.digits = parsed->digits;
  const std::string key = known_key(text, parsed);
  if (const auto row = views.get(known_, bytes_of(key))) {
    auto items = announcements.of_filing(views, RowReader(*row).id());
    if (!items.empty()) answer.record = std::move(items.front());
  }
  const std::vector<NumberFault> faults = examine_number(answer.digits, schema::is_known_region);
  if (faults.empty()) return answer;

  NumberKnowledge knowledge;
  knowledge.typed_is_on_record = answer.record.has_value();
  knowledge.is_known_number = [&](std::string_view digits) {
    return views.get(known_, bytes_of(digits)).has_value();
  };
  knowledge.is_known_subject = [&](std::string_view digits) {
    store::Cursor cursor = views.cursor(serials_);
    return cursor.seek(bytes_of(digits)) && text_of(cursor.key()).starts_with(digits);
  };
  knowledge.serial_fits = [&](const NumberParts& parts) {
    const std::string digits = compose_filing_number("-", parts).value_or(FilingNumber{}).digits;
    const auto serials = views.get(serials_, bytes_of(digits).first(std::min(digits.size(), kSeriesDigits)));
    if (!serials) return parts.serial == 1;
    return !holds(*serials, parts.serial) && parts.serial <= last_of(*serials) + 1;
  };
  const std::vector<std::string> suggestions =
      rank_suggestions(number_candidates(answer.digits, schema::is_known_region), knowledge);
  for (const NumberFault fault : faults) {
    answer.anomalies.push_back({fault, detail_of(fault, answer.digits), suggestions});
  }
  return answer;
}

}  // namespace ledger::projections
