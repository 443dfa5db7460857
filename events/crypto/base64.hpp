// Base64 (RFC 4648) as notes, proofs and tokens need it: encoding, and decoding that takes canonical text
// only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/types.hpp"

namespace ledger::crypto {

/// The standard alphabet with padding (section 4).
[[nodiscard]] std::string base64(Bytes bytes);
/// Exactly what `base64` writes: no blanks, no missing padding, no stray bits behind the last byte; else
/// nullopt.
[[nodiscard]] std::optional<std::vector<std::byte>> base64_decode(std::string_view text);

/// The URL and file name safe alphabet without padding (section 5).
[[nodiscard]] std::string base64url(Bytes bytes);
/// Exactly what `base64url` writes; else nullopt.
[[nodiscard]] std::optional<std::vector<std::byte>> base64url_decode(std::string_view text);

}  // namespace ledger::crypto
