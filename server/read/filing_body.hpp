// The body of `GET /v1/filings/{id}` for a state of now or then.
#pragma once

#include <string>

#include "events/store/engine.hpp"
#include "server/read/visibility.hpp"

namespace ledger::server {

/// Reads the events that the state names, opened as far as `sight` opens them and their keys exist now, and
/// renders the filing. The state is one of the snapshot or of a time before it; `sight` is not `none`.
[[nodiscard]] std::string filing_body(const store::Snapshot& snapshot, const FilingState& state, Sight sight);

}  // namespace ledger::server
