// Texts built into the binary, as they are served: with an entity tag of their bytes, and 304 for whoever has
// them. They need no ledger.
#pragma once

#include "server/http/message.hpp"

namespace ledger::server {

[[nodiscard]] http::Response openapi_answer(const http::Request& request);
[[nodiscard]] http::Response asyncapi_answer(const http::Request& request);
/// The status page. Its policy (CSP) lets run what stands in it and nothing else, and talk to this server
/// only.
[[nodiscard]] http::Response status_page_answer(const http::Request& request);

}  // namespace ledger::server
