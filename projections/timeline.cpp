#include "projections/timeline.hpp"

#include <algorithm>
#include <array>

#include "projections/row_bytes.hpp"

namespace ledger::projections {
namespace {

constexpr std::array<std::string_view, 8> kStages = {
    "drafting", "queued", "review", "rework", "numbering", "publication", "registration", "initial_review"};
constexpr std::array<std::string_view, 12> kOutcomes = {"submitted", "discarded", "started",  "withdrawn",
                                                        "rejected",  "approved",  "numbered", "published",
                                                        "cancelled", "revoked",   "lapsed",   "closed"};
constexpr const char* kDatabases[] = {"timeline"};

/// The visits of one stream, while one event is folded into them.
class Fold {
 public:
  Fold(std::vector<Visit>& visits, const EventHeader& header) : visits_(visits), header_(header) {}

  /// The stage that is open, with its attempt; a stage of 0 when none is.
  [[nodiscard]] Stage open_stage() const {
    return visits_.empty() || visits_.back().left_at ? Stage{} : visits_.back().stage;
  }
  [[nodiscard]] std::uint32_t attempt() const { return visits_.empty() ? 0 : visits_.back().attempt; }

  void enter(Stage stage, std::uint32_t attempt) {
    visits_.push_back({stage, attempt, header_.recorded_at, {}, {}, {}});
    changed_ = true;
  }
  void leave(StageOutcome outcome) {
    if (open_stage() == Stage{}) return;
    visits_.back().left_at = header_.recorded_at;
    visits_.back().outcome = outcome;
    visits_.back().actor = header_.actor;
    changed_ = true;
  }

  [[nodiscard]] bool changed() const { return changed_; }

 private:
  std::vector<Visit>& visits_;
  const EventHeader& header_;
  bool changed_ = false;
};

// One overload per event that moves a stage; the others fall to the last one.

void fold(Fold& fold, const DraftSaved& e) {
  // In rework and after a withdrawal the stage is open already.
  if (fold.open_stage() == Stage{}) fold.enter(Stage::drafting, e.attempt);
}
void fold(Fold& fold, const DraftDiscarded&) {
  fold.leave(StageOutcome::discarded);
}
void fold(Fold& fold, const FilingSubmitted& e) {
  fold.leave(StageOutcome::submitted);
  fold.enter(Stage::queued, e.attempt);
}
void fold(Fold& fold, const FilingWithdrawn& e) {
  fold.leave(StageOutcome::withdrawn);
  fold.enter(Stage::drafting, e.attempt + 1);
}
void fold(Fold& fold, const ReviewStarted& e) {
  if (fold.open_stage() == Stage::review) return;  // a takeover
  fold.leave(StageOutcome::started);
  fold.enter(Stage::review, e.attempt);
}
void fold(Fold& fold, const FilingRejected& e) {
  fold.leave(StageOutcome::rejected);
  fold.enter(Stage::rework, e.attempt + 1);
}
void fold(Fold& fold, const FilingApproved& e) {
  fold.leave(StageOutcome::approved);
  fold.enter(Stage::numbering, e.attempt);
}
void fold(Fold& fold, const NumberAssigned&) {
  const std::uint32_t attempt = fold.attempt();
  fold.leave(StageOutcome::numbered);
  fold.enter(Stage::publication, attempt);
}
void fold(Fold& fold, const FilingPublished&) {
  fold.leave(StageOutcome::published);
}
void fold(Fold& fold, const FilingCancelled&) {
  fold.leave(StageOutcome::cancelled);
}
void fold(Fold& fold, const FilingRevoked&) {
  fold.leave(StageOutcome::revoked);
}
void fold(Fold& fold, const SubjectRegistered&) {
  fold.enter(Stage::registration, 1);
}
void fold(Fold& fold, const SubjectSubmitted& e) {
  fold.leave(StageOutcome::submitted);
  fold.enter(Stage::initial_review, e.attempt);
}
void fold(Fold& fold, const SubjectApproved&) {
  fold.leave(StageOutcome::approved);
}
void fold(Fold& fold, const SubjectRejected& e) {
  fold.leave(StageOutcome::rejected);
  fold.enter(Stage::rework, e.attempt + 1);
}
void fold(Fold& fold, const SubjectLapsed&) {
  fold.leave(StageOutcome::lapsed);
}
void fold(Fold& fold, const SubjectClosed&) {
  fold.leave(StageOutcome::closed);
}
template <typename Other>
void fold(Fold&, const Other&) {}

/// Whether an event can change the visits of its stream, told without reading its row.
bool may_move(const store::Change& change) {
  const bool first = change.event.header.version == 1;
  return std::visit(
      [&]<typename E>(const E&) {
        if constexpr (std::is_same_v<E, DraftSaved>) return first;
        return std::is_same_v<E, DraftDiscarded> || std::is_same_v<E, FilingSubmitted> ||
               std::is_same_v<E, FilingWithdrawn> || std::is_same_v<E, ReviewStarted> ||
               std::is_same_v<E, FilingRejected> || std::is_same_v<E, FilingApproved> ||
               std::is_same_v<E, NumberAssigned> || std::is_same_v<E, FilingPublished> ||
               std::is_same_v<E, FilingCancelled> || std::is_same_v<E, FilingRevoked> ||
               std::is_same_v<E, SubjectRegistered> || std::is_same_v<E, SubjectSubmitted> ||
               std::is_same_v<E, SubjectApproved> || std::is_same_v<E, SubjectRejected> ||
               std::is_same_v<E, SubjectLapsed> || std::is_same_v<E, SubjectClosed>;
      },
      change.event.payload);
}

RowBytes key_of(const StreamId& stream) {
  return std::move(RowBytes().byte(stream.kind).id(stream.id));
}

std::vector<Visit> read(Bytes row) {
  std::vector<Visit> visits;
  for (RowReader reader(row); !reader.at_end();) {
    Visit visit;
    visit.stage = reader.byte<Stage>();
    const auto outcome = reader.byte<StageOutcome>();
    const auto role = reader.byte<Role>();
    (void)reader.number<std::uint8_t>();
    visit.attempt = reader.number<std::uint32_t>();
    visit.entered_at = reader.time();
    const TimestampUs left_at = reader.time();
    const Uuid principal = reader.id();
    if (outcome != StageOutcome{}) {
      visit.left_at = left_at;
      visit.outcome = outcome;
      visit.actor = Actor{principal, role};
    }
    visits.push_back(visit);
  }
  return visits;
}

RowBytes write(const std::vector<Visit>& visits) {
  RowBytes row;
  for (const Visit& visit : visits) {
    const Actor actor = visit.actor.value_or(Actor{{}, Role{}});
    row.byte(visit.stage).byte(visit.outcome.value_or(StageOutcome{})).byte(actor.role).byte(0);
    row.number(visit.attempt).time(visit.entered_at).time(visit.left_at.value_or(TimestampUs{}));
    row.id(actor.principal);
  }
  return row;
}

template <typename E, std::size_t N>
std::string_view text_in(const std::array<std::string_view, N>& names, E value) {
  const auto number = static_cast<std::size_t>(value);
  return number >= 1 && number <= N ? names[number - 1] : std::string_view{};
}

}  // namespace

std::string_view code_of(Stage stage) {
  return text_in(kStages, stage);
}
std::string_view code_of(StageOutcome outcome) {
  return text_in(kOutcomes, outcome);
}

std::optional<Stage> stage_from(std::string_view code) {
  const auto found = std::ranges::find(kStages, code);
  if (found == kStages.end()) return std::nullopt;
  return static_cast<Stage>(found - kStages.begin() + 1);
}

bool advance(std::vector<Visit>& visits, const Event& event) {
  Fold state(visits, event.header);
  std::visit([&](const auto& payload) { fold(state, payload); }, event.payload);
  return state.changed();
}

std::span<const char* const> Timeline::databases() const {
  return kDatabases;
}

void Timeline::open(std::span<const store::Database> databases) {
  visits_ = databases[0];
}

store::StoreResult<void> Timeline::apply(store::Rows& rows, const store::Change& change) {
  if (!may_move(change)) return {};
  const RowBytes key = key_of(change.event.header.stream);
  std::vector<Visit> visits;
  if (change.event.header.version > 1) {
    if (const auto row = rows.get(visits_, key)) visits = read(*row);
  }
  if (!advance(visits, change.event)) return {};
  return rows.put(visits_, key, write(visits));
}

std::vector<Visit> Timeline::visits(const store::Transaction& views, const StreamId& stream) const {
  const auto row = views.get(visits_, key_of(stream));
  return row ? read(*row) : std::vector<Visit>{};
}

}  // namespace ledger::projections
