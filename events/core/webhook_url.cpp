#include "events/core/webhook_url.hpp"

#include <algorithm>
#include <charconv>

#include "events/core/limits.hpp"

namespace ledger {
namespace {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Host names in ASCII: whoever has another writes its xn-- form.
bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > limits::kDomainCharactersMax || host.front() == '.') return false;
  return std::ranges::all_of(
      host, [](char c) { return is_digit(c) || is_letter(c) || c == '-' || c == '.' || c == '_'; });
}

bool is_ipv6(std::string_view host) {
  return !host.empty() && host.find(':') != host.npos && std::ranges::all_of(host, [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
  });
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || port == 0)
    return std::nullopt;
  return port;
}

/// What may stand in a path and a query as it goes over the wire (RFC 3986, and the brackets that people
/// write).
bool is_target(std::string_view target) {
  constexpr std::string_view kOthers = "<>\"{}|\\^`#";
  return std::ranges::all_of(target, [&](char c) { return c > ' ' && c < '\x7f' && !kOthers.contains(c); });
}

}  // namespace

std::optional<UrlParts> parse_url(std::string_view text) {
  UrlParts parts;
  constexpr std::string_view kHttps = "https://";
  constexpr std::string_view kHttp = "http://";
  if (text.starts_with(kHttps)) {
    parts.tls = true;
    text.remove_prefix(kHttps.size());
  } else if (text.starts_with(kHttp)) {
    text.remove_prefix(kHttp.size());
  } else {
    return std::nullopt;
  }
  const std::size_t end = std::min(text.find_first_of("/?#"), text.size());
  parts.authority = text.substr(0, end);
  parts.target = text.substr(end);
  if (!is_target(parts.target)) return std::nullopt;

  std::string_view rest = parts.authority;
  if (rest.starts_with('[')) {
    const std::size_t close = rest.find(']');
    if (close == rest.npos) return std::nullopt;
    parts.host = rest.substr(1, close - 1);
    rest.remove_prefix(close + 1);
    if (!is_ipv6(parts.host)) return std::nullopt;
  } else {
    parts.host = rest.substr(0, rest.find(':'));
    rest.remove_prefix(parts.host.size());
    if (!is_host_name(parts.host)) return std::nullopt;
  }
  parts.port = parts.tls ? 443 : 80;
  if (rest.empty()) return parts;
  const auto port = rest.starts_with(':') ? port_of(rest.substr(1)) : std::nullopt;
  if (!port) return std::nullopt;
  parts.port = *port;
  return parts;
}

std::optional<std::string_view> what_is_wrong_with_url(std::string_view url) {
  if (url.size() > limits::kUrlCharactersMax) return "at most 2,000 characters";
  if (!parse_url(url)) return "https://HOST[:PORT][/PATH][?QUERY] in ASCII, without user name and fragment";
  return std::nullopt;
}

}  // namespace ledger
