#include "events/crypto/base64.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace ledger::crypto {
namespace {

// Own loops: EVP_DecodeBlock takes blanks, ignores stray bits, counts padding as bytes and knows no
// base64url; what surrounds it to be strict would be longer than this.
constexpr std::string_view kStandard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<std::int8_t, 256> values_of(std::string_view alphabet) {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}
constexpr auto kStandardValues = values_of(kStandard);
constexpr auto kUrlSafeValues = values_of(kUrlSafe);

std::string encode(Bytes bytes, std::string_view alphabet) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < count ? std::to_integer<std::uint32_t>(bytes[at + i]) : 0);
    }
    for (std::size_t i = 0; i <= count; ++i) text += alphabet[group >> (18 - 6 * i) & 63];
  }
  return text;
}

/// `text` without padding.
std::optional<std::vector<std::byte>> decode(std::string_view text,
                                             const std::array<std::int8_t, 256>& values) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t held = 0;
  int bits = 0;
  for (const char c : text) {
    const std::int8_t value = values[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    held = held << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<std::byte>(held >> bits));
      held &= (1U << bits) - 1;
    }
  }
  if (held != 0) return std::nullopt;  // stray bits: a second text for the same bytes
  return bytes;
}

}  // namespace

std::string base64(Bytes bytes) {
  std::string text = encode(bytes, kStandard);
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

std::optional<std::vector<std::byte>> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  if (text.ends_with("==")) {
    text.remove_suffix(2);
    if (text.size() % 4 != 2) return std::nullopt;
  } else if (text.ends_with('=')) {
    text.remove_suffix(1);
  }
  return decode(text, kStandardValues);
}

std::string base64url(Bytes bytes) {
  return encode(bytes, kUrlSafe);
}

std::optional<std::vector<std::byte>> base64url_decode(std::string_view text) {
  return decode(text, kUrlSafeValues);
}

}  // namespace ledger::crypto
