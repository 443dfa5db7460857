// GET /v1/filings/{id}/diff: what changed in a filing between two positions.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "events/store/engine.hpp"
#include "replay/as_of.hpp"
#include "server/read/answer.hpp"
#include "server/read/event_page.hpp"
#include "server/read/filing_body.hpp"
#include "server/read/json_diff.hpp"
#include "server/read/moment.hpp"
#include "server/read/position.hpp"
#include "server/read/reads.hpp"
#include "server/read/render.hpp"

namespace ledger::server {
namespace {

using projections::JsonWriter;

/// A filing at one end of the comparison, as the reader may see it.
struct Side {
  std::uint64_t position = 0;
  std::optional<FilingState> state;  ///< nullopt: not there yet, or not for this reader
  Sight sight = Sight::none;
};

Side side_at(const ReadContext& context, const store::Snapshot& snapshot, std::uint64_t position) {
  Side side{.position = position,
            .state = replay::filing_at(snapshot, context.models, context.ids[0], position)};
  if (side.state)
    side.sight = sight_of_filing(reader_of(context), side.state->subject_id, side.state->disclosed());
  if (side.sight == Sight::none) side.state.reset();
  return side;
}

boost::json::value body_of(const ReadContext& context, const store::Snapshot& snapshot, const Side& side) {
  if (!side.state) return nullptr;
  const Dating dating = dating_of(context, snapshot, side.position, std::nullopt);
  return boost::json::parse(filing_body(context, snapshot, *side.state, side.sight, dating, side.position));
}

/// The event that a committed value at this pointer stands in. A commitment is bound to its event, so two of
/// the same field are the same exactly when this is.
std::optional<std::uint64_t> source_of(const FilingState& state, std::string_view pointer) {
  if (pointer.starts_with("/reasons/")) return state.decision_position;
  if (pointer.starts_with("/change/")) return state.change_position;
  if (pointer.starts_with("/cancellation_request/")) return state.cancellation_position;
  return form_position(state);
}

void write_side(JsonWriter& json, const store::Snapshot& snapshot, std::string_view name, const Side& side) {
  json.key(name).begin_object();
  json.member("position", side.position);
  json.member("time", replay::recorded_at(snapshot, side.position).text());
  json.key("version");
  if (side.state) {
    json.value(side.state->version);
  } else {
    json.raw("null");
  }
  json.key("state");
  if (side.state) {
    json.value(code_of(side.state->status));
  } else {
    json.raw("null");
  }
  json.end_object();
}

/// The events between both sides, and where `GET /v1/filings/{id}/events` goes on when they are too many.
void write_events(JsonWriter& json, const ReadContext& context, const store::Snapshot& snapshot,
                  const StreamId& stream, std::uint64_t from_position, const FilingState& to) {
  const Reader reader = reader_of(context);
  const EventOwner owner{to.subject_id, to.disclosed(), to.public_record.has_value()};
  std::uint64_t version = replay::version_at(snapshot, stream, from_position);
  const std::size_t count =
      static_cast<std::size_t>(std::min<std::uint64_t>(kLimitMax, to.version - version));
  json.key("events").begin_array();
  for (const std::uint64_t position : snapshot.stream_positions(stream, version, count)) {
    ++version;
    const auto read = snapshot.event(position, false);
    if (!read || sight_of_event(reader, read->event, owner) == Sight::none) continue;
    const EventHeader& header = read->event.header;
    json.begin_object();
    json.member("type", name_of(type_of(read->event.payload)));
    json.member("position", position);
    json.member("version", header.version);
    json.member("time", header.recorded_at.text());
    json.end_object();
  }
  json.end_array();
  json.key("next_cursor");
  if (version < to.version) {
    json.value(std::to_string(version));
  } else {
    json.raw("null");
  }
}

}  // namespace

http::Response Reads::filing_diff(const ReadContext& context) const {
  QueryReader query(context.request);
  const auto from = query.number("from", 0, kPositionMax);
  const auto asked = query.number("to", 0, kPositionMax);
  if (!query.given("from")) query.wrong("from", "is missing");
  if (from && asked && *from > *asked) query.wrong("from", "is above to");
  if (auto refusal = refuse(context, query)) return std::move(*refusal);
  const store::Snapshot snapshot = context.engine.snapshot();
  const std::uint64_t to = asked.value_or(snapshot.size() - 1);
  if (*from >= snapshot.size() || to >= snapshot.size()) return beyond_log(context, snapshot.size());

  const Side before = side_at(context, snapshot, *from);
  const Side after = side_at(context, snapshot, to);
  if (!after.state) return not_found(context);
  const auto other_commitment = [&](std::string_view pointer) {
    return !before.state || source_of(*before.state, pointer) != source_of(*after.state, pointer);
  };
  const auto changes =
      differences(body_of(context, snapshot, before), body_of(context, snapshot, after), other_commitment);

  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("id", context.ids[0].text());
  write_side(json, snapshot, "from", before);
  write_side(json, snapshot, "to", after);
  json.key("changes").begin_array();
  for (const FieldDifference& change : changes) {
    json.begin_object();
    json.member("pointer", change.pointer);
    json.key("before").raw(boost::json::serialize(change.before));
    json.key("after").raw(boost::json::serialize(change.after));
    json.end_object();
  }
  json.end_array();
  const StreamId stream{StreamKind::filing, context.ids[0]};
  write_events(json, context, snapshot, stream, *from, *after.state);
  json.member("position", to);
  json.end_object();
  return answer(std::move(out), to, after.state->version);
}

}  // namespace ledger::server
