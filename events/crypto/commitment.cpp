#include "events/crypto/commitment.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace ledger::crypto {
namespace {

constexpr std::string_view kCommitmentTag = "filing-ledger/field/v1";
constexpr std::string_view kSaltTag = "salt/v1";
constexpr std::string_view kEncryptionTag = "enc/v1";
/// Each derived key seals one value, so that its nonce can be zero and need not be stored.
constexpr Nonce kZeroNonce{};

std::array<std::uint8_t, 4> be32(std::uint32_t value) {
  std::array<std::uint8_t, 4> out;
  put_be(value, out.data());
  return out;
}

}  // namespace

Digest commit(std::string_view origin, const Uuid& event_id, std::uint32_t field, const Salt& salt,
              std::string_view value) {
  if (origin.size() > std::numeric_limits<std::uint16_t>::max() ||
      value.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw std::length_error("a commitment cannot express a length");
  }
  std::array<std::uint8_t, 2> origin_length;
  put_be(static_cast<std::uint16_t>(origin.size()), origin_length.data());
  const auto field_number = be32(field);
  const auto value_length = be32(static_cast<std::uint32_t>(value.size()));
  return sha256({bytes_of(kCommitmentTag), bytes_of(salt), bytes_of(origin_length), bytes_of(origin),
                 bytes_of(event_id.bytes), bytes_of(field_number), bytes_of(value_length), bytes_of(value)});
}

RecordSealer::RecordSealer(const SecretKey& record_key)
    : pseudorandom_key_(hkdf_extract({}, record_key.view())) {}

Salt RecordSealer::salt(const Uuid& event_id, std::uint32_t field) const {
  Salt salt;
  hkdf_expand(pseudorandom_key_, {bytes_of(kSaltTag), bytes_of(event_id.bytes), bytes_of(be32(field))}, salt);
  return salt;
}

SecretKey RecordSealer::encryption_key(const Uuid& event_id, std::uint32_t field) const {
  SecretKey key;
  hkdf_expand(pseudorandom_key_, {bytes_of(kEncryptionTag), bytes_of(event_id.bytes), bytes_of(be32(field))},
              key.octets());
  return key;
}

std::vector<std::byte> RecordSealer::seal_value(const Uuid& event_id, std::uint32_t field,
                                                std::string_view value) const {
  return seal(encryption_key(event_id, field), kZeroNonce, {}, bytes_of(value));
}

std::optional<std::string> RecordSealer::open_value(const Uuid& event_id, std::uint32_t field,
                                                    Bytes sealed) const {
  if (sealed.size() < kTagSize) return std::nullopt;
  std::string value(sealed.size() - kTagSize, '\0');
  if (!open_into(encryption_key(event_id, field), kZeroNonce, {}, sealed,
                 std::as_writable_bytes(std::span(value)))) {
    return std::nullopt;
  }
  return value;
}

RecordSealer::SealedField RecordSealer::seal_field(std::string_view origin, const Uuid& event_id,
                                                   std::uint32_t field, std::string_view value) const {
  SealedField made{.commitment = {}, .sealed = std::vector<std::byte>(value.size() + kTagSize)};
  std::ranges::copy(bytes_of(value), made.sealed.begin());
  made.commitment = seal_in_place(origin, event_id, field, made.sealed);
  return made;
}

Digest RecordSealer::seal_in_place(std::string_view origin, const Uuid& event_id, std::uint32_t field,
                                   std::span<std::byte> room) const {
  if (room.size() < kTagSize) throw std::length_error("no room for a tag");
  const Bytes value = room.first(room.size() - kTagSize);
  const Digest commitment = commit(origin, event_id, field, salt(event_id, field), text_of(value));
  seal_into(encryption_key(event_id, field), kZeroNonce, {}, value, room);
  return commitment;
}

}  // namespace ledger::crypto
