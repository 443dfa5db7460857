// Pages of the log against a plain reading of it: every reader, every filter, any page size, any start.
#include <algorithm>
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "server/read/event_page.hpp"
#include "server/read/render.hpp"
#include "server/stream/feed.hpp"
#include "server/stream/newest_events.hpp"
#include "tests/support/engine_story.hpp"

using namespace ledger;
using namespace ledger::server;
using namespace ledger::test;

namespace {

constexpr std::int64_t kLater = 1'990'000'000'000'000;

using Shown = std::vector<std::pair<std::uint64_t, std::string>>;

/// Two whole lives, drafts that nobody else knows of, records that were imported, in one ledger.
struct World {
  EngineStory story;
  std::vector<Uuid> published, drafts, records;
  std::vector<EngineStory::Registered> owners;

  World() {
    published.push_back(story.whole_life(1));
    published.push_back(story.whole_life(2));
    const store::Granted initial = story.staff(Role::initial_reviewer, "另一初审");
    for (unsigned n = 3; n < 6; ++n) {
      owners.push_back(story.qualified(n, initial));
      drafts.push_back(
          story.must(CreateFiling{owners.back().subject, EngineStory::draft_form()}, owners.back().filer).id);
    }
    for (const char* digits : {"440305123456701250017", "440305123456701250025", "330110807992101250019"}) {
      RecordImported record;
      record.digits = digits;
      record.public_record.number = "网信算备" + record.digits + "号";
      records.push_back(story.must(ImportRecord{record}, store::Trusted{Role::operator_}).id);
    }
  }
  void save(std::size_t which) {
    story.must(SaveDraft{drafts[which], EngineStory::draft_form()}, owners[which].filer);
  }
  [[nodiscard]] std::vector<Reader> readers() const {
    std::vector<Reader> all = {{}, {Role::filer, owners[0].subject}};
    const auto filing = story.engine->snapshot().lookup().filing(published[0]);
    all.push_back({Role::filer, filing->subject_id});
    for (const Role role : {Role::initial_reviewer, Role::reviewer, Role::registrar, Role::supervisor,
                            Role::auditor, Role::admin}) {
      all.push_back({role, {}});
    }
    return all;
  }
  [[nodiscard]] std::vector<StreamFilter> filters() const {
    const auto types = [](auto... type) { return ((std::uint64_t{1} << type) | ...); };
    std::vector<StreamFilter> all(11);
    all[1].types = types(type_number<FilingPublished>(), type_number<NumberAssigned>());
    all[2].types = types(type_number<DraftSaved>());
    all[3].stream = StreamId{StreamKind::filing, published[0]};
    all[4].stream = StreamId{StreamKind::filing, drafts[0]};
    all[5].subject_id = owners[0].subject;
    all[6].region = "11";
    all[7].region = "44";
    all[8].region = "330110";
    all[9].region = "65";
    all[10].region = "1101";
    all[10].subject_id = owners[1].subject;
    return all;
  }
};

bool holds(const std::vector<StreamId>& streams, const StreamId& stream) {
  return std::ranges::find(streams, stream) != streams.end();
}

/// What the page is to show, found out the slow way.
Shown expected(const store::Engine& engine, std::uint64_t from, const Reader& reader,
               const StreamFilter& filter) {
  Shown shown;
  const auto snapshot = engine.snapshot();
  for (std::uint64_t position = from; position < snapshot.size(); ++position) {
    const Event plain = snapshot.event(position, false)->event;
    const StreamId stream = plain.header.stream;
    const EventOwner owner = owner_of(snapshot, stream);
    if (!filter.takes(type_of(plain.payload)) || (filter.stream && stream != *filter.stream)) continue;
    if (filter.subject_id && owner.subject != *filter.subject_id) continue;
    if (!filter.region.empty()) {
      const auto subject = snapshot.lookup().subject(owner.subject);
      const auto filing =
          stream.kind == StreamKind::filing ? snapshot.lookup().filing(stream.id) : std::nullopt;
      const std::string region = subject ? subject->region : filing ? filing->digits : std::string();
      if (!region.starts_with(filter.region)) continue;
    }
    const Sight sight = sight_of_event(reader, plain, owner);
    if (sight == Sight::none) continue;
    const Event event = snapshot.event(position, opens_private(sight))->event;
    shown.emplace_back(position, render_cloud_event(event, engine.origin(), sight));
  }
  return shown;
}

Shown all_pages(
    const Feed& feed, std::uint64_t from, const Reader& reader, const StreamFilter& filter,
    std::mt19937& random, const std::function<void()>& between = [] {}) {
  Shown shown;
  for (std::uint64_t next = from;;) {
    const PageLimits limits{
        .events = 1 + random() % 9, .bytes = 500 + random() % 9'000, .scanned = 1 + random() % 40};
    const FeedPage page = feed.read(
        {.next = next, .reader = reader, .grant_id = {}, .filter = filter, .now = TimestampUs{kLater}},
        limits);
    CHECK(page.items.size() <= limits.events);
    for (const auto& item : page.items) {
      CHECK(item.position >= next);
      CHECK(item.position < page.next);
      CHECK(item.event->find('\n') == std::string::npos);
      shown.emplace_back(item.position, *item.event);
    }
    if (page.at_head) return shown;
    REQUIRE(page.next > next);
    next = page.next;
    between();
  }
}

}  // namespace

TEST_CASE("pages show exactly what a plain reading of the log shows, in order, once") {
  World world;
  RenderedEvents rendered;
  const Feed feed(*world.story.engine, rendered);
  std::mt19937 random(7);
  const std::uint64_t size = world.story.engine->size();
  std::size_t seen = 0;
  for (const Reader& reader : world.readers()) {
    for (const StreamFilter& filter : world.filters()) {
      const std::uint64_t from = random() % 3 == 0 ? random() % (size + 1) : 0;
      const Shown shown = all_pages(feed, from, reader, filter, random);
      seen += shown.size();
      CHECK(shown == expected(*world.story.engine, from, reader, filter));
    }
  }
  CHECK(seen > 500);
}

TEST_CASE("the streams of a region are those of its subjects, and the records whose number names it") {
  World world;
  const auto snapshot = world.story.engine->snapshot();
  const auto region = [&](std::string_view prefix, std::size_t limit = 100) {
    return snapshot.streams_in_region(prefix, limit);
  };
  const std::vector<StreamId> expected = {{StreamKind::filing, world.records[0]},
                                          {StreamKind::filing, world.records[1]}};
  auto shenzhen = expected;
  std::ranges::sort(shenzhen);
  CHECK(region("440305") == shenzhen);
  CHECK(region("44") == shenzhen);
  CHECK(region("44", 2) == shenzhen);
  CHECK(region("44", 1) == std::nullopt);
  CHECK(region("65") == std::vector<StreamId>{});
  const auto beijing = region("11");
  REQUIRE(beijing);
  std::vector<StreamId> all;
  for (const auto& owner : world.owners)
    std::ranges::copy(snapshot.streams_of(owner.subject, 100), std::back_inserter(all));
  for (const Uuid& filing : world.published) {
    const Uuid subject = snapshot.lookup().filing(filing)->subject_id;
    std::ranges::copy(snapshot.streams_of(subject, 100), std::back_inserter(all));
  }
  std::ranges::sort(all);
  CHECK(*beijing == all);
  CHECK(region("11", all.size()) == all);
  CHECK(region("11", all.size() - 1) == std::nullopt);
}

TEST_CASE("a subject that moves takes its streams to the other region") {
  World world;
  const EngineStory::Registered& moving = world.owners[0];
  SubjectForm form = world.story.subject_form(moving.subject);
  form.region = "310115";
  world.story.must(ChangeSubject{moving.subject, form}, moving.filer);
  const auto streams = [&](std::string_view region) {
    return *world.story.engine->snapshot().streams_in_region(region, 100);
  };
  const StreamId stream{StreamKind::subject, moving.subject};
  CHECK(holds(streams("110108"), stream));
  CHECK(streams("31").empty());
  world.story.must(ApproveSubjectChange{moving.subject},
                   world.story.staff(Role::initial_reviewer, "又一初审"));
  CHECK_FALSE(holds(streams("110108"), stream));
  CHECK(holds(streams("31"), stream));
  CHECK(holds(streams("31"), StreamId{StreamKind::filing, world.drafts[0]}));
}

TEST_CASE("a region of few streams is found by their index, and none is looked for where it has none") {
  World world;
  for (int i = 0; i < 100; ++i) world.save(0);
  RenderedEvents rendered;
  const Feed feed(*world.story.engine, rendered);
  const std::uint64_t size = world.story.engine->size();
  const auto page = [&](std::string region) {
    StreamFilter filter;
    filter.region = std::move(region);
    return feed.read({.next = 0, .reader = {}, .grant_id = {}, .filter = filter, .now = TimestampUs{kLater}},
                     {.events = 10, .bytes = 1 << 20, .scanned = 3});
  };
  const FeedPage nothing = page("65");
  CHECK(nothing.at_head);
  CHECK(nothing.next == size);
  const FeedPage records = page("4403");
  CHECK(records.at_head);
  REQUIRE(records.items.size() == 2);
  CHECK(records.items[0].event->contains("440305123456701250017"));
}

TEST_CASE("what is appended between two pages is on a later one") {
  World world;
  RenderedEvents rendered;
  const Feed feed(*world.story.engine, rendered);
  std::mt19937 random(8);
  for (const Reader& reader : world.readers()) {
    for (const StreamFilter& filter : world.filters()) {
      int left = 3;
      const Shown shown = all_pages(feed, 0, reader, filter, random, [&] {
        if (random() % 4 == 0 && left-- > 0) world.save(random() % world.drafts.size());
      });
      CHECK(shown == expected(*world.story.engine, 0, reader, filter));
    }
  }
}

TEST_CASE("far behind the head, one stream is read by its index") {
  World world;
  for (int i = 0; i < 200; ++i) world.save(1);
  RenderedEvents rendered;
  const Feed feed(*world.story.engine, rendered);
  StreamFilter filter;
  filter.stream = StreamId{StreamKind::filing, world.published[0]};
  // A page that may look at 30 events finds all 11 of the stream, wherever they stand.
  const FeedPage page = feed.read({.next = 0,
                                   .reader = {Role::auditor, {}},
                                   .grant_id = {},
                                   .filter = filter,
                                   .now = TimestampUs{kLater}},
                                  {.events = 100, .bytes = 1 << 20, .scanned = 30});
  CHECK(page.at_head);
  CHECK(page.next == world.story.engine->size());
  CHECK(page.items.size() == expected(*world.story.engine, 0, {Role::auditor, {}}, filter).size());
}

TEST_CASE("far behind the head, one subject is read by the index of its streams, removed products too") {
  World world;
  const auto& [subject, filer] = world.owners[0];
  const Uuid product = world.story.must(AddProduct{subject, "产品", ProductForm::app}, filer).id;
  world.story.must(RemoveProduct{product}, filer);
  for (int i = 0; i < 2'500; ++i) world.save(1);
  for (int i = 0; i < 100; ++i) world.save(0);
  for (int i = 0; i < 100; ++i) world.save(1);
  RenderedEvents rendered;
  const Feed feed(*world.story.engine, rendered);
  StreamFilter filter;
  filter.subject_id = subject;
  const Reader auditor{Role::auditor, {}};
  const Shown whole = expected(*world.story.engine, 0, auditor, filter);
  CHECK(std::ranges::count_if(
            whole, [](const auto& event) { return event.second.contains("product.removed"); }) == 1);
  // Pages that may look at 200 events each are done at the second.
  Shown shown;
  std::uint64_t next = 0;
  int pages = 0;
  for (bool at_head = false; !at_head; ++pages) {
    const FeedPage page = feed.read(
        {.next = next, .reader = auditor, .grant_id = {}, .filter = filter, .now = TimestampUs{kLater}},
        {.events = 100, .bytes = 1 << 20, .scanned = 200});
    for (const auto& item : page.items) shown.emplace_back(item.position, *item.event);
    next = page.next;
    at_head = page.at_head;
  }
  CHECK(pages == 2);
  CHECK(shown == whole);
}

TEST_CASE("readers of one visibility share one rendering") {
  World world;
  RenderedEvents rendered;
  const Feed feed(*world.story.engine, rendered);
  const StreamFilter everything;
  const auto page_of = [&](Role role) {
    return feed.read(
        {.next = 0, .reader = {role, {}}, .grant_id = {}, .filter = everything, .now = TimestampUs{kLater}},
        {.events = 1'000, .bytes = 1 << 22, .scanned = 10'000});
  };
  const FeedPage one = page_of(Role::registrar);
  const FeedPage other = page_of(Role::supervisor);
  REQUIRE(one.items.size() == other.items.size());
  for (std::size_t i = 0; i < one.items.size(); ++i) CHECK(one.items[i].event == other.items[i].event);
  CHECK(rendered.bytes() > 0);
}

TEST_CASE("what was erased is not shown from the cache") {
  World world;
  RenderedEvents rendered;
  const Feed feed(*world.story.engine, rendered);
  const Reader filer{Role::filer, world.owners[0].subject};
  std::mt19937 random(9);
  const auto text = [&] {
    std::string all;
    for (const auto& [_, event] : all_pages(feed, 0, filer, {}, random)) all += event;
    return all;
  };
  CHECK(text().find(kPrivateTexts[0]) != std::string::npos);
  world.story.must(EraseSubject{world.owners[0].subject, "pipl-47", "依申请", {}}, world.story.admin);
  CHECK(text().find(kPrivateTexts[0]) == std::string::npos);
  CHECK(all_pages(feed, 0, filer, {}, random) == expected(*world.story.engine, 0, filer, {}));
}

TEST_CASE("a page is empty once the grant is revoked or has expired") {
  World world;
  RenderedEvents rendered;
  const Feed feed(*world.story.engine, rendered);
  const store::Granted brief{
      *world.story.must(GrantAccess{"短期", Role::auditor, {}, TimestampUs{kLater}}, world.story.admin)
           .grant_id};
  const StreamFilter everything;
  const auto read = [&](std::int64_t now) {
    return feed.read({.next = 0,
                      .reader = {Role::auditor, {}},
                      .grant_id = brief.grant_id,
                      .filter = everything,
                      .now = TimestampUs{now}});
  };
  CHECK(read(kLater - 1).refused.empty());
  CHECK_FALSE(read(kLater - 1).items.empty());
  CHECK(read(kLater).refused == "token_expired");
  CHECK(read(kLater).items.empty());
  world.story.must(RevokeAccess{brief.grant_id}, world.story.admin);
  CHECK(read(kLater - 1).refused == "token_revoked");
  CHECK(read(kLater - 1).next == 0);
}

TEST_CASE("what is at hand is what the log would say") {
  World world;
  const store::Engine& engine = *world.story.engine;
  RenderedEvents rendered;
  NewestEvents newest;
  const Feed feed(engine, rendered);
  std::size_t at_hand = 0, shown = 0;
  newest.take_in(engine, rendered, 0, true);
  const auto step = [&](const std::function<void()>& append) {
    const std::uint64_t next = engine.size();
    append();
    newest.take_in(engine, rendered, next, true);
    for (const Reader& reader : world.readers()) {
      for (const StreamFilter& filter : world.filters()) {
        const FeedRequest request{
            .next = next, .reader = reader, .grant_id = {}, .filter = filter, .now = TimestampUs{kLater}};
        const auto quick = newest.page(request, {}, rendered, engine.key_epoch());
        if (!quick) continue;
        ++at_hand;
        CHECK(quick->heard == next);
        const FeedPage page = feed.read(request);
        CHECK(quick->page.next == page.next);
        CHECK(quick->page.at_head == page.at_head);
        REQUIRE(quick->page.items.size() == page.items.size());
        for (std::size_t i = 0; i < page.items.size(); ++i) {
          CHECK(quick->page.items[i].position == page.items[i].position);
          CHECK(*quick->page.items[i].event == *page.items[i].event);
        }
        shown += page.items.size();
      }
    }
  };
  step([&] { world.save(0); });
  step([&] {
    for (std::size_t i = 0; i < 40; ++i) world.save(i % 3);
  });
  unsigned next_subject = 10;
  step([&] { world.published.push_back(world.story.whole_life(next_subject)); });
  step([] {});
  step([&] { world.save(1); });
  CHECK(at_hand > 200);
  CHECK(shown > 150);
}

TEST_CASE("only what is new and kept is at hand, and nothing once a key was destroyed") {
  World world;
  const store::Engine& engine = *world.story.engine;
  RenderedEvents rendered;
  NewestEvents newest(std::size_t{4} << 10);
  const StreamFilter all;
  const auto page = [&](std::uint64_t next, std::uint32_t key_epoch) {
    return newest.page({.next = next,
                        .reader = {Role::auditor, {}},
                        .grant_id = {},
                        .filter = all,
                        .now = TimestampUs{kLater}},
                       {}, rendered, key_epoch);
  };
  CHECK_FALSE(page(engine.size(), engine.key_epoch()));
  newest.take_in(engine, rendered, 1, true);
  const std::uint64_t begin = engine.size();
  CHECK_FALSE(page(begin - 1, engine.key_epoch()));
  REQUIRE(page(begin, engine.key_epoch()));
  CHECK(page(begin, engine.key_epoch())->page.at_head);
  CHECK_FALSE(page(begin, engine.key_epoch() + 1));
  CHECK_FALSE(page(begin + 1, engine.key_epoch()));
  for (std::size_t i = 0; i < 100; ++i) world.save(0);
  newest.take_in(engine, rendered, 2, true);
  CHECK_FALSE(page(begin, engine.key_epoch()));  // 4 KiB do not hold a hundred events
  REQUIRE(page(begin + 99, engine.key_epoch()));
  CHECK(page(begin + 99, engine.key_epoch())->page.items.size() == 1);
  newest.forget();
  CHECK_FALSE(page(begin + 99, engine.key_epoch()));
}

TEST_CASE("what the ledger says of grants is not judged from memory") {
  World world;
  const store::Engine& engine = *world.story.engine;
  RenderedEvents rendered;
  NewestEvents newest;
  newest.take_in(engine, rendered, 1, true);
  const std::uint64_t next = engine.size();
  const store::Granted other = world.story.staff(Role::auditor, "另一审计");
  world.save(0);
  newest.take_in(engine, rendered, 2, true);
  StreamFilter one;
  one.stream = StreamId{StreamKind::filing, world.drafts[0]};
  for (const StreamFilter& filter : {StreamFilter(), one}) {
    CHECK_FALSE(newest.page({.next = next,
                             .reader = {Role::auditor, {}},
                             .grant_id = other.grant_id,
                             .filter = filter,
                             .now = TimestampUs{kLater}},
                            {}, rendered, engine.key_epoch()));
  }
}
