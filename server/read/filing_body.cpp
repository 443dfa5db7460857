#include "server/read/filing_body.hpp"

#include "server/read/event_page.hpp"
#include "server/read/render.hpp"

namespace ledger::server {
namespace {

const Event* pointer(const std::optional<Event>& event) {
  return event ? &*event : nullptr;
}

}  // namespace

std::string filing_body(const store::Snapshot& snapshot, const FilingState& state, Sight sight) {
  const auto form = read_event(snapshot, form_position(state), sight);
  const auto decision = read_event(snapshot, state.decision_position, sight);
  const auto change = read_event(snapshot, state.change_position, sight);
  const auto cancellation = read_event(snapshot, state.cancellation_position, sight);
  return render_filing({state, pointer(form), pointer(decision), pointer(change), pointer(cancellation)},
                       sight);
}

}  // namespace ledger::server
