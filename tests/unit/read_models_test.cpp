// Random histories that the state machine's table allows, folded into all read models: whatever happened, the
// rows must say what the states say, and folding the history again must give the same bytes.
#include "projections/read_models.hpp"

#include <algorithm>
#include <set>

#include <catch2/catch.hpp>

#include "tests/support/random_history.hpp"

using namespace ledger;
using namespace ledger::test;
using namespace ledger::projections;

namespace {

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

}  // namespace

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
  REQUIRE(names.size() == 5);
}
