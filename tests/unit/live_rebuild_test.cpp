// A rebuild of the views beside the ones that serve.
#include <csignal>
#include <filesystem>
#include <set>
#include <sys/resource.h>
#include <sys/stat.h>

#include "events/store/rebuild_status.hpp"
#include "replay/rebuild.hpp"
#include "tests/support/engine_crowd.hpp"

using namespace ledger;
using namespace ledger::store;
using namespace ledger::test;
namespace fs = std::filesystem;

namespace {

RebuildStatus ended(const EngineStory& story) {
  while (story.engine->rebuild_status().state == RebuildState::running)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return story.engine->rebuild_status();
}

std::set<std::string> names_in(const fs::path& directory) {
  std::set<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory))
    names.insert(entry.path().filename().string());
  return names;
}

/// The inode of the views' file: another one after a swap.
ino_t file_of(const EngineStory& story) {
  struct stat facts {};
  REQUIRE(::stat((story.data() / "views" / "data.mdb").c_str(), &facts) == 0);
  return facts.st_ino;
}

/// The rows as a rebuild makes them; closes the engine.
void require_rebuilt(ModelsStory& story) {
  story.engine.reset();
  const std::string live = story.dump();
  REQUIRE(replay::rebuild({.data = story.data(), .master_key = {}, .on_progress = {}}, story.projections));
  CHECK(story.dump() == live);
}

}  // namespace

TEST_CASE("a rebuild puts another file in the place of the views, and everything goes on from it") {
  ModelsStory story;
  const Uuid filing = story.whole_life(1);
  CHECK(story.engine->rebuild_status().state == RebuildState::none);
  const ino_t before = file_of(story);
  const std::set<std::string> names = names_in(story.data());
  REQUIRE(story.engine->start_rebuild());
  const RebuildStatus status = ended(story);
  INFO(status.failure);
  CHECK(status.state == RebuildState::done);
  CHECK(status.events == story.engine->size());
  CHECK(status.total == story.engine->size());
  CHECK_FALSE(status.remaining_seconds());
  CHECK(file_of(story) != before);
  CHECK(names_in(story.data()) == names);
  CHECK(story.engine->snapshot().size() == story.engine->size());
  CHECK(story.engine->snapshot().lookup().filing(filing)->status == FilingStatus::published);
  CHECK(story.engine->authenticate(story.created.admin_token));
  story.whole_life(2);
  // Another one, over what the first one left.
  REQUIRE(story.engine->start_rebuild());
  CHECK(ended(story).state == RebuildState::done);
  story.whole_life(3);
  require_rebuilt(story);
  const std::size_t heard = story.notices.size();
  story.open();
  CHECK(story.notices.size() == heard);  // believed as they lie there
}

TEST_CASE("while one runs another is refused, and what was read before the swap stays as it was") {
  ModelsStory story;
  const Uuid filing = story.whole_life(1);
  {
    const Snapshot snapshot = story.engine->snapshot();  // keeps the old file in use
    const ino_t before = file_of(story);
    REQUIRE(story.engine->start_rebuild());
    while (file_of(story) == before) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const auto again = story.engine->start_rebuild();
    REQUIRE_FALSE(again);
    CHECK(again.error().code == "rebuild_running");
    story.must(RecordDisplay{filing, DisplayChannel::app, "关于页"},
               Granted{story.engine->snapshot()
                           .lookup()
                           .subject(story.engine->snapshot().lookup().filing(filing)->subject_id)
                           ->filer_grant});
    CHECK(snapshot.lookup().filing(filing)->displays == 0);
    CHECK(snapshot.size() + 1 == story.engine->size());
    CHECK(story.engine->snapshot().lookup().filing(filing)->displays == 1);
  }
  CHECK(ended(story).state == RebuildState::done);
  REQUIRE(story.engine->start_rebuild());
  CHECK(ended(story).state == RebuildState::done);
}

TEST_CASE("a rebuild that meets a full map is given up and told, and the old views go on") {
  ModelsStory story;
  for (unsigned n = 1; n <= 5; ++n) story.whole_life(n);
  story.options.views_map_bytes = 96 << 10;  // a file that is larger still opens
  story.reopen();
  const ino_t before = file_of(story);
  const std::set<std::string> names = names_in(story.data());
  REQUIRE(story.engine->start_rebuild());
  const RebuildStatus status = ended(story);
  CHECK(status.state == RebuildState::failed);
  CHECK(status.failure.find("MAP_FULL") != std::string::npos);
  CHECK(story.notices.back().find("given up") != std::string::npos);
  CHECK(file_of(story) == before);
  CHECK(names_in(story.data()) == names);
  story.options.views_map_bytes = std::uint64_t{1} << 30;
  story.reopen();
  story.whole_life(6);
  require_rebuilt(story);
}

TEST_CASE("a rebuild that cannot write is given up, and what is asked meanwhile is answered") {
  ModelsStory story;
  story.whole_life(1);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  ::signal(SIGXFSZ, SIG_IGN);
  // Only what a file grows beyond this is refused; nothing but the new views begins anew.
  rlimit small = before;
  small.rlim_cur = 16 << 10;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  REQUIRE(story.engine->start_rebuild());
  const RebuildStatus status = ended(story);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(status.state == RebuildState::failed);
  CHECK_FALSE(fs::exists(story.data() / "views.new"));
  story.whole_life(2);
  REQUIRE(story.engine->start_rebuild());
  CHECK(ended(story).state == RebuildState::done);
  require_rebuilt(story);
}

TEST_CASE("closing ends a rebuild at any moment, and none begins after it") {
  const std::uint64_t seed = any_seed();
  INFO("LEDGER_SEED=" << seed);
  std::mt19937_64 random(seed);
  ModelsStory story;
  for (unsigned n = 1; n <= 3; ++n) story.whole_life(n);
  for (int round = 0; round < 12; ++round) {
    REQUIRE(story.engine->start_rebuild());
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));
    story.engine->close();
    const RebuildState state = story.engine->rebuild_status().state;
    CHECK((state == RebuildState::done || state == RebuildState::stopped));
    const auto late = story.engine->start_rebuild();
    REQUIRE_FALSE(late);
    CHECK(late.error().code == "shutting_down");
    const std::size_t heard = story.notices.size();
    story.reopen();
    CHECK(story.notices.size() == heard);
    CHECK_FALSE(fs::exists(story.data() / "views.new"));
  }
  require_rebuilt(story);
}

TEST_CASE("what a killed rebuild left beside the views is removed by the next start, and never believed") {
  ModelsStory story;
  story.whole_life(1);
  story.engine.reset();
  for (const char* name : {"views.new", "views.old"}) {
    fs::create_directory(story.data() / name);
    fs::copy_file(story.data() / "views" / "data.mdb", story.data() / name / "data.mdb");
    fs::copy_file(story.data() / "views" / "mark", story.data() / name / "mark");
  }
  const std::size_t heard = story.notices.size();
  story.open();
  CHECK(story.notices.size() == heard);
  CHECK_FALSE(fs::exists(story.data() / "views.new"));
  CHECK_FALSE(fs::exists(story.data() / "views.old"));
  require_rebuilt(story);
  // Killed between the two names where they cannot be exchanged: there are no views then.
  fs::rename(story.data() / "views", story.data() / "views.old");
  story.open();
  CHECK(story.notices.back().find("rebuilding the views") != std::string::npos);
  CHECK_FALSE(fs::exists(story.data() / "views.old"));
  require_rebuilt(story);
}
