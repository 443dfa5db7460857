// GET answers of the survival statistics: how long a stage takes, as JSON and drawn.
#include <algorithm>
#include <array>
#include <charconv>

#include "events/store/engine.hpp"
#include "projections/announcements.hpp"
#include "projections/read_models.hpp"
#include "schema/codes.hpp"
#include "server/api/negotiation.hpp"
#include "server/read/answer.hpp"
#include "server/read/durations.hpp"
#include "server/read/durations_svg.hpp"
#include "server/read/position.hpp"
#include "server/read/query.hpp"
#include "server/read/reads.hpp"

namespace ledger::server {
namespace {

constexpr std::string_view kSvg = "image/svg+xml";

/// What a request asks for.
struct Asked {
  replay::Stratum stratum;
  std::optional<std::uint64_t> at_position;
  std::optional<TimestampUs> as_of;
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

Asked read_asked(QueryReader& query, TimestampUs now) {
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
  asked.at_position = query.number("at_position", 0, kPositionMax);
  if (const auto text = query.text("as_of")) {
    asked.as_of = TimestampUs::parse(*text);
    if (!asked.as_of) {
      query.wrong("as_of", "must be a time of RFC 3339");
    } else if (*asked.as_of > now) {
      query.wrong("as_of", "lies in the future");
    }
    if (asked.at_position) query.wrong("as_of", "stands in place of at_position");
  }
  return asked;
}

TimestampUs recorded_at(const store::Snapshot& snapshot, std::uint64_t position) {
  const auto entry = snapshot.entry(position);
  const auto header = entry ? codec::decode_header(*entry) : std::unexpected(codec::CodecError::malformed);
  if (!header) throw store::StoreDamage({0, "read the header of an entry"});
  return header->header.recorded_at;
}

/// The last position recorded at or before a time; nullopt where nothing was yet. Recorded times never
/// decrease.
std::optional<std::uint64_t> position_at(const store::Snapshot& snapshot, TimestampUs at) {
  std::uint64_t low = 0, high = snapshot.size();
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (recorded_at(snapshot, middle) <= at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low == 0 ? std::nullopt : std::optional(low - 1);
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

http::Response refused(const ReadContext& context, std::string_view code, std::string detail) {
  ProblemParts parts;
  parts.detail = std::move(detail);
  return problem(context.language, code, std::move(parts));
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
  const Asked asked = read_asked(query, context.now);
  if (const auto refusal = query.done()) return problem(context.language, *refusal);
  const std::array offers = {drawn ? kSvg : kJson};
  if (!negotiate(context.request, offers)) return problem(context.language, "not_acceptable");
  const bool insider = context.grant && is_staff(context.grant->role);
  if (!insider && (asked.at_position || asked.as_of)) {
    return refused(context, "role_forbidden", "public statistics are those of the last announcement");
  }

  const store::Snapshot snapshot = context.engine.snapshot();
  std::uint64_t position = snapshot.size() - 1;
  if (!insider) {
    position = last_announcement(context, snapshot);
  } else if (asked.at_position) {
    if (*asked.at_position >= snapshot.size()) {
      ProblemParts parts;
      parts.detail = "the log has " + std::to_string(snapshot.size()) + " entries";
      parts.members.emplace_back("size", std::to_string(snapshot.size()));
      return problem(context.language, "beyond_log", std::move(parts));
    }
    position = *asked.at_position;
  } else if (asked.as_of) {
    const auto found = position_at(snapshot, *asked.as_of);
    if (!found) return refused(context, "bad_query", "as_of lies before the ledger's first event");
    position = *found;
  }

  const std::string tag = '"' + std::to_string(position) + '"';
  const bool known = !insider && none_match_fails(context.request, tag);
  BodyCache::Body body;
  if (!known) {
    std::string key = cache_key(asked.stratum, position, insider, drawn);
    body = bodies_.find(key);
    if (!body) {
      stages_.catch_up(snapshot.views(), context.models.timeline, snapshot.size());
      auto spells = stages_.spells(asked.stratum, {position, recorded_at(snapshot, position)});
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
