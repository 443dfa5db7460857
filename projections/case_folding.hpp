// Case folding for searching: the simple folding of Unicode 14.0 (CaseFolding.txt, statuses C and S), which
// maps one character to one. So `App` finds `APP`, and Ａ is ａ; but width is no case: Ａ is not A. Pure; any
// thread.
#pragma once

#include <string>
#include <string_view>

namespace ledger::projections {

/// The folded text of valid UTF-8. Bytes that are no UTF-8 stay as they are.
[[nodiscard]] std::string fold_case(std::string_view text);

/// Whether folding changes nothing but the letters A to Z: then `lower_ascii` does the same, many times
/// faster.
[[nodiscard]] bool folds_as_ascii(std::string_view text);

/// `text` with A to Z made a to z, in `out`, whose room is used again.
void lower_ascii(std::string_view text, std::string& out);

}  // namespace ledger::projections
