// One row of an official announcement list (境内互联网信息服务算法备案清单, 境内深度合成服务算法备案清单) and
// of a cancellation notice (注销公告), read into what the ledger records. Pure text to values; no row is
// refused: what cannot be taken as it stands is mended, and every rule that a row breaks is named. Any
// thread.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/events.hpp"
#include "replay/csv.hpp"

namespace ledger::replay {

/// A row as the ledger will hold it.
struct OfficialRow {
  /// `row` and `anomalies` filled in; the public record has status `published`.
  RecordImported record;
  /// The row's own columns as they stood, one CSV line: equal for equal rows, whatever the file's other
  /// columns, their order and the row's place. What makes an import repeatable.
  std::string content;
};

/// A row of a cancellation notice.
struct CancellationRow {
  std::size_t row = 0;
  std::string number;  ///< as printed, cut and mended like every text
  std::string digits;
  std::optional<Date> noticed_on;
  std::vector<std::string> anomalies;
  std::string content;
};

/// Columns that a file must have and does not, in a stable order; empty when it can be read.
[[nodiscard]] std::vector<std::string_view> missing_filing_columns(const CsvReader& reader);
[[nodiscard]] std::vector<std::string_view> missing_cancellation_columns(const CsvReader& reader);

/// Reads one row. The rules and their codes (`anomalies`, each at most once, in this order):
///   missing_<column>      a column that every row has is empty here: list, algorithm_name, type_or_role,
///                         subject_name, filing_number
///   number_format         the number is not digits with an optional prefix and 号
///   number_length, number_check_digit, number_region
///                         as events/core/filing_number.hpp finds them
///   number_type           the type in the number is none, or not the one that the list or its category names
///   role_products         a technical supporter with a product, or a provider without any
///   unknown_list, unknown_type
///                         neither of the two lists; a category or role that the lists do not know
///   bad_batch, bad_sequence, bad_date
///                         no number from 1, no day: left out of the record
///   invalid_utf8, control_character
///                         mended with U+FFFD
///   text_cut              a text longer than any field of its kind: its end is left out
[[nodiscard]] OfficialRow read_official_row(const CsvReader& reader, const CsvRow& row);

/// The same for a row of a notice; codes: cancellation_number, cancellation_date, and those of texts.
[[nodiscard]] CancellationRow read_cancellation_row(const CsvReader& reader, const CsvRow& row);

}  // namespace ledger::replay
