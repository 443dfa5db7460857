// Registrations that nobody used lapse, and only those.
#include "server/cli/lapse.hpp"

#include "tests/support/engine_story.hpp"

using namespace ledger;
using test::EngineStory;

TEST_CASE("a registration never submitted lapses once it is old enough, and gives its credit code back") {
  EngineStory story;
  const auto old = story.registered(1);
  story.now += 10'000'000;
  const TimestampUs between{story.now.load()};
  story.now += 10'000'000;
  const auto young = story.registered(2);
  const auto state = [&](const Uuid& id) { return story.engine->snapshot().lookup().subject(id)->status; };
  const auto never = [] { return false; };

  CHECK(cli::lapse_unused(*story.engine, between, [] { return true; }) == 0);
  CHECK(state(old.subject) == SubjectStatus::registered);
  CHECK(cli::lapse_unused(*story.engine, between, never) == 1);
  CHECK(state(old.subject) == SubjectStatus::lapsed);
  CHECK(state(young.subject) == SubjectStatus::registered);
  CHECK(cli::lapse_unused(*story.engine, between, never) == 0);
  (void)story.registered(1);
}
