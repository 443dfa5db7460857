#include "events/core/credit_code.hpp"

#include <string>

#include <catch2/catch.hpp>

using ledger::check_credit_code;
using ledger::credit_code_check_character;
using ledger::CreditCodeFault;

namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";

CreditCodeFault fault_of(std::string_view code) {
  const auto checked = check_credit_code(code);
  REQUIRE_FALSE(checked.has_value());
  return checked.error();
}

}  // namespace

// The first is the standard's own example; the others are invented and were computed by another program.
TEST_CASE("codes with the right check character are accepted") {
  for (const char* code :
       {"91350100M000100Y43", "91110108AY4CL12THB", "924403053BJ1XG612U", "52310115DD272HD1TC",
        "12330106J3Y7LLJY17", "Y1100000JJC171HU49", "935101049D4H3J9HT6", "911101080000000080"}) {
    INFO(code);
    REQUIRE(check_credit_code(code).has_value());
    REQUIRE(credit_code_check_character(std::string_view(code).substr(0, 17)) == code[17]);
  }
}

TEST_CASE("the check character finds every single wrong character and every swap of neighbours") {
  const std::string good = "91350100M000100Y43";
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char c : kAlphabet) {
      std::string bad = good;
      bad[i] = c;
      REQUIRE(check_credit_code(bad).has_value() == (bad == good));
    }
    if (i + 1 == good.size()) continue;
    std::string swapped = good;
    std::swap(swapped[i], swapped[i + 1]);
    REQUIRE(check_credit_code(swapped).has_value() == (swapped == good));
  }
}

TEST_CASE("a credit code of another form is refused by its first fault") {
  for (const char* bad : {"", "9", "91350100M000100Y4", "91350100M000100Y433", " 91350100M000100Y43"}) {
    REQUIRE(fault_of(bad) == CreditCodeFault::length);
  }
  for (const char* bad :
       {"91350100m000100Y43", "91350100I000100Y43", "91350100O000100Y43", "91350100S000100Y43",
        "91350100V000100Y43", "91350100Z000100Y43", "91350100-000100Y43", "9135010 M000100Y43"}) {
    REQUIRE(fault_of(bad) == CreditCodeFault::character);
  }
  REQUIRE(fault_of(std::string(18, '\0')) == CreditCodeFault::character);
  REQUIRE(fault_of("91A50100M000100Y43") == CreditCodeFault::region);
  REQUIRE(fault_of("9135010XM000100Y43") == CreditCodeFault::region);
  REQUIRE(fault_of("91350100M000100Y44") == CreditCodeFault::check_character);
  REQUIRE(code_of(CreditCodeFault::check_character) == "credit_code_check_character");
}

TEST_CASE("a check character exists for 17 characters of the alphabet and nothing else") {
  REQUIRE(credit_code_check_character("91350100M000100Y4") == '3');
  for (const char* bad :
       {"", "91350100M000100Y", "91350100M000100Y43", "91350100M000100I4", "91350100m000100Y4"}) {
    REQUIRE_FALSE(credit_code_check_character(bad));
  }
}
