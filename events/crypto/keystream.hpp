// Bytes that look random and follow from a key: where a made-up history takes its ids, salts and keys from.
// Nothing that is to stay secret may come from here unless the key is secret.
#pragma once

#include <cstdint>
#include <span>

#include "events/crypto/primitives.hpp"

struct evp_cipher_ctx_st;

namespace ledger::crypto {

/// The keystream of ChaCha20 (RFC 8439, by OpenSSL) under a key, nonce and counter zero: the same key gives
/// the same bytes on every machine, however they are cut. At most 256 GiB of them. One thread; move only.
class Keystream {
 public:
  explicit Keystream(const SecretKey& key);
  ~Keystream();
  Keystream(Keystream&& other) noexcept;
  Keystream& operator=(Keystream&& other) noexcept;
  /// The next `out.size()` bytes.
  void fill(std::span<std::uint8_t> out);

 private:
  evp_cipher_ctx_st* context_;
};

}  // namespace ledger::crypto
