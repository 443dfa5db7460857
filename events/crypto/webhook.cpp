#include "events/crypto/webhook.hpp"

#include "events/crypto/base64.hpp"

namespace ledger::crypto {

SecretKey webhook_key(const MasterKey& master, const Uuid& webhook) {
  return master.derive("webhook/" + webhook.text());
}

std::string webhook_secret(const SecretKey& key) {
  return "whsec_" + base64(key.view());
}

std::string webhook_signature(Bytes key, std::string_view id, std::int64_t timestamp, std::string_view body) {
  const std::string time = std::to_string(timestamp);
  const Digest tag =
      hmac_sha256(key, {bytes_of(id), bytes_of("."), bytes_of(time), bytes_of("."), bytes_of(body)});
  return "v1," + base64(bytes_of(tag.bytes));
}

}  // namespace ledger::crypto
