#include "server/webhook/outbox.hpp"

#include <algorithm>

#include "events/codec/entry_codec.hpp"
#include "server/read/event_page.hpp"
#include "server/read/render.hpp"

namespace ledger::webhook {
namespace {

using server::Sight;

/// Whether the webhook asks for events of the type, as far as the type alone tells.
bool wants(const WebhookState& webhook, EventType type) {
  if (webhook.visibility != "staff" && !is_public_type(type)) return false;
  return webhook.types.empty() || std::ranges::find(webhook.types, name_of(type)) != webhook.types.end();
}

Sight sight_of(const WebhookState& webhook, const Event& event, const store::Snapshot& snapshot) {
  if (webhook.visibility != "staff") return codec::is_public(event) ? Sight::public_ : Sight::none;
  // Whether a submission came meanwhile must not matter: a late delivery is the same as a prompt one.
  const auto* draft = std::get_if<DraftSaved>(&event.payload);
  if (draft != nullptr && draft->attempt <= 1) return Sight::none;
  const server::Reader reader{.role = Role::supervisor, .subject_id = {}};
  return server::sight_of_event(reader, event, server::owner_of(snapshot, event.header.stream));
}

}  // namespace

OutgoingPage next_page(const store::Engine& engine, const WebhookState& webhook, std::uint64_t after,
                       std::size_t events_max) {
  const store::Snapshot snapshot = engine.snapshot();
  OutgoingPage page;
  page.looked_at = after;
  std::size_t scanned = 0, bytes = 0;
  while (page.looked_at + 1 < snapshot.size()) {
    if (page.events.size() == events_max || scanned++ == server::kEventsScannedMax ||
        bytes > server::kPageBytesMax) {
      page.more = true;
      break;
    }
    const std::uint64_t position = ++page.looked_at;
    const auto entry = snapshot.entry(position);
    const auto header = entry ? codec::decode_header(*entry) : std::unexpected(codec::CodecError::malformed);
    if (!header || !wants(webhook, header->type)) continue;
    const auto read = snapshot.event(position, false);
    if (!read) continue;
    const Sight sight = sight_of(webhook, read->event, snapshot);
    if (sight == Sight::none) continue;
    page.events.push_back({position, engine.origin() + "/" + std::to_string(position),
                           server::render_cloud_event(read->event, engine.origin(), sight)});
    bytes += page.events.back().body.size();
  }
  return page;
}

}  // namespace ledger::webhook
