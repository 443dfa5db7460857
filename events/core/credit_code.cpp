#include "events/core/credit_code.hpp"

#include <algorithm>

namespace ledger {
namespace {

constexpr std::size_t kCodeCharacters = 18;
// A character's value is its place here: 31 of them, a prime, so every single error changes the check
// character.
constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
constexpr unsigned kModulus = 31;
static_assert(kAlphabet.size() == kModulus);

}  // namespace

std::string_view code_of(CreditCodeFault fault) {
  switch (fault) {
    case CreditCodeFault::length: return "credit_code_length";
    case CreditCodeFault::character: return "credit_code_character";
    case CreditCodeFault::region: return "credit_code_region";
    case CreditCodeFault::check_character: return "credit_code_check_character";
  }
  return {};
}

std::optional<char> credit_code_check_character(std::string_view first_17) {
  if (first_17.size() != kCodeCharacters - 1) return std::nullopt;
  unsigned sum = 0;
  unsigned weight = 1;
  for (const char c : first_17) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    sum += static_cast<unsigned>(value) * weight;
    weight = weight * 3 % kModulus;
  }
  return kAlphabet[(kModulus - sum % kModulus) % kModulus];
}

std::expected<void, CreditCodeFault> check_credit_code(std::string_view code) {
  if (code.size() != kCodeCharacters) return std::unexpected(CreditCodeFault::length);
  if (code.find_first_not_of(kAlphabet) != std::string_view::npos) {
    return std::unexpected(CreditCodeFault::character);
  }
  const std::string_view region = code.substr(2, 6);
  if (!std::ranges::all_of(region, [](char c) { return c >= '0' && c <= '9'; })) {
    return std::unexpected(CreditCodeFault::region);
  }
  if (credit_code_check_character(code.substr(0, kCodeCharacters - 1)) != code.back()) {
    return std::unexpected(CreditCodeFault::check_character);
  }
  return {};
}

}  // namespace ledger
