// Where events are sent to, and the end of it.
#include <algorithm>

#include "events/core/guards.hpp"
#include "events/core/limits.hpp"
#include "events/core/webhook_url.hpp"

namespace ledger {

Decided decide_on(const RegisterWebhook& command, const Lookup& lookup, const Context& context) {
  std::vector<FieldError> errors;
  if (command.url.empty()) {
    errors.push_back({"/url", "required", "where events are sent to"});
  } else if (const auto wrong = what_is_wrong_with_url(command.url)) {
    errors.push_back({"/url", "bad_format", std::string(*wrong)});
  }
  for (std::size_t i = 0; i < command.types.size(); ++i) {
    const std::string pointer = "/types/" + std::to_string(i);
    const auto here = command.types.begin() + static_cast<std::ptrdiff_t>(i);
    const auto type = event_type_from(command.types[i]);
    if (!type) {
      errors.push_back({pointer, "not_in_list", "a type of event, e.g. filing.published"});
    } else if (command.visibility == "public" && !is_public_type(*type)) {
      errors.push_back({pointer, "not_in_list", "never public: visibility staff is needed"});
    } else if (std::find(command.types.begin(), here, command.types[i]) != here) {
      errors.push_back({pointer, "duplicate_item", "named once is enough"});
    }
  }
  if (!is_webhook_visibility(command.visibility)) {
    errors.push_back({"/visibility", "not_in_list", "public or staff"});
  }
  if (!errors.empty()) return refuse_fields(std::move(errors));
  if (lookup.ledger().webhooks.size() >= limits::kWebhooksMax) {
    return refuse("webhooks_many", "remove one before another is registered");
  }
  Decision decision =
      decided(StreamKind::ledger, {},
              WebhookRegistered{context.new_id, command.url, command.types, command.visibility});
  decision.id = context.new_id;
  return decision;
}

Decided decide_on(const RemoveWebhook& command, const Lookup&, const Context&) {
  Decision decision = decided(StreamKind::ledger, {}, WebhookRemoved{command.webhook_id});
  decision.id = command.webhook_id;
  return decision;
}

}  // namespace ledger
