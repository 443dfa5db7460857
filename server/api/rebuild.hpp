// A rebuild of all views while they serve: what an admin begins and watches, and what is no event.
#pragma once

#include "server/api/context.hpp"

namespace ledger::server {

/// `POST /v1/admin/rebuild`: 202 with where to look, or 409 `rebuild_running`, 507 `storage_full`.
[[nodiscard]] http::Response start_rebuild(const ReadContext& context, store::Engine& engine);

/// `GET /v1/admin/rebuild`: how the last one stands.
[[nodiscard]] http::Response show_rebuild(const ReadContext& context);

}  // namespace ledger::server
