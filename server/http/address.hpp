// Addresses: what to listen on, who is asking, and which proxy is believed about that. No name of Boost here.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/server.hpp"

namespace ledger::http {

struct HostPort {
  std::string host;  // without brackets
  std::uint16_t port = 0;
};

/// Reads `HOST:PORT` or `[IPv6]:PORT`, port 0 to 65535. An IPv6 address without brackets is refused as
/// ambiguous.
[[nodiscard]] std::optional<HostPort> parse_host_port(std::string_view text);

/// An IP address; IPv4 is kept in its IPv4-mapped IPv6 form (RFC 4291 section 2.5.5.2).
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  bool operator==(const IpAddress&) const = default;
  /// Reads numeric IPv4 or IPv6, without brackets or port; a zone (`%eth0`) is dropped.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
  [[nodiscard]] bool is_v4() const;
  /// 127.0.0.0/8 and ::1.
  [[nodiscard]] bool is_loopback() const;
  /// Numeric text; mapped addresses as IPv4.
  [[nodiscard]] std::string text() const;
};

/// The proxies whose word about the client's address is taken.
class TrustedProxies {
 public:
  /// Each item is an address or a network in CIDR form (`10.0.0.0/8`, `fd00::/8`). The error names the bad
  /// item.
  [[nodiscard]] static std::expected<TrustedProxies, std::string> parse(
      const std::vector<std::string>& items);
  [[nodiscard]] bool empty() const { return networks_.empty(); }
  [[nodiscard]] bool trusts(const IpAddress& address) const;
  /// The client behind `peer`: from the last hop backwards, the first address that is no trusted proxy. An
  /// unreadable hop ends the walk: the proxy before it is then the best that is known.
  [[nodiscard]] std::string client_of(const Request& request, std::string_view peer,
                                      ForwardedHeader header) const;

 private:
  struct Network {
    IpAddress address;
    unsigned prefix_bits = 128;
  };
  std::vector<Network> networks_;
};

}  // namespace ledger::http
