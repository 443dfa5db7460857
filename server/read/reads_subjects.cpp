// GET answers about who is asking, grants, subjects and their product trees.
#include "events/store/engine.hpp"
#include "projections/read_models.hpp"
#include "replay/as_of.hpp"
#include "server/read/answer.hpp"
#include "server/read/answer_cache.hpp"
#include "server/read/event_page.hpp"
#include "server/read/moment.hpp"
#include "server/read/reads.hpp"
#include "server/read/render.hpp"
#include "server/read/timeline_json.hpp"

namespace ledger::server {
namespace {

using projections::JsonWriter;

const Event* pointer(const std::optional<Event>& event) {
  return event ? &*event : nullptr;
}

void member_id(JsonWriter& json, std::string_view name, const std::optional<Uuid>& id) {
  json.key(name);
  if (id) {
    json.value(id->text());
  } else {
    json.raw("null");
  }
}

void member_time(JsonWriter& json, std::string_view name, const std::optional<TimestampUs>& at) {
  json.key(name);
  if (at) {
    json.value(at->text());
  } else {
    json.raw("null");
  }
}

std::string body_of(const store::Snapshot& snapshot, const SubjectState& state, Sight sight) {
  const auto registration = read_event(snapshot, state.registration_position, sight);
  const auto information = read_event(snapshot, state.information_position, sight);
  const auto decision = read_event(snapshot, state.decision_position, sight);
  const auto change = read_event(snapshot, state.change_position, sight);
  return render_subject(
      {state, pointer(registration), pointer(information), pointer(decision), pointer(change)}, sight);
}

/// A page of a list that is ordered by id: the cursor is the last id.
std::optional<Uuid> after_id(QueryReader& query) {
  const auto cursor = query.cursor();
  if (!cursor) return Uuid{};
  const auto id = Uuid::parse(*cursor);
  if (!id) query.bad_cursor();
  return id;
}

}  // namespace

http::Response Reads::me(const ReadContext& context) const {
  if (auto refusal = refuse(context, QueryReader(context.request))) return std::move(*refusal);
  const GrantState& grant = *context.grant;
  const store::Snapshot snapshot = context.engine.snapshot();
  const auto name = snapshot.lookup().private_text(grant.position, field::kPrincipalName);
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("role", code_of(grant.role));
  member_id(json, "subject_id", grant.subject_id);
  json.key("principal");
  if (name) {
    json.value(*name);
  } else {
    json.raw("null");
  }
  json.member("principal_id", grant.principal_id.text());
  json.member("grant_id", grant.grant_id.text());
  json.member("granted_at", grant.granted_at.text());
  member_time(json, "expires_at", grant.expires_at);
  json.member("position", snapshot.size() - 1);
  json.end_object();
  return answer(std::move(out), snapshot.size() - 1);
}

http::Response Reads::access_grants(const ReadContext& context) const {
  if (!context.is(Role::admin)) return role_forbidden(context);
  QueryReader query(context.request);
  const std::size_t limit = query.limit();
  const auto after = after_id(query);
  if (auto refusal = refuse(context, query)) return std::move(*refusal);
  const store::Snapshot snapshot = context.engine.snapshot();
  std::vector<GrantState> grants = snapshot.grants(*after, limit + 1);
  std::optional<std::string> next;
  if (grants.size() > limit) {
    grants.resize(limit);
    next = grants.back().grant_id.text();
  }
  ListBody list;
  JsonWriter& json = list.json();
  for (const GrantState& grant : grants) {
    // The names of principals are the admin's own records; whoever registered a subject has none here.
    const auto name = snapshot.lookup().private_text(grant.position, field::kPrincipalName);
    json.begin_object();
    json.member("id", grant.grant_id.text());
    json.key("principal");
    if (name) {
      json.value(*name);
    } else {
      json.raw("null");
    }
    json.member("principal_id", grant.principal_id.text());
    json.member("role", code_of(grant.role));
    member_id(json, "subject_id", grant.subject_id);
    json.member("granted_at", grant.granted_at.text());
    member_time(json, "expires_at", grant.expires_at);
    json.member("state", grant.revoked ? "revoked" : "active");
    json.member("position", grant.position);
    json.end_object();
  }
  return answer(list.finish(next, snapshot.size() - 1), snapshot.size() - 1);
}

http::Response Reads::subjects(const ReadContext& context) const {
  const Reader reader = reader_of(context);
  QueryReader query(context.request);
  const std::size_t limit = query.limit();
  const auto after = after_id(query);
  if (auto refusal = refuse(context, query)) return std::move(*refusal);
  const store::Snapshot snapshot = context.engine.snapshot();
  std::vector<Uuid> ids;
  if (is_staff(reader.role)) {
    ids = snapshot.subjects(*after, limit + 1);
  } else if (reader.subject_id && *after < *reader.subject_id) {
    ids.push_back(*reader.subject_id);
  }
  std::optional<std::string> next;
  if (ids.size() > limit) {
    ids.resize(limit);
    next = ids.back().text();
  }
  ListBody list;
  for (const Uuid& id : ids) {
    if (const auto state = snapshot.lookup().subject(id)) write_subject_item(list.json(), *state);
  }
  return answer(list.finish(next, snapshot.size() - 1), snapshot.size() - 1);
}

http::Response Reads::subject(const ReadContext& context) {
  QueryReader query(context.request);
  const Moment moment = read_moment(query, context.now, context.engine.last_recorded());
  if (auto refusal = refuse(context, query)) return std::move(*refusal);
  const StreamId stream{StreamKind::subject, context.ids[0]};
  const Reader reader = reader_of(context);
  const Sight sight = sight_of_subject(reader, stream.id);
  if (sight == Sight::none) return not_found(context);
  // Before any value is opened, so that nothing erased meanwhile is kept as if it were still there.
  const std::uint32_t key_epoch = context.engine.key_epoch();
  const store::Snapshot snapshot = context.engine.snapshot();
  const auto then = position_of(context, snapshot, moment);
  if (!then) return then.error();
  if (*then) {
    const auto state = replay::subject_at(snapshot, context.models, stream.id, **then);
    if (!state) return not_found(context);
    return answer(body_of(snapshot, *state, sight), **then, state->version);
  }
  const std::uint64_t version = snapshot.stream_version(stream);
  if (version == 0) return not_found(context);
  AnswerCache::Body body = cache_.find(stream, {version, key_epoch}, reader).body;
  if (!body) {
    const auto state = snapshot.lookup().subject(stream.id);
    if (!state) return not_found(context);
    body = std::make_shared<const std::string>(body_of(snapshot, *state, sight));
    cache_.put(stream, {version, key_epoch}, stream.id, true, sight, body);
  }
  return answer(http::Body(std::move(body)), snapshot.size() - 1, version);
}

http::Response Reads::subject_products(const ReadContext& context) const {
  QueryReader query(context.request);
  const Moment moment = read_moment(query, context.now, context.engine.last_recorded());
  if (auto refusal = refuse(context, query)) return std::move(*refusal);
  const Sight sight = sight_of_subject(reader_of(context), context.ids[0]);
  if (sight == Sight::none) return not_found(context);
  const store::Snapshot snapshot = context.engine.snapshot();
  const Lookup& lookup = snapshot.lookup();
  const auto then = position_of(context, snapshot, moment);
  if (!then) return then.error();
  const std::uint64_t position = then->value_or(snapshot.size() - 1);
  if (replay::version_at(snapshot, {StreamKind::subject, context.ids[0]}, position) == 0)
    return not_found(context);
  const OpenText open = [&](std::uint64_t position, std::uint32_t field) {
    return lookup.private_text(position, field);
  };
  ListBody list;
  const auto products = *then ? replay::products_at(snapshot, context.models, context.ids[0], position)
                              : kept(lookup.products_of(context.ids[0]));
  for (const ProductState& product : products) write_product(list.json(), product, open, sight);
  return answer(list.finish(std::nullopt, position), position);
}

http::Response Reads::subject_timeline(const ReadContext& context) const {
  QueryReader query(context.request);
  const Moment moment = read_moment(query, context.now, context.engine.last_recorded());
  if (auto refusal = refuse(context, query)) return std::move(*refusal);
  const StreamId stream{StreamKind::subject, context.ids[0]};
  const Sight sight = sight_of_subject(reader_of(context), stream.id);
  if (sight == Sight::none) return not_found(context);
  const store::Snapshot snapshot = context.engine.snapshot();
  const auto then = position_of(context, snapshot, moment);
  if (!then) return then.error();
  const std::uint64_t position = then->value_or(snapshot.size() - 1);
  const std::uint64_t version = replay::version_at(snapshot, stream, position);
  if (version == 0) return not_found(context);
  const auto visits = *then ? replay::visits_at(snapshot, context.models, stream, position)
                            : context.models.timeline.visits(snapshot.views(), stream);
  return answer(render_timeline(visits, position, sight, dating_of(context, snapshot, *then, moment.time)),
                position, version);
}

http::Response Reads::subject_events(const ReadContext& context) const {
  const StreamId stream{StreamKind::subject, context.ids[0]};
  const auto find_owner = [&](const store::Snapshot& snapshot,
                              std::optional<std::uint64_t> position) -> std::optional<EventOwner> {
    if (sight_of_subject(reader_of(context), stream.id) == Sight::none) return std::nullopt;
    if (replay::version_at(snapshot, stream, position.value_or(snapshot.size() - 1)) == 0)
      return std::nullopt;
    return EventOwner{.subject = stream.id};
  };
  return stream_events(context, stream, find_owner);
}

}  // namespace ledger::server
