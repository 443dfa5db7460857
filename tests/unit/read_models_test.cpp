// Random histories that the state machine's table allows, folded into all read models: whatever happened, the
// rows must say what the states say, and folding the history again must give the same bytes.
#include "projections/read_models.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "tests/support/random_history.hpp"

using namespace ledger;
using namespace ledger::test;
using namespace ledger::projections;

namespace {

constexpr std::uint64_t kFilings = 16;

void check_filings(FoldedViews& ledger) {
  for (unsigned number = 1; number <= 10; ++number) {
    const auto status = static_cast<FilingStatus>(number);
    std::vector<Uuid> expected, found;
    for (const auto& [id, state] : ledger.lookup.filings) {
      if (state.status == status && state.disclosed()) expected.push_back(id);
    }
    for (const FilingState& state :
         ledger.models.filings.list(ledger.views(), ledger.lookup, {.state = status}, std::nullopt, 1000)
             ->items) {
      found.push_back(state.id);
    }
    REQUIRE(found == expected);
  }
  std::size_t of_subjects = 0, with_subject = 0;
  for (std::uint64_t i = 1; i <= RandomHistory::kSubjects; ++i) {
    const FilingFilter filter{.subject_id = id_of(i, 5), .with_undisclosed = true};
    of_subjects +=
        ledger.models.filings.list(ledger.views(), ledger.lookup, filter, std::nullopt, 1000)->items.size();
  }
  for (const auto& [id, state] : ledger.lookup.filings) with_subject += state.subject_id.is_nil() ? 0 : 1;
  REQUIRE(of_subjects == with_subject);
}

void check_queue(FoldedViews& ledger) {
  std::set<std::pair<QueueStage, std::uint64_t>> expected, found;
  for (const auto& [id, state] : ledger.lookup.subjects) {
    if (state.status == SubjectStatus::submitted)
      expected.emplace(QueueStage::initial, *state.information_position);
    if (state.status == SubjectStatus::qualified && state.change_position) {
      expected.emplace(QueueStage::initial, *state.change_position);
    }
  }
  for (const auto& [id, state] : ledger.lookup.filings) {
    if (state.status == FilingStatus::submitted || state.status == FilingStatus::in_review) {
      expected.emplace(QueueStage::review, *state.submission_position);
    }
    const bool ended = state.status == FilingStatus::cancelled || state.status == FilingStatus::revoked;
    if (!ended && state.change_position) expected.emplace(QueueStage::review, *state.change_position);
    if (!ended && state.cancellation_position)
      expected.emplace(QueueStage::review, *state.cancellation_position);
  }
  for (const QueueStage stage : {QueueStage::initial, QueueStage::review}) {
    for (const QueueItem& item :
         ledger.models.review_queue.list(ledger.views(), stage, std::nullopt, 1000)->items) {
      found.emplace(stage, item.position);
      REQUIRE(item.since == ledger.history[item.position].header.recorded_at);
      REQUIRE(item.id == ledger.history[item.position].header.stream.id);
    }
  }
  REQUIRE(found == expected);
}

void check_timelines(FoldedViews& ledger) {
  for (const auto& [id, state] : ledger.lookup.filings) {
    const auto visits = ledger.models.timeline.visits(ledger.views(), filing_stream(id));
    std::uint32_t rejected = 0, queued = 0;
    for (std::size_t i = 0; i < visits.size(); ++i) {
      REQUIRE(visits[i].left_at.has_value() == visits[i].outcome.has_value());
      if (i + 1 < visits.size()) REQUIRE(visits[i].left_at == visits[i + 1].entered_at);
      if (visits[i].outcome == StageOutcome::rejected) ++rejected;
      if (visits[i].stage == Stage::queued) ++queued;
    }
    REQUIRE(rejected == state.rejections);
    REQUIRE(queued == state.attempt);
    const bool open = !visits.empty() && !visits.back().left_at;
    const bool over = state.status == FilingStatus::published || state.status == FilingStatus::cancelled ||
                      state.status == FilingStatus::revoked || state.status == FilingStatus::discarded;
    REQUIRE(open == !over);
  }
}

void check_public(FoldedViews& ledger) {
  std::size_t announced = 0;
  for (const Event& event : ledger.history) {
    const bool new_item = std::holds_alternative<FilingPublished>(event.payload) ||
                          std::holds_alternative<RecordImported>(event.payload);
    if (!new_item) continue;
    ++announced;
    const auto item = ledger.models.announcements.at(ledger.views(), event.header.position.value);
    REQUIRE(item);
    REQUIRE(item->event_id == event.header.event_id);
    const FilingState state = *ledger.lookup.filing(item->filing_id);
    REQUIRE(item->record.status == code_of(state.status));
  }
  REQUIRE(ledger.models.announcements.count(ledger.views()) == announced);
  for (const auto& [id, state] : ledger.lookup.filings) {
    const auto items = ledger.models.announcements.of_filing(ledger.views(), id);
    REQUIRE(items.empty() == !state.public_record.has_value());
    if (state.number.empty()) continue;
    const auto answer =
        ledger.models.numbers.look_up(ledger.views(), ledger.models.announcements, state.number);
    REQUIRE(answer.record.has_value() == !items.empty());
    REQUIRE(answer.anomalies.empty());
    if (answer.record) REQUIRE(*answer.record == items.front());
  }
}

/// What the public models answer about everything, as of a position or now.
struct PublicAnswers {
  std::vector<Announcement> items, of_type_two, first_batch_found, dated;
  std::optional<std::uint64_t> last_change;
  std::vector<std::vector<Announcement>> of_filings;
  std::vector<std::optional<Announcement>> records;
  std::vector<std::vector<std::string>> suggestions;

  bool operator==(const PublicAnswers&) const = default;
};

/// The whole of a filtered list, in pages of three.
std::vector<Announcement> listed(FoldedViews& ledger, const AnnouncementFilter& filter, AsOf as_of) {
  std::vector<Announcement> items;
  std::optional<std::string> cursor;
  do {
    const auto page = ledger.models.announcements.list(ledger.views(), filter, cursor, 3, as_of);
    REQUIRE(page);
    items.insert(items.end(), page->items.begin(), page->items.end());
    cursor = page->next_cursor;
  } while (cursor);
  return items;
}

PublicAnswers public_answers(FoldedViews& ledger, AsOf as_of = {}) {
  const auto& list = ledger.models.announcements;
  PublicAnswers answers;
  answers.items = listed(ledger, {}, as_of);
  answers.of_type_two = listed(ledger, {.query = "算法2"}, as_of);
  answers.first_batch_found = listed(ledger, {.query = "算法", .batch = 1}, as_of);
  answers.dated = listed(ledger, {.announced_from = Date{20'000}, .announced_until = Date{20'001}}, as_of);
  if (const auto last = list.last_change(ledger.views(), as_of)) {
    answers.last_change = last->position;
    CHECK(last->at == ledger.history[last->position].header.recorded_at);
  }
  for (std::uint64_t i = 1; i <= kFilings; ++i) {
    answers.of_filings.push_back(list.of_filing(ledger.views(), id_of(i), as_of));
    const auto serial = static_cast<std::uint16_t>(i);
    std::string digits = compose_filing_number("演示备", {"110108", 1000001, 2, 26, serial})->digits;
    const auto right = ledger.models.numbers.look_up(ledger.views(), list, digits, as_of);
    answers.records.push_back(right.record);
    // Its last digit wrong: which numbers are suggested hangs on those that are known.
    digits.back() = digits.back() == '9' ? '0' : static_cast<char>(digits.back() + 1);
    const auto wrong = ledger.models.numbers.look_up(ledger.views(), list, digits, as_of);
    answers.suggestions.push_back(wrong.anomalies.at(0).suggestions);
  }
  return answers;
}

}  // namespace

TEST_CASE("as of any past position the public models answer what they answered then") {
  const std::uint32_t seed = GENERATE(11u, 12u, 13u);
  INFO("seed " << seed);
  FoldedViews ledger;
  RandomHistory history(ledger, seed);
  std::mt19937 random(seed);
  std::map<std::uint64_t, PublicAnswers> answered;
  for (int i = 0; i < 500; ++i) {
    history.step();
    if (!ledger.history.empty() && random() % 12 == 0) answered[ledger.position()] = public_answers(ledger);
  }
  std::size_t changed = 0;
  for (const auto& [position, then] : answered) {
    INFO("position " << position);
    REQUIRE(public_answers(ledger, position) == then);
    for (const Announcement& item : ledger.models.announcements.list(ledger.views(), {}, {}, 1000)->items) {
      const auto past = ledger.models.announcements.at(ledger.views(), item.position, position);
      REQUIRE(past.has_value() == (item.position <= position));
      if (past && *past != item) ++changed;
    }
  }
  REQUIRE(changed > 10);  // the history did change what it had announced
}

TEST_CASE("states kept along the way are those of the fold") {
  FoldedViews ledger;
  RandomHistory history(ledger, 21);
  std::map<std::pair<Uuid, std::uint64_t>, FilingState> folded;
  for (int i = 0; i < 3'000; ++i) {
    history.step();
    if (ledger.history.empty()) continue;
    const Event& event = ledger.history.back();
    if (event.header.stream.kind != StreamKind::filing) continue;
    folded[{event.header.stream.id, event.header.version}] = *ledger.lookup.filing(event.header.stream.id);
  }
  std::size_t kept = 0;
  for (const auto& [place, state] : folded) {
    const auto& [filing, version] = place;
    const auto nearest =
        ledger.models.past_states.nearest<FilingState>(ledger.views(), filing_stream(filing), version);
    REQUIRE(nearest.version == version - version % kPastStateSteps);
    if (nearest.version == 0) {
      REQUIRE(nearest == FilingState{});
    } else {
      REQUIRE(nearest == folded.at({filing, nearest.version}));
      ++kept;
    }
  }
  REQUIRE(kept > 100);
}

TEST_CASE("after any history the rows say what the states say and rebuild byte for byte") {
  const std::uint32_t seed = GENERATE(1u, 2u, 3u, 4u, 5u, 6u);
  INFO("seed " << seed);
  FoldedViews ledger;
  RandomHistory history(ledger, seed);
  for (int i = 0; i < 600; ++i) {
    history.step();
    if (i % 150 != 149) continue;
    check_filings(ledger);
    check_queue(ledger);
    check_timelines(ledger);
    check_public(ledger);
    REQUIRE((ledger.dump() == ledger.rebuilt()));
  }
}

TEST_CASE("read models name themselves and their databases apart") {
  const ReadModels models;
  std::set<std::string_view> names, databases;
  for (const store::Projection* model : models.all()) {
    REQUIRE(names.insert(model->name()).second);
    REQUIRE(model->version() > 0);
    for (const char* database : model->databases()) {
      REQUIRE(std::string_view(database).starts_with(model->name()));
      REQUIRE(databases.insert(database).second);
    }
  }
  REQUIRE(names.size() == models.all().size());
}
