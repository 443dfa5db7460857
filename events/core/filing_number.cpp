#include "events/core/filing_number.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "events/core/text.hpp"

namespace ledger {
namespace {

constexpr std::string_view kSuffix = "号";
constexpr std::string_view kDigits = "0123456789";
constexpr std::size_t kRegionDigits = 6;
constexpr std::size_t kSubjectDigits = 7;
constexpr std::size_t kTypeAt = kRegionDigits + kSubjectDigits;
constexpr std::size_t kYearAt = kTypeAt + 2;
constexpr std::size_t kSerialAt = kYearAt + 2;
constexpr std::size_t kCheckAt = kNumberDigits - 1;
static_assert(kSerialAt + 3 == kCheckAt);

bool all_digits(std::string_view text) {
  return text.find_first_not_of(kDigits) == std::string_view::npos;
}

/// The sum of d_i * 2^(21-i) modulo 10 over as many of the first 21 places as `digits` has.
unsigned weighted_sum(std::string_view digits) {
  unsigned sum = 0;
  for (const char c : digits) sum = (sum * 2 + static_cast<unsigned>(c - '0')) % 10;
  // Horner has given the last digit the weight 1; shift it to its place.
  for (std::size_t place = digits.size(); place < kNumberDigits; ++place) sum = sum * 2 % 10;
  return sum;
}

std::uint32_t number_at(std::string_view digits, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (const char c : digits.substr(at, count)) value = value * 10 + static_cast<std::uint32_t>(c - '0');
  return value;
}

void put_number(std::string& out, std::uint32_t value, std::size_t width) {
  const std::string digits = std::to_string(value);
  out.append(width - digits.size(), '0');
  out += digits;
}

// Digits, blanks and the suffix would leave open where the number begins or ends.
constexpr std::array<std::string_view, 14> kNotInPrefix{"号", " ",  "\u00a0", "\u3000", "０", "１", "２",
                                                        "３", "４", "５",     "６",     "７", "８", "９"};

/// Collects candidates, each number once, with the commonest of the edits that lead to it.
class Candidates {
 public:
  explicit Candidates(const KnownText& is_known_region) : is_known_region_(is_known_region) {}

  void offer(const std::string& digits, NumberEdit edit) {
    const auto [at, is_new] = edits_.try_emplace(digits, edit);
    if (!is_new) at->second = std::min(at->second, edit);
  }

  [[nodiscard]] std::vector<NumberCandidate> well_formed_except(std::string_view typed) const {
    std::vector<NumberCandidate> found;
    for (const auto& [digits, edit] : edits_) {
      if (digits != typed && examine_number(digits, is_known_region_).empty())
        found.push_back({digits, edit});
    }
    std::ranges::sort(found, {}, [](const NumberCandidate& one) { return std::tie(one.edit, one.digits); });
    return found;
  }

 private:
  const KnownText& is_known_region_;
  std::map<std::string, NumberEdit> edits_;
};

void offer_replacements_and_swaps(const std::string& typed, Candidates& candidates) {
  for (std::size_t i = 0; i < typed.size(); ++i) {
    std::string changed = typed;
    for (const char c : kDigits) {
      changed[i] = c;
      candidates.offer(changed, i == kCheckAt ? NumberEdit::check_digit : NumberEdit::substitution);
    }
  }
  for (std::size_t i = 0; i + 1 < typed.size(); ++i) {
    std::string changed = typed;
    std::swap(changed[i], changed[i + 1]);
    candidates.offer(changed, NumberEdit::transposition);
  }
}

void offer_deletions(const std::string& typed, Candidates& candidates) {
  for (std::size_t i = 0; i < typed.size(); ++i) {
    std::string changed = typed;
    changed.erase(i, 1);
    const bool doubled = i + 1 < typed.size() && typed[i] == typed[i + 1];
    candidates.offer(changed, doubled ? NumberEdit::doubled_digit : NumberEdit::deletion);
  }
}

void offer_insertions(const std::string& typed, Candidates& candidates) {
  for (std::size_t i = 0; i <= typed.size(); ++i) {
    for (const char c : kDigits) {
      std::string changed = typed;
      changed.insert(i, 1, c);
      const bool doubled = i < typed.size() && typed[i] == c;
      candidates.offer(changed, doubled ? NumberEdit::doubled_digit : NumberEdit::insertion);
    }
  }
}

enum class Support : std::uint8_t { number, serial, subject, none };

Support support_of(const std::string& digits, const NumberKnowledge& knowledge) {
  if (knowledge.is_known_number && knowledge.is_known_number(digits)) return Support::number;
  const std::string_view subject = std::string_view(digits).substr(0, kTypeAt);
  if (!knowledge.is_known_subject || !knowledge.is_known_subject(subject)) return Support::none;
  const auto parts = decode_number(digits);
  return knowledge.serial_fits && parts && knowledge.serial_fits(*parts) ? Support::serial : Support::subject;
}

bool is_guess(NumberEdit edit) {
  return edit == NumberEdit::substitution || edit == NumberEdit::insertion;
}

}  // namespace

std::string FilingNumber::text() const {
  return prefix + digits + std::string(kSuffix);
}

bool is_number_prefix(std::string_view prefix) {
  if (prefix.empty() || !is_utf8(prefix) || count_characters(prefix) > kNumberPrefixCharactersMax)
    return false;
  if (has_forbidden_character(prefix, Lines::one)) return false;
  if (prefix.find_first_of(kDigits) != std::string_view::npos) return false;
  return std::ranges::none_of(kNotInPrefix, [&](std::string_view barred) { return prefix.contains(barred); });
}

std::optional<FilingNumber> parse_filing_number(std::string_view text) {
  if (text.ends_with(kSuffix)) text.remove_suffix(kSuffix.size());
  const std::size_t first_digit = std::min(text.find_first_of(kDigits), text.size());
  const std::string_view prefix = text.substr(0, first_digit);
  const std::string_view digits = text.substr(first_digit);
  if (!prefix.empty() && !is_number_prefix(prefix)) return std::nullopt;
  if (digits.empty() || digits.size() > kNumberDigitsParsedMax || !all_digits(digits)) return std::nullopt;
  return FilingNumber{std::string(prefix), std::string(digits)};
}

std::optional<char> number_check_digit(std::string_view first_20) {
  if (first_20.size() != kCheckAt || !all_digits(first_20)) return std::nullopt;
  return kDigits[(1 + 10 - weighted_sum(first_20)) % 10];
}

std::optional<FilingNumber> compose_filing_number(std::string_view prefix, const NumberParts& parts) {
  if (!is_number_prefix(prefix)) return std::nullopt;
  if (parts.region.size() != kRegionDigits || !all_digits(parts.region)) return std::nullopt;
  if (parts.subject_number < 1 || parts.subject_number > kSubjectNumberMax) return std::nullopt;
  if (!from_number<AlgorithmType>(parts.type)) return std::nullopt;
  if (parts.year > 99 || parts.serial < 1 || parts.serial > kSerialMax) return std::nullopt;
  FilingNumber number{std::string(prefix), parts.region};
  put_number(number.digits, parts.subject_number, kSubjectDigits);
  put_number(number.digits, parts.type, 2);
  put_number(number.digits, parts.year, 2);
  put_number(number.digits, parts.serial, 3);
  number.digits += *number_check_digit(number.digits);
  return number;
}

std::optional<NumberParts> decode_number(std::string_view digits) {
  if (digits.size() != kNumberDigits || !all_digits(digits)) return std::nullopt;
  return NumberParts{.region = std::string(digits.substr(0, kRegionDigits)),
                     .subject_number = number_at(digits, kRegionDigits, kSubjectDigits),
                     .type = static_cast<std::uint8_t>(number_at(digits, kTypeAt, 2)),
                     .year = static_cast<std::uint8_t>(number_at(digits, kYearAt, 2)),
                     .serial = static_cast<std::uint16_t>(number_at(digits, kSerialAt, 3))};
}

std::string_view code_of(NumberFault fault) {
  switch (fault) {
    case NumberFault::length: return "number_length";
    case NumberFault::check_digit: return "number_check_digit";
    case NumberFault::region: return "number_region";
    case NumberFault::type: return "number_type";
  }
  return {};
}

std::vector<NumberFault> examine_number(std::string_view digits, const KnownText& is_known_region) {
  if (digits.size() != kNumberDigits || !all_digits(digits)) return {NumberFault::length};
  std::vector<NumberFault> faults;
  if (weighted_sum(digits) != 1) faults.push_back(NumberFault::check_digit);
  if (!is_known_region(digits.substr(0, kRegionDigits))) faults.push_back(NumberFault::region);
  if (!from_number<AlgorithmType>(number_at(digits, kTypeAt, 2))) faults.push_back(NumberFault::type);
  return faults;
}

std::vector<NumberCandidate> number_candidates(std::string_view digits, const KnownText& is_known_region) {
  if (!all_digits(digits)) return {};
  const std::string typed(digits);
  Candidates candidates(is_known_region);
  if (typed.size() == kNumberDigits) offer_replacements_and_swaps(typed, candidates);
  if (typed.size() == kNumberDigits + 1) offer_deletions(typed, candidates);
  if (typed.size() == kNumberDigits - 1) offer_insertions(typed, candidates);
  return candidates.well_formed_except(typed);
}

std::vector<std::string> rank_suggestions(const std::vector<NumberCandidate>& candidates,
                                          const NumberKnowledge& knowledge) {
  std::vector<std::tuple<Support, NumberEdit, std::string>> ranked;
  for (const auto& [digits, edit] : candidates) {
    const Support support = support_of(digits, knowledge);
    if (support == Support::number && knowledge.typed_is_on_record) continue;
    if (support == Support::none && is_guess(edit)) continue;
    ranked.emplace_back(support, edit, digits);
  }
  std::ranges::sort(ranked);
  std::vector<std::string> suggestions;
  for (const auto& [support, edit, digits] : ranked) {
    if (suggestions.size() == kNumberSuggestionsMax) break;
    suggestions.push_back(digits);
  }
  return suggestions;
}

}  // namespace ledger
