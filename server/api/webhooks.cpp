#include "server/api/webhooks.hpp"

#include <algorithm>

#include "events/store/engine.hpp"
#include "server/read/answer.hpp"
#include "server/webhook/deliveries.hpp"

namespace ledger::server {
namespace {

void write_webhook(projections::JsonWriter& json, const WebhookState& webhook,
                   const std::optional<webhook::Standing>& standing, std::uint64_t last) {
  const webhook::Progress progress =
      standing ? standing->progress
               : webhook::Progress{.cursor = webhook.position, .failing_since = {}, .reason = {}};
  json.begin_object();
  json.member("id", webhook.id.text());
  json.member("url", webhook.url);
  json.key("types").begin_array();
  for (const std::string& type : webhook.types) json.value(type);
  json.end_array();
  json.member("visibility", webhook.visibility);
  json.member("state", progress.paused ? "paused" : "active");
  json.member("cursor", progress.cursor);
  json.member("lag", last - std::min(progress.cursor, last));
  json.member("failures", progress.failures);
  json.key("failing_since");
  if (progress.failing_since) {
    json.value(progress.failing_since->text());
  } else {
    json.value(nullptr);
  }
  json.key("last_error");
  if (progress.reason.empty()) {
    json.value(nullptr);
  } else {
    json.value(progress.reason);
  }
  json.member("position", webhook.position);
  json.end_object();
}

}  // namespace

http::Response list_webhooks(const ReadContext& context, const webhook::Deliveries* deliveries) {
  if (!context.is(Role::admin)) return role_forbidden(context);
  QueryReader query(context.request);
  if (auto refusal = refuse(context, query)) return std::move(*refusal);
  const store::Snapshot snapshot = context.engine.snapshot();
  const std::uint64_t last = snapshot.size() - 1;
  ListBody list;
  for (const WebhookState& webhook : snapshot.lookup().ledger().webhooks) {
    write_webhook(list.json(), webhook,
                  deliveries != nullptr ? deliveries->standing(webhook.id) : std::nullopt, last);
  }
  return answer(list.finish(std::nullopt, last), last);
}

http::Response resume_webhook(const ReadContext& context, webhook::Deliveries* deliveries) {
  if (!context.is(Role::admin)) return role_forbidden(context);
  if (auto refused = refuse_fields(context)) return std::move(*refused);
  const store::Snapshot snapshot = context.engine.snapshot();
  const LedgerState ledger = snapshot.lookup().ledger();
  const WebhookState* webhook = ledger.webhook(context.ids[0]);
  if (webhook == nullptr) return not_found(context);
  std::optional<webhook::Standing> standing;
  if (deliveries != nullptr && deliveries->resume(webhook->id)) standing = deliveries->standing(webhook->id);
  std::string text;
  projections::JsonWriter json(text);
  write_webhook(json, *webhook, standing, snapshot.size() - 1);
  return answer(http::Body(std::move(text)), snapshot.size() - 1);
}

}  // namespace ledger::server
