#include "server/read/timeline_json.hpp"

#include "projections/json_writer.hpp"

namespace ledger::server {
namespace {

using projections::Stage;
using projections::Visit;

/// When the attempt that a stage belongs to was submitted; nullopt for stages without a statutory clock.
std::optional<TimestampUs> clock_started(const std::vector<Visit>& visits, std::size_t index) {
  const Visit& visit = visits[index];
  if (visit.stage == Stage::queued) return visit.entered_at;
  if (visit.stage != Stage::review) return std::nullopt;
  while (index-- > 0) {
    const Visit& before = visits[index];
    if (before.stage == Stage::queued && before.attempt == visit.attempt) return before.entered_at;
  }
  return std::nullopt;
}

void write_dates(projections::JsonWriter& json, const std::vector<Visit>& visits, std::size_t index,
                 const Dating& dating) {
  const Visit& visit = visits[index];
  const Date until = visit.left_at ? Date::of(*visit.left_at) : dating.today;
  json.key("working_days");
  const auto spent = dating.calendar->between(Date::of(visit.entered_at), until);
  if (spent) {
    json.value(spent->days);
    if (spent->unpublished) {
      json.member("working_days_provisional", true).key("working_days_provisional_reason");
      write_unpublished(json, *spent->unpublished);
    }
  } else {
    json.value(nullptr);
  }
  const auto started = clock_started(visits, index);
  write_deadline(json,
                 started ? deadline(*dating.calendar, Date::of(*started), kReviewDays, until) : std::nullopt);
}

}  // namespace

std::string render_timeline(const std::vector<Visit>& visits, std::uint64_t position, Sight sight,
                            const Dating& dating) {
  std::string out;
  out.reserve(128 + visits.size() * 280);
  projections::JsonWriter json(out);
  const auto null = [&](std::string_view name) {
    json.key(name);
    json.raw("null");
  };
  json.begin_object();
  json.key("stages");
  json.begin_array();
  for (std::size_t index = 0; index < visits.size(); ++index) {
    const Visit& visit = visits[index];
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
    write_dates(json, visits, index, dating);
    json.end_object();
  }
  json.end_array();
  json.member("position", position);
  json.end_object();
  return out;
}

}  // namespace ledger::server
