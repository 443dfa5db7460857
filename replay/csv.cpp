#include "replay/csv.hpp"

#include <algorithm>
#include <utility>

namespace ledger::replay {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

std::string_view code_of(CsvFault fault) {
  switch (fault) {
    case CsvFault::no_header: return "no_header";
    case CsvFault::doubled_column: return "doubled_column";
    case CsvFault::column_count: return "column_count";
    case CsvFault::quote_in_field: return "quote_in_field";
    case CsvFault::text_after_quote: return "text_after_quote";
    case CsvFault::unterminated_quote: return "unterminated_quote";
    case CsvFault::stray_carriage_return: return "stray_carriage_return";
  }
  return {};
}

std::expected<CsvReader, CsvError> CsvReader::open(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text.empty()) return std::unexpected(CsvError{CsvFault::no_header, 0});
  CsvReader reader(text);
  if (const auto fault = reader.read_record()) return std::unexpected(CsvError{*fault, 0});
  reader.header_ = std::move(reader.fields_);
  for (auto at = reader.header_.begin(); at != reader.header_.end(); ++at) {
    if (std::find(reader.header_.begin(), at, *at) != at) {
      return std::unexpected(CsvError{CsvFault::doubled_column, 0});
    }
  }
  return reader;
}

std::optional<std::size_t> CsvReader::column(std::string_view name) const {
  const auto at = std::ranges::find(header_, name);
  if (at == header_.end()) return std::nullopt;
  return static_cast<std::size_t>(at - header_.begin());
}

std::expected<std::optional<CsvRow>, CsvError> CsvReader::next() {
  if (header_.size() > 1) {
    while (take_line_end()) {
    }
  }
  if (rest_.empty()) return std::optional<CsvRow>{};
  ++rows_;
  if (const auto fault = read_record()) {
    skip_line();
    return std::unexpected(CsvError{*fault, rows_});
  }
  if (fields_.size() != header_.size()) return std::unexpected(CsvError{CsvFault::column_count, rows_});
  return CsvRow{rows_, fields_};
}

/// One record into `fields_`, its line end taken. On a fault `rest_` stands where the fault was found.
std::optional<CsvFault> CsvReader::read_record() {
  std::size_t count = 0;
  while (true) {
    // Fields of the row before are reused, so that a long file costs no allocation a field.
    if (count == fields_.size()) fields_.emplace_back();
    std::string& field = fields_[count++];
    field.clear();
    if (const auto fault = read_field(field)) return fault;
    if (rest_.empty() || take_line_end()) break;
    if (rest_.front() != ',') {
      return rest_.front() == '\r' ? CsvFault::stray_carriage_return : CsvFault::text_after_quote;
    }
    rest_.remove_prefix(1);
  }
  fields_.resize(count);
  return std::nullopt;
}

std::optional<CsvFault> CsvReader::read_field(std::string& field) {
  if (rest_.starts_with('"')) return read_quoted(field);
  const std::size_t end = std::min(rest_.find_first_of(",\r\n\""), rest_.size());
  if (end < rest_.size() && rest_[end] == '"') return CsvFault::quote_in_field;
  field = rest_.substr(0, end);
  rest_.remove_prefix(end);
  return std::nullopt;
}

std::optional<CsvFault> CsvReader::read_quoted(std::string& field) {
  rest_.remove_prefix(1);
  while (true) {
    const std::size_t quote = rest_.find('"');
    if (quote == std::string_view::npos) {
      rest_ = {};
      return CsvFault::unterminated_quote;
    }
    field += rest_.substr(0, quote);
    rest_.remove_prefix(quote + 1);
    if (!rest_.starts_with('"')) return std::nullopt;
    field += '"';
    rest_.remove_prefix(1);
  }
}

bool CsvReader::take_line_end() {
  if (rest_.starts_with('\n')) {
    rest_.remove_prefix(1);
    return true;
  }
  if (rest_.starts_with("\r\n")) {
    rest_.remove_prefix(2);
    return true;
  }
  return false;
}

void CsvReader::skip_line() {
  const std::size_t end = rest_.find('\n');
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
}

std::string csv_field(std::string_view text, bool alone) {
  const bool plain = text.find_first_of(",\"\r\n") == std::string_view::npos;
  if (plain && !(alone && text.empty())) return std::string(text);
  std::string field = "\"";
  for (const char c : text) {
    if (c == '"') field += '"';
    field += c;
  }
  return field += '"';
}

void append_csv_row(std::string& out, std::span<const std::string_view> fields) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) out += ',';
    out += csv_field(fields[i], fields.size() == 1);
  }
  out += "\r\n";
}

}  // namespace ledger::replay
