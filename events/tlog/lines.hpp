// What the text formats of the transparency log share: lines that end in a newline, decimal numbers without
// leading zeros, hashes in base64, and the error that names a line. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "events/core/types.hpp"

namespace ledger::tlog {

/// Why a text was refused: the line, counted from 1, and what is wrong there (static text).
struct FormatError {
  std::size_t line = 0;
  const char* reason = "";
  /// `line 3: the size is not a decimal number without leading zeros`.
  [[nodiscard]] std::string message() const;
};

/// Takes a text apart, line by line; `text` must outlive it.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : rest_(text) {}
  /// The next line without its newline. nullopt at the end, and at a last line that no newline ends.
  [[nodiscard]] std::optional<std::string_view> next();
  /// What was not read yet.
  [[nodiscard]] std::string_view rest() const { return rest_; }
  /// Number of the line that `next` gave or tried to give last, from 1.
  [[nodiscard]] std::size_t line() const { return line_; }
  /// The error of this line.
  [[nodiscard]] FormatError error(const char* reason) const { return {line_, reason}; }

 private:
  std::string_view rest_;
  std::size_t line_ = 0;
};

/// Largest size, index and time that the formats carry: what a signed 64-bit number holds (TLOG 1.3).
inline constexpr std::uint64_t kNumberMax = 0x7fff'ffff'ffff'ffff;

/// ASCII digits without leading zeros (`0` itself is one digit), at most `max`; else nullopt.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text,
                                                         std::uint64_t max = kNumberMax);

/// The 44 characters of a hash in standard base64.
[[nodiscard]] std::string hash_text(const Digest& hash);
/// Exactly what `hash_text` writes; else nullopt.
[[nodiscard]] std::optional<Digest> parse_hash(std::string_view text);

}  // namespace ledger::tlog
