// The stages that each filing and subject went through, with when, how it ended and who ended it.
//
// A filing: drafting from the first saved draft; queued from a submission until the review starts; review
// until the decision (a takeover by another reviewer does not end it); rework from a rejection until the next
// submission; numbering from the approval; publication from the number until it is announced. A withdrawal
// leads from queued back to drafting. A subject: registration, initial_review, rework. Whatever is open ends
// with a cancellation, revocation, lapse or closing. Imported records have no stages.
//
// `attempt` counts submissions: queued, review, numbering, publication and initial_review carry the attempt
// under way; drafting, rework and registration the attempt that they prepare.
//
// Rows: database `timeline`, key kind[1] id[16], value visits of 40 bytes, oldest first:
//   stage[1] outcome[1, 0 = open] role[1, 0 = open] 0[1] attempt[4] entered_at[8] left_at[8, 0 = open]
//   principal[16]
// Integers are big-endian, times microseconds since the epoch. A row is touched only when a stage changes.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "events/store/projection.hpp"

namespace ledger::projections {

enum class Stage : std::uint8_t {
  drafting = 1,
  queued,
  review,
  rework,  ///< of a filing or of a subject
  numbering,
  publication,
  registration,
  initial_review,
};

/// How a visit ended: the word of the event that ended it.
enum class StageOutcome : std::uint8_t {
  submitted = 1,
  discarded,
  started,
  withdrawn,
  rejected,
  approved,
  numbered,
  published,
  cancelled,
  revoked,
  lapsed,
  closed,
};

/// `drafting`, `submitted`, ...; lives for ever. Empty for a number outside the list.
[[nodiscard]] std::string_view code_of(Stage stage);
[[nodiscard]] std::string_view code_of(StageOutcome outcome);
/// The inverse of `code_of`.
[[nodiscard]] std::optional<Stage> stage_from(std::string_view code);

/// One stay in a stage. The last three are there once it has ended; `actor` is who ended it (who may see the
/// principal in it is for the caller to know).
struct Visit {
  Stage stage{};
  std::uint32_t attempt = 0;
  TimestampUs entered_at;
  std::optional<TimestampUs> left_at;
  std::optional<StageOutcome> outcome;
  std::optional<Actor> actor;
  bool operator==(const Visit&) const = default;
};

/// Folds one event of a stream into the visits so far; answers whether they changed. Pure: this is the whole
/// meaning of the projection, also for looking back.
bool advance(std::vector<Visit>& visits, const Event& event);

class Timeline final : public store::Projection {
 public:
  [[nodiscard]] std::string_view name() const override { return "timeline"; }
  [[nodiscard]] std::uint32_t version() const override { return 1; }
  [[nodiscard]] std::span<const char* const> databases() const override;
  void open(std::span<const store::Database> databases) override;
  [[nodiscard]] store::StoreResult<void> apply(store::Rows& rows, const store::Change& change) override;

  /// The visits of a filing or subject, oldest first; at most the last one is open. Empty for a stream that
  /// has none. Any thread with its own snapshot (`snapshot.views()`).
  [[nodiscard]] std::vector<Visit> visits(const store::Transaction& views, const StreamId& stream) const;

 private:
  store::Database visits_;
};

}  // namespace ledger::projections
