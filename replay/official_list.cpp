#include "replay/official_list.hpp"

#include <algorithm>
#include <charconv>

#include "events/core/filing_number.hpp"
#include "events/core/limits.hpp"
#include "events/core/text.hpp"
#include "schema/codes.hpp"

namespace ledger::replay {
namespace {

constexpr std::array<std::string_view, 12> kFilingColumns = {
    "list",         "batch_no", "list_month", "announced_on",  "seq",    "algorithm_name",
    "type_or_role", "products", "purpose",    "filing_number", "remark", "subject_name"};
/// Without these a row says nothing that could be announced.
constexpr std::array<std::string_view, 5> kNeeded = {"list", "algorithm_name", "type_or_role", "subject_name",
                                                     "filing_number"};
constexpr std::array<std::string_view, 2> kCancellationColumns = {"filing_number", "notice_date"};

constexpr std::string_view kAlgorithmList = "algo";
constexpr std::string_view kDeepSynthesisList = "deep";
constexpr std::string_view kNoProduct = "--";
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::size_t kShortTextCharactersMax = 64;

/// Bytes of the well-formed character at the front; 0 where there is none.
std::size_t character_at(std::string_view text) {
  for (std::size_t length = 1; length <= std::min<std::size_t>(4, text.size()); ++length) {
    if (is_utf8(text.substr(0, length))) return length;
  }
  return 0;
}

/// Reads the columns of one row by name, mends their texts and collects what is wrong.
class RowReader {
 public:
  RowReader(const CsvReader& reader, const CsvRow& row) : reader_(reader), row_(row) {}

  /// The field as it stands; empty where the file has no such column.
  [[nodiscard]] std::string_view raw(std::string_view column) const {
    const auto at = reader_.column(column);
    return at ? std::string_view(row_.fields[*at]) : std::string_view();
  }

  /// The field as a text that the ledger takes, at most `characters_max` long.
  std::string text(std::string_view column, std::size_t characters_max) {
    std::string_view left = raw(column);
    std::string out;
    out.reserve(left.size());
    for (std::size_t characters = 0; !left.empty(); ++characters) {
      if (characters == characters_max) {
        text_cut_ = true;
        break;
      }
      const std::size_t length = character_at(left);
      const std::string_view character = left.substr(0, std::max<std::size_t>(length, 1));
      left.remove_prefix(character.size());
      const bool line_end = character == "\n" || character == "\t";
      if (length == 0) {
        invalid_utf8_ = true;
      } else if (line_end || !has_forbidden_character(character, Lines::one)) {
        out += character;
        continue;
      } else {
        control_character_ = true;
      }
      out += kReplacement;
    }
    return out;
  }

  /// A number from 1 to `max`; an empty field is none, anything else is `code`.
  std::optional<std::uint32_t> number(std::string_view column, std::uint32_t max, const char* code) {
    const std::string_view text = raw(column);
    if (text.empty()) return std::nullopt;
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size() && value >= 1 && value <= max) return value;
    fail(code);
    return std::nullopt;
  }

  std::optional<Date> date(std::string_view column, const char* code) {
    const std::string_view text = raw(column);
    if (text.empty()) return std::nullopt;
    auto date = Date::parse(text);
    if (!date) fail(code);
    return date;
  }

  void fail(std::string code) {
    if (std::ranges::find(anomalies_, code) == anomalies_.end()) anomalies_.push_back(std::move(code));
  }

  /// Everything found; what is wrong with texts comes last.
  [[nodiscard]] std::vector<std::string> anomalies() {
    if (invalid_utf8_) fail("invalid_utf8");
    if (control_character_) fail("control_character");
    if (text_cut_) fail("text_cut");
    return std::move(anomalies_);
  }

  [[nodiscard]] std::string content(std::span<const std::string_view> columns) const {
    std::vector<std::string_view> fields;
    for (const std::string_view column : columns) fields.push_back(raw(column));
    std::string line;
    append_csv_row(line, fields);
    return line;
  }

 private:
  const CsvReader& reader_;
  const CsvRow& row_;
  std::vector<std::string> anomalies_;
  bool invalid_utf8_ = false, control_character_ = false, text_cut_ = false;
};

/// The digits of a printed number, whatever stands around them.
std::string digits_of(std::string_view number) {
  std::string digits;
  for (const char c : number) {
    if (c >= '0' && c <= '9') digits += c;
  }
  digits.resize(std::min(digits.size(), limits::kPublicNumberCharactersMax));
  return digits;
}

/// What the list says the algorithm is. `by_number`: the type in a number whose digits can be trusted to be
/// in place. The category 检索过滤类 stands for two types, which only the number tells apart.
void read_category(RowReader& row, RecordImported& record, std::optional<AlgorithmType> by_number) {
  PublicRecord& item = record.public_record;
  const auto categories = schema::algorithm_types();
  const schema::CodeEntry* category = nullptr;
  if (item.series == Series::deep_synthesis) {
    category = schema::find_number(categories, static_cast<unsigned>(AlgorithmType::generation_synthesis));
    const auto* role = schema::find_list_name(schema::algorithm_roles(), record.type_or_role);
    if (role != nullptr) item.role = from_number<AlgorithmRole>(role->number);
    if (role == nullptr && !record.type_or_role.empty()) row.fail("unknown_type");
  } else {
    category = schema::find_list_name(categories, record.type_or_role);
    const auto* numbered =
        by_number ? schema::find_number(categories, static_cast<unsigned>(*by_number)) : nullptr;
    if (numbered != nullptr && schema::has_list_name(*numbered, record.type_or_role)) category = numbered;
    if (category == nullptr && !record.type_or_role.empty()) row.fail("unknown_type");
  }
  item.type = category != nullptr ? from_number<AlgorithmType>(category->number) : by_number;
  if (by_number && item.type != by_number) row.fail("number_type");
}

void read_number(RowReader& row, RecordImported& record) {
  const auto parsed = parse_filing_number(record.source_number);
  record.digits = parsed ? parsed->digits : digits_of(record.source_number);
  record.public_record.number = record.source_number;
  if (record.source_number.empty()) return;
  if (!parsed) row.fail("number_format");
  if (record.digits.empty()) return;
  for (const NumberFault fault : examine_number(record.digits, schema::is_known_region)) {
    row.fail(std::string(code_of(fault)));
  }
}

}  // namespace

std::vector<std::string_view> missing_filing_columns(const CsvReader& reader) {
  std::vector<std::string_view> missing;
  for (const std::string_view column : kNeeded) {
    if (!reader.column(column)) missing.push_back(column);
  }
  return missing;
}

std::vector<std::string_view> missing_cancellation_columns(const CsvReader& reader) {
  std::vector<std::string_view> missing;
  for (const std::string_view column : kCancellationColumns) {
    if (!reader.column(column)) missing.push_back(column);
  }
  return missing;
}

OfficialRow read_official_row(const CsvReader& reader, const CsvRow& csv) {
  RowReader row(reader, csv);
  OfficialRow read;
  RecordImported& record = read.record;
  PublicRecord& item = record.public_record;
  for (const std::string_view column : kNeeded) {
    if (row.raw(column).empty()) row.fail("missing_" + std::string(column));
  }
  record.row = static_cast<std::uint32_t>(csv.number);
  record.list = row.text("list", kShortTextCharactersMax);
  record.list_month = row.text("list_month", kShortTextCharactersMax);
  record.type_or_role = row.text("type_or_role", kShortTextCharactersMax);
  record.source_number = row.text("filing_number", limits::kPublicNumberCharactersMax);
  if (record.list == kAlgorithmList) item.series = Series::algorithm;
  if (record.list == kDeepSynthesisList) item.series = Series::deep_synthesis;

  read_number(row, record);
  const auto parts = decode_number(record.digits);
  read_category(row, record, parts ? from_number<AlgorithmType>(parts->type) : std::nullopt);

  item.algorithm_name = row.text("algorithm_name", limits::kPublicRecordTextCharactersMax);
  item.organization_name = row.text("subject_name", limits::kPublicRecordTextCharactersMax);
  item.products = row.text("products", limits::kPublicRecordTextCharactersMax);
  item.purpose = row.text("purpose", limits::kPublicRecordTextCharactersMax);
  item.remark = row.text("remark", limits::kPublicRecordTextCharactersMax);
  item.status = "published";
  const bool has_product = !item.products.empty() && item.products != kNoProduct;
  if (item.role && has_product != (*item.role == AlgorithmRole::provider)) row.fail("role_products");

  if (!item.series && !record.list.empty()) row.fail("unknown_list");
  item.batch = row.number("batch_no", limits::kBatchMax, "bad_batch");
  record.sequence = row.number("seq", 1'000'000, "bad_sequence").value_or(0);
  item.announced_on = row.date("announced_on", "bad_date");
  record.anomalies = row.anomalies();
  read.content = row.content(kFilingColumns);
  return read;
}

CancellationRow read_cancellation_row(const CsvReader& reader, const CsvRow& csv) {
  RowReader row(reader, csv);
  CancellationRow read;
  read.row = csv.number;
  read.number = row.text("filing_number", limits::kPublicNumberCharactersMax);
  read.digits = digits_of(read.number);
  if (read.digits.empty()) row.fail("cancellation_number");
  read.noticed_on = row.date("notice_date", "cancellation_date");
  if (!read.noticed_on) row.fail("cancellation_date");
  read.anomalies = row.anomalies();
  read.content = row.content(kCancellationColumns);
  return read;
}

}  // namespace ledger::replay
