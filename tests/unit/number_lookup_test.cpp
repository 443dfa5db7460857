#include <algorithm>

#include <catch2/catch.hpp>

#include "projections/numbers.hpp"
#include "tests/support/folded_views.hpp"

using namespace ledger;
using namespace ledger::test;
using ledger::projections::NumberAnswer;

namespace {

const Uuid kSubject = id_of(1, 5);

std::string digits_of(std::uint32_t subject, std::uint8_t type, std::uint16_t serial,
                      const char* region = "110108") {
  return compose_filing_number("演示备", {region, subject, type, 26, serial}).value().digits;
}

NumberAnswer look_up(FoldedViews& ledger, std::string_view text) {
  return ledger.models.numbers.look_up(ledger.views(), ledger.models.announcements, text);
}

std::vector<std::string> faults(const NumberAnswer& answer) {
  std::vector<std::string> codes;
  for (const auto& anomaly : answer.anomalies) {
    codes.emplace_back(code_of(anomaly.fault));
    CHECK_FALSE(anomaly.detail.empty());
  }
  return codes;
}

using Codes = std::vector<std::string>;

}  // namespace

TEST_CASE("a published number is found with or without its prefix") {
  FoldedViews ledger;
  const std::string digits = digits_of(1000001, 2, 1);
  publish(ledger, id_of(1), kSubject, public_record("演示备" + digits + "号", "甲"));
  for (const std::string& text :
       {digits, "演示备" + digits + "号", digits + "号", "演示备" + digits, "网信算备" + digits}) {
    const NumberAnswer answer = look_up(ledger, text);
    INFO(text);
    REQUIRE(answer.record);
    REQUIRE(answer.record->filing_id == id_of(1));
    REQUIRE(answer.record->record.algorithm_name == "甲");
    REQUIRE(answer.digits == digits);
    REQUIRE(answer.anomalies.empty());
  }
  REQUIRE(ledger.dump() == ledger.rebuilt());
}

TEST_CASE("a number that is assigned but not published is unknown") {
  FoldedViews ledger;
  const std::string digits = digits_of(1000001, 2, 1);
  const StreamId stream = filing_stream(id_of(1));
  ledger.append(stream, draft_saved(kSubject));
  ledger.append(stream, submitted(1));
  ledger.append(stream, ReviewStarted{1}, Role::reviewer);
  ledger.append(stream, FilingApproved{1, 0}, Role::reviewer);
  ledger.append(stream, number_assigned(digits), Role::registrar);
  REQUIRE_FALSE(look_up(ledger, digits).record);
  REQUIRE(look_up(ledger, digits).anomalies.empty());
  // Nor is it suggested as a number on record would be.
  std::string mistyped = digits;
  mistyped[8] = mistyped[8] == '9' ? '8' : '9';
  const auto before = look_up(ledger, mistyped).anomalies.at(0).suggestions;
  REQUIRE(std::ranges::find(before, digits) == before.end());
  ledger.append(stream, FilingPublished{public_record("演示备" + digits + "号", "甲"), std::nullopt},
                Role::registrar);
  REQUIRE(look_up(ledger, mistyped).anomalies.at(0).suggestions.front() == digits);
}

TEST_CASE("a well-formed number that nobody has is unknown, an ill-formed one is told why") {
  FoldedViews ledger;
  publish(ledger, id_of(1), kSubject, public_record("演示备" + digits_of(1000001, 2, 1) + "号", "甲"));
  REQUIRE(faults(look_up(ledger, digits_of(1000002, 2, 1))).empty());
  REQUIRE_FALSE(look_up(ledger, digits_of(1000002, 2, 1)).record);
  REQUIRE(faults(look_up(ledger, "12345")) == Codes{"number_length"});
  REQUIRE(faults(look_up(ledger, std::string(22, '1'))) == Codes{"number_length"});
  for (const char* none :
       {"", "号", "演示备", "abc", "1101x8", "演示备1101 08", "123456789012345678901234567890123"}) {
    INFO(none);
    REQUIRE(faults(look_up(ledger, none)) == Codes{"number_length"});
    REQUIRE(look_up(ledger, none).anomalies[0].suggestions.empty());
  }
  std::string digits = digits_of(1000001, 2, 7);
  digits.back() = digits.back() == '9' ? '0' : static_cast<char>(digits.back() + 1);
  REQUIRE(faults(look_up(ledger, digits)) == Codes{"number_check_digit"});
  std::string region = "999999" + digits.substr(6, 14);
  region += *number_check_digit(region);
  REQUIRE(faults(look_up(ledger, region)) == Codes{"number_region"});
  std::string type = digits.substr(0, 13) + "07" + digits.substr(15, 5);
  type += *number_check_digit(type);
  REQUIRE(faults(look_up(ledger, type)) == Codes{"number_type"});
  std::string all = "999999" + digits.substr(6, 7) + "07" + digits.substr(15, 5);
  all += *number_check_digit(all) == '0' ? '1' : '0';
  REQUIRE(faults(look_up(ledger, all)) == Codes{"number_check_digit", "number_region", "number_type"});
}

TEST_CASE("a typing error suggests the number on record first") {
  FoldedViews ledger;
  const std::string digits = digits_of(1234567, 2, 1);
  publish(ledger, id_of(1), kSubject, public_record("演示备" + digits + "号", "甲"));
  std::string swapped = digits;
  std::swap(swapped[7], swapped[8]);
  REQUIRE(look_up(ledger, swapped).anomalies.at(0).suggestions.front() == digits);
  std::string replaced = digits;
  replaced[10] = replaced[10] == '1' ? '2' : '1';
  REQUIRE(look_up(ledger, replaced).anomalies.at(0).suggestions.front() == digits);
  REQUIRE(look_up(ledger, digits.substr(0, 9) + digits.substr(10)).anomalies.at(0).suggestions.front() ==
          digits);
  REQUIRE(look_up(ledger, digits.substr(0, 9) + "5" + digits.substr(9)).anomalies.at(0).suggestions.front() ==
          digits);
}

TEST_CASE("a misprinted official number is found, with what is wrong and the number that fits the serials") {
  FoldedViews ledger;
  for (std::uint16_t serial = 1; serial <= 4; ++serial) {
    ledger.append(filing_stream(id_of(serial)),
                  imported(public_record("网信算备" + digits_of(2959887, 2, serial) + "号", "甲")),
                  Role::operator_);
  }
  std::string misprinted = digits_of(2959887, 2, 5);
  const std::string meant = misprinted;
  misprinted.back() = misprinted.back() == '5' ? '6' : '5';
  ledger.append(filing_stream(id_of(9)), imported(public_record("网信算备" + misprinted + "号", "乙")),
                Role::operator_);
  const NumberAnswer answer = look_up(ledger, misprinted);
  REQUIRE(answer.record);
  REQUIRE(answer.record->record.algorithm_name == "乙");
  REQUIRE(faults(answer) == Codes{"number_check_digit"});
  REQUIRE(answer.anomalies[0].suggestions.front() == meant);

  SECTION("corrected, both the old and the new number find it") {
    ledger.append(filing_stream(id_of(9)),
                  AnnouncementCorrected{public_record("网信算备" + meant + "号", "乙"), {}}, Role::registrar);
    REQUIRE(look_up(ledger, meant).record->filing_id == id_of(9));
    REQUIRE(look_up(ledger, meant).anomalies.empty());
    REQUIRE(look_up(ledger, misprinted).record->record.number == "网信算备" + meant + "号");
    REQUIRE(faults(look_up(ledger, misprinted)) == Codes{"number_check_digit"});
  }
  REQUIRE(ledger.dump() == ledger.rebuilt());
}

TEST_CASE("a number printed with something else in it is found as it was printed") {
  FoldedViews ledger;
  ledger.append(filing_stream(id_of(1)), imported(public_record("网信算备1101O8224236606220017号", "甲")),
                Role::operator_);
  const NumberAnswer answer = look_up(ledger, "网信算备1101O8224236606220017号");
  REQUIRE(answer.record);
  REQUIRE(faults(answer) == Codes{"number_length"});
  REQUIRE_FALSE(look_up(ledger, "网信算备1101O8224236606220018号").record);
}

TEST_CASE("whoever had a number first keeps it") {
  FoldedViews ledger;
  const std::string number = "网信算备" + digits_of(1000001, 2, 1) + "号";
  ledger.append(filing_stream(id_of(1)), imported(public_record(number, "甲")), Role::operator_);
  ledger.append(filing_stream(id_of(2)), imported(public_record(number, "乙")), Role::operator_);
  REQUIRE(look_up(ledger, number).record->filing_id == id_of(1));
}

TEST_CASE("a cancelled record is still found, as cancelled") {
  FoldedViews ledger;
  const std::string number = "演示备" + digits_of(1000001, 2, 1) + "号";
  publish(ledger, id_of(1), kSubject, public_record(number, "甲"));
  ledger.append(filing_stream(id_of(1)), FilingCancelled{}, Role::supervisor);
  REQUIRE(look_up(ledger, number).record->record.status == "cancelled");
}

TEST_CASE("looking back, a number is unknown until it was public, and no suggestion gives it away") {
  FoldedViews ledger;
  const std::string digits = digits_of(1000001, 2, 1), corrected = digits_of(1000001, 2, 2);
  publish(ledger, id_of(1), kSubject, public_record("演示备" + digits + "号", "算法"));
  const std::uint64_t published = ledger.position();
  ledger.append(filing_stream(id_of(1)),
                AnnouncementCorrected{public_record("演示备" + corrected + "号", "算法"), {}},
                Role::registrar);
  const auto then = [&](std::string_view text, std::uint64_t position) {
    return ledger.models.numbers.look_up(ledger.views(), ledger.models.announcements, text, position);
  };
  REQUIRE_FALSE(then(digits, published - 1).record);
  REQUIRE(then(digits, published).record->record.number == "演示备" + digits + "号");
  REQUIRE_FALSE(then(corrected, published).record);
  REQUIRE(then(corrected, published + 1).record->record.number == "演示备" + corrected + "号");
  REQUIRE(then(digits, published + 1).record->record.number == "演示备" + corrected + "号");

  std::string wrong = digits;
  wrong.back() = wrong.back() == '9' ? '0' : static_cast<char>(wrong.back() + 1);
  REQUIRE(then(wrong, published).anomalies.at(0).suggestions.front() == digits);
  FoldedViews empty;
  REQUIRE(then(wrong, published - 1).anomalies.at(0).suggestions ==
          empty.models.numbers.look_up(empty.views(), empty.models.announcements, wrong)
              .anomalies.at(0)
              .suggestions);
}
