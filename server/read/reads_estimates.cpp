// GET answers about waiting times: of a filing, as of now or any moment before, and of a hypothetical one.
#include <algorithm>

#include "events/codec/entry_codec.hpp"
#include "events/store/engine.hpp"
#include "projections/read_models.hpp"
#include "schema/codes.hpp"
#include "server/api/negotiation.hpp"
#include "server/read/answer.hpp"
#include "server/read/estimate_json.hpp"
#include "server/read/moment.hpp"
#include "server/read/query.hpp"
#include "server/read/reads.hpp"

namespace ledger::server {
namespace {

using projections::Stage;
using replay::EstimateLog;

/// More rejections than anybody had; beyond the third attempt they do not matter any more.
constexpr std::uint64_t kRejectionsMax = 100;
constexpr std::int64_t kUsADay = 86'400'000'000;
constexpr std::int64_t kShanghaiUs = 8 * std::int64_t{3'600'000'000};

EstimateLog log_of(const ReadContext& context, const store::Snapshot& snapshot) {
  return {.views = snapshot.views(),
          .timeline = context.models.timeline,
          .size = snapshot.size(),
          .recorded_at = [&snapshot](std::uint64_t position) {
            const auto entry = snapshot.entry(position);
            const auto header =
                entry ? codec::decode_header(*entry) : std::unexpected(codec::CodecError::malformed);
            if (!header) throw store::StoreDamage({0, "read the header of an entry"});
            return header->header.recorded_at;
          }};
}

bool read_once_more(QueryReader& query) {
  const auto text = query.text("rejected_once_more");
  if (!text) return false;
  if (*text != "true" && *text != "false") query.wrong("rejected_once_more", "must be true or false");
  return *text == "true";
}

/// What a request asks of a filing that may never be made.
struct Hypothesis {
  replay::EstimateCase of;
  bool once_more = false;
};

Hypothesis read_hypothesis(QueryReader& query) {
  Hypothesis asked;
  asked.of.stage = Stage::queued;
  asked.of.type = query.code<AlgorithmType>("type");
  asked.of.role = query.code<AlgorithmRole>("role");
  if (const auto text = query.text("region")) {
    const auto prefix = projections::region_prefix(*text);
    const bool known = prefix && std::ranges::any_of(schema::regions(), [&](const schema::Region& region) {
                         return std::string_view(region.code).starts_with(*prefix);
                       });
    if (known) {
      std::ranges::copy(*prefix, asked.of.region.begin());
    } else {
      query.wrong("region", "must be 2, 4 or 6 digits of GB/T 2260");
    }
  }
  asked.of.attempt =
      1 + static_cast<std::uint32_t>(query.number("rejections", 0, kRejectionsMax).value_or(0));
  if (const auto text = query.text("stage")) {
    const auto stage = projections::stage_from(*text);
    if (stage && *stage <= Stage::publication) {
      asked.of.stage = *stage;
    } else {
      query.wrong("stage", "must be one of drafting, queued, review, rework, numbering, publication");
    }
  }
  asked.once_more = read_once_more(query);
  if (asked.once_more && !replay::decision_ahead(asked.of.stage))
    query.wrong("rejected_once_more", "is possible only while a decision is still to come");
  return asked;
}

}  // namespace

http::Response Reads::filing_estimate(const ReadContext& context) {
  QueryReader query(context.request);
  const Moment asked = read_moment(query, context.now, context.engine.last_recorded());
  const bool once_more = read_once_more(query);
  if (auto refusal = refuse(context, query)) return std::move(*refusal);
  const store::Snapshot snapshot = context.engine.snapshot();
  const auto state = snapshot.lookup().filing(context.ids[0]);
  if (!state) return not_found(context);
  const Reader reader = reader_of(context);
  if (sight_of_filing(reader, state->subject_id, state->disclosed()) == Sight::none)
    return not_found(context);
  const EstimateLog log = log_of(context, snapshot);
  const auto position = position_of(context, snapshot, asked);
  if (!position) return position.error();
  replay::Moment moment{position->value_or(log.size - 1), {}};
  moment.at = asked.time.value_or(log.recorded_at(moment.position));

  EstimateAnswer about;
  about.filing = context.ids[0];
  about.moment = moment;
  about.rejected_once_more = once_more;
  const replay::FilingThen then = replay::filing_then(log, context.ids[0], moment.position);
  if (then.visits.empty()) {
    // An imported record never had a stage; anything else was not there yet.
    const auto first = snapshot.stream_positions({StreamKind::filing, context.ids[0]}, 0, 1);
    const bool imported =
        context.models.timeline.visits(snapshot.views(), {StreamKind::filing, context.ids[0]}).empty();
    if (!imported || first.empty() || first.front() > moment.position) return not_found(context);
    about.ended.emplace();
    return answer(render_estimate(about), moment.position, state->version);
  }
  // What a draft was before its first submission is its filer's own business, then as now.
  if (!then.submitted() && sight_of_filing(reader, state->subject_id, false) == Sight::none)
    return not_found(context);
  if (!then.open) {
    about.ended = {then.visits.back().outcome, then.visits.back().left_at};
    about.statistics_position = moment.position;
    return answer(render_estimate(about), moment.position, state->version);
  }
  about.of = *then.open;
  if (once_more && !replay::decision_ahead(about.of.stage)) {
    ProblemParts parts;
    parts.detail = "rejected_once_more is possible only while a decision is still to come";
    return problem(context.language, "bad_query", std::move(parts));
  }
  stages_.catch_up(snapshot.views(), context.models.timeline, snapshot.size());
  const auto tables = estimator_.tables_for(log, moment.position);
  about.statistics_position = tables.position;
  about.estimate = tables.tables->estimate(about.of, moment.at,
                                           {.rejected_once_more = once_more, .position = tables.position});
  return answer(render_estimate(about), moment.position, state->version);
}

http::Response Reads::estimates(const ReadContext& context) {
  QueryReader query(context.request);
  Hypothesis asked = read_hypothesis(query);
  if (auto refusal = refuse(context, query)) return std::move(*refusal);
  const store::Snapshot snapshot = context.engine.snapshot();
  const EstimateLog log = log_of(context, snapshot);
  // Samples of the last announcement; the filing begins today, so that its answer changes once a day.
  const auto newest = context.models.announcements.find(snapshot.views(), {}, std::nullopt, 1);
  const std::uint64_t position = newest && !newest->items.empty() ? newest->items.front() : 0;
  const std::int32_t today = Date::of(log.recorded_at(snapshot.size() - 1)).days;
  const TimestampUs begin{static_cast<std::int64_t>(today) * kUsADay - kShanghaiUs};
  EstimateAnswer about;
  about.moment = {position, std::max(begin, log.recorded_at(position))};
  about.statistics_position = position;
  about.rejected_once_more = asked.once_more;
  asked.of.entered_at = about.moment.at;
  about.of = asked.of;

  const std::string tag = '"' + std::to_string(position) + '-' + std::to_string(about.moment.at.value) + '"';
  if (none_match_fails(context.request, tag)) {
    http::Response unchanged = answer({}, position, std::nullopt, {}, kRevalidate);
    unchanged.status = 304;
    unchanged.headers.add("ETag", tag);
    return unchanged;
  }
  std::string key = "estimate " + tag + ' ' + std::string(projections::code_of(asked.of.stage));
  for (const std::uint64_t part :
       {std::uint64_t{asked.of.attempt}, asked.of.type ? static_cast<std::uint64_t>(*asked.of.type) : 0,
        asked.of.role ? static_cast<std::uint64_t>(*asked.of.role) : 0, std::uint64_t{asked.once_more}})
    key += ' ' + std::to_string(part);
  key += ' ';
  key.append(asked.of.region.data(), asked.of.region.size());
  BodyCache::Body body = bodies_.find(key);
  if (!body) {
    stages_.catch_up(snapshot.views(), context.models.timeline, snapshot.size());
    const auto tables = estimator_.tables_of(log, position);
    about.estimate = tables.tables->estimate(about.of, about.moment.at,
                                             {.rejected_once_more = asked.once_more, .position = position});
    make_public(about);
    body = std::make_shared<const std::string>(render_estimate(about));
    bodies_.put(std::move(key), body);
  }
  http::Response response = answer(http::Body(std::move(body)), position, std::nullopt, kJson, kRevalidate);
  response.headers.add("ETag", tag);
  return response;
}

}  // namespace ledger::server
