// GET answers of the survival statistics: how long a stage takes, as JSON and drawn.
#include <algorithm>
#include <array>

#include "events/store/engine.hpp"
#include "events/tlog/lines.hpp"
#include "projections/announcements.hpp"
#include "projections/read_models.hpp"
#include "replay/as_of.hpp"
#include "schema/codes.hpp"
#include "server/api/negotiation.hpp"
#include "server/read/answer.hpp"
#include "server/read/durations.hpp"
#include "server/read/durations_svg.hpp"
#include "server/read/moment.hpp"
#include "server/read/query.hpp"
#include "server/read/reads.hpp"

namespace ledger::server {
namespace {

constexpr std::string_view kSvg = "image/svg+xml";

/// What a request asks for.
struct Asked {
  replay::Stratum stratum;
  Moment moment;
};

/// `2` is the second attempt, `3+` the third and all behind it.
void read_attempt(QueryReader& query, replay::Stratum& stratum) {
  auto text = query.text("attempt");
  if (!text) return;
  const bool and_more = text->ends_with('+');
  if (and_more) text->remove_suffix(1);
  const auto number = tlog::parse_decimal(*text, stratum.attempt_max);
  if (!number || *number == 0)
    return query.wrong("attempt", "must be a number from 1, or one with + behind it");
  stratum.attempt_min = static_cast<std::uint32_t>(*number);
  if (!and_more) stratum.attempt_max = stratum.attempt_min;
}

void read_region(QueryReader& query, replay::Stratum& stratum) {
  const auto text = query.text("region");
  if (!text) return;
  const auto prefix = projections::region_prefix(*text);
  const bool known = prefix && std::ranges::any_of(schema::regions(), [&](const schema::Region& region) {
                       return std::string_view(region.code).starts_with(*prefix);
                     });
  if (!known) return query.wrong("region", "must be 2, 4 or 6 digits of GB/T 2260");
  stratum.region = *prefix;
}

Asked read_asked(QueryReader& query, const ReadContext& context) {
  Asked asked;
  const auto stage = query.text("stage");
  const auto known = stage ? projections::stage_from(*stage) : std::nullopt;
  if (known) {
    asked.stratum.stage = *known;
  } else {
    query.wrong("stage",
                "must be one of drafting, queued, review, rework, numbering, publication, registration, "
                "initial_review");
  }
  read_attempt(query, asked.stratum);
  read_region(query, asked.stratum);
  asked.stratum.type = query.code<AlgorithmType>("type");
  asked.stratum.role = query.code<AlgorithmRole>("role");
  if (const auto stream = query.text("stream")) {
    if (*stream == "filing" || *stream == "subject") {
      asked.stratum.kind = *stream == "filing" ? StreamKind::filing : StreamKind::subject;
    } else {
      query.wrong("stream", "must be filing or subject");
    }
  }
  asked.moment = read_moment(query, context.now, context.engine.last_recorded());
  return asked;
}

/// Where public statistics stand: at the newest announcement. Before the first there is nothing, as at the
/// ledger's first event.
std::uint64_t last_announcement(const ReadContext& context, const store::Snapshot& snapshot) {
  const auto newest = context.models.announcements.find(snapshot.views(), {}, std::nullopt, 1);
  return newest && !newest->items.empty() ? newest->items.front() : 0;
}

std::string cache_key(const replay::Stratum& stratum, std::uint64_t position, bool insider, bool drawn) {
  std::string key(projections::code_of(stratum.stage));
  const auto add = [&](std::uint64_t number) { key += ' ' + std::to_string(number); };
  add(position);
  add(stratum.attempt_min);
  add(stratum.attempt_max);
  add(stratum.type ? static_cast<std::uint64_t>(*stratum.type) : 0);
  add(stratum.role ? static_cast<std::uint64_t>(*stratum.role) : 0);
  add(stratum.kind ? static_cast<std::uint64_t>(*stratum.kind) + 1 : 0);
  add(insider ? 1 : 0);
  add(drawn ? 1 : 0);
  return key + ' ' + stratum.region;
}

}  // namespace

void Reads::warm(const store::Engine& engine, const projections::ReadModels& models) {
  const store::Snapshot snapshot = engine.snapshot();
  stages_.catch_up(snapshot.views(), models.timeline, snapshot.size());
}

http::Response Reads::durations(const ReadContext& context) {
  return durations_as(context, false);
}

http::Response Reads::durations_svg(const ReadContext& context) {
  return durations_as(context, true);
}

http::Response Reads::durations_as(const ReadContext& context, bool drawn) {
  QueryReader query(context.request);
  const Asked asked = read_asked(query, context);
  if (const auto refusal = query.done()) return problem(context.language, *refusal);
  const std::array offers = {drawn ? kSvg : kJson};
  if (!negotiate(context.request, offers)) return problem(context.language, "not_acceptable");
  const bool insider = context.grant && is_staff(context.grant->role);
  if (!insider && (asked.moment.position || asked.moment.time)) {
    ProblemParts parts;
    parts.detail = "public statistics are those of the last announcement";
    return problem(context.language, "role_forbidden", std::move(parts));
  }

  const store::Snapshot snapshot = context.engine.snapshot();
  const auto then = position_of(context, snapshot, asked.moment);
  if (!then) return then.error();
  const std::uint64_t position =
      insider ? then->value_or(snapshot.size() - 1) : last_announcement(context, snapshot);

  const std::string tag = '"' + std::to_string(position) + '"';
  const bool known = !insider && none_match_fails(context.request, tag);
  BodyCache::Body body;
  if (!known) {
    std::string key = cache_key(asked.stratum, position, insider, drawn);
    body = bodies_.find(key);
    if (!body) {
      stages_.catch_up(snapshot.views(), context.models.timeline, snapshot.size());
      auto spells = stages_.spells(asked.stratum, {position, replay::recorded_at(snapshot, position)});
      Durations durations{.stage = asked.stratum.stage,
                          .survival = {},
                          .position = position,
                          .simulated = snapshot.lookup().ledger().simulated};
      if (insider || make_public(spells)) durations.survival = replay::survival_of_sorted(spells);
      body = std::make_shared<const std::string>(drawn ? draw_durations(durations)
                                                       : render_durations(durations));
      bodies_.put(std::move(key), body);
    }
  }
  http::Response response = answer(body ? http::Body(body) : http::Body(), position, std::nullopt,
                                   known ? std::string_view{} : offers[0], insider ? kNoStore : kRevalidate);
  if (known) response.status = 304;
  if (!insider) response.headers.add("ETag", tag);
  if (drawn) {
    // Opened by itself a drawing is a document: it may style itself, and nothing else.
    response.headers.add("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
    response.headers.add("X-Content-Type-Options", "nosniff");
  }
  return response;
}

}  // namespace ledger::server
