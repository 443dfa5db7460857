#include "events/crypto/keystream.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <openssl/evp.h>

namespace ledger::crypto {

Keystream::Keystream(const SecretKey& key) : context_(EVP_CIPHER_CTX_new()) {
  const std::array<unsigned char, 16> counter_and_nonce{};
  const auto* octets = reinterpret_cast<const unsigned char*>(key.view().data());
  if (context_ == nullptr ||
      EVP_EncryptInit_ex(context_, EVP_chacha20(), nullptr, octets, counter_and_nonce.data()) != 1) {
    EVP_CIPHER_CTX_free(context_);
    throw std::runtime_error("no keystream");
  }
}

Keystream::~Keystream() {
  EVP_CIPHER_CTX_free(context_);
}

Keystream::Keystream(Keystream&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}

Keystream& Keystream::operator=(Keystream&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}

void Keystream::fill(std::span<std::uint8_t> out) {
  // What is encrypted are zeros, so that the ciphertext is the keystream itself.
  std::ranges::fill(out, std::uint8_t{0});
  while (!out.empty()) {
    const std::size_t piece = std::min<std::size_t>(out.size(), 1 << 20);
    int written = 0;
    if (EVP_EncryptUpdate(context_, out.data(), &written, out.data(), static_cast<int>(piece)) != 1 ||
        static_cast<std::size_t>(written) != piece) {
      throw std::runtime_error("no keystream");
    }
    out = out.subspan(piece);
  }
}

}  // namespace ledger::crypto
