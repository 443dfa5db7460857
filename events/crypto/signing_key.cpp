#include "events/crypto/signing_key.hpp"

#include <algorithm>
#include <ranges>
#include <stdexcept>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "events/crypto/base64.hpp"

namespace ledger::crypto {
namespace {

constexpr std::size_t kVerifierKeyTextMax = 1024;

void require(bool held, const char* what) {
  if (!held) throw std::runtime_error(std::string("OpenSSL: ") + what);
}

using MessageContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
using Memory = std::unique_ptr<BIO, decltype(&BIO_free)>;

const unsigned char* octets(Bytes bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::shared_ptr<EVP_PKEY> owned(EVP_PKEY* key) {
  return {key, EVP_PKEY_free};
}

/// Never asks a terminal for a passphrase: an encrypted key is refused.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

bool is_key_name(std::string_view name) {
  if (name.empty() || name.find('+') != std::string_view::npos) return false;
  if (std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; })) {
    return false;
  }
  // Blanks beyond ASCII, as UTF-8: NEL, NBSP, ogham, en quad to hair space, separators, narrow, medium,
  // ideographic.
  for (const std::string_view blank :
       {"\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",
        "\u2007", "\u2008", "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"}) {
    if (name.find(blank) != std::string_view::npos) return false;
  }
  return true;
}

std::string id_hex(std::uint32_t id) {
  std::array<std::uint8_t, 4> bytes;
  put_be(id, bytes.data());
  return hex(bytes);
}

}  // namespace

SigningKey::SigningKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {
  std::size_t length = public_key_.size();
  require(key_ != nullptr && EVP_PKEY_get_raw_public_key(key_.get(), public_key_.data(), &length) == 1 &&
              length == public_key_.size(),
          "no Ed25519 key");
}

SigningKey SigningKey::generate() {
  return from_seed(SecretKey::random());
}

SigningKey SigningKey::from_seed(const SecretKey& seed) {
  return SigningKey(owned(
      EVP_PKEY_new_raw_private_key_ex(nullptr, "ED25519", nullptr, seed.octets().data(), SecretKey::kSize)));
}

std::expected<SigningKey, FileFault> SigningKey::load(const std::filesystem::path& path) {
  auto text = load_secret_file(path, 8192);
  if (!text) return std::unexpected(text.error());
  const Memory memory(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())), BIO_free);
  require(memory != nullptr, "no memory");
  auto key = owned(PEM_read_bio_PrivateKey(memory.get(), nullptr, no_passphrase, nullptr));
  wipe(*text);
  if (!key || EVP_PKEY_is_a(key.get(), "ED25519") != 1) {
    ERR_clear_error();
    return std::unexpected(FileFault{0, "not an unencrypted PKCS#8 Ed25519 key:", path.string()});
  }
  return SigningKey(std::move(key));
}

std::expected<void, FileFault> SigningKey::save(const std::filesystem::path& path) const {
  const Memory memory(BIO_new(BIO_s_secmem()), BIO_free);
  require(memory != nullptr && PEM_write_bio_PKCS8PrivateKey(memory.get(), key_.get(), nullptr, nullptr, 0,
                                                             nullptr, nullptr) == 1,
          "cannot write PKCS#8");
  char* text = nullptr;
  const long length = BIO_get_mem_data(memory.get(), &text);
  return create_secret_file(path, bytes_of(std::string_view(text, static_cast<std::size_t>(length))));
}

Signature SigningKey::sign(Bytes message) const {
  const MessageContext context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  Signature signature;
  std::size_t length = signature.size();
  require(
      context != nullptr &&
          EVP_DigestSignInit_ex(context.get(), nullptr, nullptr, nullptr, nullptr, key_.get(), nullptr) ==
              1 &&
          EVP_DigestSign(context.get(), signature.data(), &length, octets(message), message.size()) == 1 &&
          length == signature.size(),
      "cannot sign");
  return signature;
}

bool verify_signature(const PublicKey& key, Bytes message, Bytes signature) {
  if (signature.size() != Signature{}.size()) return false;
  const auto loaded =
      owned(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, key.data(), key.size()));
  const MessageContext context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  require(loaded != nullptr && context != nullptr &&
              EVP_DigestVerifyInit_ex(context.get(), nullptr, nullptr, nullptr, nullptr, loaded.get(),
                                      nullptr) == 1,
          "cannot verify");
  const bool holds = EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(message),
                                      message.size()) == 1;
  if (!holds) ERR_clear_error();  // a refused signature is an answer, not an error to be found later
  return holds;
}

std::uint32_t key_id(std::string_view name, std::uint8_t type, const PublicKey& key) {
  const std::array<std::uint8_t, 2> between = {'\n', type};
  return get_be<std::uint32_t>(sha256({bytes_of(name), bytes_of(between), bytes_of(key)}).bytes.data());
}

std::string VerifierKey::text() const {
  std::array<std::uint8_t, 33> typed;
  typed[0] = type;
  std::ranges::copy(key, typed.begin() + 1);
  return name + "+" + id_hex(id()) + "+" + base64(bytes_of(typed));
}

std::optional<VerifierKey> VerifierKey::parse(std::string_view text) {
  // The base64 part may hold '+': the first two separators count.
  const std::size_t first = text.find('+');
  if (text.size() > kVerifierKeyTextMax || first == std::string_view::npos) return std::nullopt;
  const std::size_t second = text.find('+', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto typed = base64_decode(text.substr(second + 1));
  if (!typed || typed->size() != 33) return std::nullopt;
  VerifierKey parsed{.name = std::string(text.substr(0, first)),
                     .type = std::to_integer<std::uint8_t>(typed->front()),
                     .key = {}};
  std::ranges::transform(*typed | std::views::drop(1), parsed.key.begin(),
                         [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
  if (parsed.type != kEd25519Type && parsed.type != kCosignatureType) return std::nullopt;
  if (!is_key_name(parsed.name) || text.substr(first + 1, second - first - 1) != id_hex(parsed.id())) {
    return std::nullopt;
  }
  return parsed;
}

std::vector<VerifierKey> parse_verifier_keys(std::span<const std::string> texts) {
  std::vector<VerifierKey> keys;
  for (const std::string& text : texts) {
    if (auto key = VerifierKey::parse(text)) keys.push_back(std::move(*key));
  }
  return keys;
}

}  // namespace ledger::crypto
