#include "projections/review_queue.hpp"

#include <catch2/catch.hpp>

#include "tests/support/folded_views.hpp"

using namespace ledger;
using namespace ledger::test;
using ledger::projections::CaseKind;
using ledger::projections::QueueItem;
using ledger::projections::QueueStage;

namespace {

const Uuid kSubject = id_of(1, 5);

std::vector<QueueItem> queue(FoldedViews& ledger, QueueStage stage, std::size_t limit = 100) {
  std::vector<QueueItem> items;
  std::optional<std::string> cursor;
  do {
    auto page = ledger.models.review_queue.list(ledger.views(), stage, cursor, limit);
    REQUIRE(page);
    REQUIRE(page->items.size() <= limit);
    items.insert(items.end(), page->items.begin(), page->items.end());
    cursor = page->next_cursor;
  } while (cursor);
  return items;
}

SubjectSubmitted subject_submitted(std::uint32_t attempt) {
  SubjectSubmitted e;
  e.attempt = attempt;
  return e;
}

}  // namespace

TEST_CASE("a subject waits from its submission to the decision, and again at the next") {
  FoldedViews ledger;
  const StreamId stream = subject_stream(kSubject);
  ledger.append(stream, SubjectRegistered{}, Role::public_);
  REQUIRE(queue(ledger, QueueStage::initial).empty());
  ledger.append(stream, subject_submitted(1));
  REQUIRE(queue(ledger, QueueStage::initial) ==
          std::vector<QueueItem>{{QueueStage::initial, CaseKind::subject, kSubject, 1, ledger.now(), 1}});
  REQUIRE(queue(ledger, QueueStage::review).empty());
  ledger.append(stream, SubjectRejected{1, {}}, Role::initial_reviewer);
  REQUIRE(queue(ledger, QueueStage::initial).empty());
  ledger.append(stream, subject_submitted(2));
  REQUIRE(queue(ledger, QueueStage::initial).at(0).attempt == 2);
  SECTION("approved") {
    ledger.append(stream, subject_approved(2), Role::initial_reviewer);
  }
  SECTION("closed") {
    ledger.append(stream, SubjectClosed{}, Role::admin);
  }
  REQUIRE(queue(ledger, QueueStage::initial).empty());
  REQUIRE(ledger.dump() == ledger.rebuilt());
}

TEST_CASE("an open change of a subject waits for the initial reviewer") {
  FoldedViews ledger;
  const StreamId stream = subject_stream(kSubject);
  ledger.append(stream, SubjectRegistered{}, Role::public_);
  ledger.append(stream, subject_submitted(1));
  ledger.append(stream, subject_approved(1), Role::initial_reviewer);
  SubjectChangeSubmitted change;
  change.change = 1;
  ledger.append(stream, change);
  REQUIRE(
      queue(ledger, QueueStage::initial) ==
      std::vector<QueueItem>{{QueueStage::initial, CaseKind::subject_change, kSubject, 1, ledger.now(), 3}});
  SECTION("approved") {
    ledger.append(stream, SubjectChangeApproved(), Role::initial_reviewer);
  }
  SECTION("rejected") {
    ledger.append(stream, SubjectChangeRejected{1, {}}, Role::initial_reviewer);
  }
  SECTION("the subject closed") {
    ledger.append(stream, SubjectClosed{}, Role::admin);
  }
  REQUIRE(queue(ledger, QueueStage::initial).empty());
}

TEST_CASE("a filing waits from its submission to the decision; drafts never do") {
  FoldedViews ledger;
  const StreamId stream = filing_stream(id_of(1));
  ledger.append(stream, draft_saved(kSubject));
  REQUIRE(queue(ledger, QueueStage::review).empty());
  ledger.append(stream, submitted(1));
  const std::vector<QueueItem> waiting = {
      {QueueStage::review, CaseKind::filing, id_of(1), 1, ledger.now(), 1}};
  REQUIRE(queue(ledger, QueueStage::review) == waiting);
  SECTION("withdrawn") {
    ledger.append(stream, FilingWithdrawn{1});
    REQUIRE(queue(ledger, QueueStage::review).empty());
  }
  SECTION("taken and decided") {
    ledger.append(stream, ReviewStarted{1}, Role::reviewer);
    REQUIRE(queue(ledger, QueueStage::review) == waiting);
    ledger.append(stream, FilingRejected{1, {}}, Role::reviewer);
    REQUIRE(queue(ledger, QueueStage::review).empty());
    ledger.append(stream, draft_saved(kSubject, 2));
    ledger.append(stream, submitted(2));
    REQUIRE(queue(ledger, QueueStage::review).at(0).attempt == 2);
    ledger.append(stream, ReviewStarted{2}, Role::reviewer);
    ledger.append(stream, FilingApproved{2, 5}, Role::reviewer);
    REQUIRE(queue(ledger, QueueStage::review).empty());
  }
  REQUIRE(ledger.dump() == ledger.rebuilt());
}

TEST_CASE("a published filing waits with its change and with its request to cancel") {
  FoldedViews ledger;
  const StreamId stream = filing_stream(id_of(1));
  publish(ledger, id_of(1), kSubject, public_record("演示备110108000000102260012号", "甲"));
  REQUIRE(queue(ledger, QueueStage::review).empty());
  ChangeSubmitted change;
  change.change = 1;
  ledger.append(stream, change);
  ledger.append(stream, CancellationRequested{});
  const auto waiting = queue(ledger, QueueStage::review);
  REQUIRE(waiting.size() == 2);
  REQUIRE(waiting[0].kind == CaseKind::filing_change);
  REQUIRE(waiting[1].kind == CaseKind::cancellation);
  SECTION("one is decided") {
    ledger.append(stream, ChangeRejected{1, {}}, Role::reviewer);
    REQUIRE(queue(ledger, QueueStage::review) == std::vector<QueueItem>{waiting[1]});
    ledger.append(stream, CancellationRejected{}, Role::reviewer);
    REQUIRE(queue(ledger, QueueStage::review).empty());
  }
  SECTION("the change is withdrawn") {
    ledger.append(stream, ChangeWithdrawn{1});
    REQUIRE(queue(ledger, QueueStage::review) == std::vector<QueueItem>{waiting[1]});
  }
  SECTION("both end with the filing") {
    ledger.append(stream, FilingCancelled{}, Role::supervisor);
    REQUIRE(queue(ledger, QueueStage::review).empty());
  }
  REQUIRE(ledger.dump() == ledger.rebuilt());
}

TEST_CASE("the queue is in the order of submission and comes in pages") {
  FoldedViews ledger;
  for (std::uint64_t i = 9; i >= 1; --i) {
    ledger.append(filing_stream(id_of(i)), draft_saved(kSubject));
    ledger.append(filing_stream(id_of(i)), submitted(1));
  }
  for (const std::size_t limit : {1, 2, 3, 4, 9, 100}) {
    const auto items = queue(ledger, QueueStage::review, limit);
    REQUIRE(items.size() == 9);
    for (std::size_t i = 0; i < 9; ++i) REQUIRE(items[i].id == id_of(9 - i));
  }
  const auto last = ledger.models.review_queue.list(ledger.views(), QueueStage::review, std::nullopt, 9);
  REQUIRE_FALSE(last->next_cursor);
  REQUIRE_FALSE(ledger.models.review_queue.list(ledger.views(), QueueStage::review, "AAAA", 9));
}

TEST_CASE("a decision between two pages neither skips nor repeats") {
  FoldedViews ledger;
  for (std::uint64_t i = 1; i <= 6; ++i) {
    ledger.append(filing_stream(id_of(i)), draft_saved(kSubject));
    ledger.append(filing_stream(id_of(i)), submitted(1));
  }
  const auto& model = ledger.models.review_queue;
  const auto first = model.list(ledger.views(), QueueStage::review, std::nullopt, 3);
  ledger.append(filing_stream(id_of(3)), FilingWithdrawn{1});
  ledger.append(filing_stream(id_of(4)), FilingWithdrawn{1});
  const auto second = model.list(ledger.views(), QueueStage::review, first->next_cursor, 3);
  REQUIRE(second->items.size() == 2);
  REQUIRE(second->items[0].id == id_of(5));
  REQUIRE_FALSE(second->next_cursor);
}

TEST_CASE("queue stages read back from their codes") {
  REQUIRE(projections::queue_stage_from("initial") == QueueStage::initial);
  REQUIRE(projections::queue_stage_from("review") == QueueStage::review);
  REQUIRE_FALSE(projections::queue_stage_from("Review"));
  REQUIRE(code_of(CaseKind::cancellation) == "cancellation");
}
