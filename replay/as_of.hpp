// Any past moment: what the ledger said when the event at a given position was its last one. Nothing is
// replayed from position 0: a stream's state is folded from its own events, from the nearest kept state on
// (projections/past_states.hpp), with the `evolve` that made it the first time. Lists have validity intervals
// of their own (Announcements and Numbers take the position). Time here is recorded time; effective dates are
// values like any other.
//
// Private values are none of this: states name the events that hold them, and what was erased since stays so.
// Any thread with its own snapshot. A log that does not read: StoreDamage.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "events/store/engine.hpp"
#include "projections/read_models.hpp"

namespace ledger::replay {

/// The last position recorded at or before a time; nullopt where nothing was yet. Recorded time never
/// decreases, so this is a binary search: some 20 headers are read for a million events.
[[nodiscard]] std::optional<std::uint64_t> position_at(const store::Snapshot& snapshot, TimestampUs at);

/// When the event at this position was recorded; the position is in the snapshot.
[[nodiscard]] TimestampUs recorded_at(const store::Snapshot& snapshot, std::uint64_t position);

/// The version that a stream had at a position: how many of its events stand at or before it.
[[nodiscard]] std::uint64_t version_at(const store::Snapshot& snapshot, const StreamId& stream,
                                       std::uint64_t position);

/// The state of one thing at a position; nullopt where no event had made it yet. At most
/// projections::kPastStateSteps events are read (kPastProductSteps of a product), whatever the length of the
/// stream. `models` are those of the snapshot's engine.
[[nodiscard]] std::optional<SubjectState> subject_at(const store::Snapshot& snapshot,
                                                     const projections::ReadModels& models, const Uuid& id,
                                                     std::uint64_t position);
[[nodiscard]] std::optional<ProductState> product_at(const store::Snapshot& snapshot,
                                                     const projections::ReadModels& models, const Uuid& id,
                                                     std::uint64_t position);
[[nodiscard]] std::optional<FilingState> filing_at(const store::Snapshot& snapshot,
                                                   const projections::ReadModels& models, const Uuid& id,
                                                   std::uint64_t position);

/// A subject's products at a position, oldest first: those removed since, not those removed by then.
[[nodiscard]] std::vector<ProductState> products_at(const store::Snapshot& snapshot,
                                                    const projections::ReadModels& models,
                                                    const Uuid& subject, std::uint64_t position);

/// The stages of a filing or subject at a position, oldest first, as Timeline::visits gives them now: those
/// entered by then, open where they were left later.
[[nodiscard]] std::vector<projections::Visit> visits_at(const store::Snapshot& snapshot,
                                                        const projections::ReadModels& models,
                                                        const StreamId& stream, std::uint64_t position);

}  // namespace ledger::replay
