#include "server/api/routes.hpp"

#include <algorithm>

#include "server/api/commands.hpp"
#include "server/read/reads.hpp"

namespace ledger::server {
namespace {

using http::Method;
using namespace commands;

template <auto Member>
http::Response ask(Reads& reads, const ReadContext& context) {
  return (reads.*Member)(context);
}

constexpr Route special(std::string_view pattern, Special what) {
  return {.method = Method::get,
          .pattern = pattern,
          .entrance = Entrance::open,
          .special = what,
          .made_under = {}};
}

template <auto Member>
constexpr Route get(std::string_view pattern, Entrance entrance = Entrance::token) {
  return {
      .method = Method::get, .pattern = pattern, .entrance = entrance, .read = ask<Member>, .made_under = {}};
}

/// A read that goes through as much as there is, on a thread of its own.
template <auto Member>
constexpr Route slow(std::string_view pattern, Entrance entrance = Entrance::token) {
  Route route = get<Member>(pattern, entrance);
  route.slow = true;
  return route;
}

/// A command whose body has fields.
constexpr Route form(Method method, std::string_view pattern, ReadCommand command) {
  return {.method = method, .pattern = pattern, .command = command, .made_under = {}};
}

/// A command whose body may be left out.
constexpr Route bare(Method method, std::string_view pattern, ReadCommand command) {
  return {.method = method, .pattern = pattern, .command = command, .body_optional = true, .made_under = {}};
}

/// A command that makes something, found below `made_under` (empty: below its own path).
constexpr Route make(std::string_view pattern, ReadCommand command, std::string_view made_under = "",
                     Entrance entrance = Entrance::token) {
  return {.method = Method::post,
          .pattern = pattern,
          .entrance = entrance,
          .command = command,
          .made_under = made_under};
}

constexpr auto kRoutes = std::to_array<Route>({
    special("/", Special::page),
    special("/healthz", Special::health),
    special("/readyz", Special::ready),
    special("/metrics", Special::metrics),
    special("/openapi.yaml", Special::openapi),
    special("/asyncapi.yaml", Special::asyncapi),
    special("/v1/schema/{n}", Special::schema),
    special("/problems/{code}", Special::problem),

    get<&Reads::me>("/v1/me"),
    make("/v1/access/grants", grant_access),
    get<&Reads::access_grants>("/v1/access/grants"),
    bare(Method::del, "/v1/access/grants/{id}", revoke_access),

    {.method = Method::post,
     .pattern = "/v1/calendars",
     .command = publish_calendar,
     .made_under = "/v1/calendars",
     .made_is_listed = true},
    get<&Reads::calendars>("/v1/calendars", Entrance::public_),

    make("/v1/webhooks", register_webhook),
    {.method = Method::get, .pattern = "/v1/webhooks", .special = Special::webhooks, .made_under = {}},
    bare(Method::del, "/v1/webhooks/{id}", remove_webhook),
    {.method = Method::post,
     .pattern = "/v1/webhooks/{id}/resume",
     .special = Special::resume_webhook,
     .made_under = {}},

    {.method = Method::post, .pattern = "/v1/admin/rebuild", .special = Special::rebuild, .made_under = {}},
    {.method = Method::get, .pattern = "/v1/admin/rebuild", .special = Special::rebuild, .made_under = {}},

    make("/v1/subjects", register_subject, "", Entrance::public_),
    get<&Reads::subjects>("/v1/subjects"),
    get<&Reads::subject>("/v1/subjects/{id}"),
    get<&Reads::subject_events>("/v1/subjects/{id}/events"),
    get<&Reads::subject_timeline>("/v1/subjects/{id}/timeline"),
    form(Method::post, "/v1/subjects/{id}/submit", submit_subject),
    bare(Method::post, "/v1/subjects/{id}/approve", approve_subject),
    form(Method::post, "/v1/subjects/{id}/reject", reject_subject),
    form(Method::post, "/v1/subjects/{id}/change", change_subject),
    bare(Method::post, "/v1/subjects/{id}/change/approve", approve_subject_change),
    form(Method::post, "/v1/subjects/{id}/change/reject", reject_subject_change),
    bare(Method::post, "/v1/subjects/{id}/close", close_subject),
    bare(Method::post, "/v1/subjects/{id}/hold", place_hold),
    bare(Method::del, "/v1/subjects/{id}/hold", lift_hold),
    form(Method::post, "/v1/subjects/{id}/erase", erase_subject),

    make("/v1/subjects/{id}/products", add_product, "/v1/products"),
    get<&Reads::subject_products>("/v1/subjects/{id}/products"),
    form(Method::patch, "/v1/products/{id}", update_product),
    bare(Method::del, "/v1/products/{id}", remove_product),
    make("/v1/products/{id}/access-paths", add_access_path),
    form(Method::patch, "/v1/products/{id}/access-paths/{id}", update_access_path),
    bare(Method::del, "/v1/products/{id}/access-paths/{id}", remove_access_path),
    make("/v1/products/{id}/access-paths/{id}/features", add_feature),
    form(Method::patch, "/v1/products/{id}/access-paths/{id}/features/{id}", update_feature),
    bare(Method::del, "/v1/products/{id}/access-paths/{id}/features/{id}", remove_feature),

    {.method = Method::put, .pattern = "/v1/documents", .special = Special::upload, .made_under = {}},
    {.method = Method::get,
     .pattern = "/v1/documents/{digest}",
     .entrance = Entrance::public_,
     .special = Special::download,
     .made_under = {}},

    make("/v1/filings", create_filing),
    get<&Reads::filings>("/v1/filings"),
    get<&Reads::drafts>("/v1/drafts"),
    get<&Reads::filing>("/v1/filings/{id}"),
    get<&Reads::filing_events>("/v1/filings/{id}/events"),
    get<&Reads::filing_timeline>("/v1/filings/{id}/timeline"),
    get<&Reads::filing_diff>("/v1/filings/{id}/diff"),
    slow<&Reads::filing_estimate>("/v1/filings/{id}/estimate"),
    slow<&Reads::filing_bundle>("/v1/filings/{id}/bundle"),
    form(Method::put, "/v1/filings/{id}/draft", save_draft),
    bare(Method::del, "/v1/filings/{id}/draft", discard_draft),
    form(Method::post, "/v1/filings/{id}/submit", submit_filing),
    bare(Method::post, "/v1/filings/{id}/withdraw", withdraw_filing),
    bare(Method::post, "/v1/filings/{id}/start-review", start_review),
    bare(Method::post, "/v1/filings/{id}/approve", approve_filing),
    form(Method::post, "/v1/filings/{id}/reject", reject_filing),
    bare(Method::post, "/v1/filings/{id}/assign-number", assign_number),
    form(Method::post, "/v1/filings/{id}/publish", publish_filing),
    form(Method::post, "/v1/filings/{id}/display", record_display),
    form(Method::post, "/v1/filings/{id}/change", submit_change),
    bare(Method::post, "/v1/filings/{id}/change/withdraw", withdraw_change),
    bare(Method::post, "/v1/filings/{id}/change/approve", approve_change),
    form(Method::post, "/v1/filings/{id}/change/reject", reject_change),
    bare(Method::post, "/v1/filings/{id}/request-cancellation", request_cancellation),
    bare(Method::post, "/v1/filings/{id}/cancel", cancel_filing),
    form(Method::post, "/v1/filings/{id}/cancellation/reject", reject_cancellation),
    form(Method::post, "/v1/filings/{id}/revoke", revoke_filing),
    form(Method::post, "/v1/filings/{id}/correct", correct_announcement),

    get<&Reads::review_queue>("/v1/review-queue"),
    get<&Reads::announcements>("/v1/announcements", Entrance::public_),
    get<&Reads::number>("/v1/numbers/{number}", Entrance::public_),
    get<&Reads::counts>("/v1/statistics/counts", Entrance::public_),
    slow<&Reads::durations>("/v1/statistics/durations", Entrance::public_),
    slow<&Reads::durations_svg>("/v1/statistics/durations.svg", Entrance::public_),
    slow<&Reads::estimates>("/v1/estimates", Entrance::public_),
    get<&Reads::events>("/v1/events"),
    get<&Reads::event>("/v1/events/{position}", Entrance::public_),
    get<&Reads::proof>("/v1/events/{position}/proof", Entrance::public_),
    get<&Reads::consistency>("/v1/consistency", Entrance::public_),

    {.method = Method::get,
     .pattern = "/v1/stream",
     .entrance = Entrance::public_,
     .special = Special::stream,
     .made_under = {}},
    {.method = Method::post, .pattern = "/v1/stream/tickets", .special = Special::ticket, .made_under = {}},

    get<&Reads::log_checkpoint>("/log/checkpoint", Entrance::public_),
    get<&Reads::log_tile>("/log/tile/{path*}", Entrance::public_),
});

/// A pattern cut into segments, with the routes that share it.
struct Path {
  std::string_view pattern;
  std::vector<std::string_view> segments;
  std::vector<std::size_t> routes;  // indexes in kRoutes
};

constexpr bool is_capture(std::string_view segment) {
  return segment.starts_with('{');
}

/// A last segment that stands for one or more.
constexpr std::string_view kRest = "{path*}";

/// The pattern before its rest, where it ends in one.
constexpr std::optional<std::string_view> before_rest(std::string_view pattern) {
  if (!pattern.ends_with(kRest)) return std::nullopt;
  return pattern.substr(0, pattern.size() - kRest.size());
}

/// Looks up a path of any length, as received: what may stand in it needs no decoding.
std::optional<std::size_t> match_rest(std::string_view path, Match& found) {
  for (std::size_t i = 0; i < kRoutes.size(); ++i) {
    const auto front = before_rest(kRoutes[i].pattern);
    if (!front || !path.starts_with(*front) || path.size() == front->size()) continue;
    found.text = path.substr(front->size());
    return i;
  }
  return std::nullopt;
}

/// Paths by their number of segments; `/` has none. Those with a rest are not among them.
std::vector<std::vector<Path>> cut_paths() {
  std::vector<std::vector<Path>> by_length;
  for (std::size_t i = 0; i < kRoutes.size(); ++i) {
    const std::string_view pattern = kRoutes[i].pattern;
    if (before_rest(pattern)) continue;
    std::vector<std::string_view> segments;
    std::string_view rest = pattern == "/" ? std::string_view() : pattern;
    while (!rest.empty()) {
      rest.remove_prefix(1);
      const std::size_t end = std::min(rest.find('/'), rest.size());
      segments.push_back(rest.substr(0, end));
      rest.remove_prefix(end);
    }
    if (by_length.size() <= segments.size()) by_length.resize(segments.size() + 1);
    std::vector<Path>& paths = by_length[segments.size()];
    auto path = std::ranges::find(paths, pattern, &Path::pattern);
    if (path == paths.end()) path = paths.insert(paths.end(), {pattern, std::move(segments), {}});
    path->routes.push_back(i);
  }
  return by_length;
}

bool fits(const Path& path, const std::vector<std::string>& segments) {
  // The last segment tells paths apart best: they nearly all begin alike.
  for (std::size_t i = segments.size(); i-- > 0;) {
    if (is_capture(path.segments[i])) {
      if (segments[i].empty()) return false;
    } else if (path.segments[i] != segments[i]) {
      return false;
    }
  }
  return true;
}

void add_method(std::string& allow, std::string_view name) {
  if (!allow.empty()) allow += ", ";
  allow += name;
}

}  // namespace

std::span<const Route> routes() {
  return kRoutes;
}

std::string_view name_of(Method method) {
  switch (method) {
    case Method::get: return "GET";
    case Method::head: return "HEAD";
    case Method::post: return "POST";
    case Method::put: return "PUT";
    case Method::patch: return "PATCH";
    case Method::del: return "DELETE";
    case Method::options: return "OPTIONS";
    case Method::other: break;
  }
  return "other";
}

namespace {

/// What a path is asked for: the route of the method, or the methods that there are.
void choose(Match& found, http::Method method, std::span<const std::size_t> indexes) {
  found.known = true;
  const Method wanted = method == Method::head ? Method::get : method;
  for (const std::size_t index : indexes) {
    const Route& route = kRoutes[index];
    found.pattern = route.pattern;
    if (route.method == Method::get) found.anyone_reads = route.entrance != Entrance::token;
    if (route.method == wanted) {
      found.route = &route;
      found.index = index;
    }
  }
  if (found.route != nullptr) return;
  for (const std::size_t index : indexes) {
    add_method(found.allow, name_of(kRoutes[index].method));
    if (kRoutes[index].method == Method::get) add_method(found.allow, "HEAD");
  }
  add_method(found.allow, "OPTIONS");
}

}  // namespace

Match match(const http::Request& request) {
  static const std::vector<std::vector<Path>> kPaths = cut_paths();
  Match found;
  const std::vector<std::string>& segments = request.path;
  const std::span<const Path> paths =
      segments.size() < kPaths.size() ? kPaths[segments.size()] : std::span<const Path>();
  const auto path = std::ranges::find_if(paths, [&](const Path& p) { return fits(p, segments); });
  if (path == paths.end()) {
    if (const auto index = match_rest(request.raw_path(), found)) choose(found, request.method, {&*index, 1});
    return found;
  }
  std::size_t ids = 0;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (path->segments[i] == "{id}") {
      const auto id = Uuid::parse(segments[i]);
      found.ids_fine = found.ids_fine && id.has_value();
      found.ids[ids++] = id.value_or(Uuid{});
    } else if (is_capture(path->segments[i])) {
      found.text = segments[i];
    }
  }
  choose(found, request.method, path->routes);
  return found;
}

}  // namespace ledger::server
