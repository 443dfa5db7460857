// The number rule against every number that was ever published. The lists are not part of the project:
// without the folder beside it these tests say so and check nothing.
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "events/core/filing_number.hpp"
#include "replay/csv.hpp"
#include "schema/codes.hpp"

using namespace ledger;

namespace {

struct Row {
  std::size_t number;
  std::string list, type_or_role, digits;
};

const std::vector<Row>& official_rows() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> read;
    std::ifstream file(LEDGER_SHARED_DIR "/data/announcements/filings.csv", std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (text.empty()) return read;
    auto reader = replay::CsvReader::open(text).value();
    const std::size_t list = reader.column("list").value();
    const std::size_t type = reader.column("type_or_role").value();
    const std::size_t number = reader.column("filing_number").value();
    while (const auto row = reader.next().value()) {
      const auto parsed = parse_filing_number(row->fields[number]).value();
      if (parsed.prefix != "网信算备" || parsed.text() != row->fields[number])
        throw std::runtime_error("a number");
      read.push_back({row->number, row->fields[list], row->fields[type], parsed.digits});
    }
    return read;
  }();
  return rows;
}

#define REQUIRE_LISTS()                                                                              \
  if (official_rows().empty()) {                                                                     \
    WARN("SKIPPED: no official lists in " LEDGER_SHARED_DIR "/data/announcements; nothing checked"); \
    return;                                                                                          \
  }

const KnownText kKnownRegion = [](std::string_view code) { return schema::is_known_region(code); };

/// What a view knows once all rows are imported.
NumberKnowledge knowledge_of_lists() {
  std::set<std::string, std::less<>> numbers;
  std::set<std::string, std::less<>> subjects;
  std::map<std::pair<std::uint32_t, int>, std::set<int>> serials;
  for (const Row& row : official_rows()) {
    numbers.insert(row.digits);
    if (!examine_number(row.digits, kKnownRegion).empty()) continue;
    const NumberParts parts = *decode_number(row.digits);
    subjects.insert(row.digits.substr(0, 13));
    serials[{parts.subject_number, parts.type}].insert(parts.serial);
  }
  NumberKnowledge knowledge;
  knowledge.is_known_number = [numbers](std::string_view digits) { return numbers.contains(digits); };
  knowledge.is_known_subject = [subjects](std::string_view subject) { return subjects.contains(subject); };
  knowledge.serial_fits = [serials](const NumberParts& parts) {
    const auto at = serials.find({parts.subject_number, parts.type});
    if (at == serials.end()) return parts.serial == 1;
    return !at->second.contains(parts.serial) && parts.serial <= *at->second.rbegin() + 1;
  };
  return knowledge;
}

}  // namespace

TEST_CASE("every official number keeps the rule but for one length, one check digit and four regions") {
  REQUIRE_LISTS();
  REQUIRE(official_rows().size() == 7997);
  std::map<std::string, int> faults;
  std::set<std::string> unknown_regions;
  std::set<std::string> distinct;
  for (const Row& row : official_rows()) {
    distinct.insert(row.digits);
    for (const NumberFault fault : examine_number(row.digits, kKnownRegion)) {
      ++faults[std::string(code_of(fault))];
      if (fault == NumberFault::region) unknown_regions.insert(row.digits.substr(0, 6));
    }
  }
  REQUIRE(distinct.size() == 7986);
  REQUIRE(faults ==
          std::map<std::string, int>{{"number_length", 1}, {"number_check_digit", 1}, {"number_region", 4}});
  REQUIRE(unknown_regions == std::set<std::string>{"406301"});
}

TEST_CASE("every official number is composed again from its own parts") {
  REQUIRE_LISTS();
  for (const Row& row : official_rows()) {
    if (!examine_number(row.digits, kKnownRegion).empty()) continue;
    REQUIRE(compose_filing_number("网信算备", *decode_number(row.digits))->digits == row.digits);
  }
}

TEST_CASE("the type inside a number is one that the list's wording names, but for two rows") {
  REQUIRE_LISTS();
  std::vector<std::size_t> against;
  for (const Row& row : official_rows()) {
    const auto parts = decode_number(row.digits);
    if (!parts) continue;
    const auto* type = schema::find_number(schema::algorithm_types(), parts->type);
    REQUIRE(type != nullptr);
    if (row.list == "deep") {
      REQUIRE(type->code == "generation_synthesis");
      REQUIRE(schema::find_list_name(schema::algorithm_roles(), row.type_or_role) != nullptr);
    } else if (!schema::has_list_name(*type, row.type_or_role)) {
      REQUIRE(row.type_or_role == "调度决策类");
      REQUIRE(type->code == "content_filtering");
      against.push_back(row.number);
    }
  }
  REQUIRE(against.size() == 2);
}

TEST_CASE("the two misprinted official numbers lead to the numbers that were meant") {
  REQUIRE_LISTS();
  NumberKnowledge knowledge = knowledge_of_lists();
  knowledge.typed_is_on_record = true;
  const std::map<std::string, std::string> meant = {{"1101082242366066220017", "110108224236606220017"},
                                                    {"440305295988702220055", "440305295988702220057"}};
  for (const Row& row : official_rows()) {
    const auto faults = examine_number(row.digits, kKnownRegion);
    if (faults.empty() || faults.front() == NumberFault::region) continue;
    INFO(row.digits);
    const auto suggestions = rank_suggestions(number_candidates(row.digits, kKnownRegion), knowledge);
    REQUIRE_FALSE(suggestions.empty());
    REQUIRE(suggestions.size() <= kNumberSuggestionsMax);
    REQUIRE(suggestions.front() == meant.at(row.digits));
    // Someone who knows nothing of the other numbers still gets it, by the form alone.
    REQUIRE(rank_suggestions(number_candidates(row.digits, kKnownRegion), {}).front() ==
            meant.at(row.digits));
  }
}

TEST_CASE("an official number with one digit mistyped is suggested first or among the numbers on record") {
  REQUIRE_LISTS();
  const NumberKnowledge knowledge = knowledge_of_lists();
  const auto& rows = official_rows();
  for (std::size_t i = 0; i < rows.size(); i += 97) {
    if (!examine_number(rows[i].digits, kKnownRegion).empty()) continue;
    std::string typed = rows[i].digits;
    char& digit = typed[i % kNumberDigits];
    digit = static_cast<char>('0' + (digit - '0' + 1 + i % 4) % 10);
    INFO(typed);
    const auto suggestions = rank_suggestions(number_candidates(typed, kKnownRegion), knowledge);
    REQUIRE(std::ranges::find(suggestions, rows[i].digits) != suggestions.end());
  }
}
