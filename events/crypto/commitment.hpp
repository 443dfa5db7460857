// Private values: what stands in an entry (a salted commitment) and what lies beside the log (the sealed
// value). Formats: the design, section 5, "Private values"; golden vectors in tests/vectors/commitments.json.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/types.hpp"
#include "events/crypto/primitives.hpp"

namespace ledger::crypto {

/// 32 bytes that blind one commitment. Not secret towards whoever may read the value; disclosed with it.
using Salt = std::array<std::uint8_t, 32>;

/// SHA-256("filing-ledger/field/v1" || salt[32] || u16be length || origin || event_id[16] || u32be field ||
/// u32be length || value). An origin above 65,535 or a value above 2^32-1 bytes throws std::length_error.
[[nodiscard]] Digest commit(std::string_view origin, const Uuid& event_id, std::uint32_t field,
                            const Salt& salt, std::string_view value);

/// What one record key (of a person and submission, or of a filing attempt) derives for its fields.
/// Holds the HKDF pseudorandom key, so that the extract step is paid once a record. Copyable; wiped when it
/// goes out of scope; const use from any thread.
class RecordSealer {
 public:
  explicit RecordSealer(const SecretKey& record_key);

  /// HKDF-SHA-256(record key, "salt/v1" || event_id[16] || u32be field).
  [[nodiscard]] Salt salt(const Uuid& event_id, std::uint32_t field) const;
  /// HKDF-SHA-256(record key, "enc/v1" || event_id[16] || u32be field).
  [[nodiscard]] SecretKey encryption_key(const Uuid& event_id, std::uint32_t field) const;

  /// AES-256-GCM under `encryption_key`, zero nonce, no associated bytes: ciphertext || tag[16]. The key
  /// serves this one value: call once for an (event, field), or again only with the same value.
  [[nodiscard]] std::vector<std::byte> seal_value(const Uuid& event_id, std::uint32_t field,
                                                  std::string_view value) const;
  /// The value, or nullopt when it was not sealed under this record, event and field.
  [[nodiscard]] std::optional<std::string> open_value(const Uuid& event_id, std::uint32_t field,
                                                      Bytes sealed) const;

  struct SealedField {
    Digest commitment;
    std::vector<std::byte> sealed;
  };
  /// Seals a value where it stands: `room` holds the value and kTagSize bytes behind it for the tag, and then
  /// what `seal_value` would give. Answers the commitment. Shorter room throws std::length_error.
  Digest seal_in_place(std::string_view origin, const Uuid& event_id, std::uint32_t field,
                       std::span<std::byte> room) const;
  /// Commitment (under `salt`) and sealed value of one field.
  [[nodiscard]] SealedField seal_field(std::string_view origin, const Uuid& event_id, std::uint32_t field,
                                       std::string_view value) const;

 private:
  SecretKey pseudorandom_key_;
};

}  // namespace ledger::crypto
