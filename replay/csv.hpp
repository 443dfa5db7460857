// Comma-separated values, RFC 4180: what `import` reads and `export` writes. The text is in memory; rows come
// one at a time. UTF-8 is neither checked nor changed, but a byte order mark in front is skipped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ledger::replay {

enum class CsvFault : std::uint8_t {
  no_header,              ///< the text is empty
  doubled_column,         ///< two columns of the header have one name
  column_count,           ///< a row has not as many fields as the header
  quote_in_field,         ///< a quote inside a field that does not begin with one
  text_after_quote,       ///< something other than a comma or line end after a closing quote
  unterminated_quote,     ///< the text ends inside a quoted field
  stray_carriage_return,  ///< a carriage return outside quotes that no line feed follows
};

/// The stable text of a fault: its enumerator's name.
[[nodiscard]] std::string_view code_of(CsvFault fault);

struct CsvError {
  CsvFault fault = CsvFault::no_header;
  std::size_t row = 0;  ///< 1 is the first row after the header, 0 the header itself
};

/// One row. `fields` has as many as the header; they live until the next call of the reader.
struct CsvRow {
  std::size_t number = 0;  ///< 1 for the first row after the header
  std::span<const std::string> fields;
};

/// Reads a text with a header line. Not thread-safe; the text outlives the reader.
/// Lines end with CRLF or LF, the last one may end with neither. A line without any character is no row (in a
/// text of one column it is one empty field). A quoted field may hold commas, line ends and doubled quotes.
/// Blanks count.
class CsvReader {
 public:
  /// Reads the header. Errors: no_header, doubled_column, or a fault of the header's text, all with row 0.
  [[nodiscard]] static std::expected<CsvReader, CsvError> open(std::string_view text);

  [[nodiscard]] std::span<const std::string> header() const { return header_; }
  /// The 0-based place of a column, by its exact name; nullopt when there is none.
  [[nodiscard]] std::optional<std::size_t> column(std::string_view name) const;

  /// The next row; nullopt at the end. After an error the next call goes on behind the faulty row: at the
  /// next line end, or at the end of the text for unterminated_quote. A faulty row has its number like any
  /// other.
  [[nodiscard]] std::expected<std::optional<CsvRow>, CsvError> next();

 private:
  explicit CsvReader(std::string_view text) : rest_(text) {}
  [[nodiscard]] std::optional<CsvFault> read_record();
  [[nodiscard]] std::optional<CsvFault> read_field(std::string& field);
  [[nodiscard]] std::optional<CsvFault> read_quoted(std::string& field);
  bool take_line_end();
  void skip_line();

  std::string_view rest_;  // what is not read yet
  std::vector<std::string> header_;
  std::vector<std::string> fields_;
  std::size_t rows_ = 0;
};

/// A field as it stands in a line: in quotes, inner quotes doubled, when it holds a comma, quote, CR or LF,
/// or when it is empty and `alone` in its row; else as it is.
[[nodiscard]] std::string csv_field(std::string_view text, bool alone = false);

/// Appends one line: the fields, commas between them, CRLF.
void append_csv_row(std::string& out, std::span<const std::string_view> fields);

}  // namespace ledger::replay
