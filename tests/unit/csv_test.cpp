#include "replay/csv.hpp"

#include <random>

#include <catch2/catch.hpp>

using namespace ledger::replay;

namespace {

using Fields = std::vector<std::string>;

/// All rows after the header; a fault stands as one field, `!` and its code.
std::vector<Fields> rows_of(std::string_view text) {
  auto reader = CsvReader::open(text);
  REQUIRE(reader.has_value());
  std::vector<Fields> rows;
  while (true) {
    const auto row = reader->next();
    if (!row) {
      REQUIRE(row.error().row == rows.size() + 1);
      rows.push_back({"!" + std::string(code_of(row.error().fault))});
    } else if (!*row) {
      REQUIRE_FALSE(reader->next().value());
      return rows;
    } else {
      REQUIRE((*row)->number == rows.size() + 1);
      rows.emplace_back((*row)->fields.begin(), (*row)->fields.end());
    }
  }
}

CsvFault fault_of_opening(std::string_view text) {
  const auto reader = CsvReader::open(text);
  REQUIRE_FALSE(reader.has_value());
  REQUIRE(reader.error().row == 0);
  return reader.error().fault;
}

}  // namespace

TEST_CASE("rows are read with any line end, with or without the last one, after a byte order mark") {
  const std::vector<Fields> rows = {{"1", "甲"}, {"2", "乙"}};
  REQUIRE(rows_of("a,b\r\n1,甲\r\n2,乙\r\n") == rows);
  REQUIRE(rows_of("a,b\n1,甲\n2,乙") == rows);
  REQUIRE(rows_of("\xEF\xBB\xBF"
                  "a,b\n1,甲\r\n\r\n\n2,乙\n\n") == rows);
  const auto reader = CsvReader::open(
      "\xEF\xBB\xBF"
      "a,b\n");
  REQUIRE(reader->column("a") == 0);
  REQUIRE(reader->column("b") == 1);
  REQUIRE_FALSE(reader->column("c"));
  REQUIRE(reader->header().size() == 2);
}

TEST_CASE("quoted fields hold commas, quotes and line ends") {
  REQUIRE(rows_of("a,b\n\"x, \"\"y\"\"\",\"1\r\n2\n3\"\n\"\",\"\"\"\"\n") ==
          std::vector<Fields>{{"x, \"y\"", "1\r\n2\n3"}, {"", "\""}});
}

TEST_CASE("empty fields and blanks count") {
  REQUIRE(rows_of("a,b,c\n,,\n , x,\n1,2,") ==
          std::vector<Fields>{{"", "", ""}, {" ", " x", ""}, {"1", "2", ""}});
  REQUIRE(rows_of("a\n\nx\n") == std::vector<Fields>{{""}, {"x"}});
  REQUIRE(rows_of("a,b\n").empty());
  REQUIRE(rows_of("a,b").empty());
}

TEST_CASE("a faulty row is told with its number, and the rows behind it are read") {
  REQUIRE(rows_of("a,b\n1\n2,2\n3,3,3\n4,4\n") ==
          std::vector<Fields>{{"!column_count"}, {"2", "2"}, {"!column_count"}, {"4", "4"}});
  REQUIRE(rows_of("a,b\n1,x\"y\n2,2\n") == std::vector<Fields>{{"!quote_in_field"}, {"2", "2"}});
  REQUIRE(rows_of("a,b\n\"1\"x,1\n2,2\n") == std::vector<Fields>{{"!text_after_quote"}, {"2", "2"}});
  REQUIRE(rows_of("a,b\n1\r,1\n2,2\n") == std::vector<Fields>{{"!stray_carriage_return"}, {"2", "2"}});
  REQUIRE(rows_of("a,b\n1,1\r\r\n2,2\n") == std::vector<Fields>{{"!stray_carriage_return"}, {"2", "2"}});
  REQUIRE(rows_of("a,b\n1,1\n2,\"2\n3,3\n") == std::vector<Fields>{{"1", "1"}, {"!unterminated_quote"}});
  REQUIRE(rows_of("a,b\n1,\"") == std::vector<Fields>{{"!unterminated_quote"}});
}

TEST_CASE("a text without a usable header is refused") {
  REQUIRE(fault_of_opening("") == CsvFault::no_header);
  REQUIRE(fault_of_opening("\xEF\xBB\xBF") == CsvFault::no_header);
  REQUIRE(fault_of_opening("a,b,a\n") == CsvFault::doubled_column);
  REQUIRE(fault_of_opening("a,\"b\n") == CsvFault::unterminated_quote);
  REQUIRE(fault_of_opening("a,b\"\n") == CsvFault::quote_in_field);
}

TEST_CASE("a field is quoted only where it must be") {
  REQUIRE(csv_field("甲 乙") == "甲 乙");
  REQUIRE(csv_field("") == "");
  REQUIRE(csv_field("", true) == "\"\"");
  REQUIRE(csv_field("a,b") == "\"a,b\"");
  REQUIRE(csv_field("a\"b") == "\"a\"\"b\"");
  REQUIRE(csv_field("a\nb") == "\"a\nb\"");
  REQUIRE(csv_field("a\rb") == "\"a\rb\"");
  std::string line;
  const std::string_view fields[] = {"a,b", "", "c"};
  append_csv_row(line, fields);
  REQUIRE(line == "\"a,b\",,c\r\n");
}

TEST_CASE("whatever is written reads back the same") {
  constexpr std::string_view kPieces[] = {"", "a", ",", "\"", "\r", "\n", "\r\n", " ", "甲", "\"\"", "--"};
  std::mt19937 random(22);
  for (int round = 0; round < 300; ++round) {
    const std::size_t width = 1 + random() % 4;
    std::string text;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < width; ++i) names.push_back("column " + std::to_string(i));
    std::vector<Fields> rows(random() % 5, Fields(width));
    append_csv_row(text, std::vector<std::string_view>(names.begin(), names.end()));
    for (Fields& row : rows) {
      for (std::string& field : row) {
        for (std::size_t i = random() % 4; i > 0; --i) field += kPieces[random() % std::size(kPieces)];
      }
      append_csv_row(text, std::vector<std::string_view>(row.begin(), row.end()));
    }
    INFO(text);
    REQUIRE(rows_of(text) == rows);
  }
}

TEST_CASE("any bytes at all are read to the end without harm") {
  std::mt19937 random(23);
  constexpr std::string_view kBytes = "a,\"\r\n\xFF";
  for (int round = 0; round < 5000; ++round) {
    std::string text = "a,b\n";
    for (std::size_t i = random() % 24; i > 0; --i) text += kBytes[random() % kBytes.size()];
    INFO(text);
    REQUIRE(rows_of(text).size() <= text.size());
  }
}
