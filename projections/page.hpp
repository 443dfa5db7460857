// A page of a list, and the cursor that leads to the next one.
//
// A cursor is opaque to its holder: base64url of version[1] kind[1] key[0..64] checksum[6], where key is the
// place of the last row that was looked at and the checksum is the front of the SHA-256 of what stands before
// it. The checksum catches typing errors and tampering, nothing secret hangs on it. A cursor names a place,
// not a snapshot: rows that are added or changed meanwhile never make the rest skip or repeat one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/types.hpp"

namespace ledger::projections {

/// Items in the list's order. `next_cursor` is absent when nothing follows. A call looks at a bounded number
/// of rows, so a page may hold fewer items than asked for, even none, and still have a next one.
template <typename T>
struct Page {
  std::vector<T> items;
  std::optional<std::string> next_cursor;
};

/// Why a list could not be read: `bad_cursor`, a text that no call of this list gave.
enum class ListFault : std::uint8_t { bad_cursor };

/// Which list a cursor belongs to; stored in it.
enum class CursorKind : std::uint8_t { filings = 1, review_queue = 2, announcements = 3 };

inline constexpr std::size_t kCursorKeyBytesMax = 64;

/// The cursor for a key of 1 to 64 bytes.
[[nodiscard]] std::string cursor_text(CursorKind kind, Bytes key);
/// The key of a cursor of this kind; nullopt for any text that `cursor_text` did not give for this kind.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> cursor_key(CursorKind kind, std::string_view text);

}  // namespace ledger::projections
