// The small value types that every part of the ledger shares: identifiers, digests, positions, times.
// Pure: no clock, no randomness, no I/O. Text forms are exact inverses of each other.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ledger {

using Bytes = std::span<const std::byte>;

/// 16 bytes shown as a UUID (RFC 9562): stream ids are UUIDv7, event and principal ids are random (v4 bits
/// not forced, all 128 bits count). The nil id means "none".
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const Uuid&) const = default;
  /// True when all 16 bytes are zero.
  [[nodiscard]] bool is_nil() const { return bytes == std::array<std::uint8_t, 16>{}; }
  /// The 36-character lower-case text, e.g. `018f2d5e-7c3a-7b6e-9d2f-0123456789ab`.
  [[nodiscard]] std::string text() const;
  /// Reads exactly the 36-character form, either case. Anything else is nullopt.
  [[nodiscard]] static std::optional<Uuid> parse(std::string_view text);
};

/// A SHA-256 value: document digests, commitments, leaf hashes, HMAC tags.
struct Digest {
  std::array<std::uint8_t, 32> bytes{};
  auto operator<=>(const Digest&) const = default;
  /// 64 lower-case hexadecimal characters.
  [[nodiscard]] std::string hex() const;
  /// `sha256:` and 64 lower-case hexadecimal characters, as the HTTP contract writes document digests.
  [[nodiscard]] std::string text() const;
  /// Reads exactly `sha256:<64 lower-case hex>`. Anything else is nullopt.
  [[nodiscard]] static std::optional<Digest> parse(std::string_view text);
};

/// Counts all events of the ledger from 0; also the Merkle leaf index.
struct Position {
  std::uint64_t value = 0;
  auto operator<=>(const Position&) const = default;
};

/// Microseconds since the Unix epoch, UTC.
struct TimestampUs {
  std::int64_t value = 0;
  auto operator<=>(const TimestampUs&) const = default;
  /// RFC 3339 with six decimals and `Z`, e.g. `2026-10-01T08:30:00.000000Z`.
  [[nodiscard]] std::string text() const;
  /// Reads RFC 3339 with any offset and 0 to 6 decimals. Anything else, or a year outside 1970-9999, is
  /// nullopt.
  [[nodiscard]] static std::optional<TimestampUs> parse(std::string_view text);
};

/// A calendar day in the zone Asia/Shanghai, as days since 1970-01-01.
struct Date {
  std::int32_t days = 0;
  auto operator<=>(const Date&) const = default;
  /// `YYYY-MM-DD`.
  [[nodiscard]] std::string text() const;
  /// Reads exactly `YYYY-MM-DD`, a real day of the years 1970-9999. Anything else is nullopt.
  [[nodiscard]] static std::optional<Date> parse(std::string_view text);
  /// The day in Asia/Shanghai (UTC+8, no summer time since 1991) that holds this moment.
  [[nodiscard]] static Date of(TimestampUs at);
  /// The Gregorian year of the day.
  [[nodiscard]] int year() const;
};

/// Lower-case hexadecimal of any bytes.
[[nodiscard]] std::string hex(std::span<const std::uint8_t> bytes);

/// The bytes of a text, without a copy.
[[nodiscard]] inline Bytes bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// The same for octets: digests, ids and keys lie in arrays of them.
[[nodiscard]] inline Bytes bytes_of(std::span<const std::uint8_t> octets) {
  return std::as_bytes(octets);
}

/// The text that bytes hold, without a copy.
[[nodiscard]] inline std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Big-endian, as every key and every hashed length is written.
template <typename T>
void put_be(T value, std::uint8_t* out) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out[i] = static_cast<std::uint8_t>(value >> (8 * (sizeof(T) - 1 - i)));
  }
}

/// The inverse of `put_be`; reads sizeof(T) bytes.
template <typename T>
[[nodiscard]] T get_be(const std::uint8_t* in) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>((value << 8) | in[i]);
  return value;
}

}  // namespace ledger

template <>
struct std::hash<ledger::Uuid> {
  std::size_t operator()(const ledger::Uuid& id) const noexcept {
    // Ids are random or end in random bits, so the last eight bytes spread well enough.
    std::size_t value;
    std::memcpy(&value, id.bytes.data() + 8, sizeof value);
    return value;
  }
};
