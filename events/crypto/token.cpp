#include "events/crypto/token.hpp"

#include <algorithm>
#include <charconv>

#include "events/crypto/base64.hpp"

namespace ledger::crypto {
namespace {

constexpr std::string_view kPrefix = "fl1_";
constexpr std::size_t kIdSize = 16;
constexpr std::size_t kBodySize = kIdSize + 32;

Digest tag_of(const MasterKey& master, const Token& token) {
  return hmac_sha256(master.token_key(token.epoch), {bytes_of("fl1"), bytes_of(token.grant.bytes)});
}

}  // namespace

std::string make_token(const MasterKey& master, const Token& token) {
  const Digest tag = tag_of(master, token);
  std::array<std::uint8_t, kBodySize> body;
  std::ranges::copy(tag.bytes, std::ranges::copy(token.grant.bytes, body.begin()).out);
  return std::string(kPrefix) + std::to_string(token.epoch) + "_" + base64url(bytes_of(body));
}

std::optional<Token> open_token(const MasterKey& master, std::string_view text) {
  if (!text.starts_with(kPrefix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  // The body is base64url and may hold '_'; the epoch before it cannot.
  const std::size_t split = text.find('_');
  if (split == std::string_view::npos) return std::nullopt;
  const std::string_view number = text.substr(0, split);
  Token token;
  const auto read = std::from_chars(number.data(), number.data() + number.size(), token.epoch);
  // One text for one epoch: no sign, no leading zero, nothing behind.
  if (read.ec != std::errc() || number != std::to_string(token.epoch)) return std::nullopt;
  const auto body = base64url_decode(text.substr(split + 1));
  if (!body || body->size() != kBodySize) return std::nullopt;
  std::memcpy(token.grant.bytes.data(), body->data(), kIdSize);
  if (!equal_in_constant_time(Bytes(*body).subspan(kIdSize), bytes_of(tag_of(master, token).bytes))) {
    return std::nullopt;
  }
  return token;
}

Digest token_digest(std::string_view text) {
  return sha256(bytes_of(text));
}

}  // namespace ledger::crypto
