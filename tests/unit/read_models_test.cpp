// Random histories that the state machine's table allows, folded into all read models: whatever happened, the
// rows must say what the states say, and folding the history again must give the same bytes.
#include "projections/read_models.hpp"

#include <algorithm>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "events/core/transitions.hpp"
#include "tests/support/folded_views.hpp"

using namespace ledger;
using namespace ledger::test;
using namespace ledger::projections;

namespace {

constexpr std::uint64_t kSubjects = 4, kFilings = 16;

class RandomHistory {
 public:
  RandomHistory(FoldedViews& ledger, std::uint32_t seed) : ledger_(ledger), random_(seed) {}

  /// One event on a stream chosen at random, of a type that the table allows in its state.
  void step() {
    if (pick(5) == 0) {
      const Uuid id = id_of(1 + pick(kSubjects), 5);
      const SubjectState state = ledger_.lookup.subject(id).value_or(SubjectState{});
      append(subject_stream(id), static_cast<unsigned>(state.status), subject_events(state));
    } else {
      const Uuid id = id_of(1 + pick(kFilings));
      const FilingState state = ledger_.lookup.filing(id).value_or(FilingState{});
      append(filing_stream(id), static_cast<unsigned>(state.status), filing_events(id, state));
    }
  }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }

  void append(const StreamId& stream, unsigned status, std::vector<Payload> events) {
    std::erase_if(events, [&](const Payload& e) { return !state_allows(type_of(e), status); });
    if (!events.empty()) ledger_.append(stream, events[pick(events.size())]);
  }

  std::vector<Payload> subject_events(const SubjectState& state) {
    SubjectSubmitted submitted;
    submitted.attempt = state.attempt + 1;
    std::vector<Payload> events = {SubjectRegistered{}, submitted, subject_approved(state.attempt),
                                   SubjectRejected{state.attempt, {}}};
    if (pick(20) == 0) events.insert(events.end(), {SubjectLapsed{}, SubjectClosed{}});
    if (state.change_position) {
      events.insert(events.end(), {SubjectChangeApproved(), SubjectChangeRejected{state.changes, {}}});
    } else {
      SubjectChangeSubmitted change;
      change.change = state.changes + 1;
      events.push_back(change);
    }
    return events;
  }

  std::vector<Payload> filing_events(const Uuid& id, const FilingState& state) {
    const auto serial = static_cast<std::uint16_t>(get_be<std::uint64_t>(id.bytes.data()));
    const FilingNumber number = *compose_filing_number("演示备", {"110108", 1000001, 2, 26, serial});
    PublicRecord record = public_record(number.text(), "算法" + std::to_string(pick(5)));
    record.batch = static_cast<std::uint32_t>(1 + pick(3));
    std::vector<Payload> events = {draft_saved(id_of(1 + serial % kSubjects, 5), state.attempt + 1),
                                   submitted(state.attempt + 1, record.algorithm_name),
                                   ReviewStarted{state.attempt},
                                   FilingRejected{state.attempt, {}},
                                   FilingApproved{state.attempt, 0},
                                   number_assigned(number.digits),
                                   FilingPublished{record, std::nullopt},
                                   CancellationRequested{},
                                   imported(record)};
    if (pick(4) == 0) events.insert(events.end(), {FilingWithdrawn{state.attempt}, DraftDiscarded{}});
    if (state.public_record) events.push_back(AnnouncementCorrected{record, {}});
    if (state.cancellation_position) events.push_back(CancellationRejected{});
    if (state.change_position) {
      ChangeApproved approved;
      approved.change = state.changes;
      approved.public_record = record;
      events.insert(events.end(),
                    {approved, ChangeWithdrawn{state.changes}, ChangeRejected{state.changes, {}}});
    } else {
      ChangeSubmitted change;
      change.change = state.changes + 1;
      change.information = information(record.algorithm_name);
      events.push_back(change);
    }
    FilingCancelled cancelled;
    FilingRevoked revoked;
    if (state.public_record) {
      cancelled.public_record = revoked.public_record = record;
      cancelled.public_record->status = "cancelled";
      revoked.public_record->status = "revoked";
    }
    if (pick(6) == 0) events.insert(events.end(), {cancelled, revoked});
    return events;
  }

  FoldedViews& ledger_;
  std::mt19937 random_;
};

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
  for (std::uint64_t i = 1; i <= kSubjects; ++i) {
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
