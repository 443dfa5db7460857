// The stages of a filing or subject as DESIGN section 8 writes them. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "projections/timeline.hpp"
#include "server/read/dating.hpp"
#include "server/read/visibility.hpp"

namespace ledger::server {

/// `{"stages":[{"stage","attempt","entered_at","left_at","outcome","actor","working_days","due_on","overdue"}],
/// "due_provisional"}],"position"}`. `working_days` are those spent in the stage, up to today while it is
/// open. `queued` and `review` of one attempt share the clock of the review, 30 working days from the
/// submission; the other stages have none, and null for it. What an unpublished year had a part in is said to
/// be provisional, with the reason. `actor` names its principal where the sight does.
[[nodiscard]] std::string render_timeline(const std::vector<projections::Visit>& visits,
                                          std::uint64_t position, Sight sight, const Dating& dating);

}  // namespace ledger::server
