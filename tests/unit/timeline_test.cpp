#include "projections/timeline.hpp"

#include <catch2/catch.hpp>

#include "tests/support/folded_views.hpp"

using namespace ledger;
using namespace ledger::test;
using ledger::projections::Stage;
using ledger::projections::StageOutcome;
using ledger::projections::Visit;

namespace {

const Uuid kSubject = id_of(1, 5);
const Uuid kFiling = id_of(2, 7);
const StreamId kStream = filing_stream(kFiling);

/// Visits as text: stage, attempt, outcome (`-` while open), role of who ended it.
std::vector<std::string> told(const std::vector<Visit>& visits) {
  std::vector<std::string> texts;
  for (const Visit& visit : visits) {
    std::string text = std::string(code_of(visit.stage)) + " " + std::to_string(visit.attempt);
    text += " " + (visit.outcome ? std::string(code_of(*visit.outcome)) : "-");
    if (visit.actor) text += " " + std::string(code_of(visit.actor->role));
    texts.push_back(text);
    CHECK(visit.left_at.has_value() == visit.outcome.has_value());
    CHECK(visit.actor.has_value() == visit.outcome.has_value());
  }
  return texts;
}

std::vector<std::string> timeline(FoldedViews& ledger, const StreamId& stream = kStream) {
  return told(ledger.models.timeline.visits(ledger.views(), stream));
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a filing's timeline tells each stage of each attempt") {
  FoldedViews ledger;
  ledger.append(kStream, draft_saved(kSubject));
  ledger.append(kStream, submitted(1));
  ledger.append(kStream, ReviewStarted{1}, Role::reviewer);
  ledger.append(kStream, FilingRejected{1, {}}, Role::reviewer);
  ledger.append(kStream, draft_saved(kSubject, 2));
  ledger.append(kStream, submitted(2));
  ledger.append(kStream, ReviewStarted{2}, Role::reviewer);
  ledger.append(kStream, FilingApproved{2, 5}, Role::reviewer);
  ledger.append(kStream, number_assigned("110108000000102260012"), Role::registrar);
  REQUIRE(timeline(ledger).back() == "publication 2 -");
  ledger.append(kStream, FilingPublished{}, Role::registrar);

  REQUIRE(timeline(ledger) == Texts{"drafting 1 submitted filer", "queued 1 started reviewer",
                                    "review 1 rejected reviewer", "rework 2 submitted filer",
                                    "queued 2 started reviewer", "review 2 approved reviewer",
                                    "numbering 2 numbered registrar", "publication 2 published registrar"});
  const auto visits = ledger.models.timeline.visits(ledger.views(), kStream);
  for (std::size_t i = 0; i + 1 < visits.size(); ++i) REQUIRE(visits[i].left_at == visits[i + 1].entered_at);
  REQUIRE(visits[0].entered_at == ledger.history[0].header.recorded_at);
  REQUIRE(visits[0].left_at == ledger.history[1].header.recorded_at);
  REQUIRE(visits[3].left_at == ledger.history[5].header.recorded_at);
  REQUIRE(visits[0].actor->principal == ledger.history[1].header.actor.principal);
  REQUIRE(ledger.dump() == ledger.rebuilt());
}

TEST_CASE("a withdrawal leads back to drafting, for the next attempt") {
  FoldedViews ledger;
  ledger.append(kStream, draft_saved(kSubject));
  ledger.append(kStream, submitted(1));
  ledger.append(kStream, FilingWithdrawn{1});
  REQUIRE(timeline(ledger) ==
          Texts{"drafting 1 submitted filer", "queued 1 withdrawn filer", "drafting 2 -"});
  ledger.append(kStream, draft_saved(kSubject, 2));
  ledger.append(kStream, submitted(2));
  REQUIRE(timeline(ledger) == Texts{"drafting 1 submitted filer", "queued 1 withdrawn filer",
                                    "drafting 2 submitted filer", "queued 2 -"});
}

TEST_CASE("a takeover does not end a review") {
  FoldedViews ledger;
  ledger.append(kStream, draft_saved(kSubject));
  ledger.append(kStream, submitted(1));
  ledger.append(kStream, ReviewStarted{1}, Role::reviewer);
  const auto before = ledger.models.timeline.visits(ledger.views(), kStream);
  ledger.append(kStream, ReviewStarted{1}, Role::reviewer);
  REQUIRE(ledger.models.timeline.visits(ledger.views(), kStream) == before);
  ledger.append(kStream, FilingApproved{1, 1}, Role::reviewer);
  REQUIRE(timeline(ledger).at(2) == "review 1 approved reviewer");
}

TEST_CASE("saving a draft again writes no row of any read model") {
  FoldedViews ledger;
  REQUIRE(ledger.append(kStream, draft_saved(kSubject)) > 0);
  REQUIRE(ledger.append(kStream, draft_saved(kSubject)) == 0);
  ledger.append(kStream, submitted(1));
  ledger.append(kStream, ReviewStarted{1}, Role::reviewer);
  ledger.append(kStream, FilingRejected{1, {}}, Role::reviewer);
  const auto rework = timeline(ledger);
  ledger.append(kStream, draft_saved(kSubject, 2));  // the filing's state turns to draft
  REQUIRE(ledger.append(kStream, draft_saved(kSubject, 2)) == 0);
  REQUIRE(timeline(ledger) == rework);
}

TEST_CASE("whatever is open ends with a discard, a cancellation or a revocation") {
  FoldedViews ledger;
  ledger.append(kStream, draft_saved(kSubject));
  SECTION("a discarded draft") {
    ledger.append(kStream, DraftDiscarded{});
    REQUIRE(timeline(ledger) == Texts{"drafting 1 discarded filer"});
  }
  SECTION("after an approval") {
    ledger.append(kStream, submitted(1));
    ledger.append(kStream, ReviewStarted{1}, Role::reviewer);
    ledger.append(kStream, FilingApproved{1, 1}, Role::reviewer);
    SECTION("cancelled before it had a number") {
      ledger.append(kStream, FilingCancelled{}, Role::supervisor);
      REQUIRE(timeline(ledger).back() == "numbering 1 cancelled supervisor");
    }
    SECTION("revoked before it was announced") {
      ledger.append(kStream, number_assigned("110108000000102260012"), Role::registrar);
      ledger.append(kStream, FilingRevoked{}, Role::supervisor);
      REQUIRE(timeline(ledger).back() == "publication 1 revoked supervisor");
    }
    SECTION("cancelled when nothing is open any more") {
      ledger.append(kStream, number_assigned("110108000000102260012"), Role::registrar);
      ledger.append(kStream, FilingPublished{}, Role::registrar);
      const auto before = timeline(ledger);
      ledger.append(kStream, FilingCancelled{}, Role::supervisor);
      REQUIRE(timeline(ledger) == before);
    }
  }
  SECTION("a discarded rework") {
    ledger.append(kStream, submitted(1));
    ledger.append(kStream, ReviewStarted{1}, Role::reviewer);
    ledger.append(kStream, FilingRejected{1, {}}, Role::reviewer);
    ledger.append(kStream, draft_saved(kSubject, 2));
    ledger.append(kStream, DraftDiscarded{});
    REQUIRE(timeline(ledger).back() == "rework 2 discarded filer");
  }
}

TEST_CASE("a subject's timeline tells registration, reviews and rework") {
  FoldedViews ledger;
  const StreamId stream = subject_stream(kSubject);
  ledger.append(stream, SubjectRegistered{}, Role::public_);
  REQUIRE(timeline(ledger, stream) == Texts{"registration 1 -"});
  SECTION("approved at the second attempt") {
    SubjectSubmitted first, second;
    first.attempt = 1;
    second.attempt = 2;
    ledger.append(stream, first);
    ledger.append(stream, SubjectRejected{1, {}}, Role::initial_reviewer);
    ledger.append(stream, second);
    ledger.append(stream, subject_approved(2), Role::initial_reviewer);
    const Texts all = {"registration 1 submitted filer", "initial_review 1 rejected initial_reviewer",
                       "rework 2 submitted filer", "initial_review 2 approved initial_reviewer"};
    REQUIRE(timeline(ledger, stream) == all);
    ledger.append(stream, SubjectClosed{}, Role::admin);
    REQUIRE(timeline(ledger, stream) == all);
  }
  SECTION("closed in rework") {
    SubjectSubmitted first;
    first.attempt = 1;
    ledger.append(stream, first);
    ledger.append(stream, SubjectRejected{1, {}}, Role::initial_reviewer);
    ledger.append(stream, SubjectClosed{}, Role::admin);
    REQUIRE(timeline(ledger, stream).back() == "rework 2 closed admin");
  }
  SECTION("lapsed") {
    ledger.append(stream, SubjectLapsed{}, Role::system);
    REQUIRE(timeline(ledger, stream) == Texts{"registration 1 lapsed system"});
  }
}

TEST_CASE("an imported record and an unknown stream have no timeline") {
  FoldedViews ledger;
  ledger.append(kStream, imported(public_record("网信算备110101135224302220011号", "甲")), Role::operator_);
  REQUIRE(timeline(ledger).empty());
  REQUIRE(timeline(ledger, filing_stream(id_of(99))).empty());
}

TEST_CASE("visits name the positions of the events that began and ended them") {
  FoldedViews ledger;
  ledger.append(kStream, draft_saved(kSubject));
  ledger.append(subject_stream(kSubject), SubjectRegistered{}, Role::public_);
  ledger.append(kStream, submitted(1));
  ledger.append(kStream, ReviewStarted{1}, Role::reviewer);
  ledger.append(kStream, ReviewStarted{1}, Role::reviewer);
  ledger.append(kStream, FilingRejected{1, {}}, Role::reviewer);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> positions;
  for (const Visit& visit : ledger.models.timeline.visits(ledger.views(), kStream)) {
    positions.emplace_back(visit.entered_position, visit.left_position);
  }
  using Positions = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
  REQUIRE(positions == Positions{{0, 2}, {2, 3}, {3, 5}, {5, 0}});
}

TEST_CASE("changes tell what each event ended and began, with type, role and region of that moment") {
  using projections::StageChange;
  FoldedViews ledger;
  const StreamId subject = subject_stream(kSubject);
  SubjectRegistered registered;
  registered.region = "110108";
  ledger.append(subject, registered, Role::public_);
  ledger.append(kStream, draft_saved(kSubject));
  ledger.append(kStream, draft_saved(kSubject));
  SubjectSubmitted moved;
  moved.attempt = 1;
  moved.information.region = "440305";
  ledger.append(subject, moved);
  ledger.append(kStream, submitted(1, "算法", AlgorithmType::dispatch_decision));
  ledger.append(kStream, DraftDiscarded{});

  std::vector<StageChange> changes;
  const auto collect = [&](std::uint64_t first) {
    changes.clear();
    ledger.models.timeline.changes(ledger.views(), first, [&](const StageChange& change) {
      changes.push_back(change);
      return true;
    });
  };
  const auto region = [](std::string_view digits) {
    std::array<char, 6> region{};
    std::ranges::copy(digits, region.begin());
    return region;
  };
  const auto at = [&](std::size_t position) { return ledger.history[position].header.recorded_at; };
  collect(0);
  REQUIRE(changes.size() == 5);
  REQUIRE(changes[0] ==
          StageChange{
              0, subject, at(0), {}, StageChange::Begun{Stage::registration, 1, {}, {}, region("110108")}});
  REQUIRE(
      changes[1] ==
      StageChange{1, kStream, at(1), {}, StageChange::Begun{Stage::drafting, 1, {}, {}, region("110108")}});
  REQUIRE(changes[2] == StageChange{3, subject, at(3),
                                    StageChange::Ended{Stage::registration, 0, StageOutcome::submitted},
                                    StageChange::Begun{Stage::initial_review, 1, {}, {}, region("440305")}});
  REQUIRE(changes[3] == StageChange{4, kStream, at(4),
                                    StageChange::Ended{Stage::drafting, 1, StageOutcome::submitted},
                                    StageChange::Begun{Stage::queued, 1, AlgorithmType::dispatch_decision,
                                                       AlgorithmRole::provider, region("440305")}});
  REQUIRE(changes[4] ==
          StageChange{5, kStream, at(5), StageChange::Ended{Stage::queued, 4, StageOutcome::discarded}, {}});
  collect(4);
  REQUIRE(changes.size() == 2);
  REQUIRE(changes[0].position == 4);
  collect(6);
  REQUIRE(changes.empty());
  REQUIRE(ledger.dump() == ledger.rebuilt());
}

TEST_CASE("stages and outcomes read back from their codes") {
  REQUIRE(projections::all_stages().size() == 8);
  REQUIRE(projections::all_outcomes().size() == 12);
  for (const StageOutcome outcome : projections::all_outcomes()) REQUIRE_FALSE(code_of(outcome).empty());
  for (unsigned i = 1; i <= 8; ++i) {
    const auto stage = static_cast<Stage>(i);
    REQUIRE(projections::all_stages()[i - 1] == stage);
    REQUIRE(projections::stage_from(code_of(stage)) == stage);
  }
  REQUIRE_FALSE(projections::stage_from(""));
  REQUIRE_FALSE(projections::stage_from("Drafting"));
  REQUIRE(code_of(Stage{}).empty());
  REQUIRE(code_of(StageOutcome{}).empty());
}
