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
// Rows: database `timeline`, key kind[1] id[16], value visits of 56 bytes, oldest first:
//   stage[1] outcome[1, 0 = open] role[1, 0 = open] 0[1] attempt[4] entered_at[8] left_at[8, 0 = open]
//   principal[16] entered_position[8] left_position[8, 0 = open]
// Database `timeline.changes`, one row for each event that moved a stage, only ever appended: key
// position[8], value
//   kind[1] id[16] recorded_at[8], of the event;
//   outcome[1, 0 = it ended no visit] stage[1] entered_position[8], of the visit that it ended;
//   and, where it began one: stage[1] attempt[4] type[1, 0 = none] role[1, 0 = none] region[6, 0 = unknown].
// One event begins at most one visit, so the position of a visit's beginning names it. Whoever keeps an index
// of visits catches up by reading the rows behind its position.
// Database `timeline.regions`, key subject[16], value region[6]: where a subject sits, for the visits of its
// filings.
// Integers are big-endian, times microseconds since the epoch. Rows are touched only when a stage changes.
#pragma once

#include <array>
#include <functional>
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
/// All of them, in the order of their numbers.
[[nodiscard]] std::span<const Stage> all_stages();
[[nodiscard]] std::span<const StageOutcome> all_outcomes();
/// The inverse of `code_of`.
[[nodiscard]] std::optional<Stage> stage_from(std::string_view code);

/// One stay in a stage. `left_at`, `outcome` and `actor` are there once it has ended; `actor` is who ended it
/// (who may see the principal in it is for the caller to know).
struct Visit {
  Stage stage{};
  std::uint32_t attempt = 0;
  TimestampUs entered_at;
  std::optional<TimestampUs> left_at;
  std::optional<StageOutcome> outcome;
  std::optional<Actor> actor;
  std::uint64_t entered_position = 0;  ///< of the event that began it
  std::uint64_t left_position = 0;     ///< of the event that ended it; meaningful only with `left_at`
  bool operator==(const Visit&) const = default;
};

/// One event that moved a stage of its stream: the visit that it ended, the one that it began, or both.
struct StageChange {
  std::uint64_t position = 0;  ///< of the event
  StreamId stream;
  TimestampUs at;  ///< its recorded time
  struct Ended {
    Stage stage{};
    std::uint64_t entered_position = 0;  ///< of the event that had begun the visit
    StageOutcome outcome{};
    bool operator==(const Ended&) const = default;
  };
  std::optional<Ended> ended;
  struct Begun {
    Stage stage{};
    std::uint32_t attempt = 0;
    /// Of the submission under way or last made; none before the first, and in a subject's stages.
    std::optional<AlgorithmType> type;
    std::optional<AlgorithmRole> role;
    std::array<char, 6> region{};  ///< the subject's at this moment (GB/T 2260); zeros where it is unknown
    bool operator==(const Begun&) const = default;
  };
  std::optional<Begun> begun;
  bool operator==(const StageChange&) const = default;
};

/// Folds one event of a stream into the visits so far; answers whether they changed. Pure: this is the whole
/// meaning of the projection, also for looking back.
bool advance(std::vector<Visit>& visits, const Event& event);

class Timeline final : public store::Projection {
 public:
  [[nodiscard]] std::string_view name() const override { return "timeline"; }
  [[nodiscard]] std::uint32_t version() const override { return 2; }
  [[nodiscard]] std::span<const char* const> databases() const override;
  void open(std::span<const store::Database> databases) override;
  [[nodiscard]] store::StoreResult<void> apply(store::Rows& rows, const store::Change& change) const override;

  /// The visits of a filing or subject, oldest first; at most the last one is open. Empty for a stream that
  /// has none. Any thread with its own snapshot (`snapshot.views()`).
  [[nodiscard]] std::vector<Visit> visits(const store::Transaction& views, const StreamId& stream) const;

  /// Every change at position `first` or behind it, in the order of the log, until `each` answers false.
  /// Costs a cursor and the rows handed out. Any thread with its own snapshot.
  void changes(const store::Transaction& views, std::uint64_t first,
               const std::function<bool(const StageChange&)>& each) const;

 private:
  [[nodiscard]] store::StoreResult<void> keep_region(store::Rows& rows, const store::Change& change) const;
  [[nodiscard]] std::array<char, 6> region_of(store::Rows& rows, const store::Change& change) const;

  store::Database visits_;
  store::Database changes_;
  store::Database regions_;
};

}  // namespace ledger::projections
