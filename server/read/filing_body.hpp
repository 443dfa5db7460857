// The body of `GET /v1/filings/{id}` for a state of now or then.
#pragma once

#include <cstdint>
#include <string>

#include "events/store/engine.hpp"
#include "server/read/dating.hpp"
#include "server/read/visibility.hpp"

namespace ledger::server {

/// Reads the events that the state names, opened as far as `sight` opens them and their keys exist now, and
/// renders the filing with its clocks. The state is that of `position`, the snapshot's last or an earlier
/// one, and `dating` that of the same moment; `sight` is not `none`.
[[nodiscard]] std::string filing_body(const ReadContext& context, const store::Snapshot& snapshot,
                                      const FilingState& state, Sight sight, const Dating& dating,
                                      std::uint64_t position);

}  // namespace ledger::server
