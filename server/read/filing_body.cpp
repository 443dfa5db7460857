#include "server/read/filing_body.hpp"

#include "projections/read_models.hpp"
#include "server/api/context.hpp"
#include "server/read/event_page.hpp"
#include "server/read/render.hpp"

namespace ledger::server {
namespace {

const Event* pointer(const std::optional<Event>& event) {
  return event ? &*event : nullptr;
}

/// The day that a filing was first submitted on, as far as `position` knows.
std::optional<Date> first_filed_on(const std::vector<projections::Visit>& visits, std::uint64_t position) {
  for (const projections::Visit& visit : visits) {
    if (visit.entered_position > position) break;
    if (visit.stage == projections::Stage::queued) return Date::of(visit.entered_at);
  }
  return std::nullopt;
}

}  // namespace

std::string filing_body(const ReadContext& context, const store::Snapshot& snapshot, const FilingState& state,
                        Sight sight, const Dating& dating, std::uint64_t position) {
  const auto form = read_event(snapshot, form_position(state), sight);
  const bool same = form_position(state) == state.submission_position;
  const auto submission = same ? std::nullopt : read_event(snapshot, state.submission_position, sight);
  const auto decision = read_event(snapshot, state.decision_position, sight);
  const auto change = read_event(snapshot, state.change_position, sight);
  const auto cancellation = read_event(snapshot, state.cancellation_position, sight);
  const auto visits = context.models.timeline.visits(snapshot.views(), {StreamKind::filing, state.id});
  return render_filing({.state = state,
                        .form = pointer(form),
                        .decision = pointer(decision),
                        .change = pointer(change),
                        .cancellation = pointer(cancellation),
                        .submission = pointer(same ? form : submission),
                        .first_filed_on = first_filed_on(visits, position),
                        .dating = &dating},
                       sight);
}

}  // namespace ledger::server
