#include "events/crypto/primitives.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

namespace ledger::crypto {
namespace {

void require(bool held, const char* what) {
  if (!held) throw std::runtime_error(std::string("OpenSSL: ") + what);
}

const unsigned char* octets(Bytes bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

/// OpenSSL counts in int where it encrypts.
int as_int(std::size_t size) {
  if (size > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw std::length_error("too many bytes for one AES-GCM call");
  }
  return static_cast<int>(size);
}

// The fetched algorithms live as long as the process: freeing them in a static destructor would race with
// threads that still use them, and the pointers stay reachable.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  require(algorithm != nullptr, "no SHA256");
  return algorithm;
}

const EVP_CIPHER* aes_256_gcm() {
  static const EVP_CIPHER* const algorithm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  require(algorithm != nullptr, "no AES-256-GCM");
  return algorithm;
}

EVP_MAC* hmac_algorithm() {
  static EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  require(algorithm != nullptr, "no HMAC");
  return algorithm;
}

template <auto kFree>
struct Freed {
  template <typename T>
  void operator()(T* held) const {
    kFree(held);
  }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, Freed<EVP_MAC_CTX_free>>;

EVP_MD_CTX* thread_digest() {
  thread_local const DigestContext context(EVP_MD_CTX_new());
  require(context != nullptr, "no digest context");
  return context.get();
}

/// A context keeps the key schedule of its last use until the next one; so do all of OpenSSL's users that
/// reuse theirs, and setting one up anew costs as much as sealing a short value.
EVP_CIPHER_CTX* thread_sealer() {
  thread_local const CipherContext context = [] {
    CipherContext made(EVP_CIPHER_CTX_new());
    require(made && EVP_EncryptInit_ex2(made.get(), aes_256_gcm(), nullptr, nullptr, nullptr) == 1,
            "no cipher context");
    return made;
  }();
  return context.get();
}

EVP_CIPHER_CTX* thread_opener() {
  thread_local const CipherContext context = [] {
    CipherContext made(EVP_CIPHER_CTX_new());
    require(made && EVP_DecryptInit_ex2(made.get(), aes_256_gcm(), nullptr, nullptr, nullptr) == 1,
            "no cipher context");
    return made;
  }();
  return context.get();
}

EVP_MAC_CTX* thread_hmac() {
  thread_local const MacContext context = [] {
    MacContext made(EVP_MAC_CTX_new(hmac_algorithm()));
    std::string digest = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_end()};
    require(made && EVP_MAC_CTX_set_params(made.get(), parameters) == 1, "no HMAC context");
    return made;
  }();
  return context.get();
}

/// Begins an HMAC in this thread's context. The key of last time, which the context holds anyway, is not set
/// anew: the values of one record are sealed and opened one after another, and that is half the cost of each.
EVP_MAC_CTX* begin_hmac(Bytes key) {
  // OpenSSL takes a null key for "the key of last time": an empty one needs an address.
  static constexpr unsigned char kNothing = 0;
  thread_local SecretKey last;
  thread_local bool is_last = false;
  EVP_MAC_CTX* const context = thread_hmac();
  const bool again = is_last && equal_in_constant_time(key, last.view());
  const unsigned char* const given = key.empty() ? &kNothing : octets(key);
  is_last = false;
  require(EVP_MAC_init(context, again ? nullptr : given, again ? 0 : key.size(), nullptr) == 1, "HMAC key");
  is_last = key.size() == SecretKey::kSize;
  if (is_last && !again) std::copy_n(octets(key), SecretKey::kSize, last.octets().begin());
  return context;
}

void add(EVP_MAC_CTX* context, Bytes part) {
  require(part.empty() || EVP_MAC_update(context, octets(part), part.size()) == 1, "HMAC update");
}

void finish(EVP_MAC_CTX* context, std::uint8_t* out) {
  std::size_t written = 0;
  require(EVP_MAC_final(context, out, &written, 32) == 1 && written == 32, "HMAC final");
}

constexpr Bytes kNoBytes{};

}  // namespace

SecretKey::SecretKey(std::span<const std::uint8_t, kSize> bytes) {
  std::ranges::copy(bytes, bytes_.begin());
}

SecretKey::SecretKey(SecretKey&& other) noexcept : bytes_(other.bytes_) {
  OPENSSL_cleanse(other.bytes_.data(), kSize);
}

SecretKey& SecretKey::operator=(SecretKey&& other) noexcept {
  if (this != &other) {
    bytes_ = other.bytes_;
    OPENSSL_cleanse(other.bytes_.data(), kSize);
  }
  return *this;
}

SecretKey::~SecretKey() {
  OPENSSL_cleanse(bytes_.data(), kSize);
}

SecretKey SecretKey::random() {
  SecretKey key;
  random_bytes(key.octets());
  return key;
}

bool SecretKey::operator==(const SecretKey& other) const {
  return CRYPTO_memcmp(bytes_.data(), other.bytes_.data(), kSize) == 0;
}

void random_bytes(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const std::size_t piece = std::min<std::size_t>(out.size(), 1 << 20);
    require(RAND_priv_bytes(out.data(), static_cast<int>(piece)) == 1, "no random bytes");
    out = out.subspan(piece);
  }
}

Uuid random_id() {
  Uuid id;
  random_bytes(id.bytes);
  return id;
}

bool equal_in_constant_time(Bytes a, Bytes b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe(std::span<std::byte> bytes) {
  OPENSSL_cleanse(bytes.data(), bytes.size());
}

void wipe(std::string& text) {
  OPENSSL_cleanse(text.data(), text.size());
}

Digest sha256(std::initializer_list<Bytes> parts) {
  EVP_MD_CTX* const context = thread_digest();
  require(EVP_DigestInit_ex2(context, sha256_algorithm(), nullptr) == 1, "SHA256 init");
  for (const Bytes part : parts) {
    require(EVP_DigestUpdate(context, part.data(), part.size()) == 1, "SHA256 update");
  }
  Digest digest;
  require(EVP_DigestFinal_ex(context, digest.bytes.data(), nullptr) == 1, "SHA256 final");
  return digest;
}

Digest sha256(Bytes bytes) {
  return sha256({bytes});
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  require(context_ != nullptr && EVP_DigestInit_ex2(context_, sha256_algorithm(), nullptr) == 1,
          "SHA256 init");
}

Sha256::~Sha256() {
  EVP_MD_CTX_free(context_);
}

Sha256::Sha256(Sha256&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}

Sha256& Sha256::operator=(Sha256&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}

void Sha256::update(Bytes bytes) {
  require(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1, "SHA256 update");
}

Digest Sha256::finish() {
  Digest digest;
  require(EVP_DigestFinal_ex(context_, digest.bytes.data(), nullptr) == 1 &&
              EVP_DigestInit_ex2(context_, sha256_algorithm(), nullptr) == 1,
          "SHA256 final");
  return digest;
}

Digest hmac_sha256(Bytes key, std::initializer_list<Bytes> parts) {
  EVP_MAC_CTX* const context = begin_hmac(key);
  for (const Bytes part : parts) add(context, part);
  Digest tag;
  finish(context, tag.bytes.data());
  return tag;
}

Digest hmac_parts(const SecretKey& key, std::initializer_list<Bytes> parts) {
  EVP_MAC_CTX* const context = begin_hmac(key.view());
  for (const Bytes part : parts) {
    if (part.size() > std::numeric_limits<std::uint32_t>::max())
      throw std::length_error("a part above 4 GiB");
    std::array<std::uint8_t, 4> length;
    put_be(static_cast<std::uint32_t>(part.size()), length.data());
    add(context, bytes_of(length));
    add(context, part);
  }
  Digest tag;
  finish(context, tag.bytes.data());
  return tag;
}

SecretKey hkdf_extract(Bytes salt, Bytes key_material) {
  EVP_MAC_CTX* const context = begin_hmac(salt);
  add(context, key_material);
  SecretKey pseudorandom_key;
  finish(context, pseudorandom_key.octets().data());
  return pseudorandom_key;
}

void hkdf_expand(const SecretKey& pseudorandom_key, std::initializer_list<Bytes> info,
                 std::span<std::uint8_t> out) {
  if (out.size() > 255 * SecretKey::kSize) throw std::invalid_argument("HKDF gives at most 255 blocks");
  SecretKey block;
  std::uint8_t counter = 0;
  while (!out.empty()) {
    EVP_MAC_CTX* const context = begin_hmac(pseudorandom_key.view());
    if (counter > 0) add(context, block.view());
    for (const Bytes part : info) add(context, part);
    ++counter;
    add(context, bytes_of(std::span(&counter, 1)));
    finish(context, block.octets().data());
    const std::size_t taken = std::min(out.size(), SecretKey::kSize);
    std::copy_n(block.octets().begin(), taken, out.begin());
    out = out.subspan(taken);
  }
}

SecretKey hkdf_sha256(Bytes key_material, std::initializer_list<Bytes> info) {
  SecretKey derived;
  hkdf_expand(hkdf_extract(kNoBytes, key_material), info, derived.octets());
  return derived;
}

void seal_into(const SecretKey& key, const Nonce& nonce, Bytes associated, Bytes plain,
               std::span<std::byte> out) {
  if (out.size() != plain.size() + kTagSize) throw std::invalid_argument("seal_into: wrong room");
  EVP_CIPHER_CTX* const context = thread_sealer();
  auto* const written = reinterpret_cast<unsigned char*>(out.data());
  int length = 0;
  require(EVP_EncryptInit_ex2(context, nullptr, key.octets().data(), nonce.data(), nullptr) == 1, "GCM key");
  require(associated.empty() || EVP_EncryptUpdate(context, nullptr, &length, octets(associated),
                                                  as_int(associated.size())) == 1,
          "GCM associated bytes");
  require(
      plain.empty() || EVP_EncryptUpdate(context, written, &length, octets(plain), as_int(plain.size())) == 1,
      "GCM encrypt");
  require(EVP_EncryptFinal_ex(context, written + plain.size(), &length) == 1 &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagSize, written + plain.size()) == 1,
          "GCM tag");
}

std::vector<std::byte> seal(const SecretKey& key, const Nonce& nonce, Bytes associated, Bytes plain) {
  std::vector<std::byte> sealed(plain.size() + kTagSize);
  seal_into(key, nonce, associated, plain, sealed);
  return sealed;
}

bool open_into(const SecretKey& key, const Nonce& nonce, Bytes associated, Bytes sealed,
               std::span<std::byte> out) {
  if (sealed.size() < kTagSize) return false;
  const Bytes ciphertext = sealed.first(sealed.size() - kTagSize);
  if (out.size() != ciphertext.size()) throw std::invalid_argument("open_into: wrong room");
  EVP_CIPHER_CTX* const context = thread_opener();
  auto* const written = reinterpret_cast<unsigned char*>(out.data());
  std::array<unsigned char, kTagSize> tag;
  std::ranges::copy(std::span(octets(sealed) + ciphertext.size(), kTagSize), tag.begin());
  std::array<unsigned char, kTagSize> rest;  // GCM's final writes nothing; it asks for an address
  int length = 0;
  require(EVP_DecryptInit_ex2(context, nullptr, key.octets().data(), nonce.data(), nullptr) == 1, "GCM key");
  require(associated.empty() || EVP_DecryptUpdate(context, nullptr, &length, octets(associated),
                                                  as_int(associated.size())) == 1,
          "GCM associated bytes");
  require(ciphertext.empty() || EVP_DecryptUpdate(context, written, &length, octets(ciphertext),
                                                  as_int(ciphertext.size())) == 1,
          "GCM decrypt");
  require(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1, "GCM tag");
  if (EVP_DecryptFinal_ex(context, rest.data(), &length) == 1) return true;
  wipe(out);
  return false;
}

std::optional<std::vector<std::byte>> open(const SecretKey& key, const Nonce& nonce, Bytes associated,
                                           Bytes sealed) {
  if (sealed.size() < kTagSize) return std::nullopt;
  std::optional<std::vector<std::byte>> plain(std::in_place, sealed.size() - kTagSize);
  if (!open_into(key, nonce, associated, sealed, *plain)) plain.reset();
  return plain;
}

WrappedKey wrap_key(const SecretKey& wrapping, Bytes associated, const SecretKey& key) {
  WrappedKey wrapped;
  Nonce nonce;
  random_bytes(nonce);
  std::ranges::copy(nonce, wrapped.begin());
  seal_into(wrapping, nonce, associated, key.view(),
            std::as_writable_bytes(std::span(wrapped).subspan<kNonceSize>()));
  return wrapped;
}

std::optional<SecretKey> unwrap_key(const SecretKey& wrapping, Bytes associated, Bytes wrapped) {
  if (wrapped.size() != kWrappedKeySize) return std::nullopt;
  Nonce nonce;
  std::ranges::copy(std::span(octets(wrapped), kNonceSize), nonce.begin());
  SecretKey key;
  if (!open_into(wrapping, nonce, associated, wrapped.subspan(kNonceSize),
                 std::as_writable_bytes(key.octets()))) {
    return std::nullopt;
  }
  return key;
}

}  // namespace ledger::crypto
