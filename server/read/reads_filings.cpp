// GET answers about filings: single ones, lists, the draft box, the review queue.
#include "events/store/engine.hpp"
#include "projections/read_models.hpp"
#include "replay/as_of.hpp"
#include "server/read/answer.hpp"
#include "server/read/answer_cache.hpp"
#include "server/read/event_page.hpp"
#include "server/read/filing_body.hpp"
#include "server/read/moment.hpp"
#include "server/read/reads.hpp"
#include "server/read/render.hpp"
#include "server/read/timeline_json.hpp"

namespace ledger::server {
namespace {

using projections::JsonWriter;

/// A filing at a past position (nullopt: now); nullopt where there was none.
std::optional<FilingState> state_at(const ReadContext& context, const store::Snapshot& snapshot,
                                    const Uuid& filing, std::optional<std::uint64_t> position) {
  return position ? replay::filing_at(snapshot, context.models, filing, *position)
                  : snapshot.lookup().filing(filing).kept();
}

/// The form that a filing's owner has in front of them.
std::optional<FilingForm> current_form(const Lookup& lookup, const FilingState& state) {
  const auto position = form_position(state);
  return position ? lookup.filing_form(*position) : std::nullopt;
}

http::Response list_fault(const ReadContext& context) {
  return problem(
      context.language,
      Refusal{
          .code = "bad_cursor", .errors = {}, .state = {}, .detail = "The cursor is not one of this list."});
}

}  // namespace

http::Response Reads::filing(const ReadContext& context) {
  QueryReader query(context.request);
  const Moment moment = read_moment(query, context.now, context.engine.last_recorded());
  if (auto refusal = refuse(context, query)) return std::move(*refusal);
  const StreamId stream{StreamKind::filing, context.ids[0]};
  const Reader reader = reader_of(context);
  // Before any value is opened, so that nothing erased meanwhile is kept as if it were still there.
  const std::uint32_t key_epoch = context.engine.key_epoch();
  const store::Snapshot snapshot = context.engine.snapshot();
  const auto then = position_of(context, snapshot, moment);
  if (!then) return then.error();
  if (*then) {
    const auto state = state_at(context, snapshot, stream.id, *then);
    if (!state) return not_found(context);
    const Sight sight = sight_of_filing(reader, state->subject_id, state->disclosed());
    if (sight == Sight::none) return not_found(context);
    const Dating dating = dating_of(context, snapshot, *then, moment.time);
    return answer(filing_body(context, snapshot, *state, sight, dating, **then), **then, state->version);
  }
  const std::uint64_t version = snapshot.stream_version(stream);
  if (version == 0) return not_found(context);
  const Dating dating = dating_of(context, snapshot);
  const Stamp stamp{version, key_epoch, dating.calendar->published(), dating.today};
  AnswerCache::Found found = cache_.find(stream, stamp, reader);
  if (!found.body) {
    if (found.known && found.sight == Sight::none) return not_found(context);
    const auto state = snapshot.lookup().filing(stream.id);
    if (!state) return not_found(context);
    const Sight sight = sight_of_filing(reader, state->subject_id, state->disclosed());
    if (sight == Sight::none) return not_found(context);
    found.body = std::make_shared<const std::string>(
        filing_body(context, snapshot, *state, sight, dating, snapshot.size() - 1));
    cache_.put(stream, stamp, state->subject_id, state->disclosed(), sight, found.body);
  }
  return answer(http::Body(std::move(found.body)), snapshot.size() - 1, version);
}

http::Response Reads::filings(const ReadContext& context) const {
  const Reader reader = reader_of(context);
  QueryReader query(context.request);
  const std::size_t limit = query.limit();
  const auto cursor = query.cursor();
  projections::FilingFilter filter;
  filter.subject_id = query.uuid("subject_id");
  filter.algorithm_type = query.code<AlgorithmType>("algorithm_type");
  if (const auto text = query.text("state")) {
    filter.state = filing_status_from(*text);
    if (!filter.state) query.wrong("state", "is not a state of filings");
  }
  if (auto refusal = refuse(context, query)) return std::move(*refusal);

  const store::Snapshot snapshot = context.engine.snapshot();
  const Lookup& lookup = snapshot.lookup();
  ListBody list;
  const bool own = reader.role == Role::filer;
  if (own) {
    // Another's filings are as if they did not exist.
    if (!reader.subject_id || (filter.subject_id && filter.subject_id != reader.subject_id)) {
      return answer(list.finish(std::nullopt, snapshot.size() - 1), snapshot.size() - 1);
    }
    filter.subject_id = reader.subject_id;
    filter.with_undisclosed = true;
  }
  const auto page = context.models.filings.list(snapshot.views(), lookup, filter, cursor, limit);
  if (!page) return list_fault(context);
  for (const FilingState& state : page->items) {
    if (sight_of_filing(reader, state.subject_id, state.disclosed()) == Sight::none) continue;
    std::optional<std::string> name;
    if (own && state.draft_is_current) {
      if (const auto form = current_form(lookup, state)) name = form->algorithm_name;
    }
    write_filing_item(list.json(), state, name);
  }
  return answer(list.finish(page->next_cursor, snapshot.size() - 1), snapshot.size() - 1);
}

http::Response Reads::drafts(const ReadContext& context) const {
  if (!context.is(Role::filer)) return role_forbidden(context);
  QueryReader query(context.request);
  const std::size_t limit = query.limit();
  const auto cursor = query.cursor();
  if (auto refusal = refuse(context, query)) return std::move(*refusal);
  const store::Snapshot snapshot = context.engine.snapshot();
  const projections::FilingFilter filter{.state = FilingStatus::draft,
                                         .subject_id = context.grant->subject_id.value_or(Uuid{}),
                                         .algorithm_type = std::nullopt,
                                         .with_undisclosed = true};
  const auto page = context.models.filings.list(snapshot.views(), snapshot.lookup(), filter, cursor, limit);
  if (!page) return list_fault(context);
  ListBody list;
  for (const FilingState& state : page->items) {
    if (!context.owns(state.subject_id)) continue;
    write_draft_item(list.json(), state, current_form(snapshot.lookup(), state).value_or(FilingForm{}));
  }
  return answer(list.finish(page->next_cursor, snapshot.size() - 1), snapshot.size() - 1);
}

http::Response Reads::filing_timeline(const ReadContext& context) const {
  QueryReader query(context.request);
  const Moment moment = read_moment(query, context.now, context.engine.last_recorded());
  if (auto refusal = refuse(context, query)) return std::move(*refusal);
  const StreamId stream{StreamKind::filing, context.ids[0]};
  const store::Snapshot snapshot = context.engine.snapshot();
  const auto then = position_of(context, snapshot, moment);
  if (!then) return then.error();
  const auto state = state_at(context, snapshot, stream.id, *then);
  if (!state) return not_found(context);
  const Sight sight = sight_of_filing(reader_of(context), state->subject_id, state->disclosed());
  if (sight == Sight::none) return not_found(context);
  const std::uint64_t position = then->value_or(snapshot.size() - 1);
  const auto visits = *then ? replay::visits_at(snapshot, context.models, stream, position)
                            : context.models.timeline.visits(snapshot.views(), stream);
  return answer(render_timeline(visits, position, sight, dating_of(context, snapshot, *then, moment.time)),
                position, state->version);
}

http::Response Reads::filing_events(const ReadContext& context) const {
  const StreamId stream{StreamKind::filing, context.ids[0]};
  const auto find_owner = [&](const store::Snapshot& snapshot,
                              std::optional<std::uint64_t> position) -> std::optional<EventOwner> {
    const auto state = state_at(context, snapshot, stream.id, position);
    if (!state) return std::nullopt;
    if (sight_of_filing(reader_of(context), state->subject_id, state->disclosed()) == Sight::none) {
      return std::nullopt;
    }
    return EventOwner{state->subject_id, state->disclosed(), state->public_record.has_value()};
  };
  return stream_events(context, stream, find_owner);
}

http::Response Reads::review_queue(const ReadContext& context) const {
  const Reader reader = reader_of(context);
  if (!is_staff(reader.role)) return role_forbidden(context);
  QueryReader query(context.request);
  const std::size_t limit = query.limit();
  const auto cursor = query.cursor();
  auto stage = reader.role == Role::initial_reviewer ? projections::QueueStage::initial
                                                     : projections::QueueStage::review;
  if (const auto text = query.text("stage")) {
    if (const auto named = projections::queue_stage_from(*text)) {
      stage = *named;
    } else {
      query.wrong("stage", "must be initial or review");
    }
  }
  if (auto refusal = refuse(context, query)) return std::move(*refusal);
  const store::Snapshot snapshot = context.engine.snapshot();
  const Lookup& lookup = snapshot.lookup();
  const Dating dating = dating_of(context, snapshot);
  const auto page = context.models.review_queue.list(snapshot.views(), stage, cursor, limit);
  if (!page) return list_fault(context);
  ListBody list;
  for (const projections::QueueItem& item : page->items) {
    const bool of_subject =
        item.kind == projections::CaseKind::subject || item.kind == projections::CaseKind::subject_change;
    const auto filing = of_subject ? std::nullopt : lookup.filing(item.id);
    const auto subject = lookup.subject(filing ? filing->subject_id : item.id);
    if (of_subject ? !subject : !filing) continue;
    JsonWriter& json = list.json();
    json.begin_object();
    json.member("stage", projections::code_of(item.stage));
    json.member("kind", projections::code_of(item.kind));
    json.member("id", item.id.text());
    json.key("subject_id");
    if (subject) {
      json.value(subject->id.text());
    } else {
      json.raw("null");
    }
    json.key("organization_name");
    if (subject) {
      json.value(subject->organization_name);
    } else {
      json.raw("null");
    }
    if (filing) {
      json.member("algorithm_name", filing->algorithm_name);
      if (!filing->reviewer.is_nil()) json.member("reviewer", filing->reviewer.text());
    }
    json.member("state", filing ? code_of(filing->status) : code_of(subject->status));
    json.member("attempt", item.attempt);
    json.member("submitted_at", item.since.text());
    write_deadline(json, projections::deadline_of(item, *dating.calendar, dating.today));
    json.member("version", filing ? filing->version : subject->version);
    json.member("position", item.position);
    json.end_object();
  }
  return answer(list.finish(page->next_cursor, snapshot.size() - 1), snapshot.size() - 1);
}

}  // namespace ledger::server
