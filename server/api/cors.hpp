// Which pages of other origins may read what anyone may read (CORS, Fetch standard), without credentials.
#pragma once

#include <string_view>

#include "server/http/message.hpp"

namespace ledger::server {

/// Whether `--cors-origin` takes this text: `*`, or an origin as browsers write it (`https://host[:port]`, or
/// `http:`, in lower case).
[[nodiscard]] bool is_cors_origin(std::string_view text);

/// The header lines on an answer to GET or HEAD that pages of `origin` may read; none where it is empty. They
/// do not depend on who asks, so caches need no `Vary`.
void allow_reading(http::Headers& headers, std::string_view origin);
/// The lines on an answer to OPTIONS, likewise.
void allow_asking(http::Headers& headers, std::string_view origin);

}  // namespace ledger::server
