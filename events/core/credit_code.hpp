// The unified social credit code of legal entities and other organisations (统一社会信用代码): form and check
// character. Source: GB 32100-2015, section 4 (structure, alphabet) and annex A (check character, after GB/T
// 17710). Pure; any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

namespace ledger {

/// What is wrong with a credit code, in the order in which it is looked for; only the first fault is told.
enum class CreditCodeFault : std::uint8_t {
  length,           ///< not 18 characters
  character,        ///< a character outside 0-9 A-Z without I, O, S, V, Z; lower case is outside
  region,           ///< positions 3 to 8, the registering authority's division, are not all digits
  check_character,  ///< position 18 is not the check character of the first 17
};

/// The stable text of a fault: `credit_code_length`, `credit_code_character`, `credit_code_region`,
/// `credit_code_check_character`. They explain; the refusal's own code is `credit_code_invalid`.
[[nodiscard]] std::string_view code_of(CreditCodeFault fault);

/// Checks a whole code. Exactly the 18 characters count: no blanks, no lower case, no full-width forms.
/// Not checked, because the standard leaves them open or other registers decide: which authorities (position
/// 1) and kinds of organisation (position 2) exist, as amendments add some; whether the division is in
/// today's GB/T 2260 (codes keep the division of the day they were given, and 100000 stands for the whole
/// country); and the check character that the organisation code of GB 11714 has inside positions 9 to 17.
[[nodiscard]] std::expected<void, CreditCodeFault> check_credit_code(std::string_view code);

/// The check character that belongs behind these 17 characters; nullopt when they are not 17 or one of them
/// is outside the alphabet. Annex A: c = 31 - (sum of C_i * 3^(i-1) mod 31, i = 1..17) mod 31, written in the
/// alphabet.
[[nodiscard]] std::optional<char> credit_code_check_character(std::string_view first_17);

}  // namespace ledger
