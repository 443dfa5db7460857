// GET answers made of events: pages of a stream and of the log, and one event in either form.
#include <algorithm>
#include <array>

#include "replay/as_of.hpp"
#include "server/read/answer.hpp"
#include "server/read/event_page.hpp"
#include "server/read/moment.hpp"
#include "server/read/position.hpp"
#include "server/read/reads.hpp"
#include "server/read/render.hpp"

namespace ledger::server {
namespace {

/// The cursor of a page of events is the version or position of the last one that was looked at.
std::optional<std::uint64_t> read_cursor(QueryReader& query, std::string_view name) {
  const auto text = name == "cursor" ? query.cursor() : query.text(name);
  if (!text) return std::nullopt;
  const auto value = read_position(*text);
  if (!value) query.bad_cursor();
  return value;
}

}  // namespace

http::Response stream_events(const ReadContext& context, const StreamId& stream,
                             const FindOwner& find_owner) {
  QueryReader query(context.request);
  const std::size_t limit = query.limit();
  const std::uint64_t after = read_cursor(query, "cursor").value_or(0);
  const Moment moment = read_moment(query, context.now, context.engine.last_recorded());
  if (auto refusal = refuse(context, query)) return std::move(*refusal);
  const store::Snapshot snapshot = context.engine.snapshot();
  auto then = position_of(context, snapshot, moment);
  if (!then) return std::move(then.error());
  const auto owner = find_owner(snapshot, *then);
  if (!owner) return not_found(context);
  const std::uint64_t last =
      *then ? replay::version_at(snapshot, stream, **then) : snapshot.stream_version(stream);

  const Reader reader = reader_of(context);
  const bool open = owns(reader, owner->subject) || opens_private(sight_of_staff(reader.role));
  const std::uint64_t left = last - std::min(after, last);
  const std::vector<std::uint64_t> positions =
      snapshot.stream_positions(stream, after, std::min<std::uint64_t>(limit + 1, left));
  ListBody list;
  std::optional<std::string> next;
  std::uint64_t version = after;
  for (const std::uint64_t at : positions) {
    if (version == after + limit || list.size() > kPageBytesMax) {
      next = std::to_string(version);
      break;
    }
    ++version;
    const auto read = snapshot.event(at, open);
    if (!read) continue;
    const Sight sight = sight_of_event(reader, read->event, *owner);
    if (sight != Sight::none) {
      list.json().raw(render_cloud_event(read->event, context.engine.origin(), sight));
    }
  }
  const std::uint64_t position = then->value_or(snapshot.size() - 1);
  return answer(list.finish(next, position), position, last);
}

std::optional<Event> read_event(const store::Snapshot& snapshot, std::optional<std::uint64_t> position,
                                Sight sight) {
  if (!position) return std::nullopt;
  auto read = snapshot.event(*position, opens_private(sight));
  if (!read) return std::nullopt;
  return std::move(read->event);
}

EventOwner owner_of(const store::Snapshot& snapshot, const StreamId& stream) {
  const Lookup& lookup = snapshot.lookup();
  switch (stream.kind) {
    case StreamKind::ledger: break;
    case StreamKind::subject: return {.subject = stream.id};
    case StreamKind::product:
      if (const auto product = lookup.product(stream.id)) return {.subject = product->subject_id};
      break;
    case StreamKind::filing:
      if (const auto filing = lookup.filing(stream.id)) {
        return {filing->subject_id, filing->disclosed(), filing->public_record.has_value()};
      }
      break;
  }
  return {};
}

http::Response Reads::events(const ReadContext& context) const {
  if (!context.is(Role::auditor)) return role_forbidden(context);
  QueryReader query(context.request);
  const std::size_t limit = query.limit();
  auto after = read_cursor(query, "after");
  if (const auto cursor = read_cursor(query, "cursor")) {
    if (after) query.wrong("cursor", "stands in place of after");
    after = cursor;
  }
  std::optional<EventType> type;
  if (const auto name = query.text("type")) {
    type = event_type_from(*name);
    if (!type) query.wrong("type", "is not an event type");
  }
  std::optional<StreamId> stream;
  if (const auto name = query.text("stream")) {
    stream = StreamId::parse(*name);
    if (!stream) query.wrong("stream", "must be ledger, or subject, product or filing with an id");
  }
  if (auto refusal = refuse(context, query)) return std::move(*refusal);

  const store::Snapshot snapshot = context.engine.snapshot();
  const Reader reader = reader_of(context);
  ListBody list;
  std::size_t items = 0;
  std::size_t scanned = 0;
  const auto full = [&] {
    return items == limit || scanned >= kEventsScannedMax || list.size() > kPageBytesMax;
  };
  const auto look_at = [&](std::uint64_t position) {
    ++scanned;
    if (type) {
      const auto bytes = snapshot.entry(position);
      const auto header =
          bytes ? codec::decode_header(*bytes) : std::unexpected(codec::CodecError::malformed);
      if (!header || header->type != *type) return;
    }
    // An auditor opens nothing, and is shown everything: no need to know whose it is.
    const auto read = snapshot.event(position, false);
    if (!read) return;
    list.json().raw(render_cloud_event(read->event, context.engine.origin(),
                                       sight_of_event(reader, read->event, EventOwner{})));
    ++items;
  };

  std::optional<std::string> next;
  if (stream) {
    std::uint64_t version = after ? replay::version_at(snapshot, *stream, *after) : 0;
    const std::uint64_t last = snapshot.stream_version(*stream);
    std::uint64_t position = 0;
    while (version < last && !full()) {
      const auto positions = snapshot.stream_positions(*stream, version, limit);
      if (positions.empty()) break;
      for (const std::uint64_t at : positions) {
        if (full()) break;
        position = at;
        look_at(at);
        ++version;
      }
    }
    if (version < last) next = std::to_string(position);
  } else {
    std::uint64_t position = after ? *after + 1 : 0;
    while (position < snapshot.size() && !full()) look_at(position++);
    if (position < snapshot.size()) next = std::to_string(position - 1);
  }
  return answer(list.finish(next, snapshot.size() - 1), snapshot.size() - 1);
}

http::Response Reads::event(const ReadContext& context) const {
  constexpr std::array<std::string_view, 3> kOffers = {kJson, "application/cloudevents+json",
                                                       "application/octet-stream"};
  QueryReader query(context.request);
  if (const auto refusal = query.done()) return problem(context.language, *refusal);
  const auto offer = negotiate(context.request, kOffers);
  if (!offer) return problem(context.language, "not_acceptable");
  const auto position = read_position(context.text);
  if (!position) return problem(context.language, "bad_id");

  const store::Snapshot snapshot = context.engine.snapshot();
  auto read = snapshot.event(*position, false);
  if (!read) return not_found(context);
  const Reader reader = reader_of(context);
  const Sight sight = sight_of_event(reader, read->event, owner_of(snapshot, read->event.header.stream));
  if (sight == Sight::none) return not_found(context);
  const bool everybody = sight == Sight::public_ && reader.anonymous();
  http::Body body;
  if (*offer == 2) {
    const auto bytes = snapshot.entry(*position);
    if (!bytes) return not_found(context);
    body = http::Body(std::string(text_of(*bytes)));
  } else {
    if (opens_private(sight)) read = snapshot.event(*position, true);
    if (!read) return not_found(context);
    body = http::Body(render_cloud_event(read->event, context.engine.origin(), sight));
  }
  http::Response response = answer(std::move(body), snapshot.size() - 1, std::nullopt, kOffers[*offer],
                                   everybody ? kRevalidate : kNoStore);
  response.headers.add("Vary", "Accept, Authorization");
  return response;
}

}  // namespace ledger::server
