// Which addresses a server that is told where to go must not go to: all that are not of the public Internet.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace ledger::webhook {

/// What an address is that is not public: `loopback`, `private`, ...; nullopt for a public one. `address` has
/// 4 or 16 bytes. Of IPv6 only 2000::/3 is public, less what carries IPv4 addresses or documents
/// (https://www.iana.org/assignments/iana-ipv6-special-registry, and its sister for IPv4).
[[nodiscard]] std::optional<std::string> why_not_public(std::span<const std::uint8_t> address);

}  // namespace ledger::webhook
