// Access tokens: derived from the grant id under the master key, so that none needs storing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "events/core/types.hpp"
#include "events/crypto/master_key.hpp"

namespace ledger::crypto {

/// What a token says: the key epoch it was made under and the grant it stands for.
struct Token {
  std::uint32_t epoch = 0;
  Uuid grant;
  auto operator<=>(const Token&) const = default;
};

/// `fl1_<epoch, decimal>_<base64url(grant id[16] || HMAC-SHA-256(K_token(epoch), "fl1" || grant id)[32])>`:
/// the same text for the same grant, always.
[[nodiscard]] std::string make_token(const MasterKey& master, const Token& token);

/// Reads and checks a token. nullopt for any other text, a forged tag included. That a token is well made
/// says nothing of the grant: whether it exists, has expired or was revoked is the caller's question, as is
/// whether the epoch still counts.
[[nodiscard]] std::optional<Token> open_token(const MasterKey& master, std::string_view text);

/// SHA-256 of the token's text, which `access.granted` holds. The tag's 256 bits make a plain digest safe.
[[nodiscard]] Digest token_digest(std::string_view text);

}  // namespace ledger::crypto
