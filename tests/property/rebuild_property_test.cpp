// After any history the live views equal a rebuild, row for row: one beside them while commands go on, and
// one offline. The seed is printed; LEDGER_SEED repeats what is asked for.
#include "events/store/rebuild_status.hpp"
#include "replay/rebuild.hpp"
#include "tests/support/engine_crowd.hpp"

using namespace ledger;
using namespace ledger::store;
using namespace ledger::test;

TEST_CASE("after any random history the views equal a rebuild beside them under way, and one offline") {
  const std::uint64_t first = any_seed();
  for (std::uint64_t round = 0; round < 3; ++round) {
    INFO("LEDGER_SEED=" << first << " round " << round);
    ModelsStory story([&](EngineOptions& options) {
      // So small that states are forgotten and rows written all the time.
      options.states_max = round == 0 ? 2 : 64;
      options.rebuild_buffer_bytes = round == 2 ? std::size_t{64} << 20 : 1;
    });
    EngineCrowd crowd(story, first + round, 3);
    crowd.begin(250);
    int swaps = 0;
    while (crowd.acting()) {
      REQUIRE(story.engine->start_rebuild());
      while (story.engine->rebuild_status().state == RebuildState::running)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const RebuildStatus status = story.engine->rebuild_status();
      INFO(status.failure);
      REQUIRE(status.state == RebuildState::done);
      REQUIRE(story.notices.back().starts_with("the views were rebuilt"));
      ++swaps;
    }
    crowd.join();
    CHECK(crowd.accepted() > 150);
    CHECK(swaps > 0);
    const std::uint64_t size = story.engine->size();
    story.engine.reset();
    const std::string live = story.dump();
    CHECK(std::ranges::count(live, '\n') > static_cast<std::ptrdiff_t>(size));
    const auto figures =
        replay::rebuild({.data = story.data(), .master_key = {}, .on_progress = {}}, story.projections);
    REQUIRE(figures);
    CHECK(figures->events == size);
    CHECK(story.dump() == live);
    // And the writer goes on from what either left.
    const std::size_t heard = story.notices.size();
    story.open();
    CHECK(story.notices.size() == heard);
  }
}
