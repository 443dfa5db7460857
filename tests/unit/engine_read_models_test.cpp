// The read models behind the real engine: kept by its writer, read through its snapshots, rebuilt by it.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "projections/announcement_format.hpp"
#include "projections/read_models.hpp"
#include "replay/import.hpp"
#include "tests/support/engine_story.hpp"

using namespace ledger;
using namespace ledger::test;
using namespace ledger::projections;

namespace {

struct Story : EngineStory {
  ReadModels models;
  Story() : EngineStory(false) {
    projections.assign(models.all().begin(), models.all().end());
    open();
  }
  ~Story() { engine.reset(); }
};

std::vector<std::string> stages(const std::vector<Visit>& visits) {
  std::vector<std::string> texts;
  for (const Visit& visit : visits) {
    texts.push_back(std::string(code_of(visit.stage)) + " " + std::to_string(visit.attempt) + " " +
                    (visit.outcome ? std::string(code_of(*visit.outcome)) : "-"));
  }
  return texts;
}

using Texts = std::vector<std::string>;

void check_whole_life(Story& story, const Uuid& filing) {
  const auto snapshot = story.engine->snapshot();
  const FilingState state = *snapshot.lookup().filing(filing);
  const auto& views = snapshot.views();
  REQUIRE(stages(story.models.timeline.visits(views, {StreamKind::filing, filing})) ==
          Texts{"drafting 1 submitted", "queued 1 started", "review 1 rejected", "rework 2 submitted",
                "queued 2 started", "review 2 approved", "numbering 2 numbered", "publication 2 published"});
  REQUIRE(stages(story.models.timeline.visits(views, {StreamKind::subject, state.subject_id})) ==
          Texts{"registration 1 submitted", "initial_review 1 approved"});
  const auto page = story.models.filings.list(views, snapshot.lookup(), {.state = FilingStatus::published},
                                              std::nullopt, 10);
  REQUIRE(page->items == std::vector<FilingState>{state});
  REQUIRE(
      story.models.filings.list(views, snapshot.lookup(), {.subject_id = state.subject_id}, std::nullopt, 10)
          ->items.size() == 1);
  for (const QueueStage stage : {QueueStage::initial, QueueStage::review}) {
    REQUIRE(story.models.review_queue.list(views, stage, std::nullopt, 10)->items.empty());
  }
  const auto items = story.models.announcements.list(views, {.query = "示例推荐"}, std::nullopt, 10)->items;
  REQUIRE(items.size() == 1);
  REQUIRE(items[0].record == *state.public_record);
  REQUIRE(items[0].filing_id == filing);
  REQUIRE(items[0].region == "110108");
  const auto number = story.models.numbers.look_up(views, story.models.announcements, state.number);
  REQUIRE(number.record == items[0]);
  REQUIRE(number.anomalies.empty());
}

}  // namespace

TEST_CASE("the engine keeps the read models through a whole life, and a rebuild gives the same") {
  Story story;
  const Uuid filing = story.whole_life(1);
  check_whole_life(story, filing);
  story.reopen();
  check_whole_life(story, filing);
  story.engine.reset();
  std::filesystem::remove_all(story.data() / "views");
  story.open();
  check_whole_life(story, filing);
}

TEST_CASE("an open change and a request to cancel wait in the queue") {
  Story story;
  const store::Granted initial = story.staff(Role::initial_reviewer, "初审");
  const auto made = story.registered(1);
  story.must(SubmitSubject{made.subject, story.subject_form(made.subject)}, made.filer);
  {
    const auto snapshot = story.engine->snapshot();
    const auto page = story.models.review_queue.list(snapshot.views(), QueueStage::initial, std::nullopt, 10);
    REQUIRE(page->items.size() == 1);
    REQUIRE(page->items[0].id == made.subject);
    REQUIRE(page->items[0].position == snapshot.size() - 1);
  }
  story.must(ApproveSubject{made.subject}, initial);
  const Uuid filing = story.must(CreateFiling{made.subject, EngineStory::draft_form()}, made.filer).id;
  const auto snapshot = story.engine->snapshot();
  REQUIRE(
      story.models.review_queue.list(snapshot.views(), QueueStage::initial, std::nullopt, 10)->items.empty());
  const FilingFilter others{.subject_id = made.subject};
  const FilingFilter own{.state = FilingStatus::draft, .subject_id = made.subject, .with_undisclosed = true};
  REQUIRE(story.models.filings.list(snapshot.views(), snapshot.lookup(), others, std::nullopt, 10)
              ->items.empty());
  REQUIRE(
      story.models.filings.list(snapshot.views(), snapshot.lookup(), own, std::nullopt, 10)->items.at(0).id ==
      filing);
}

TEST_CASE("the imported official lists stand in the public list, cancellations marked") {
  const std::filesystem::path folder = std::filesystem::path(LEDGER_SHARED_DIR) / "data" / "announcements";
  if (!std::filesystem::exists(folder / "filings.csv")) {
    std::cerr << "SKIPPED: no official lists at " << folder << "; nothing was tested here\n";
    return;
  }
  Story story;
  const std::string filings = contents(folder / "filings.csv"),
                    cancellations = contents(folder / "cancellations.csv");
  const auto report = replay::import_lists(*story.engine, {filings, cancellations, {}});
  if (!report) FAIL(report.error().detail);
  const auto check = [&] {
    const auto snapshot = story.engine->snapshot();
    const auto& views = snapshot.views();
    const auto& list = story.models.announcements;
    REQUIRE(list.count(views) == 7997);
    std::size_t cancelled = 0;
    for (const Announcement& item : list.list(views, {}, std::nullopt, 10'000)->items) {
      cancelled += item.record.status == "cancelled" ? 1 : 0;
      REQUIRE(story.models.numbers.look_up(views, list, item.record.number).record.has_value());
    }
    REQUIRE(cancelled == 57);
    const auto mistyped = story.models.numbers.look_up(views, list, "1101082242366066220017");
    REQUIRE(mistyped.record);
    REQUIRE(mistyped.anomalies.at(0).suggestions.front() == "110108224236606220017");
    REQUIRE(story.models.numbers.look_up(views, list, "440305295988702220055")
                .anomalies.at(0)
                .suggestions.front() == "440305295988702220057");
    const auto found = list.find(views, {.query = "推荐"}, std::nullopt, 1000);
    REQUIRE(found->items.size() > 300);
  };
  check();
  story.engine.reset();
  std::filesystem::remove_all(story.data() / "views");
  story.open();
  check();
}
