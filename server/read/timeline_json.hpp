// The stages of a filing or subject as DESIGN section 8 writes them. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "projections/timeline.hpp"
#include "server/read/visibility.hpp"

namespace ledger::server {

/// `{"stages":[{"stage","attempt","entered_at","left_at","outcome","actor","working_days","due_on","overdue"}],
/// "position"}`. The last three are null until the ledger keeps statutory calendars. `actor` names its
/// principal where the sight does.
[[nodiscard]] std::string render_timeline(const std::vector<projections::Visit>& visits,
                                          std::uint64_t position, Sight sight);

}  // namespace ledger::server
