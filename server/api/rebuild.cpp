#include "server/api/rebuild.hpp"

#include <spdlog/fmt/fmt.h>

#include "events/store/engine.hpp"
#include "events/store/rebuild_status.hpp"
#include "server/read/answer.hpp"

namespace ledger::server {
namespace {

constexpr std::string_view kPath = "/v1/admin/rebuild";

http::Response shown(const ReadContext& context) {
  const store::RebuildStatus status = context.engine.rebuild_status();
  std::string text;
  projections::JsonWriter json(text);
  json.begin_object();
  json.member("state", code_of(status.state));
  json.member("events", status.events);
  json.member("total", status.total);
  json.key("started_at");
  if (status.state == store::RebuildState::none) {
    json.raw("null");
  } else {
    json.value(status.started_at.text());
  }
  json.member_raw("seconds", fmt::format("{:.3f}", status.seconds));
  json.member_raw("events_per_second", fmt::format("{:.0f}", status.events_per_second()));
  const auto remaining = status.remaining_seconds();
  json.member_raw("remaining_seconds", remaining ? fmt::format("{:.1f}", *remaining) : "null");
  json.key("failure");
  if (status.failure.empty()) {
    json.raw("null");
  } else {
    json.value(status.failure);
  }
  json.end_object();
  return answer(http::Body(std::move(text)), context.engine.size() - 1);
}

}  // namespace

http::Response start_rebuild(const ReadContext& context, store::Engine& engine) {
  if (!context.is(Role::admin)) return role_forbidden(context);
  if (auto refused = refuse_fields(context)) return std::move(*refused);
  if (const auto begun = engine.start_rebuild(); !begun) return problem(context.language, begun.error());
  http::Response response = shown(context);
  response.status = 202;
  response.headers.add("Location", kPath);
  return response;
}

http::Response show_rebuild(const ReadContext& context) {
  if (!context.is(Role::admin)) return role_forbidden(context);
  return shown(context);
}

}  // namespace ledger::server
