// GET answers for everybody: the public list, its counts, and the lookup of a number.
#include <array>

#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

#include "events/store/engine.hpp"
#include "projections/announcement_format.hpp"
#include "projections/read_models.hpp"
#include "server/api/negotiation.hpp"
#include "server/read/answer.hpp"
#include "server/read/moment.hpp"
#include "server/read/query.hpp"
#include "server/read/reads.hpp"

namespace ledger::server {
namespace {

using projections::JsonWriter;
using projections::ListFormat;

constexpr std::string_view kPath = "/v1/announcements";
constexpr std::array<std::string_view, 3> kListOffers = {kJson, "text/csv", "application/atom+xml"};

std::string percent_encoded(std::string_view text) {
  return boost::urls::encode(text, boost::urls::unreserved_chars);
}

/// The path with the query as it was asked, but for the cursor: `?` or `&` is already there for one more
/// parameter. A time to look back to has become the position that it meant, which no event recorded in the
/// same microsecond can change from one page to the next.
std::string path_for_cursor(const http::Request& request, std::optional<std::uint64_t> as_of) {
  std::string url(kPath);
  url += '?';
  for (const http::QueryParameter& parameter : request.query) {
    if (parameter.name == "cursor") continue;
    if (as_of && parameter.name == "as_of") {
      url += "at_position=" + std::to_string(*as_of) + '&';
    } else {
      url += percent_encoded(parameter.name) + '=' + percent_encoded(parameter.value) + '&';
    }
  }
  return url;
}

projections::AnnouncementFilter read_filter(QueryReader& query) {
  projections::AnnouncementFilter filter;
  filter.query = query.text("query").value_or(std::string_view{});
  filter.type = query.code<AlgorithmType>("type");
  filter.role = query.code<AlgorithmRole>("role");
  filter.series = query.code<Series>("series");
  if (const auto batch = query.number("batch", 1, 0xFFFF'FFFF))
    filter.batch = static_cast<std::uint32_t>(*batch);
  if (const auto region = query.text("region")) {
    if (const auto prefix = projections::region_prefix(*region)) {
      filter.region = *prefix;
    } else {
      query.wrong("region", "must be 2, 4 or 6 digits of GB/T 2260");
    }
  }
  filter.announced_from = query.date("announced_from");
  filter.announced_until = query.date("announced_until");
  if (filter.announced_from && filter.announced_until && *filter.announced_from > *filter.announced_until)
    query.wrong("announced_from", "is after announced_until");
  return filter;
}

/// The entity tag of the list, without its weakness: the event that changed it last, and the form that it is
/// shown in. Weak, since a page names the position that it was read at.
std::string list_tag(const std::optional<projections::Announcements::LastChange>& last, std::size_t format) {
  std::string tag = last ? std::to_string(last->position) : std::string("none");
  tag.insert(0, 1, '"');
  tag += '-';
  tag += std::to_string(format);
  tag += '"';
  return tag;
}

void write_anomalies(JsonWriter& json, const std::vector<projections::NumberAnomaly>& anomalies) {
  json.begin_array();
  for (const projections::NumberAnomaly& anomaly : anomalies) {
    json.begin_object();
    json.member("code", code_of(anomaly.fault));
    json.member("detail", anomaly.detail);
    json.key("suggestions");
    json.begin_array();
    for (const std::string& digits : anomaly.suggestions) json.value(digits);
    json.end_array();
    json.end_object();
  }
  json.end_array();
}

std::string text_array(const std::vector<std::string>& texts) {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  for (const std::string& text : texts) json.value(text);
  json.end_array();
  return out;
}

}  // namespace

http::Response Reads::announcements(const ReadContext& context) const {
  QueryReader query(context.request);
  const projections::AnnouncementFilter filter = read_filter(query);
  const std::size_t limit = query.limit();
  const auto cursor = query.cursor();
  const Moment moment = read_moment(query, context.now, context.engine.last_recorded());
  if (const auto refusal = query.done()) return problem(context.language, *refusal);
  const auto offer = negotiate(context.request, kListOffers);
  if (!offer) return problem(context.language, "not_acceptable");

  const store::Snapshot snapshot = context.engine.snapshot();
  const auto then = position_of(context, snapshot, moment);
  if (!then) return then.error();
  const projections::AsOf as_of = *then;
  const projections::Announcements& list = context.models.announcements;
  auto page = list.find(snapshot.views(), filter, cursor, limit, as_of);
  if (!page) {
    return problem(context.language, Refusal{.code = "bad_cursor",
                                             .errors = {},
                                             .state = {},
                                             .detail = "The cursor is not one of this list."});
  }
  const std::uint64_t position = as_of.value_or(snapshot.size() - 1);
  const auto last_change = list.last_change(snapshot.views(), as_of);
  const auto format = static_cast<ListFormat>(*offer);
  const std::string tag = list_tag(last_change, *offer);
  if (none_match_fails(context.request, tag)) {
    http::Response unchanged = answer({}, position, std::nullopt, {}, kRevalidate);
    unchanged.status = 304;
    unchanged.headers.add("ETag", "W/" + tag);
    unchanged.headers.add("Vary", "Accept");
    return unchanged;
  }
  const std::string next_path = path_for_cursor(context.request, as_of) + "cursor=";
  const std::string link = page->next_cursor
                               ? '<' + next_path + percent_encoded(*page->next_cursor) + R"(>; rel="next")"
                               : std::string();

  projections::FeedFacts facts;
  if (format == ListFormat::atom) {
    const LedgerState ledger = snapshot.lookup().ledger();
    // The origin is the ledger's own name; a host that the caller names must not stand in what others may be
    // served.
    const std::string base = "https://" + ledger.origin;
    facts = {.ledger_id = ledger.ledger_id,
             .origin = ledger.origin,
             .self_url = base + path_for_cursor(context.request, as_of) +
                         (cursor ? "cursor=" + percent_encoded(*cursor) : std::string()),
             .next_url = base + next_path,
             .item_url = base + "/v1/events/"};
    if (facts.self_url.ends_with('?') || facts.self_url.ends_with('&')) facts.self_url.pop_back();
  }
  projections::AnnouncementPage pieces(list, format, std::move(*page), position, last_change,
                                       std::move(facts), as_of);
  std::string body;
  while (auto piece = pieces.next_chunk(snapshot.views())) {
    if (body.empty()) {
      body = std::move(*piece);
    } else {
      body += *piece;
    }
  }
  http::Response response =
      answer(std::move(body), position, std::nullopt, projections::content_type_of(format), kRevalidate);
  response.headers.add("ETag", "W/" + tag);
  response.headers.add("Vary", "Accept");
  if (!link.empty()) response.headers.add("Link", link);
  return response;
}

http::Response Reads::counts(const ReadContext& context) const {
  if (auto refusal = refuse(context, QueryReader(context.request))) return std::move(*refusal);
  const store::Snapshot snapshot = context.engine.snapshot();
  const projections::Announcements& list = context.models.announcements;
  const std::uint64_t position = snapshot.size() - 1;
  const std::string tag = list_tag(list.last_change(snapshot.views()), 0);
  std::string out;
  const bool known = none_match_fails(context.request, tag);
  if (!known) {
    const projections::AnnouncementCounts counts = list.counts(snapshot.views());
    JsonWriter json(out);
    json.begin_object().key("filings").begin_object();
    json.member(code_of(FilingStatus::published), counts.published);
    json.member(code_of(FilingStatus::cancelled), counts.cancelled);
    json.member(code_of(FilingStatus::revoked), counts.revoked).end_object();
    json.member("announcements", counts.announcements).key("by_type").begin_object();
    for (const AlgorithmType type : all_values<AlgorithmType>())
      json.member(code_of(type), counts.by_type[static_cast<std::size_t>(type) - 1]);
    json.end_object().member("position", position).end_object();
  }
  http::Response response = answer(std::move(out), position, std::nullopt, kJson, kRevalidate);
  if (known) response.status = 304;
  response.headers.add("ETag", "W/" + tag);
  return response;
}

http::Response Reads::calendars(const ReadContext& context) const {
  if (auto refusal = refuse(context, QueryReader(context.request))) return std::move(*refusal);
  const store::Snapshot snapshot = context.engine.snapshot();
  const std::uint64_t position = snapshot.size() - 1;
  // Years are only added, so their number tells whether anything is new.
  std::string tag = "\"";
  tag += std::to_string(context.models.calendars.count(snapshot.views())) + "-calendars";
  tag += '"';
  if (none_match_fails(context.request, tag)) {
    http::Response unchanged = answer({}, position, std::nullopt, {}, kRevalidate);
    unchanged.status = 304;
    unchanged.headers.add("ETag", "W/" + tag);
    return unchanged;
  }
  ListBody list;
  JsonWriter& json = list.json();
  const auto write_days = [&](std::string_view name, const std::vector<Date>& days) {
    json.key(name).begin_array();
    for (const Date day : days) json.value(day.text());
    json.end_array();
  };
  for (const projections::PublishedCalendar& year : context.models.calendars.all(snapshot.views())) {
    json.begin_object().member("year", year.calendar.year);
    write_days("holidays", year.calendar.holidays);
    write_days("working_days", year.calendar.working_days);
    json.member("source", year.calendar.source).member("position", year.position).end_object();
  }
  http::Response response =
      answer(list.finish(std::nullopt, position), position, std::nullopt, kJson, kRevalidate);
  response.headers.add("ETag", "W/" + tag);
  return response;
}

http::Response Reads::number(const ReadContext& context) const {
  QueryReader query(context.request);
  const Moment moment = read_moment(query, context.now, context.engine.last_recorded());
  if (auto refusal = refuse(context, query)) return std::move(*refusal);
  const store::Snapshot snapshot = context.engine.snapshot();
  const auto then = position_of(context, snapshot, moment);
  if (!then) return then.error();
  const projections::NumberAnswer found =
      context.models.numbers.look_up(snapshot.views(), context.models.announcements, context.text, *then);
  const std::uint64_t position = then->value_or(snapshot.size() - 1);
  if (found.record) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    projections::append_members(json, *found.record);
    json.member("digits", found.digits);
    json.key("anomalies");
    write_anomalies(json, found.anomalies);
    json.end_object();
    return answer(std::move(out), position, std::nullopt, kJson, kRevalidate);
  }
  ProblemParts parts;
  std::string_view code = "number_unknown";
  if (!found.anomalies.empty()) {
    code = code_of(found.anomalies.front().fault);
    parts.detail = found.anomalies.front().detail;
    std::string anomalies;
    JsonWriter json(anomalies);
    write_anomalies(json, found.anomalies);
    parts.members = {{"suggestions", text_array(found.anomalies.front().suggestions)},
                     {"anomalies", std::move(anomalies)}};
  }
  http::Response response = problem(context.language, code, std::move(parts));
  response.headers.add("Ledger-Position", std::to_string(position));
  return response;
}

}  // namespace ledger::server
