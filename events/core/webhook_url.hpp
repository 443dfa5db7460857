// What a webhook is registered with, looked at without asking anybody: its URL and its visibility.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ledger {

/// The parts of an http or https URL as they stand in its text.
struct UrlParts {
  bool tls = false;
  std::string_view host;  ///< a name or an address, IPv6 without its brackets
  std::uint16_t port = 0;
  std::string_view authority;  ///< host and port as given
  std::string_view target;     ///< path and query as given; empty or `/...` or `?...`
};

/// nullopt for what is no such URL; user names and fragments are refused, since no request would carry them.
[[nodiscard]] std::optional<UrlParts> parse_url(std::string_view text);

/// One sentence on what is wrong with a webhook's URL; nullopt where nothing is. Whether plain http is good
/// enough, and whether the address may be asked, is for the server to say.
[[nodiscard]] std::optional<std::string_view> what_is_wrong_with_url(std::string_view url);

/// `public` or `staff`.
[[nodiscard]] constexpr bool is_webhook_visibility(std::string_view visibility) {
  return visibility == "public" || visibility == "staff";
}

}  // namespace ledger
