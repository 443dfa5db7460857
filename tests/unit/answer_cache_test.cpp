// The cache of rendered answers: bounded, exact in what it gives to whom.
#include "server/read/answer_cache.hpp"

#include <thread>

#include <catch2/catch.hpp>

using namespace ledger;
using namespace ledger::server;

namespace {

Uuid id(std::uint32_t number) {
  Uuid uuid;
  put_be(number * 2'654'435'761U, uuid.bytes.data() + 8);
  put_be(number, uuid.bytes.data() + 12);
  return uuid;
}

StreamId filing(std::uint32_t number) {
  return {StreamKind::filing, id(number)};
}

AnswerCache::Body body(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

const Uuid kSubject = id(1'000'000);
const Reader kFiler{Role::filer, kSubject};
const Reader kOtherFiler{Role::filer, id(2'000'000)};
const Reader kReviewer{Role::reviewer, {}};
const Reader kAuditor{Role::auditor, {}};

}  // namespace

TEST_CASE("a body is given back for its stream, version and sight only") {
  AnswerCache cache(1 << 20);
  CHECK_FALSE(cache.find(filing(1), 3, kFiler).known);
  cache.put(filing(1), 3, kSubject, true, Sight::own, body("own"));
  cache.put(filing(1), 3, kSubject, true, Sight::case_, body("case"));
  const auto own = cache.find(filing(1), 3, kFiler);
  REQUIRE(own.body);
  CHECK(*own.body == "own");
  CHECK(own.sight == Sight::own);
  REQUIRE(cache.find(filing(1), 3, kReviewer).body);
  CHECK(*cache.find(filing(1), 3, kReviewer).body == "case");
  const auto auditor = cache.find(filing(1), 3, kAuditor);
  CHECK(auditor.known);
  CHECK(auditor.sight == Sight::committed);
  CHECK_FALSE(auditor.body);
  CHECK_FALSE(cache.find(filing(1), 2, kFiler).known);
  CHECK_FALSE(cache.find(filing(1), 4, kFiler).known);
  CHECK_FALSE(cache.find({StreamKind::subject, id(1)}, 3, kFiler).known);
}

TEST_CASE("a body with due dates is good for its day and the calendars it was counted with") {
  AnswerCache cache(1 << 20);
  const auto stamp = [](std::uint64_t calendars, std::int32_t day) {
    return Stamp{3, 1, calendars, Date{day}};
  };
  cache.put(filing(1), stamp(23, 20'000), kSubject, true, Sight::own, body("today"));
  CHECK(cache.find(filing(1), stamp(23, 20'000), kFiler).body);
  CHECK_FALSE(cache.find(filing(1), stamp(23, 20'001), kFiler).known);
  CHECK_FALSE(cache.find(filing(1), stamp(24, 20'000), kFiler).known);
  cache.put(filing(1), stamp(24, 20'000), kSubject, true, Sight::own, body("mended"));
  // A slow reader of the time before the calendar pushes nothing newer out.
  cache.put(filing(1), stamp(23, 20'000), kSubject, true, Sight::own, body("stale"));
  REQUIRE(cache.find(filing(1), stamp(24, 20'000), kFiler).body);
  CHECK(*cache.find(filing(1), stamp(24, 20'000), kFiler).body == "mended");
}

TEST_CASE("another filer, and staff before the first submission, get nothing from the cache") {
  AnswerCache cache(1 << 20);
  cache.put(filing(1), 1, kSubject, false, Sight::own, body("secret draft"));
  for (const Reader& reader : {kOtherFiler, kReviewer, kAuditor, Reader{}}) {
    const auto found = cache.find(filing(1), 1, reader);
    CHECK(found.sight == Sight::none);
    CHECK_FALSE(found.body);
  }
}

TEST_CASE("a newer version takes the place of an older one, never the other way round") {
  AnswerCache cache(1 << 20);
  cache.put(filing(1), 3, kSubject, true, Sight::own, body("three"));
  cache.put(filing(1), 4, kSubject, true, Sight::own, body("four"));
  CHECK_FALSE(cache.find(filing(1), 3, kFiler).known);
  cache.put(filing(1), 3, kSubject, true, Sight::own, body("three"));
  REQUIRE(cache.find(filing(1), 4, kFiler).body);
  CHECK(*cache.find(filing(1), 4, kFiler).body == "four");
  CHECK(cache.metrics().entries == 1);
}

TEST_CASE("the bound holds however much is put, and what was used last stays") {
  constexpr std::size_t kMax = 1 << 20;
  AnswerCache cache(kMax);
  cache.put(filing(0), 1, kSubject, true, Sight::own, body(std::string(1'000, 'k')));
  for (std::uint32_t i = 1; i < 20'000; ++i) {
    cache.put(filing(i), 1, kSubject, true, Sight::own, body(std::string(i % 3'000, 'x')));
    REQUIRE(cache.metrics().bytes <= kMax);
    REQUIRE(cache.find(filing(0), 1, kFiler).body);
  }
  CHECK(cache.metrics().entries > 100);
  CHECK_FALSE(cache.find(filing(1), 1, kFiler).known);
}

TEST_CASE("a body too large for its share is not kept") {
  AnswerCache cache(1 << 20);
  cache.put(filing(1), 1, kSubject, true, Sight::own, body(std::string(1 << 18, 'x')));
  CHECK(cache.metrics().entries == 0);
}

TEST_CASE("what was rendered before an erasure is not found after it, at the same version") {
  AnswerCache cache(1 << 20);
  cache.put(filing(1), {3, 1}, kSubject, true, Sight::own, body("with the value"));
  CHECK(cache.find(filing(1), {3, 1}, kFiler).known);
  CHECK_FALSE(cache.find(filing(1), {3, 2}, kFiler).known);
  cache.put(filing(1), {3, 2}, kSubject, true, Sight::own, body("without it"));
  CHECK(*cache.find(filing(1), {3, 2}, kFiler).body == "without it");
  // Whoever rendered slowly, before the erasure, puts nothing in its place.
  cache.put(filing(1), {4, 1}, kSubject, true, Sight::own, body("with the value"));
  CHECK(*cache.find(filing(1), {3, 2}, kFiler).body == "without it");
}

TEST_CASE("many threads may ask and put at once") {
  AnswerCache cache(1 << 18);
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint32_t i = 0; i < 20'000; ++i) {
        const std::uint32_t n = (i * 7 + static_cast<std::uint32_t>(t)) % 500;
        const std::uint64_t version = 1 + i / 5'000;
        const auto found = cache.find(filing(n), version, kFiler);
        const std::string expected = std::to_string(n) + "/" + std::to_string(version);
        if (found.body && *found.body != expected) ++wrong;
        if (!found.body) cache.put(filing(n), version, kSubject, true, Sight::own, body(expected));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}
