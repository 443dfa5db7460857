// What a text may hold: valid UTF-8, counted in code points, free of characters that hide or reorder what a
// reader sees. Pure; any thread. Sources: RFC 3629 (UTF-8), Unicode 15 chapters 23.1-23.8 (controls, format
// characters, noncharacters), https://trojansource.codes (bidirectional overrides).
#pragma once

#include <cstddef>
#include <string_view>

namespace ledger {

/// Whether all bytes are well-formed UTF-8: no overlong form, no surrogate, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text);

/// Code points of a well-formed text.
[[nodiscard]] std::size_t count_characters(std::string_view text);

enum class Lines : bool { one, several };

/// Whether a text holds nothing but blanks: space, tab, line end, no-break space, ideographic space U+3000.
[[nodiscard]] bool is_blank(std::string_view text);

/// Whether a well-formed text holds a character that no field takes: a noncharacter; a control (C0, DEL, C1)
/// other than \n and \t in a text of several lines; and in a text of one line also a line or paragraph
/// separator, a bidirectional control (U+200E, U+200F, U+061C, U+202A-202E, U+2066-2069), a zero-width
/// character (U+200B-200D, U+2060, U+FEFF) or another invisible one (U+00AD, U+034F, U+115F, U+1160, U+180E,
/// U+3164, U+FFA0, U+FFF9-FFFB, tags U+E0000-E007F).
[[nodiscard]] bool has_forbidden_character(std::string_view text, Lines lines);

}  // namespace ledger
