#include "events/core/filing_number.hpp"

#include <algorithm>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "schema/codes.hpp"

using namespace ledger;

namespace {

const KnownText kKnownRegion = [](std::string_view code) { return schema::is_known_region(code); };

// A fictitious number; its check digit was computed by hand in docs/numbers.md.
constexpr std::string_view kNumber = "110108100000102260011";
const NumberParts kParts{.region = "110108", .subject_number = 1000001, .type = 2, .year = 26, .serial = 1};

std::vector<std::string> codes_of(const std::vector<NumberFault>& faults) {
  std::vector<std::string> codes;
  for (const NumberFault fault : faults) codes.emplace_back(code_of(fault));
  return codes;
}

bool holds(const std::vector<NumberCandidate>& candidates, std::string_view digits) {
  return std::ranges::find(candidates, digits, &NumberCandidate::digits) != candidates.end();
}

NumberEdit edit_of(const std::vector<NumberCandidate>& candidates, std::string_view digits) {
  const auto at = std::ranges::find(candidates, digits, &NumberCandidate::digits);
  REQUIRE(at != candidates.end());
  return at->edit;
}

std::string random_number(std::mt19937& random) {
  const auto regions = schema::regions();
  const NumberParts parts{.region = std::string(regions[random() % regions.size()].code),
                          .subject_number = static_cast<std::uint32_t>(1 + random() % kSubjectNumberMax),
                          .type = static_cast<std::uint8_t>(1 + random() % 6),
                          .year = static_cast<std::uint8_t>(random() % 100),
                          .serial = static_cast<std::uint16_t>(1 + random() % kSerialMax)};
  return compose_filing_number("演示备", parts)->digits;
}

}  // namespace

TEST_CASE("a number is composed from its parts and decodes to them") {
  const auto number = compose_filing_number("演示备", kParts);
  REQUIRE(number);
  REQUIRE(number->digits == kNumber);
  REQUIRE(number->text() == "演示备110108100000102260011号");
  REQUIRE(decode_number(number->digits) == kParts);
  REQUIRE(examine_number(number->digits, kKnownRegion).empty());
}

TEST_CASE("parts that do not fit their digits compose nothing") {
  const auto with = [](auto change) {
    NumberParts parts = kParts;
    change(parts);
    return compose_filing_number("演示备", parts).has_value();
  };
  REQUIRE(with([](NumberParts&) {}));
  REQUIRE(with([](NumberParts& p) { p.subject_number = kSubjectNumberMax; }));
  REQUIRE(with([](NumberParts& p) { p.serial = kSerialMax; }));
  REQUIRE(with([](NumberParts& p) { p.year = 0; }));
  REQUIRE_FALSE(with([](NumberParts& p) { p.subject_number = 0; }));
  REQUIRE_FALSE(with([](NumberParts& p) { p.subject_number = kSubjectNumberMax + 1; }));
  REQUIRE_FALSE(with([](NumberParts& p) { p.serial = 0; }));
  REQUIRE_FALSE(with([](NumberParts& p) { p.serial = 1000; }));
  REQUIRE_FALSE(with([](NumberParts& p) { p.type = 0; }));
  REQUIRE_FALSE(with([](NumberParts& p) { p.type = 7; }));
  REQUIRE_FALSE(with([](NumberParts& p) { p.year = 100; }));
  REQUIRE_FALSE(with([](NumberParts& p) { p.region = "11010"; }));
  REQUIRE_FALSE(with([](NumberParts& p) { p.region = "11010x"; }));
  REQUIRE_FALSE(compose_filing_number("", kParts));
  REQUIRE_FALSE(compose_filing_number("备1", kParts));
}

TEST_CASE("a number is read with or without its prefix and suffix, and in no other dress") {
  const std::string digits(kNumber);
  REQUIRE(parse_filing_number(digits) == FilingNumber{"", digits});
  REQUIRE(parse_filing_number("演示备" + digits) == FilingNumber{"演示备", digits});
  REQUIRE(parse_filing_number("演示备" + digits + "号") == FilingNumber{"演示备", digits});
  REQUIRE(parse_filing_number(digits + "号") == FilingNumber{"", digits});
  REQUIRE(parse_filing_number("DEMO-备" + digits + "号")->prefix == "DEMO-备");
  REQUIRE(parse_filing_number("演示备12号")->digits == "12");
  REQUIRE(parse_filing_number("演示备" + digits + "号")->text() == "演示备" + digits + "号");
  const std::vector<std::string> bad = {"",
                                        "号",
                                        "演示备",
                                        "演示备号",
                                        " " + digits,
                                        digits + " ",
                                        digits + "号号",
                                        digits + "号\n",
                                        "演示 备" + digits,
                                        "演示备 " + digits,
                                        "演示备" + digits + "x",
                                        "演示备１" + digits,
                                        "１１０１０８",
                                        "备1备" + digits,
                                        "号" + digits,
                                        std::string("备\0", 4) + digits,
                                        "\u3000" + digits,
                                        "备\u200b" + digits,
                                        "备\xff" + digits,
                                        "\xe5\xa4" + digits,
                                        "十七个字的前缀十七个字的前缀太长了" + digits,
                                        std::string(33, '1')};
  for (const auto& text : bad) {
    INFO(text);
    REQUIRE_FALSE(parse_filing_number(text));
  }
  REQUIRE(is_number_prefix("十六个字的前缀十六个字的前缀不长"));
  REQUIRE(is_number_prefix("网信算备"));
}

TEST_CASE("the check digit makes the weighted sum one modulo ten, for every number") {
  REQUIRE(number_check_digit("11010810000010226001") == '1');
  REQUIRE(number_check_digit("44030510000010126001") == '3');
  REQUIRE(number_check_digit("31011510000420225017") == '3');
  REQUIRE(number_check_digit("00000000000000000000") == '1');
  for (const char* bad : {"", "1101081000001022600", "110108100000102260011", "1101081000001022600x"}) {
    REQUIRE_FALSE(number_check_digit(bad));
  }
  std::mt19937 random(20);
  for (int round = 0; round < 1000; ++round) {
    const std::string digits = random_number(random);
    unsigned sum = 0;
    for (std::size_t i = 1; i <= 21; ++i) sum += static_cast<unsigned>(digits[i - 1] - '0') << (21 - i);
    REQUIRE(sum % 10 == 1);
    REQUIRE(examine_number(digits, kKnownRegion).empty());
  }
}

// What the check digit can do and cannot: weights are even but for the last, so a difference of five escapes
// it.
TEST_CASE("the check digit finds a replaced digit or a swap unless the digits differ by five") {
  const std::string digits(kNumber);
  for (std::size_t i = 0; i + 1 < digits.size(); ++i) {
    for (char c = '0'; c <= '9'; ++c) {
      std::string bad = digits;
      bad[i] = c;
      const int difference = std::abs(c - digits[i]);
      REQUIRE((number_check_digit(bad.substr(0, 20)) == digits.back()) ==
              (difference == 0 || difference == 5));
    }
  }
  REQUIRE(examine_number("110108100000102260012", kKnownRegion) == std::vector{NumberFault::check_digit});
}

TEST_CASE("every fault of a number is named, and a wrong length hides the others") {
  const auto codes = [](std::string_view digits) { return codes_of(examine_number(digits, kKnownRegion)); };
  using Codes = std::vector<std::string>;
  REQUIRE(codes(kNumber).empty());
  REQUIRE(codes("") == Codes{"number_length"});
  REQUIRE(codes("11010810000010226001") == Codes{"number_length"});
  REQUIRE(codes("9999991000001072600111") == Codes{"number_length"});
  REQUIRE(codes("11010810000010226001x") == Codes{"number_length"});
  REQUIRE(codes("110108100000102260010") == Codes{"number_check_digit"});
  REQUIRE(codes("406301100000102260019") == Codes{"number_region"});
  REQUIRE(codes("110108100000100260019") == Codes{"number_type"});
  REQUIRE(codes("999999100000199260010") == Codes{"number_check_digit", "number_region", "number_type"});
}

TEST_CASE("the number that was meant is among the candidates of every single slip") {
  std::mt19937 random(21);
  for (int round = 0; round < 50; ++round) {
    const std::string meant = random_number(random);
    for (std::size_t i = 0; i < meant.size(); ++i) {
      std::string replaced = meant;
      replaced[i] = static_cast<char>('0' + (replaced[i] - '0' + 1 + random() % 9) % 10);
      REQUIRE(holds(number_candidates(replaced, kKnownRegion), meant));

      std::string shorter = meant;
      shorter.erase(i, 1);
      REQUIRE(holds(number_candidates(shorter, kKnownRegion), meant));

      std::string longer = meant;
      longer.insert(i, 1, static_cast<char>('0' + random() % 10));
      REQUIRE(holds(number_candidates(longer, kKnownRegion), meant));

      if (i + 1 == meant.size() || meant[i] == meant[i + 1]) continue;
      std::string swapped = meant;
      std::swap(swapped[i], swapped[i + 1]);
      REQUIRE(holds(number_candidates(swapped, kKnownRegion), meant));
    }
  }
}

TEST_CASE("candidates are well-formed, each once, never what was typed, in a fixed order") {
  for (const std::string typed : {"110108100000102260010", "110108100000102260011", "1101081000001022600111",
                                  "11010810000010226001", "1101081000001022600"}) {
    const auto candidates = number_candidates(typed, kKnownRegion);
    std::set<std::string> seen;
    for (const auto& [digits, edit] : candidates) {
      REQUIRE(examine_number(digits, kKnownRegion).empty());
      REQUIRE(digits != typed);
      REQUIRE(seen.insert(digits).second);
    }
    REQUIRE(
        std::ranges::is_sorted(candidates, {}, [](const auto& c) { return std::pair(c.edit, c.digits); }));
    REQUIRE(candidates.size() <= 210);
  }
  REQUIRE(number_candidates("1101081000001022600", kKnownRegion).empty());
  REQUIRE(number_candidates("", kKnownRegion).empty());
  REQUIRE(number_candidates("11010810000010226001x", kKnownRegion).empty());
  REQUIRE(number_candidates(std::string(1000, '1'), kKnownRegion).empty());
}

TEST_CASE("a candidate carries the commonest slip that leads to it") {
  const std::string digits(kNumber);
  REQUIRE(edit_of(number_candidates("110108100000102260018", kKnownRegion), digits) ==
          NumberEdit::check_digit);
  REQUIRE(edit_of(number_candidates("110108100000102620011", kKnownRegion), digits) ==
          NumberEdit::transposition);
  REQUIRE(edit_of(number_candidates("1101081000001022260011", kKnownRegion), digits) ==
          NumberEdit::doubled_digit);
  REQUIRE(edit_of(number_candidates("1101081000001022690011", kKnownRegion), digits) == NumberEdit::deletion);
  REQUIRE(edit_of(number_candidates("11010810000010260011", kKnownRegion), digits) ==
          NumberEdit::doubled_digit);
  REQUIRE(edit_of(number_candidates("11010810000010226011", kKnownRegion), digits) ==
          NumberEdit::doubled_digit);
  REQUIRE(edit_of(number_candidates("11010810000010220011", kKnownRegion), digits) == NumberEdit::insertion);
  REQUIRE(edit_of(number_candidates("110108100000402260011", kKnownRegion), digits) ==
          NumberEdit::substitution);
}

TEST_CASE("numbers on record come first, then what fits a known subject, then what needs no guess") {
  // Candidates as a view would get them; the ranking does not look at how they were found.
  const std::string recorded = "110108100000102260029";
  const std::string fitting = "110108100000102260037";
  const std::string subject_only = "110108100000102269998";
  const std::string swapped = "310115100000402260013";
  const std::string guessed = "440305100000402260011";
  const std::vector<NumberCandidate> candidates = {{swapped, NumberEdit::transposition},
                                                   {guessed, NumberEdit::substitution},
                                                   {subject_only, NumberEdit::substitution},
                                                   {fitting, NumberEdit::substitution},
                                                   {recorded, NumberEdit::insertion}};
  NumberKnowledge knowledge;
  knowledge.is_known_number = [&](std::string_view digits) { return digits == recorded; };
  knowledge.is_known_subject = [](std::string_view subject) { return subject == "1101081000001"; };
  knowledge.serial_fits = [](const NumberParts& parts) { return parts.serial == 3; };
  using Suggestions = std::vector<std::string>;
  REQUIRE(rank_suggestions(candidates, knowledge) == Suggestions{recorded, fitting, subject_only, swapped});
  knowledge.typed_is_on_record = true;
  REQUIRE(rank_suggestions(candidates, knowledge) == Suggestions{fitting, subject_only, swapped});
  REQUIRE(rank_suggestions(candidates, {}) == Suggestions{swapped});
  REQUIRE(rank_suggestions({}, knowledge).empty());
}

TEST_CASE("never more than five numbers are suggested") {
  NumberKnowledge knowledge;
  knowledge.is_known_number = [](std::string_view) { return true; };
  const auto candidates = number_candidates("110108100000102260013", kKnownRegion);
  REQUIRE(candidates.size() > 5);
  const auto suggestions = rank_suggestions(candidates, knowledge);
  REQUIRE(suggestions.size() == 5);
  REQUIRE(suggestions.front() == kNumber);
  // The example of docs/numbers.md: who knows nothing of the subject gets the repair and the swap, no
  // replaced digit.
  REQUIRE(rank_suggestions(candidates, {}) ==
          std::vector<std::string>{std::string(kNumber), "110108010000102260013"});
}
