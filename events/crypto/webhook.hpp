// Keys and signatures of webhooks as the Standard Webhooks specification has them
// (https://github.com/standard-webhooks/standard-webhooks, version 1).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "events/core/types.hpp"
#include "events/crypto/master_key.hpp"

namespace ledger::crypto {

/// The key that signs what is sent to one webhook. Derived from its id, so that none is stored.
[[nodiscard]] SecretKey webhook_key(const MasterKey& master, const Uuid& webhook);

/// `whsec_<base64>`: the key as whoever verifies is given it.
[[nodiscard]] std::string webhook_secret(const SecretKey& key);

/// `v1,<base64 of HMAC-SHA-256(key, id "." timestamp "." body)>`: the header `webhook-signature`. The
/// timestamp is in seconds since the epoch.
[[nodiscard]] std::string webhook_signature(Bytes key, std::string_view id, std::int64_t timestamp,
                                            std::string_view body);

}  // namespace ledger::crypto
