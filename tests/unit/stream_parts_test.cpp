// The small parts of a stream: tickets, places, the bell, the cache of renderings, the bytes of frames.
#include <set>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "server/stream/bell.hpp"
#include "server/stream/open_streams.hpp"
#include "server/stream/rendered_events.hpp"
#include "server/stream/sse.hpp"
#include "server/stream/tickets.hpp"
#include "server/stream/websocket_frames.hpp"
#include "tests/support/counted_wake.hpp"

using namespace ledger;
using namespace ledger::server;
using ledger::test::CountedWake;
using namespace std::chrono_literals;

namespace {

constexpr TimestampUs kNow{1'790'000'000'000'000};

Uuid id(std::uint8_t last) {
  Uuid uuid;
  uuid.bytes[15] = last;
  return uuid;
}

TimestampUs later(std::int64_t seconds) {
  return {kNow.value + seconds * 1'000'000};
}

Frame frame(Frame::Kind kind, std::optional<std::uint64_t> position, std::string_view code = {}) {
  Frame made{.kind = kind, .position = position, .event = nullptr, .code = code};
  if (kind == Frame::Kind::event) made.event = std::make_shared<const std::string>(R"({"id":"o/7"})");
  return made;
}

std::string sse(const Frame& told) {
  std::string out;
  append_sse(out, told);
  return out;
}

}  // namespace

TEST_CASE("a ticket opens once, within 30 seconds, for its own grant") {
  Tickets tickets;
  const auto one = tickets.make(id(1), kNow);
  const auto other = tickets.make(id(2), kNow);
  REQUIRE((one && other));
  CHECK(one->text != other->text);
  CHECK(one->text.size() >= 43);
  CHECK(one->expires_at == later(30));
  CHECK(tickets.use(one->text, later(29)) == id(1));
  CHECK_FALSE(tickets.use(one->text, later(29)));
  CHECK_FALSE(tickets.use(other->text, later(30)));
  CHECK_FALSE(tickets.use("", kNow));
  CHECK_FALSE(tickets.use("nonsense", kNow));
  CHECK(tickets.size() == 0);
}

TEST_CASE("tickets are bounded, in all and for each grant") {
  Tickets tickets(10, 4);
  for (int i = 0; i < 4; ++i) CHECK(tickets.make(id(1), kNow));
  CHECK_FALSE(tickets.make(id(1), later(29)));
  CHECK(tickets.make(id(1), later(30)));  // the others have expired
  std::vector<std::string> made;
  for (std::uint8_t grant = 2; grant < 40; ++grant) made.push_back(tickets.make(id(grant), later(31))->text);
  CHECK(tickets.size() == 10);
  CHECK_FALSE(tickets.use(made.front(), later(31)));
  CHECK(tickets.use(made.back(), later(31)) == id(39));
}

TEST_CASE("an address holds so many public streams, a subscriber's IPv6 network counts as one") {
  OpenStreams streams(2);
  auto a = streams.enter(true, "203.0.113.1");
  auto b = streams.enter(true, "203.0.113.1");
  CHECK((a && b));
  CHECK_FALSE(streams.enter(true, "203.0.113.1"));
  CHECK(streams.enter(true, "203.0.113.2"));
  auto granted = streams.enter(false, "203.0.113.1");
  CHECK(granted);
  CHECK(streams.figures().public_streams == 2);
  CHECK(streams.figures().granted_streams == 1);
  a.reset();
  CHECK(streams.enter(true, "203.0.113.1"));
  auto c = streams.enter(true, "2001:db8::1");
  auto d = streams.enter(true, "2001:db8::ffff:2");
  CHECK_FALSE(streams.enter(true, "2001:db8::3"));
  CHECK(streams.enter(true, "2001:db8:0:1::3"));
  std::vector<std::shared_ptr<void>> loopback;
  for (int i = 0; i < 10; ++i) loopback.push_back(streams.enter(true, "127.0.0.1"));
  for (const auto& place : loopback) CHECK(place);
}

TEST_CASE("the bell wakes who waits, once, and who heard less than was rung") {
  Bell bell({.shortest = 1ms, .longest = 1ms});
  const auto wake = std::make_shared<CountedWake>();
  Bell::Seat seat(bell);
  const auto never = Bell::Clock::now() + 1h;
  seat.wait(CountedWake::of(wake), bell.rung(), never);
  std::this_thread::sleep_for(20ms);
  CHECK(wake->count == 0);
  bell.ring();
  CHECK(wake->reaches(1));
  bell.ring();
  std::this_thread::sleep_for(20ms);
  CHECK(wake->count == 1);
  seat.wait(CountedWake::of(wake), bell.rung() - 1, never);
  CHECK(wake->reaches(2));
  seat.wait(CountedWake::of(wake), bell.rung(), Bell::Clock::now() + 5ms);
  CHECK(wake->reaches(3));
}

TEST_CASE("a bell rung without pause wakes only so often") {
  Bell bell({.shortest = 50ms, .longest = 50ms});
  const auto wake = std::make_shared<CountedWake>();
  Bell::Seat seat(bell);
  const auto begin = Bell::Clock::now();
  int waits = 0;
  while (Bell::Clock::now() - begin < 300ms) {
    if (wake->count == waits) {
      seat.wait(CountedWake::of(wake), bell.rung(), begin + 1h);
      ++waits;
    }
    bell.ring();
  }
  const auto spent = Bell::Clock::now() - begin;
  CHECK(wake->count >= 1);
  CHECK(wake->count <= spent / 50ms + 2);
}

TEST_CASE("the bell rests longer in quick succession, and shortly again once it rings now and then") {
  const Bell::Rest rest;
  // A ring every 10 ms is no quick succession, however long the rest is at present.
  CHECK_FALSE(rest.is_quick(10ms, 1));
  CHECK_FALSE(rest.is_quick(20ms, 2));
  CHECK_FALSE(rest.is_quick(5s, 0));
  CHECK(rest.is_quick(3ms, 1));
  CHECK(rest.is_quick(20ms, 6));
  CHECK(rest.after(2ms, true) == 4ms);
  CHECK(rest.after(16ms, true) == 20ms);
  CHECK(rest.after(20ms, true) == 20ms);
  CHECK(rest.after(20ms, false) == 10ms);
  CHECK(rest.after(3ms, false) == 2ms);
  CHECK(rest.together(20ms) == 200);
  CHECK(rest.together(2ms) == 20);
  CHECK(rest.together(10us) == 1);
}

TEST_CASE(
    "a crowd is told in portions while the bell rings in quick succession, each before any a second time") {
  constexpr std::size_t kSeats = 50;
  // A portion is one seat of fifty: everything is quick succession here, on a machine of any pace.
  Bell bell({.shortest = 1ms, .longest = 1ms, .each = 1ms, .quick = 1h});
  struct Place {
    explicit Place(Bell& bell) : seat(bell) {}
    Bell::Seat seat;
    std::shared_ptr<CountedWake> wake = std::make_shared<CountedWake>();
    int waits = 0;
  };
  std::list<Place> places;
  for (std::size_t i = 0; i < kSeats; ++i) places.emplace_back(bell);
  const auto wait = [&](Place& place) {
    place.seat.wait(CountedWake::of(place.wake), bell.rung(), Bell::Clock::now() + 1h);
    ++place.waits;
  };
  for (Place& place : places) wait(place);
  while (places.front().wake->count < 5) {
    bell.ring();
    int fewest = std::numeric_limits<int>::max(), most = 0;
    for (Place& place : places) {
      const int count = place.wake->count;
      if (count == place.waits) wait(place);
      fewest = std::min(fewest, count);
      most = std::max(most, count);
    }
    // One who came too late to this round's list waits for the next: hence two.
    CHECK(most - fewest <= 2);
  }
}

TEST_CASE("who was left for a later portion is woken though the bell rings no more") {
  Bell bell({.shortest = 1ms, .longest = 1ms, .each = 1ms, .quick = 1h});
  std::vector<std::shared_ptr<CountedWake>> wakes;
  std::list<Bell::Seat> seats;
  for (int i = 0; i < 20; ++i) {
    wakes.push_back(std::make_shared<CountedWake>());
    seats.emplace_back(bell).wait(CountedWake::of(wakes.back()), bell.rung(), Bell::Clock::now() + 1h);
  }
  bell.ring();
  for (const auto& wake : wakes) CHECK(wake->reaches(1));
}

TEST_CASE("a seat that is given up while the bell rings is not woken into nothing") {
  Bell bell({.shortest = 1ms, .longest = 1ms});
  std::atomic<bool> stop{false};
  std::jthread ringing([&] {
    while (!stop) bell.ring();
  });
  for (int i = 0; i < 300; ++i) {
    const auto wake = std::make_shared<CountedWake>();
    Bell::Seat seat(bell);
    seat.wait(CountedWake::of(wake), bell.rung(), Bell::Clock::now() + 1h);
    if (i % 3 == 0) CHECK(wake->reaches(1));
  }
  stop = true;
  CHECK(bell.seats() == 0);
}

TEST_CASE("renderings are kept by position, sight and key epoch, within their bound") {
  RenderedEvents rendered(10'000);
  const RenderedEvents::Known known{{StreamKind::filing, id(1)}, type_number<FilingSubmitted>(), {}};
  const auto text = std::make_shared<const std::string>(std::string(1'000, 'x'));
  rendered.put(5, known, Sight::own, 0, text);
  CHECK(rendered.find(5, Sight::own, 0) == text);
  CHECK_FALSE(rendered.find(5, Sight::case_, 0));
  CHECK_FALSE(rendered.find(5, Sight::own, 1));
  CHECK_FALSE(rendered.find(5 + RenderedEvents::kSlots, Sight::own, 0));
  CHECK(rendered.known(5)->stream == known.stream);
  CHECK_FALSE(rendered.known(6));

  rendered.put(5 + RenderedEvents::kSlots, known, Sight::own, 0, text);
  CHECK_FALSE(rendered.find(5, Sight::own, 0));
  rendered.put(5, known, Sight::own, 0, text);
  CHECK(rendered.find(5 + RenderedEvents::kSlots, Sight::own, 0) == text);
  CHECK(rendered.bytes() == 1'000);

  for (std::uint64_t position = 10'000; position < 11'000; ++position) {
    rendered.put(position, known, Sight::own, 0, text);
    CHECK(rendered.bytes() <= 10'000);
  }
  rendered.put(20'000, known, Sight::own, 0, std::make_shared<const std::string>(std::string(20'000, 'x')));
  CHECK_FALSE(rendered.find(20'000, Sight::own, 0));
}

TEST_CASE("only the newest positions are kept at all") {
  CHECK(RenderedEvents::keeps(0, RenderedEvents::kSlots));
  CHECK_FALSE(RenderedEvents::keeps(0, RenderedEvents::kSlots + 1));
  CHECK(RenderedEvents::keeps(1'000'000, 1'000'001));
}

TEST_CASE("frames as Server-Sent Events") {
  using Kind = Frame::Kind;
  CHECK(sse(frame(Kind::event, 7)) == "id: 7\ndata: {\"id\":\"o/7\"}\n\n");
  CHECK(sse(frame(Kind::caught_up, 7)) == "event: caught_up\nid: 7\ndata: {\"position\":7}\n\n");
  CHECK(sse(frame(Kind::checkpoint, 7)) == "event: checkpoint\nid: 7\ndata: {\"position\":7}\n\n");
  CHECK(sse(frame(Kind::error, 7, "token_revoked")) ==
        "event: error\nid: 7\ndata: {\"position\":7,\"code\":\"token_revoked\"}\n\n");
  CHECK(sse(frame(Kind::error, std::nullopt, "token_revoked")) ==
        "event: error\ndata: {\"position\":null,\"code\":\"token_revoked\"}\n\n");
  CHECK(sse(frame(Kind::heartbeat, 7)) == ":\n\n");
}

TEST_CASE("frames as WebSocket messages") {
  using Kind = Frame::Kind;
  CHECK(websocket_message(frame(Kind::event, 7)) == R"({"kind":"event","position":7,"event":{"id":"o/7"}})");
  CHECK(websocket_message(frame(Kind::caught_up, 7)) == R"({"kind":"caught_up","position":7})");
  CHECK(websocket_message(frame(Kind::heartbeat, 7)) == R"({"kind":"heartbeat","position":7})");
  CHECK(websocket_message(frame(Kind::error, 7, "token_expired")) ==
        R"({"kind":"error","position":7,"code":"token_expired"})");
}
