#include "server/read/timeline_json.hpp"

#include "projections/json_writer.hpp"

namespace ledger::server {

std::string render_timeline(const std::vector<projections::Visit>& visits, std::uint64_t position,
                            Sight sight) {
  std::string out;
  out.reserve(128 + visits.size() * 240);
  projections::JsonWriter json(out);
  const auto null = [&](std::string_view name) {
    json.key(name);
    json.raw("null");
  };
  json.begin_object();
  json.key("stages");
  json.begin_array();
  for (const projections::Visit& visit : visits) {
    json.begin_object();
    json.member("stage", projections::code_of(visit.stage));
    json.member("attempt", visit.attempt);
    json.member("entered_at", visit.entered_at.text());
    if (visit.left_at) {
      json.member("left_at", visit.left_at->text());
    } else {
      null("left_at");
    }
    if (visit.outcome) {
      json.member("outcome", projections::code_of(*visit.outcome));
    } else {
      null("outcome");
    }
    if (visit.actor) {
      json.key("actor");
      json.begin_object();
      if (names_principals(sight) && !visit.actor->principal.is_nil()) {
        json.member("principal", visit.actor->principal.text());
      }
      json.member("role", code_of(visit.actor->role));
      json.end_object();
    } else {
      null("actor");
    }
    null("working_days");
    null("due_on");
    null("overdue");
    json.end_object();
  }
  json.end_array();
  json.member("position", position);
  json.end_object();
  return out;
}

}  // namespace ledger::server
