// Texts built into the binary.
#pragma once

#include <string_view>

namespace ledger::server {

/// schema/openapi.yaml, UTF-8; lives for ever.
[[nodiscard]] std::string_view openapi_text();

}  // namespace ledger::server
