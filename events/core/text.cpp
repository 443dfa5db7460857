#include "events/core/text.hpp"

#include <cstdint>
#include <cstring>

namespace ledger {
namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080;

bool is_tail(unsigned char byte) {
  return (byte & 0xC0U) == 0x80U;
}

/// Length of the well-formed sequence of two to four bytes at `at`; 0 when there is none (RFC 3629 section
/// 4).
std::size_t sequence_at(const unsigned char* at, std::size_t left) {
  const unsigned char lead = at[0];
  if (lead >= 0xE1 && lead <= 0xEF && lead != 0xED) {  // first: nearly all Chinese text
    return left >= 3 && is_tail(at[1]) && is_tail(at[2]) ? 3 : 0;
  }
  if (lead >= 0xC2 && lead <= 0xDF) return left >= 2 && is_tail(at[1]) ? 2 : 0;
  if (lead == 0xE0) return left >= 3 && at[1] >= 0xA0 && at[1] <= 0xBF && is_tail(at[2]) ? 3 : 0;
  if (lead == 0xED) return left >= 3 && at[1] >= 0x80 && at[1] <= 0x9F && is_tail(at[2]) ? 3 : 0;
  if (lead < 0xF0 || lead > 0xF4 || left < 4 || !is_tail(at[2]) || !is_tail(at[3])) return 0;
  const unsigned char low = lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xF4 ? 0x8F : 0xBF;
  return at[1] >= low && at[1] <= high ? 4 : 0;
}

/// The code point at the front of a well-formed text, taken off it.
char32_t take_character(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[i])); };
  const char32_t lead = byte(0);
  if (lead < 0x80) {
    text.remove_prefix(1);
    return lead;
  }
  if (lead < 0xE0) {
    const char32_t value = ((lead & 0x1F) << 6) | (byte(1) & 0x3F);
    text.remove_prefix(2);
    return value;
  }
  if (lead < 0xF0) {
    const char32_t value = ((lead & 0x0F) << 12) | ((byte(1) & 0x3F) << 6) | (byte(2) & 0x3F);
    text.remove_prefix(3);
    return value;
  }
  const char32_t value =
      ((lead & 0x07) << 18) | ((byte(1) & 0x3F) << 12) | ((byte(2) & 0x3F) << 6) | (byte(3) & 0x3F);
  text.remove_prefix(4);
  return value;
}

bool is_noncharacter(char32_t c) {
  return (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF);
}

bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F);
}

bool hides_or_reorders(char32_t c) {
  return (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x2069) ||
         c == 0xFEFF || c == 0x061C || c == 0x00AD || c == 0x034F || c == 0x115F || c == 0x1160 ||
         c == 0x180E || c == 0x3164 || c == 0xFFA0 || (c >= 0xFFF9 && c <= 0xFFFB) ||
         (c >= 0xE0000 && c <= 0xE007F);
}

}  // namespace

bool is_utf8(std::string_view text) {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t left = text.size();
  while (left != 0) {
    if (at[0] < 0x80) {
      std::uint64_t word;
      if (left >= sizeof word) {  // eight bytes of ASCII at once
        std::memcpy(&word, at, sizeof word);
        if ((word & kHighBits) == 0) {
          at += sizeof word;
          left -= sizeof word;
          continue;
        }
      }
      ++at;
      --left;
      continue;
    }
    const std::size_t length = sequence_at(at, left);
    if (length == 0) return false;
    at += length;
    left -= length;
  }
  return true;
}

std::size_t count_characters(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) {
    if (!is_tail(static_cast<unsigned char>(c))) ++count;
  }
  return count;
}

bool has_forbidden_character(std::string_view text, Lines lines) {
  while (!text.empty()) {
    const char32_t c = take_character(text);
    if (is_noncharacter(c)) return true;
    if (is_control(c) && !(lines == Lines::several && (c == '\n' || c == '\t'))) return true;
    if (lines == Lines::one && hides_or_reorders(c)) return true;
  }
  return false;
}

bool is_blank(std::string_view text) {
  while (!text.empty()) {
    std::size_t width = 0;
    for (const std::string_view blank : {" ", "\t", "\n", "\r", "\xC2\xA0", "\xE3\x80\x80"}) {
      if (text.starts_with(blank)) width = blank.size();
    }
    if (width == 0) return false;
    text.remove_prefix(width);
  }
  return true;
}

}  // namespace ledger
