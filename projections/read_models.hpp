// projections/: what the ledger means now. Read models folded from events, each with its own rows in the
// views environment, a version, and typed queries over one snapshot. Nothing private stands in any row. They
// depend on events/ (store::Projection, core values) and know nothing of HTTP.
#pragma once

#include <array>
#include <span>

#include "projections/announcements.hpp"
#include "projections/calendars.hpp"
#include "projections/filings.hpp"
#include "projections/numbers.hpp"
#include "projections/past_states.hpp"
#include "projections/review_queue.hpp"
#include "projections/timeline.hpp"

namespace ledger::projections {

/// All read models of a server, for `Engine::open(options, models.all())`; outlives the engine. Queries are
/// const and may be asked by any thread, each with its own snapshot.
class ReadModels {
 public:
  ReadModels() = default;
  ReadModels(const ReadModels&) = delete;
  ReadModels& operator=(const ReadModels&) = delete;

  Timeline timeline;
  Filings filings;
  ReviewQueue review_queue;
  Announcements announcements;
  Numbers numbers;
  PastStates past_states;
  Calendars calendars;

  [[nodiscard]] std::span<store::Projection* const> all() const { return all_; }

 private:
  std::array<store::Projection*, 7> all_ = {&timeline, &filings,     &review_queue, &announcements,
                                            &numbers,  &past_states, &calendars};
};

}  // namespace ledger::projections
