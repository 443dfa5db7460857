// Ed25519 keys (RFC 8032) that sign checkpoints, their PKCS#8 file, and C2SP verifier keys
// (c2sp.org/signed-note).
#pragma once

#include <array>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/types.hpp"
#include "events/crypto/durable_file.hpp"
#include "events/crypto/primitives.hpp"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace ledger::crypto {

using PublicKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

/// A private Ed25519 key. Movable and cheap to copy (shared, immutable); signing is safe from any thread.
class SigningKey {
 public:
  [[nodiscard]] static SigningKey generate();
  /// The key of a 32-byte RFC 8032 seed.
  [[nodiscard]] static SigningKey from_seed(const SecretKey& seed);
  /// Reads an unencrypted PKCS#8 PEM file of mode 0600; refuses looser permissions and other kinds of key.
  [[nodiscard]] static std::expected<SigningKey, FileFault> load(const std::filesystem::path& path);
  /// Writes a new PKCS#8 PEM file, mode 0600, durable; refuses when the path is taken.
  [[nodiscard]] std::expected<void, FileFault> save(const std::filesystem::path& path) const;

  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] Signature sign(Bytes message) const;

 private:
  explicit SigningKey(std::shared_ptr<evp_pkey_st> key);
  std::shared_ptr<evp_pkey_st> key_;
  PublicKey public_key_{};
};

/// True when the signature over the message is this key's.
[[nodiscard]] bool verify_signature(const PublicKey& key, Bytes message, Bytes signature);

/// The first four bytes, big-endian, of SHA-256(name || 0x0A || type || public key); type 0x01 is Ed25519,
/// 0x04 an Ed25519 cosignature (c2sp.org/signed-note, c2sp.org/tlog-cosignature).
inline constexpr std::uint8_t kEd25519Type = 0x01;
inline constexpr std::uint8_t kCosignatureType = 0x04;
[[nodiscard]] std::uint32_t key_id(std::string_view name, std::uint8_t type, const PublicKey& key);

/// A verifier key as text: `<name>+<8 lower-case hex key id>+<base64(type || public key)>`.
struct VerifierKey {
  std::string name;
  std::uint8_t type = kEd25519Type;
  PublicKey key{};
  [[nodiscard]] std::uint32_t id() const { return key_id(name, type, key); }
  [[nodiscard]] std::string text() const;
  /// Reads types 0x01 and 0x04 whose id is that of their name and key, and whose name is not empty and holds
  /// neither blanks, control characters nor `+`; else nullopt.
  [[nodiscard]] static std::optional<VerifierKey> parse(std::string_view text);
};

/// The keys of texts, in their order; those that are no verifier keys are left out.
[[nodiscard]] std::vector<VerifierKey> parse_verifier_keys(std::span<const std::string> texts);

}  // namespace ledger::crypto
