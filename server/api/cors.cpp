#include "server/api/cors.hpp"

#include <algorithm>
#include <initializer_list>

namespace ledger::server {

bool is_cors_origin(std::string_view text) {
  if (text == "*") return true;
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!text.starts_with(scheme)) continue;
    const std::string_view host = text.substr(scheme.size());
    return !host.empty() && std::ranges::all_of(host, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || std::string_view(".-:[]").contains(c);
    });
  }
  return false;
}

void allow_reading(http::Headers& headers, std::string_view origin) {
  if (origin.empty()) return;
  headers.add("Access-Control-Allow-Origin", origin);
  headers.add("Access-Control-Expose-Headers", "ETag, Ledger-Position, Ledger-Simulated, Retry-After");
}

void allow_asking(http::Headers& headers, std::string_view origin) {
  if (origin.empty()) return;
  headers.add("Access-Control-Allow-Origin", origin);
  headers.add("Access-Control-Allow-Methods", "GET, HEAD");
  headers.add("Access-Control-Allow-Headers", "Accept, Accept-Language, If-None-Match, Last-Event-ID");
  headers.add("Access-Control-Max-Age", "86400");
}

}  // namespace ledger::server
