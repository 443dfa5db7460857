// How it stands with the webhooks, and the end of a pause: what an admin asks that is no event.
#pragma once

#include "server/api/context.hpp"

namespace ledger::webhook {
class Deliveries;
}

namespace ledger::server {

/// `GET /v1/webhooks`. `deliveries` may be null: then all stand where they were registered.
[[nodiscard]] http::Response list_webhooks(const ReadContext& context, const webhook::Deliveries* deliveries);

/// `POST /v1/webhooks/{id}/resume`. Answers the webhook as the list shows it.
[[nodiscard]] http::Response resume_webhook(const ReadContext& context, webhook::Deliveries* deliveries);

}  // namespace ledger::server
