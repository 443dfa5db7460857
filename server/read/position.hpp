// Positions as they stand in paths and cursors.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "events/tlog/lines.hpp"

namespace ledger::server {

/// What every JSON reader keeps exactly (RFC 8259 section 6).
inline constexpr std::uint64_t kPositionMax = std::uint64_t{1} << 53;

/// A position as its decimal text, without sign or leading zeros, at most kPositionMax; else nullopt.
[[nodiscard]] inline std::optional<std::uint64_t> read_position(std::string_view text) {
  return tlog::parse_decimal(text, kPositionMax);
}

}  // namespace ledger::server
