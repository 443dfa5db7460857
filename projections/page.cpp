#include "projections/page.hpp"

#include <algorithm>
#include <array>

#include "events/crypto/base64.hpp"
#include "events/crypto/primitives.hpp"

namespace ledger::projections {
namespace {

constexpr std::uint8_t kCursorVersion = 1;
constexpr std::size_t kChecksumBytes = 6;
constexpr std::size_t kHeadBytes = 2;
/// Longer texts are refused unread.
constexpr std::size_t kCursorCharactersMax = (kHeadBytes + kCursorKeyBytesMax + kChecksumBytes) * 4 / 3 + 1;

std::array<std::byte, kChecksumBytes> checksum(Bytes bytes) {
  const Digest digest = crypto::sha256(bytes);
  std::array<std::byte, kChecksumBytes> front;
  std::memcpy(front.data(), digest.bytes.data(), front.size());
  return front;
}

}  // namespace

std::string cursor_text(CursorKind kind, Bytes key) {
  std::vector<std::byte> cursor = {std::byte{kCursorVersion}, static_cast<std::byte>(kind)};
  cursor.insert(cursor.end(), key.begin(), key.end());
  const auto sum = checksum(cursor);
  cursor.insert(cursor.end(), sum.begin(), sum.end());
  return crypto::base64url(cursor);
}

std::optional<std::vector<std::uint8_t>> cursor_key(CursorKind kind, std::string_view text) {
  if (text.size() > kCursorCharactersMax) return std::nullopt;
  const auto cursor = crypto::base64url_decode(text);
  if (!cursor || cursor->size() <= kHeadBytes + kChecksumBytes) return std::nullopt;
  const Bytes whole(*cursor);
  const Bytes said = whole.last(kChecksumBytes);
  const Bytes content = whole.first(whole.size() - kChecksumBytes);
  if (content[0] != std::byte{kCursorVersion} || content[1] != static_cast<std::byte>(kind))
    return std::nullopt;
  if (!std::ranges::equal(checksum(content), said)) return std::nullopt;
  const std::string_view key = text_of(content.subspan(kHeadBytes));
  return std::vector<std::uint8_t>(key.begin(), key.end());
}

}  // namespace ledger::projections
