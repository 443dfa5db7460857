// Kills a process that appends, many times, at random moments, and demands what the ledger promised. SIGKILL
// leaves the kernel's page cache whole: a power cut is not tested here.
#include <csignal>
#include <fcntl.h>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "events/store/clock.hpp"
#include "events/store/views.hpp"
#include "replay/rebuild.hpp"
#include "tests/support/engine_story.hpp"

using namespace ledger;
using namespace ledger::store;
using ledger::test::EngineStory;

namespace {

constexpr int kKills = 24;

struct Acknowledged {
  std::uint64_t position = 0;
  Uuid filing;
  std::uint64_t version = 0;
};

/// Starts the child, kills it after `delay_us` (counted from its first report when `once_ready`), and answers
/// what it had reported.
std::string run_and_kill(const EngineStory& story, const Uuid& subject, const Uuid& grant, int run,
                         useconds_t delay_us, bool once_ready, bool rebuilding) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const std::string directory = story.data(), subject_text = subject.text(), grant_text = grant.text(),
                    run_text = std::to_string(run);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::execl(ENGINE_CHILD, ENGINE_CHILD, directory.c_str(), subject_text.c_str(), grant_text.c_str(),
            run_text.c_str(), rebuilding ? "rebuild" : nullptr, nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  std::string reports;
  char buffer[65536];
  // The pipe is emptied all the time, or the child would wait for us instead of the disk.
  if (!once_ready) ::usleep(delay_us);
  const auto read_some = [&]() {
    const ssize_t got = ::read(ends[0], buffer, sizeof buffer);
    if (got > 0) reports.append(buffer, static_cast<std::size_t>(got));
    return got > 0;
  };
  if (once_ready) {
    REQUIRE(read_some());
    const TimestampUs until{monotonic_now().value + delay_us};
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    while (monotonic_now() < until) {
      if (!read_some()) ::usleep(200);
    }
    ::fcntl(ends[0], F_SETFL, 0);
  }
  ::kill(child, SIGKILL);
  while (read_some()) {
  }
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  INFO("exit status " << status);
  REQUIRE(WIFSIGNALED(status));  // it never ended by itself: nothing was refused
  return reports;
}

std::string dump(const EngineStory& story) {
  auto views = Views::open(story.data() / "views", std::uint64_t{1} << 30, {}, true);
  REQUIRE(views);
  return (*views)->dump();
}

}  // namespace

TEST_CASE("after SIGKILL at random moments every acknowledged command is there exactly once") {
  const bool rebuilding = GENERATE(false, true);
  INFO((rebuilding ? "while the views are rebuilt beside the serving ones" : "while it appends"));
  std::uint64_t rebuilds = 0;
  EngineStory story(false);
  // The child takes the machine's clock, so the parent does too.
  story.now = system_now().value;
  story.options.clock = {};
  story.options.accept_clock = true;
  story.open();
  const Granted initial = story.staff(Role::initial_reviewer, "初审");
  const auto made = story.qualified(1, initial);
  story.engine.reset();

  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::map<std::string, Acknowledged> acknowledged;
  std::uint64_t size_before = 0;
  for (int run = 0; run < kKills; ++run) {
    const bool once_ready = run % 4 != 3;  // every fourth dies while it may still be opening
    const std::string reports =
        run_and_kill(story, made.subject, made.filer.grant_id, run,
                     static_cast<useconds_t>(random() % 120'000), once_ready, rebuilding);
    std::istringstream lines(reports);
    std::string line;
    while (std::getline(lines, line)) {
      std::istringstream words(line);
      std::string key, filing;
      Acknowledged ack;
      words >> key;
      if (key == "ready") continue;
      if (key == "rebuild") {
        ++rebuilds;
        continue;
      }
      REQUIRE(words >> ack.position >> filing >> ack.version);
      ack.filing = *Uuid::parse(filing);
      REQUIRE(acknowledged.emplace(key, ack).second);
    }

    story.notices.clear();
    story.open();
    // Killed, but the machine did not restart: the views, old or new, are caught up, not rebuilt.
    CHECK(story.notices.empty());
    CHECK_FALSE(std::filesystem::exists(story.data() / "views.new"));
    {
      const Snapshot snapshot = story.engine->snapshot();
      REQUIRE(snapshot.size() >= size_before);
      size_before = snapshot.size();
      std::set<Digest> tags;
      std::map<StreamId, std::uint64_t> versions;
      for (std::uint64_t at = 0; at < snapshot.size(); ++at) {
        const auto read = snapshot.event(at, false);
        REQUIRE(read);
        const EventHeader& header = read->event.header;
        REQUIRE(header.position.value == at);
        REQUIRE(header.version == ++versions[header.stream]);
        if (header.key_tag) REQUIRE(tags.insert(*header.key_tag).second);    // no command twice
        if (!read->parts.commitments.empty()) REQUIRE(snapshot.sealed(at));  // whole
      }
      for (const auto& [key, ack] : acknowledged) {
        const auto read = snapshot.event(ack.position, false);
        REQUIRE(read);
        REQUIRE(read->event.header.stream.id == ack.filing);
        REQUIRE(read->event.header.version == ack.version);
        REQUIRE(read->event.header.key_tag);
      }
      // The newest can be opened: its record key was durable before it.
      const auto newest = snapshot.event(snapshot.size() - 1, true);
      if (const auto* draft = std::get_if<DraftSaved>(&newest->event.payload)) REQUIRE(draft->form.value);
    }
    // Asked again under its key, an acknowledged command is answered, not done again.
    if (!acknowledged.empty()) {
      auto any = acknowledged.begin();
      std::advance(any, random() % acknowledged.size());
      FilingForm form;
      auto given = EngineStory::submission(SaveDraft{any->second.filing, form}, made.filer);
      given.method = "POST";
      given.path = "/v1/filings";
      given.body = any->first;
      given.idempotency_key = any->first;
      const Outcome again = story.engine->execute(std::move(given));
      REQUIRE(again);
      CHECK(again->repeated);
      CHECK(again->position == any->second.position);
      CHECK(story.engine->size() == size_before);
    }
    story.engine.reset();
    if (run % 8 == 7 || (rebuilding && run % 2 == 1)) {
      const std::string live = dump(story);
      REQUIRE(replay::rebuild({.data = story.data(), .master_key = {}, .on_progress = {}}, {}));
      CHECK(dump(story) == live);
    }
  }
  // A test in which nothing was acknowledged would prove nothing.
  CHECK(acknowledged.size() > 100);
  // How many a child finishes before it is killed is the machine's affair; that some do is not.
  CHECK((rebuilds > 0) == rebuilding);
}
