// Who sees what, as the table that DESIGN sections 6 and 8 describe in words.
#include "server/read/visibility.hpp"

#include <catch2/catch.hpp>

using namespace ledger;
using namespace ledger::server;

namespace {

Uuid id(std::uint8_t last) {
  Uuid uuid;
  uuid.bytes[15] = last;
  return uuid;
}

const Uuid kMine = id(1);
const Uuid kOthers = id(2);

Event event_of(StreamKind kind, Payload payload) {
  Event event;
  event.header.stream = {kind, kind == StreamKind::ledger ? Uuid{} : id(9)};
  event.payload = std::move(payload);
  return event;
}

Event published() {
  return event_of(StreamKind::filing, FilingPublished{});
}
Event submitted() {
  return event_of(StreamKind::filing, FilingSubmitted{});
}

struct Row {
  Reader reader;
  Sight own_subject, other_subject;
  Sight own_filing, other_filing;  // submitted at least once
  Sight own_draft, other_draft;    // never submitted
  Sight ledger_event;              // access.granted
  Sight other_undisclosed_event;   // draft.saved of a filing never submitted
  Sight other_first_draft_event;   // the same event once the filing is submitted
  Sight other_public_event;        // filing.published
};

using enum Sight;

const Row kTable[] = {
    {{Role::public_, {}}, none, none, none, none, none, none, none, none, none, public_},
    {{Role::filer, kMine}, own, none, own, none, own, none, none, none, none, public_},
    {{Role::initial_reviewer, {}}, case_, case_, case_, case_, none, none, committed, none, committed, case_},
    {{Role::reviewer, {}}, case_, case_, case_, case_, none, none, committed, none, committed, case_},
    {{Role::registrar, {}},
     committed,
     committed,
     committed,
     committed,
     none,
     none,
     committed,
     none,
     committed,
     committed},
    {{Role::supervisor, {}},
     committed,
     committed,
     committed,
     committed,
     none,
     none,
     committed,
     none,
     committed,
     committed},
    {{Role::auditor, {}},
     committed,
     committed,
     committed,
     committed,
     none,
     none,
     committed,
     committed,
     committed,
     committed},
    {{Role::admin, {}},
     committed,
     committed,
     committed,
     committed,
     none,
     none,
     case_,
     none,
     committed,
     committed},
    // Neither has a token; if one ever had, it would see what everybody sees.
    {{Role::operator_, {}}, none, none, none, none, none, none, none, none, none, public_},
    {{Role::system, {}}, none, none, none, none, none, none, none, none, none, public_},
};

}  // namespace

TEST_CASE("each role sees of each thing what the table says") {
  for (const Row& row : kTable) {
    const Reader& reader = row.reader;
    CAPTURE(code_of(reader.role));
    CHECK(sight_of_subject(reader, kMine) == row.own_subject);
    CHECK(sight_of_subject(reader, kOthers) == row.other_subject);
    CHECK(sight_of_filing(reader, kMine, true) == row.own_filing);
    CHECK(sight_of_filing(reader, kOthers, true) == row.other_filing);
    CHECK(sight_of_filing(reader, kMine, false) == row.own_draft);
    CHECK(sight_of_filing(reader, kOthers, false) == row.other_draft);
    CHECK(sight_of_event(reader, event_of(StreamKind::ledger, AccessGranted{}), {}) == row.ledger_event);
    const Event first_draft =
        event_of(StreamKind::filing, DraftSaved{.subject_id = kOthers, .attempt = 1, .form = {}});
    CHECK(sight_of_event(reader, first_draft, {kOthers, false, false}) == row.other_undisclosed_event);
    CHECK(sight_of_event(reader, first_draft, {kOthers, true, false}) == row.other_first_draft_event);
    CHECK(sight_of_event(reader, published(), {kOthers, true, true}) == row.other_public_event);
  }
}

TEST_CASE("only the two reviewing roles and the own filer read private values") {
  for (const Role role : all_values<Role>()) {
    const bool reviews = role == Role::initial_reviewer || role == Role::reviewer;
    CHECK(opens_private(sight_of_filing({role, {}}, kMine, true)) == reviews);
    CHECK(opens_private(sight_of_subject({role, {}}, kMine)) == reviews);
  }
  CHECK(opens_private(sight_of_filing({Role::filer, kMine}, kMine, true)));
}

TEST_CASE("filers and the public are told roles, not principals") {
  CHECK_FALSE(names_principals(public_));
  CHECK_FALSE(names_principals(own));
  CHECK(names_principals(case_));
  CHECK(names_principals(committed));
}

TEST_CASE("a filer's binding counts, not the role alone") {
  CHECK(sight_of_subject({Role::filer, {}}, kMine) == none);
  CHECK(sight_of_subject({Role::filer, kOthers}, kMine) == none);
  // A grant of staff that names a subject makes nobody its filer.
  CHECK(sight_of_filing({Role::reviewer, kMine}, kMine, false) == none);
}

TEST_CASE("the nil subject of imported records is nobody's own") {
  CHECK(sight_of_filing({Role::filer, Uuid{}}, Uuid{}, true) == none);
}

TEST_CASE("what a filer wrote before the first submission stays closed to reviewers") {
  const Reader reviewer{Role::reviewer, {}};
  const EventOwner owner{kOthers, true, false};
  const auto draft = [](std::uint32_t attempt) {
    return event_of(StreamKind::filing, DraftSaved{.subject_id = kOthers, .attempt = attempt, .form = {}});
  };
  CHECK(sight_of_event(reviewer, draft(1), owner) == committed);
  CHECK(sight_of_event(reviewer, draft(2), owner) == case_);
  CHECK(sight_of_event({Role::filer, kOthers}, draft(1), owner) == own);
}

TEST_CASE("public are the events that carry the public record, and the number once it is published") {
  const Reader nobody;
  const EventOwner owner{kOthers, true, false};
  CHECK(sight_of_event(nobody, published(), owner) == public_);
  CHECK(sight_of_event(nobody, submitted(), owner) == none);
  FilingCancelled unpublished;
  CHECK(sight_of_event(nobody, event_of(StreamKind::filing, unpublished), owner) == none);
  unpublished.public_record.emplace();
  CHECK(sight_of_event(nobody, event_of(StreamKind::filing, unpublished), owner) == public_);
  const Event number = event_of(StreamKind::filing, NumberAssigned{});
  CHECK(sight_of_event(nobody, number, owner) == none);
  CHECK(sight_of_event(nobody, number, {kOthers, true, true}) == public_);
  CHECK(sight_of_event({Role::filer, kMine}, number, {kOthers, true, true}) == public_);
}
