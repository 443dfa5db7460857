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
constexpr std::array kAllStages = {Stage::drafting,     Stage::queued,        Stage::review,
                                   Stage::rework,       Stage::numbering,     Stage::publication,
                                   Stage::registration, Stage::initial_review};
constexpr std::array kAllOutcomes = {
    StageOutcome::submitted, StageOutcome::discarded, StageOutcome::started,  StageOutcome::withdrawn,
    StageOutcome::rejected,  StageOutcome::approved,  StageOutcome::numbered, StageOutcome::published,
    StageOutcome::cancelled, StageOutcome::revoked,   StageOutcome::lapsed,   StageOutcome::closed};
constexpr const char* kDatabases[] = {"timeline", "timeline.changes", "timeline.regions"};

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
    visits_.push_back({stage, attempt, header_.recorded_at, {}, {}, {}, header_.position.value, 0});
    changed_ = true;
  }
  void leave(StageOutcome outcome) {
    if (open_stage() == Stage{}) return;
    visits_.back().left_at = header_.recorded_at;
    visits_.back().outcome = outcome;
    visits_.back().actor = header_.actor;
    visits_.back().left_position = header_.position.value;
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
    visit.entered_position = reader.number<std::uint64_t>();
    const auto left_position = reader.number<std::uint64_t>();
    if (outcome != StageOutcome{}) {
      visit.left_at = left_at;
      visit.outcome = outcome;
      visit.actor = Actor{principal, role};
      visit.left_position = left_position;
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
    row.id(actor.principal).number(visit.entered_position).number(visit.left_position);
  }
  return row;
}

/// The row of an event that led from `before` visits to `visits`. All that can have changed is the one that
/// was open, and one behind it.
RowBytes write_change(const std::vector<Visit>& visits, std::size_t before, const EventHeader& header) {
  RowBytes row;
  row.byte(header.stream.kind).id(header.stream.id).time(header.recorded_at);
  const bool ended =
      before > 0 && visits[before - 1].left_at && visits[before - 1].left_position == header.position.value;
  const Visit none;
  const Visit& last = ended ? visits[before - 1] : none;
  row.byte(last.outcome.value_or(StageOutcome{})).byte(last.stage).number(last.entered_position);
  return row;
}

StageChange read_change(Bytes key, Bytes value) {
  StageChange change;
  change.position = RowReader(key).number<std::uint64_t>();
  RowReader reader(value);
  change.stream.kind = reader.byte<StreamKind>();
  change.stream.id = reader.id();
  change.at = reader.time();
  StageChange::Ended ended;
  ended.outcome = reader.byte<StageOutcome>();
  ended.stage = reader.byte<Stage>();
  ended.entered_position = reader.number<std::uint64_t>();
  if (ended.outcome != StageOutcome{}) change.ended = ended;
  if (reader.at_end()) return change;
  StageChange::Begun begun;
  begun.stage = reader.byte<Stage>();
  begun.attempt = reader.number<std::uint32_t>();
  begun.type = from_number<AlgorithmType>(reader.number<std::uint8_t>());
  begun.role = from_number<AlgorithmRole>(reader.number<std::uint8_t>());
  std::ranges::copy(reader.text(begun.region.size()), begun.region.begin());
  change.begun = begun;
  return change;
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

std::span<const Stage> all_stages() {
  return kAllStages;
}
std::span<const StageOutcome> all_outcomes() {
  return kAllOutcomes;
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
  changes_ = databases[1];
  regions_ = databases[2];
}

store::StoreResult<void> Timeline::keep_region(store::Rows& rows, const store::Change& change) const {
  if (change.subject == nullptr || change.subject->region == change.subject_before->region) return {};
  std::array<char, 6> region{};
  if (change.subject->region.size() == region.size()) {
    std::ranges::copy(change.subject->region, region.begin());
  }
  return rows.put(regions_, RowBytes().id(change.subject->id), bytes_of({region.data(), region.size()}));
}

std::array<char, 6> Timeline::region_of(store::Rows& rows, const store::Change& change) const {
  const Uuid& subject = change.filing != nullptr ? change.filing->subject_id : change.event.header.stream.id;
  std::array<char, 6> region{};
  if (const auto row = rows.get(regions_, RowBytes().id(subject)); row && row->size() == region.size()) {
    std::ranges::copy(text_of(*row), region.begin());
  }
  return region;
}

store::StoreResult<void> Timeline::apply(store::Rows& rows, const store::Change& change) const {
  if (auto kept = keep_region(rows, change); !kept) return kept;
  if (!may_move(change)) return {};
  const EventHeader& header = change.event.header;
  const RowBytes key = key_of(header.stream);
  std::vector<Visit> visits;
  if (change.event.header.version > 1) {
    if (const auto row = rows.get(visits_, key)) visits = read(*row);
  }
  const std::size_t before = visits.size();
  if (!advance(visits, change.event)) return {};
  RowBytes moved = write_change(visits, before, header);
  if (visits.size() > before) {
    const auto number_of = [](auto value) {
      return value ? static_cast<std::uint8_t>(*value) : std::uint8_t{0};
    };
    const Visit& begun = visits.back();
    const FilingState* filing = change.filing;
    const std::array<char, 6> region = region_of(rows, change);
    moved.byte(begun.stage).number(begun.attempt);
    moved.number(filing != nullptr ? number_of(filing->algorithm_type) : std::uint8_t{0});
    moved.number(filing != nullptr ? number_of(filing->role) : std::uint8_t{0});
    moved.text({region.data(), region.size()});
  }
  if (auto put = rows.put(changes_, RowBytes().number(header.position.value), moved); !put) return put;
  return rows.put(visits_, key, write(visits));
}

void Timeline::changes(const store::Transaction& views, std::uint64_t first,
                       const std::function<bool(const StageChange&)>& each) const {
  store::Cursor cursor = views.cursor(changes_);
  for (bool there = cursor.seek(RowBytes().number(first)); there; there = cursor.next()) {
    if (!each(read_change(cursor.key(), cursor.value()))) return;
  }
}

std::vector<Visit> Timeline::visits(const store::Transaction& views, const StreamId& stream) const {
  const auto row = views.get(visits_, key_of(stream));
  return row ? read(*row) : std::vector<Visit>{};
}

}  // namespace ledger::projections
