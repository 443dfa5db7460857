#include "events/crypto/master_key.hpp"

#include <array>
#include <optional>
#include <string>
#include <utility>

namespace ledger::crypto {
namespace {

constexpr std::string_view kHeader = "filing-ledger master key v1\n";
constexpr std::string_view kPrefix = "filing-ledger/";
constexpr std::string_view kSuffix = "/v1";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::optional<SecretKey> parse(std::string_view text) {
  if (!text.starts_with(kHeader)) return std::nullopt;
  text.remove_prefix(kHeader.size());
  // The key is the second line; the vault keeps its epoch secret behind it (events/store/vault.hpp).
  if (text.size() < 2 * SecretKey::kSize) return std::nullopt;
  const std::string_view behind = text.substr(2 * SecretKey::kSize);
  if (!behind.empty() && behind != "\n" && !behind.starts_with("\nfiling-ledger vault ")) return std::nullopt;
  SecretKey key;
  for (std::size_t i = 0; i < SecretKey::kSize; ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    key.octets()[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return key;
}

constexpr std::uint32_t kFirstTokenEpoch = 1;

SecretKey derive_token_key(const SecretKey& secret, std::uint32_t epoch) {
  std::array<std::uint8_t, 4> number;
  put_be(epoch, number.data());
  return hkdf_sha256(secret.view(),
                     {bytes_of(kPrefix), bytes_of("token"), bytes_of(kSuffix), bytes_of(number)});
}

}  // namespace

MasterKey::MasterKey(SecretKey secret)
    : secret_(std::move(secret)),
      idempotency_(derive("idempotency")),
      request_(derive("request")),
      index_(derive("index")),
      vault_(derive("vault")),
      first_token_(derive_token_key(secret_, kFirstTokenEpoch)) {}

std::expected<MasterKey, FileFault> MasterKey::create(const std::filesystem::path& path) {
  SecretKey secret = SecretKey::random();
  std::string digits = hex(secret.octets());
  std::string text;
  text.reserve(kHeader.size() + digits.size() + 1);  // no regrowth, no unwiped copy
  text.append(kHeader).append(digits).append("\n");
  auto created = create_secret_file(path, bytes_of(text));
  wipe(digits);
  wipe(text);
  if (!created) return std::unexpected(created.error());
  return MasterKey(std::move(secret));
}

std::expected<MasterKey, FileFault> MasterKey::load(const std::filesystem::path& path) {
  auto text = load_secret_file(path);
  if (!text) return std::unexpected(text.error());
  auto secret = parse(*text);
  wipe(*text);
  if (!secret) return std::unexpected(FileFault{0, "not a master key file of this program:", path.string()});
  return MasterKey(std::move(*secret));
}

SecretKey MasterKey::token_key(std::uint32_t epoch) const {
  return epoch == kFirstTokenEpoch ? first_token_ : derive_token_key(secret_, epoch);
}

SecretKey MasterKey::derive(std::string_view purpose) const {
  return hkdf_sha256(secret_.view(), {bytes_of(kPrefix), bytes_of(purpose), bytes_of(kSuffix)});
}

SecretKey record_request_key(const SecretKey& record_key) {
  return hkdf_sha256(record_key.view(), {bytes_of("request/v1")});
}

}  // namespace ledger::crypto
