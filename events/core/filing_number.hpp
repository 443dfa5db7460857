// The filing number 备案号: its parts, its check digit, what is wrong with a mistyped one and which number
// was likely meant. The rule is decoded from the published lists and unofficial; docs/numbers.md tells how.
// Pure; any thread.
//
//   网信算备 | 110108 | 2242366 | 06 | 22 | 001 | 7 | 号
//   prefix     region   subject  type year serial check      21 digits between prefix and 号
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/codes.hpp"

namespace ledger {

inline constexpr std::size_t kNumberDigits = 21;
inline constexpr std::uint32_t kSubjectNumberMax = 9'999'999;
inline constexpr std::uint16_t kSerialMax = 999;
/// A prefix is a short word; this bounds what `parse` takes for one, in characters.
inline constexpr std::size_t kNumberPrefixCharactersMax = 16;
/// `parse` gives up on longer runs of digits; a mistyped number is a digit or two off.
inline constexpr std::size_t kNumberDigitsParsedMax = 32;

/// A number as printed. `digits` need not be a well-formed number: `examine` tells.
struct FilingNumber {
  std::string prefix;  ///< without the digits; empty when the text had none
  std::string digits;  ///< ASCII digits only
  auto operator<=>(const FilingNumber&) const = default;
  /// Prefix, digits and `号`: the form in which numbers are issued and announced.
  [[nodiscard]] std::string text() const;
};

/// True for 1 to 16 characters of UTF-8 without a digit (full-width ones too), a blank, a character that
/// text.hpp forbids, or `号`.
[[nodiscard]] bool is_number_prefix(std::string_view prefix);

/// Reads digits alone, prefix and digits, digits and `号`, or all three; nothing else may stand there, no
/// blank and no full-width digit. Nullopt for any other text, also for a bad prefix or more than 32 digits.
/// Not 21 digits is no error here.
[[nodiscard]] std::optional<FilingNumber> parse_filing_number(std::string_view text);

/// The parts of the 21 digits. `type` and `year` are the two digits as a number (year of issue in
/// Asia/Shanghai, 26 is 2026); `serial` counts from 1 per subject and type.
struct NumberParts {
  std::string region;  ///< 6 digits of GB/T 2260
  std::uint32_t subject_number = 0;
  std::uint8_t type = 0;
  std::uint8_t year = 0;
  std::uint16_t serial = 0;
  auto operator<=>(const NumberParts&) const = default;
};

/// The check digit ('0' to '9') that belongs behind these 20 digits; nullopt when they are not 20 ASCII
/// digits. Rule: sum of d_i * 2^(21-i) over i = 1..21 is 1 modulo 10; the check digit has weight 1, so there
/// is always one.
[[nodiscard]] std::optional<char> number_check_digit(std::string_view first_20);

/// The number with these parts and its check digit. Nullopt when a part does not fit its digits: region not 6
/// digits, subject number 0 or above 9,999,999, type not 1 to 6, year above 99, serial 0 or above 999, or a
/// bad prefix. Whether the region exists is the caller's to know.
[[nodiscard]] std::optional<FilingNumber> compose_filing_number(std::string_view prefix,
                                                                const NumberParts& parts);

/// The parts of exactly 21 ASCII digits, whatever they hold and whether or not the check digit fits; else
/// nullopt.
[[nodiscard]] std::optional<NumberParts> decode_number(std::string_view digits);

/// What is wrong with a number. Texts: `number_length`, `number_check_digit`, `number_region`, `number_type`.
enum class NumberFault : std::uint8_t { length, check_digit, region, type };
[[nodiscard]] std::string_view code_of(NumberFault fault);

using KnownText = std::function<bool(std::string_view)>;

/// Every fault of a number, in the order of the enumeration; empty for a well-formed one. Not 21 ASCII digits
/// is `length` alone, since no other digit is then sure of its place. `is_known_region` is asked with six
/// digits. The year is not judged: any two digits are a year that will come.
[[nodiscard]] std::vector<NumberFault> examine_number(std::string_view digits,
                                                      const KnownText& is_known_region);

/// How a candidate differs from what was typed, the commonest slip first.
enum class NumberEdit : std::uint8_t {
  check_digit,    ///< the last digit alone is replaced
  transposition,  ///< two neighbours are swapped
  doubled_digit,  ///< one of two equal neighbours is left out, or a digit is doubled
  deletion,       ///< one digit is left out
  substitution,   ///< one digit is replaced
  insertion,      ///< one digit is put in
};

struct NumberCandidate {
  std::string digits;
  NumberEdit edit = NumberEdit::substitution;
  auto operator<=>(const NumberCandidate&) const = default;
};

/// All well-formed numbers (`examine_number` finds nothing) that are one slip away from `digits`, each once
/// with its commonest edit, ascending by edit, then digits. 21 digits: replacements and swaps; 22: deletions;
/// 20: insertions; any other length or a non-digit: none. At most 210 are tried.
[[nodiscard]] std::vector<NumberCandidate> number_candidates(std::string_view digits,
                                                             const KnownText& is_known_region);

/// What the asker knows of the numbers that exist. A function left empty answers "no".
struct NumberKnowledge {
  /// Is this number (21 digits) on record?
  KnownText is_known_number;
  /// Does any number on record have this region and subject (13 digits)?
  KnownText is_known_subject;
  /// Could the subject have been given this number: is its serial free, and not beyond the next one, in its
  /// type?
  std::function<bool(const NumberParts&)> serial_fits;
  /// True when what was typed is itself on record, as misprinted official numbers are. Then the number that
  /// was meant cannot be another one on record, for that belongs to another filing.
  bool typed_is_on_record = false;
};

inline constexpr std::size_t kNumberSuggestionsMax = 5;

/// The candidates likeliest to be meant, best first, at most 5: numbers on record, then those that fit a
/// known subject and its serials, then those of a known subject, then the rest; among equals the commonest
/// edit first. Of the rest only what needs no guess stays: not a replaced or inserted digit that nothing
/// confirms.
[[nodiscard]] std::vector<std::string> rank_suggestions(const std::vector<NumberCandidate>& candidates,
                                                        const NumberKnowledge& knowledge);

}  // namespace ledger
