// A subscription over a real ledger: catching up, waiting for the bell, its other frames, its end.
#include <catch2/catch.hpp>

#include "server/stream/subscription.hpp"
#include "tests/support/counted_wake.hpp"
#include "tests/support/engine_story.hpp"

using namespace ledger;
using namespace ledger::server;
using namespace ledger::test;
using Kind = Frame::Kind;
using Then = Batch::Then;

namespace {

struct Live {
  EngineStory story{false};
  StreamShared shared;
  std::shared_ptr<CountedWake> wakes = std::make_shared<CountedWake>();

  Live() {
    story.options.on_published = [this] { shared.bell.ring(); };
    story.open();
    shared.clock = [this] { return TimestampUs{story.now.load()}; };
  }
  ~Live() { story.engine.reset(); }

  std::unique_ptr<Subscription> listen(Subscription::Begin begin) {
    auto made = std::make_unique<Subscription>(*story.engine, shared, std::move(begin));
    made->start(CountedWake::of(wakes));
    return made;
  }
  Subscription::Begin as(Role role, const store::Granted& grant) {
    Subscription::Begin begin;
    begin.reader = {role, {}};
    begin.grant = story.engine->snapshot().lookup().grant(grant.grant_id).kept();
    return begin;
  }
};

}  // namespace

TEST_CASE("a subscription catches up, says so once, waits, and goes on where it was") {
  Live live;
  const store::Granted auditor = live.story.staff(Role::auditor, "审计");
  const auto stream = live.listen(live.as(Role::auditor, auditor));
  Batch batch = stream->next();
  REQUIRE(batch.frames.size() == 4);
  for (std::uint64_t i = 0; i < 3; ++i) {
    CHECK(batch.frames[i].kind == Kind::event);
    CHECK(batch.frames[i].position == i);
  }
  CHECK(batch.frames[3].kind == Kind::caught_up);
  CHECK(batch.frames[3].position == 2);
  CHECK(stream->next().then == Then::wait);
  live.story.registered(1);
  REQUIRE(live.wakes->reaches(1));
  batch = stream->next();
  REQUIRE(batch.frames.size() == 1);
  CHECK(batch.frames[0].position == 3);
  CHECK(stream->next().then == Then::wait);
}

TEST_CASE("what is published between a page and the wait is not slept over") {
  Live live;
  const store::Granted auditor = live.story.staff(Role::auditor, "审计");
  const auto stream = live.listen(live.as(Role::auditor, auditor));
  CHECK_FALSE(stream->next().frames.empty());
  std::uint64_t next = live.story.engine->size();
  for (unsigned n = 1; n <= 30; ++n) {
    std::jthread writer([&] { live.story.registered(n); });
    const int before = live.wakes->count.load();
    for (bool found = false; !found;) {
      const Batch batch = stream->next();
      for (const Frame& frame : batch.frames) {
        REQUIRE(frame.position == next++);
        found = true;
      }
      if (!found && batch.then == Then::wait) REQUIRE(live.wakes->reaches(before + 1));
    }
  }
}

TEST_CASE("a filter that takes nothing still moves the cursor") {
  Live live;
  live.shared.heartbeat = std::chrono::milliseconds(30);
  Subscription::Begin begin;  // the public stream: nothing of this is public
  const auto stream = live.listen(std::move(begin));
  Batch batch = stream->next();
  REQUIRE(batch.frames.size() == 1);
  CHECK(batch.frames[0].kind == Kind::caught_up);
  CHECK(batch.frames[0].position == 1);
  live.story.registered(1);
  const auto until = [&](Kind kind) {
    for (;;) {
      const int before = live.wakes->count.load();
      const Batch got = stream->next();
      if (!got.frames.empty()) {
        CHECK(got.frames.size() == 1);
        CHECK(got.frames[0].kind == kind);
        return got.frames[0].position;
      }
      REQUIRE(live.wakes->reaches(before + 1));
    }
  };
  CHECK(until(Kind::checkpoint) == 2);
  CHECK(until(Kind::heartbeat) == 2);
}

TEST_CASE("a revocation ends the streams of the grant, with nothing from behind it") {
  Live live;
  const store::Granted auditor = live.story.staff(Role::auditor, "审计");
  const auto stream = live.listen(live.as(Role::auditor, auditor));
  CHECK(stream->next().frames.size() == 4);
  CHECK(stream->next().then == Then::wait);
  live.story.must(RevokeAccess{auditor.grant_id}, live.story.admin);
  REQUIRE(live.wakes->reaches(1));
  const Batch batch = stream->next();
  REQUIRE(batch.frames.size() == 1);
  CHECK(batch.frames[0].kind == Kind::error);
  CHECK(batch.frames[0].code == "token_revoked");
  CHECK(batch.frames[0].position == 2);
  CHECK(batch.then == Then::end);
  CHECK(stream->next().then == Then::end);
  CHECK(stream->next().frames.empty());
}

TEST_CASE("a live stream is told from memory, and nothing of it is missed or told twice") {
  Live live;
  const store::Granted auditor = live.story.staff(Role::auditor, "审计");
  live.shared.bell.before_round([&](std::uint64_t rung) {
    live.shared.newest.take_in(*live.story.engine, live.shared.rendered, rung, true);
  });
  const auto stream = live.listen(live.as(Role::auditor, auditor));
  CHECK_FALSE(stream->next_at_hand());  // before it caught up
  CHECK(stream->next().frames.size() == 4);
  CHECK(stream->next().then == Then::wait);
  std::uint64_t told = 2;
  std::size_t from_memory = 0;
  for (unsigned n = 1; n < 60; ++n) {
    const int before = live.wakes->count;
    const std::uint64_t last = live.story.engine->size();
    live.story.registered(n);
    while (told < last) {
      REQUIRE(live.wakes->reaches(before + 1));
      for (Then then = Then::again; then == Then::again;) {
        auto batch = stream->next_at_hand();
        if (batch) {
          from_memory += batch->frames.size();
        } else {
          batch = stream->next();
        }
        for (const Frame& frame : batch->frames) {
          REQUIRE(frame.kind == Kind::event);
          REQUIRE(frame.position == ++told);
        }
        then = batch->then;
      }
    }
  }
  CHECK(from_memory > 30);
  const int before = live.wakes->count;
  live.story.must(RevokeAccess{auditor.grant_id}, live.story.admin);
  REQUIRE(live.wakes->reaches(before + 1));
  CHECK_FALSE(stream->next_at_hand());
  const Batch end = stream->next();
  REQUIRE(end.frames.size() == 1);
  CHECK(end.frames[0].code == "token_revoked");
  CHECK_FALSE(stream->next_at_hand());
  live.shared.bell.before_round(nullptr);
}

TEST_CASE("an idle stream notices that its grant expired") {
  Live live;
  const TimestampUs end{live.story.now + 5'000'000};
  const store::Granted brief{
      *live.story.must(GrantAccess{"短期", Role::auditor, {}, end}, live.story.admin).grant_id};
  const auto stream = live.listen(live.as(Role::auditor, brief));
  CHECK(stream->next().frames.size() == 4);
  CHECK(stream->next().then == Then::wait);
  live.story.now = end.value;
  REQUIRE(live.wakes->reaches(1));
  const Batch batch = stream->next();
  REQUIRE(batch.frames.size() == 1);
  CHECK(batch.frames[0].code == "token_expired");
}

TEST_CASE("draining ends waiting streams at once") {
  Live live;
  const auto stream = live.listen({});
  CHECK(stream->next().frames.size() == 1);
  CHECK(stream->next().then == Then::wait);
  live.shared.draining = true;
  live.shared.bell.ring();
  REQUIRE(live.wakes->reaches(1));
  CHECK(stream->next().then == Then::end);
}

TEST_CASE("a place is held as long as the subscription") {
  Live live;
  auto place = std::make_shared<int>(1);
  Subscription::Begin begin;
  begin.place = place;
  auto stream = live.listen(std::move(begin));
  CHECK(place.use_count() == 2);
  CHECK(live.shared.bell.seats() == 1);
  stream.reset();
  CHECK(place.use_count() == 1);
  CHECK(live.shared.bell.seats() == 0);
}
