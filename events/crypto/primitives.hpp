// The cryptographic primitives of the ledger, each one OpenSSL's: SHA-256, HMAC, HKDF, AES-256-GCM, random
// bytes. Algorithms are fetched once a process and contexts are reused per thread: in OpenSSL 3.0 fetching by
// name costs more than hashing an entry. Every function may be called from any thread. OpenSSL refusing (out
// of memory, no entropy) is a broken invariant and throws std::runtime_error; only a forged or damaged input
// is a value.
#pragma once

#include <array>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include "events/core/types.hpp"

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace ledger::crypto {

/// 32 secret bytes, wiped when they go out of scope. Copies wipe themselves; a moved-from key is all zero.
class SecretKey {
 public:
  static constexpr std::size_t kSize = 32;

  SecretKey() = default;
  explicit SecretKey(std::span<const std::uint8_t, kSize> bytes);
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  SecretKey(SecretKey&& other) noexcept;
  SecretKey& operator=(SecretKey&& other) noexcept;
  ~SecretKey();

  /// 32 fresh bytes from OpenSSL's private generator.
  [[nodiscard]] static SecretKey random();

  [[nodiscard]] std::span<const std::uint8_t, kSize> octets() const { return bytes_; }
  [[nodiscard]] std::span<std::uint8_t, kSize> octets() { return bytes_; }
  [[nodiscard]] Bytes view() const { return bytes_of(bytes_); }
  /// Equality in constant time.
  [[nodiscard]] bool operator==(const SecretKey& other) const;

 private:
  std::array<std::uint8_t, kSize> bytes_{};
};

/// Fills `out` from OpenSSL's private generator (RAND_priv_bytes).
void random_bytes(std::span<std::uint8_t> out);
/// 16 random bytes: event ids, principal ids, record ids (all 128 bits random).
[[nodiscard]] Uuid random_id();
/// Compares without leaking where the first difference lies. Lengths are not secret.
[[nodiscard]] bool equal_in_constant_time(Bytes a, Bytes b);
/// Wipes memory in a way the optimiser keeps.
void wipe(std::span<std::byte> bytes);
void wipe(std::string& text);

/// SHA-256 of the parts one after the other, with nothing between them.
[[nodiscard]] Digest sha256(std::initializer_list<Bytes> parts);
[[nodiscard]] Digest sha256(Bytes bytes);

/// SHA-256 of what arrives in pieces. One thread at a time; move only.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&& other) noexcept;
  Sha256& operator=(Sha256&& other) noexcept;
  void update(Bytes bytes);
  /// The digest of everything so far; the object then starts afresh.
  [[nodiscard]] Digest finish();

 private:
  evp_md_ctx_st* context_;
};

/// HMAC-SHA-256 (RFC 2104) of the parts one after the other.
[[nodiscard]] Digest hmac_sha256(Bytes key, std::initializer_list<Bytes> parts);
[[nodiscard]] inline Digest hmac_sha256(const SecretKey& key, std::initializer_list<Bytes> parts) {
  return hmac_sha256(key.view(), parts);
}

/// HMAC-SHA-256 of each part as u32be length and bytes: no two different lists of parts collide. The form of
/// `key_tag` and `request_tag` (the design, "Idempotency": parts length-prefixed).
[[nodiscard]] Digest hmac_parts(const SecretKey& key, std::initializer_list<Bytes> parts);

/// HKDF-SHA-256 (RFC 5869) in its two steps. Built from our HMAC: the EVP_KDF of OpenSSL 3.0 is set up from
/// parameter lists and fetches its digest at each derivation, several times the cost of the three HMACs.
[[nodiscard]] SecretKey hkdf_extract(Bytes salt, Bytes key_material);
/// `out.size()` at most 8,160 bytes (255 blocks), else std::invalid_argument.
void hkdf_expand(const SecretKey& pseudorandom_key, std::initializer_list<Bytes> info,
                 std::span<std::uint8_t> out);
/// The first 32 bytes of HKDF-SHA-256 with an empty salt; `info` is the parts one after the other.
[[nodiscard]] SecretKey hkdf_sha256(Bytes key_material, std::initializer_list<Bytes> info);

/// AES-256-GCM (NIST SP 800-38D), 12-byte nonce, 16-byte tag behind the ciphertext.
inline constexpr std::size_t kNonceSize = 12;
inline constexpr std::size_t kTagSize = 16;
using Nonce = std::array<std::uint8_t, kNonceSize>;

/// Ciphertext and tag: `plain.size() + kTagSize` bytes. A nonce must never serve twice under one key.
[[nodiscard]] std::vector<std::byte> seal(const SecretKey& key, const Nonce& nonce, Bytes associated,
                                          Bytes plain);
/// The same into memory of the caller; `out.size()` is exactly `plain.size() + kTagSize`.
void seal_into(const SecretKey& key, const Nonce& nonce, Bytes associated, Bytes plain,
               std::span<std::byte> out);
/// The plain bytes, or nullopt when key, nonce, associated bytes, ciphertext or tag do not belong together.
[[nodiscard]] std::optional<std::vector<std::byte>> open(const SecretKey& key, const Nonce& nonce,
                                                         Bytes associated, Bytes sealed);
/// The same into memory of the caller, `out.size()` exactly `sealed.size() - kTagSize`; false, and `out`
/// wiped, when it does not authenticate.
[[nodiscard]] bool open_into(const SecretKey& key, const Nonce& nonce, Bytes associated, Bytes sealed,
                             std::span<std::byte> out);

/// A key wrapped under another: nonce[12] || AES-256-GCM(key)[32] || tag[16].
/// GCM with a random nonce rather than AES-KW (RFC 3394), for its associated bytes: they tie a wrapped key to
/// its record and epoch, so that rows cannot be exchanged. 2^32 wraps under one key stay within NIST's bound.
inline constexpr std::size_t kWrappedKeySize = kNonceSize + SecretKey::kSize + kTagSize;
using WrappedKey = std::array<std::uint8_t, kWrappedKeySize>;
[[nodiscard]] WrappedKey wrap_key(const SecretKey& wrapping, Bytes associated, const SecretKey& key);
/// nullopt for anything that `wrap_key` did not make with this wrapping key and these associated bytes.
[[nodiscard]] std::optional<SecretKey> unwrap_key(const SecretKey& wrapping, Bytes associated, Bytes wrapped);

}  // namespace ledger::crypto
