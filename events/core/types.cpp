#include "events/core/types.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

namespace ledger {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::int64_t kUsPerSecond = 1'000'000;
constexpr std::int64_t kUsPerDay = 86'400 * kUsPerSecond;
constexpr std::int64_t kShanghaiOffsetUs = 8 * 3'600 * kUsPerSecond;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

/// What is left of the day, also at the ends of the range, where multiplying back would overflow.
std::int64_t floor_mod(std::int64_t value, std::int64_t by) {
  return value % by + (value % by < 0 ? by : 0);
}

std::int64_t floor_div(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

/// Writes `value` at `out` in `width` decimal digits, more where it needs them; returns the end. A year
/// before the common era has its sign.
char* put_digits(char* out, std::int64_t value, int width) {
  char digits[24];
  const char* const end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  for (auto missing = width - (end - digits); missing > 0; --missing) *out++ = '0';
  return std::copy(static_cast<const char*>(digits), end, out);
}

/// `width` decimal digits at the front of `text`, taken off it; -1 when they are not there.
int take_digits(std::string_view& text, std::size_t width) {
  if (text.size() < width) return -1;
  int value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(width);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::int32_t> take_day(std::string_view& text) {
  const int year = take_digits(text, 4);
  if (year < 1970 || !take(text, '-')) return std::nullopt;
  const int month = take_digits(text, 2);
  if (month < 1 || !take(text, '-')) return std::nullopt;
  const int day = take_digits(text, 2);
  if (day < 1) return std::nullopt;
  const std::chrono::year_month_day ymd{std::chrono::year{year},
                                        std::chrono::month{static_cast<unsigned>(month)},
                                        std::chrono::day{static_cast<unsigned>(day)}};
  if (!ymd.ok()) return std::nullopt;
  return static_cast<std::int32_t>(std::chrono::sys_days{ymd}.time_since_epoch().count());
}

std::chrono::year_month_day civil(std::int64_t days) {
  return std::chrono::year_month_day{std::chrono::sys_days{std::chrono::days{days}}};
}

char* put_day(char* out, std::int64_t days) {
  const auto ymd = civil(days);
  out = put_digits(out, static_cast<int>(ymd.year()), 4);
  *out++ = '-';
  out = put_digits(out, static_cast<unsigned>(ymd.month()), 2);
  *out++ = '-';
  return put_digits(out, static_cast<unsigned>(ymd.day()), 2);
}

char* put_hex(char* out, std::span<const std::uint8_t> bytes) {
  for (const std::uint8_t byte : bytes) {
    *out++ = kHex[byte >> 4];
    *out++ = kHex[byte & 15];
  }
  return out;
}

}  // namespace

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string out(bytes.size() * 2, '\0');
  put_hex(out.data(), bytes);
  return out;
}

std::string Uuid::text() const {
  std::array<char, 36> text;
  const std::span all(bytes);
  char* out = put_hex(text.data(), all.first(4));
  for (const std::size_t begin : {4, 6, 8}) {
    *out++ = '-';
    out = put_hex(out, all.subspan(begin, 2));
  }
  *out++ = '-';
  put_hex(out, all.last(6));
  return {text.data(), text.size()};
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  Uuid id;
  std::size_t at = 0;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    if ((i == 4 || i == 6 || i == 8 || i == 10) && text[at++] != '-') return std::nullopt;
    const auto lower = [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; };
    const int high = hex_value(lower(text[at]));
    const int low = hex_value(lower(text[at + 1]));
    if (high < 0 || low < 0) return std::nullopt;
    id.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
    at += 2;
  }
  return id;
}

std::string Digest::hex() const {
  return ledger::hex(bytes);
}

std::string Digest::text() const {
  return "sha256:" + hex();
}

std::optional<Digest> Digest::parse(std::string_view text) {
  constexpr std::string_view kPrefix = "sha256:";
  if (text.size() != kPrefix.size() + 64 || !text.starts_with(kPrefix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  Digest digest;
  for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return digest;
}

std::string TimestampUs::text() const {
  const std::int64_t days = floor_div(value, kUsPerDay);
  const std::int64_t in_day = floor_mod(value, kUsPerDay);
  const std::int64_t seconds = in_day / kUsPerSecond;
  std::array<char, 48> text;
  char* out = put_day(text.data(), days);
  *out++ = 'T';
  out = put_digits(out, seconds / 3600, 2);
  *out++ = ':';
  out = put_digits(out, seconds / 60 % 60, 2);
  *out++ = ':';
  out = put_digits(out, seconds % 60, 2);
  *out++ = '.';
  out = put_digits(out, in_day % kUsPerSecond, 6);
  *out++ = 'Z';
  return {text.data(), out};
}

std::optional<TimestampUs> TimestampUs::parse(std::string_view text) {
  const auto days = take_day(text);
  if (!days || !(take(text, 'T') || take(text, 't'))) return std::nullopt;
  const int hours = take_digits(text, 2);
  if (hours < 0 || hours > 23 || !take(text, ':')) return std::nullopt;
  const int minutes = take_digits(text, 2);
  if (minutes < 0 || minutes > 59 || !take(text, ':')) return std::nullopt;
  const int seconds = take_digits(text, 2);
  if (seconds < 0 || seconds > 59) return std::nullopt;
  std::int64_t fraction = 0;
  if (take(text, '.')) {
    std::int64_t unit = kUsPerSecond / 10;
    std::size_t count = 0;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
      if (++count > 6) return std::nullopt;
      fraction += (text.front() - '0') * unit;
      unit /= 10;
      text.remove_prefix(1);
    }
    if (count == 0) return std::nullopt;
  }
  std::int64_t offset_s = 0;
  if (!take(text, 'Z') && !take(text, 'z')) {
    const bool west = take(text, '-');
    if (!west && !take(text, '+')) return std::nullopt;
    const int offset_h = take_digits(text, 2);
    if (offset_h < 0 || offset_h > 23 || !take(text, ':')) return std::nullopt;
    const int offset_m = take_digits(text, 2);
    if (offset_m < 0 || offset_m > 59) return std::nullopt;
    offset_s = (offset_h * 3600 + offset_m * 60) * (west ? -1 : 1);
  }
  if (!text.empty()) return std::nullopt;
  const std::int64_t in_day = hours * 3600 + minutes * 60 + seconds - offset_s;
  return TimestampUs{*days * kUsPerDay + in_day * kUsPerSecond + fraction};
}

std::string Date::text() const {
  std::array<char, 24> text;
  return {text.data(), put_day(text.data(), days)};
}

std::optional<Date> Date::parse(std::string_view text) {
  const auto days = take_day(text);
  if (!days || !text.empty()) return std::nullopt;
  return Date{*days};
}

Date Date::of(TimestampUs at) {
  const bool turned = floor_mod(at.value, kUsPerDay) >= kUsPerDay - kShanghaiOffsetUs;
  return Date{static_cast<std::int32_t>(floor_div(at.value, kUsPerDay) + (turned ? 1 : 0))};
}

int Date::year() const {
  return static_cast<int>(civil(days).year());
}

}  // namespace ledger
