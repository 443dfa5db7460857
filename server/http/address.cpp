#include "server/http/address.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>

namespace ledger::http {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

template <typename Number>
std::optional<Number> number(std::string_view text, Number max) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > max) return std::nullopt;
  return value;
}

// A hop as proxies write it: an address, perhaps with a port, IPv6 perhaps in brackets.
std::optional<IpAddress> parse_hop(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    return end == text.npos ? std::nullopt : IpAddress::parse(text.substr(1, end - 1));
  }
  const std::size_t colon = text.find(':');
  if (colon != text.npos && text.find(':', colon + 1) == text.npos)
    text = text.substr(0, colon);  // IPv4:port
  return IpAddress::parse(text);
}

// Cuts `text` at `mark` outside quoted strings.
std::vector<std::string_view> split(std::string_view text, char mark) {
  std::vector<std::string_view> parts;
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (quoted && text[i] == '\\') ++i;
    if (!quoted && i < text.size() && text[i] == mark) {
      parts.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  parts.push_back(text.substr(begin));
  return parts;
}

// The `for` of one forwarded-element (RFC 7239 section 4); empty when absent.
std::string_view forwarded_for(std::string_view element) {
  for (const std::string_view pair : split(element, ';')) {
    const std::size_t equals = pair.find('=');
    if (equals == pair.npos) continue;
    const std::string_view name = trimmed(pair.substr(0, equals));
    const bool is_for =
        name.size() == 3 && (name[0] | 32) == 'f' && (name[1] | 32) == 'o' && (name[2] | 32) == 'r';
    if (!is_for) continue;
    std::string_view value = trimmed(pair.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    return value;
  }
  return {};
}

}  // namespace

std::optional<HostPort> parse_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return std::nullopt;
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == host.npos) return std::nullopt;
  } else if (host.find(':') != host.npos) {
    return std::nullopt;
  }
  const auto port = number<std::uint32_t>(text.substr(colon + 1), 65'535);
  if (host.empty() || !port) return std::nullopt;
  return HostPort{std::string(host), static_cast<std::uint16_t>(*port)};
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string plain(text.substr(0, text.find('%')));
  IpAddress address;
  if (inet_pton(AF_INET6, plain.c_str(), address.bytes.data()) == 1) return address;
  address.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (inet_pton(AF_INET, plain.c_str(), address.bytes.data() + 12) == 1) return address;
  return std::nullopt;
}

bool IpAddress::is_v4() const {
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes[12] == 127;
  return bytes == std::array<std::uint8_t, 16>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
}

std::string IpAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v4 = is_v4();
  inet_ntop(v4 ? AF_INET : AF_INET6, bytes.data() + (v4 ? 12 : 0), text.data(), text.size());
  return text.data();
}

std::expected<TrustedProxies, std::string> TrustedProxies::parse(const std::vector<std::string>& items) {
  TrustedProxies proxies;
  for (const std::string& item : items) {
    const std::size_t slash = item.find('/');
    const auto address = IpAddress::parse(std::string_view(item).substr(0, slash));
    if (!address) return std::unexpected("not an address or network: " + item);
    const unsigned width = address->is_v4() ? 32 : 128;
    std::optional<unsigned> bits = width;
    if (slash != item.npos) bits = number<unsigned>(std::string_view(item).substr(slash + 1), width);
    if (!bits) return std::unexpected("not a network prefix: " + item);
    proxies.networks_.push_back({*address, *bits + (128 - width)});
  }
  return proxies;
}

bool TrustedProxies::trusts(const IpAddress& address) const {
  return std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
    const std::size_t whole = network.prefix_bits / 8;
    const unsigned rest = network.prefix_bits % 8;
    if (std::memcmp(address.bytes.data(), network.address.bytes.data(), whole) != 0) return false;
    return rest == 0 || (address.bytes[whole] ^ network.address.bytes[whole]) >> (8 - rest) == 0;
  });
}

std::string TrustedProxies::client_of(const Request& request, std::string_view peer,
                                      ForwardedHeader header) const {
  std::optional<IpAddress> client = IpAddress::parse(peer);
  if (!client || !trusts(*client)) return std::string(peer);
  const bool listed = header == ForwardedHeader::x_forwarded_for;
  std::vector<std::string_view> hops;  // nearest the client first
  request.each_header(listed ? "X-Forwarded-For" : "Forwarded", [&](std::string_view value) {
    for (const std::string_view part : split(value, ',')) hops.push_back(listed ? part : forwarded_for(part));
  });
  for (auto hop = hops.rbegin(); hop != hops.rend() && trusts(*client); ++hop) {
    const auto address = parse_hop(*hop);
    if (!address) break;
    client = address;
  }
  return client->text();
}

}  // namespace ledger::http
