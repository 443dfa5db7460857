// Texts built into the binary.
#pragma once

#include <string_view>

namespace ledger::server {

/// schema/openapi.yaml, UTF-8; lives for ever.
[[nodiscard]] std::string_view openapi_text();
/// schema/asyncapi.yaml, the same.
[[nodiscard]] std::string_view asyncapi_text();
/// server/page/status.html, the same.
[[nodiscard]] std::string_view status_page_text();

}  // namespace ledger::server
