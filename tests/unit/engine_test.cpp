#include <filesystem>
#include <future>
#include <map>
#include <set>
#include <thread>

#include <catch2/catch.hpp>

#include "events/core/calendars.hpp"
#include "events/crypto/primitives.hpp"
#include "events/store/vault.hpp"
#include "events/store/views.hpp"
#include "replay/rebuild.hpp"
#include "tests/support/engine_story.hpp"

using namespace ledger;
using namespace ledger::store;
using ledger::test::EngineStory;
using ledger::test::kPrivateTexts;

namespace {

/// The views' rows, once nobody has them open.
std::string dump(const EngineStory& story) {
  auto views = Views::open(story.data() / "views", std::uint64_t{1} << 30, story.projections, true);
  REQUIRE(views);
  return (*views)->dump();
}

Submission keyed(Submission given, std::string key, std::string body = "{}") {
  given.method = "POST";
  given.path = "/v1/things";
  given.body = std::move(body);
  given.idempotency_key = std::move(key);
  return given;
}

std::string code_of(const Outcome& outcome) {
  return outcome ? "ok" : std::string(outcome.error().code);
}

/// Everything that a repeated answer has to say again.
bool same_answer(const Accepted& a, const Accepted& b) {
  const auto events = [](const Accepted& x) {
    std::vector<std::pair<int, std::uint64_t>> out;
    for (const auto& e : x.events) out.emplace_back(e.type, e.position);
    return out;
  };
  return a.id == b.id && a.stream == b.stream && a.version == b.version && a.position == b.position &&
         a.state == b.state && events(a) == events(b) && a.warnings == b.warnings &&
         a.grant_id == b.grant_id && a.made_grant == b.made_grant && a.token == b.token;
}

/// Every position is there once, every stream's versions count up from 1, times never go back.
void require_gapless(const Engine& engine) {
  const Snapshot snapshot = engine.snapshot();
  std::map<StreamId, std::uint64_t> versions;
  TimestampUs last;
  for (std::uint64_t at = 0; at < snapshot.size(); ++at) {
    const auto read = snapshot.event(at, false);
    REQUIRE(read);
    const EventHeader& header = read->event.header;
    REQUIRE(header.position.value == at);
    REQUIRE(header.version == ++versions[header.stream]);
    REQUIRE(last <= header.recorded_at);
    last = header.recorded_at;
  }
  for (const auto& [stream, version] : versions) {
    REQUIRE(snapshot.stream_version(stream) == version);
    REQUIRE(snapshot.stream_positions(stream, 0, 1'000'000).size() == version);
  }
}

}  // namespace

TEST_CASE("a new ledger holds its creation and the first admin, whose token authenticates") {
  EngineStory story;
  CHECK(story.engine->size() == 2);
  CHECK(story.engine->origin() == "ledger.test/story");
  const Snapshot snapshot = story.engine->snapshot();
  const LedgerState state = snapshot.lookup().ledger();
  CHECK(state.number_prefix == "演示备");
  CHECK(state.vkey == story.created.vkey);
  CHECK(state.version == 2);
  const auto grant = story.engine->authenticate(story.created.admin_token);
  REQUIRE(grant);
  CHECK(grant->role == Role::admin);
  CHECK(snapshot.event(1, true)->event.header.actor.role == Role::operator_);
  const auto granted = snapshot.event(1, true);
  CHECK(std::get<AccessGranted>(granted->event.payload).principal.value == "admin");
  CHECK(snapshot.lookup().principal_named("admin") == grant->principal_id);
  CHECK_FALSE(snapshot.entry(2));
  CHECK(story.engine->authenticate("fl1_1_x").error().code == "token_unknown");
}

TEST_CASE("calendars given to create are published in the first commit, by the first command") {
  test::TempDir dir;
  store::CreateOptions create{.data = dir / "d",
                              .master_key = {},
                              .origin = "ledger.test/calendars",
                              .number_prefix = "演示备",
                              .at = {},
                              .calendars = shipped_calendars()};
  REQUIRE(Engine::create(create));
  EngineOptions options;
  options.data = create.data;
  options.ledger_map_bytes = options.views_map_bytes = std::uint64_t{1} << 30;
  const auto engine = Engine::open(options, {});
  REQUIRE(engine);
  const std::size_t years = create.calendars.size();
  REQUIRE((*engine)->size() == 2 + years);
  const Snapshot snapshot = (*engine)->snapshot();
  CHECK(snapshot.lookup().ledger().calendars.size() == years);
  const EventHeader first = snapshot.event(0, false)->event.header;
  for (std::uint64_t at = 0; at < (*engine)->size(); ++at) {
    const Event event = snapshot.event(at, false)->event;
    CHECK(event.header.command_id == first.command_id);
    CHECK(event.header.step == at + 1);
    CHECK(event.header.steps == 2 + years);
    CHECK(event.header.actor.role == Role::operator_);
    CHECK(event.header.recorded_at == first.recorded_at);
    if (at >= 2) CHECK(std::get<CalendarPublished>(event.payload).year == create.calendars[at - 2].year);
  }

  // What no command would publish is not created either.
  create.data = dir / "e";
  create.calendars.push_back(create.calendars.front());
  CHECK_FALSE(Engine::create(create));
  CHECK_FALSE(std::filesystem::exists(create.data));
}

TEST_CASE("create refuses what is no ledger's and leaves nothing behind") {
  test::TempDir dir;
  const auto attempt = [&](std::string origin, std::string prefix) {
    return Engine::create({.data = dir / "d",
                           .master_key = {},
                           .origin = std::move(origin),
                           .number_prefix = std::move(prefix),
                           .at = {}});
  };
  for (const char* origin : {"", "with blank", "plus+sign", "t\xc3\xa4st"}) {
    const auto made = attempt(origin, "演示备");
    REQUIRE_FALSE(made);
    CHECK(made.error().kind == EngineFailure::invalid);
  }
  CHECK_FALSE(attempt("ok.test", ""));
  CHECK_FALSE(attempt("ok.test", "备1"));
  CHECK_FALSE(attempt("ok.test", "一二三四五六七八九十一二三四五六七"));
  CHECK(std::filesystem::is_empty(dir.path()));

  {
    std::ofstream(dir / "d.key") << "someone's";
    const auto made = attempt("ok.test", "演示备");
    REQUIRE_FALSE(made);
    CHECK(made.error().kind == EngineFailure::master_key);
    CHECK_FALSE(std::filesystem::exists(dir / "d"));
    CHECK(test::contents(dir / "d.key") == "someone's");
    std::filesystem::remove(dir / "d.key");
  }
  REQUIRE(attempt("ok.test", "演示备"));
  const auto again = attempt("ok.test", "演示备");
  REQUIRE_FALSE(again);
  CHECK(again.error().kind == EngineFailure::ledger_exists);
}

TEST_CASE("open refuses no ledger, a second opener, another master key") {
  test::TempDir empty;
  EngineOptions options;
  options.data = empty.path();
  CHECK(Engine::open(options, {}).error().kind == EngineFailure::no_ledger);

  EngineStory story;
  CHECK(Engine::open(story.options, {}).error().kind == EngineFailure::locked);
  story.engine.reset();
  test::TempDir other;
  const auto made = Engine::create(
      {.data = other / "d", .master_key = {}, .origin = "other.test", .number_prefix = "演示备", .at = {}});
  REQUIRE(made);
  options = story.options;
  options.master_key = other / "d.key";
  CHECK(Engine::open(options, {}).error().kind == EngineFailure::master_key);
  options.master_key = other / "absent.key";
  CHECK(Engine::open(options, {}).error().kind == EngineFailure::master_key);
  CHECK(Engine::open(story.options, {}));
}

TEST_CASE("a whole life goes through the store, rebuilds identically, and no private value lies in clear") {
  EngineStory story;
  const Uuid filing = story.whole_life(1);
  {
    const Snapshot snapshot = story.engine->snapshot();
    const FilingState state = *snapshot.lookup().filing(filing);
    CHECK(state.status == FilingStatus::published);
    CHECK(state.number.starts_with("演示备110108"));
    CHECK(state.rejections == 1);
    const auto form = snapshot.lookup().filing_form(*state.submission_position);
    REQUIRE(form);
    CHECK(form->details->model == kPrivateTexts[5]);
    CHECK(snapshot.lookup().frozen_scope(*state.submission_position)->resolved.size() == 1);
    CHECK(snapshot.lookup().last_serial(state.subject_id, AlgorithmType::personalized_push) == 1);
    CHECK(snapshot.lookup().number_owner(state.digits) == filing);
    CHECK(snapshot.lookup().next_subject_number() == 1'000'002);
    CHECK(snapshot.lookup().products_of(state.subject_id).size() == 1);
    CHECK(snapshot.lookup().filings_of(state.subject_id).size() == 1);
    CHECK(snapshot.subjects({}, 10).size() == 1);
    CHECK(snapshot.grants({}, 10).size() == 5);
    const SubjectState subject = *snapshot.lookup().subject(state.subject_id);
    const auto subject_form = snapshot.lookup().subject_form(*subject.information_position);
    CHECK(subject_form->legal_representative->name == kPrivateTexts[3]);
    CHECK(snapshot.lookup().private_text(subject.registration_position, field::kContactPhone) ==
          kPrivateTexts[1]);

    // Documents: who named them, and that the disclosure is published.
    const auto disclosed = snapshot.documents_named(*state.public_disclosure);
    REQUIRE(disclosed.size() == 1);
    CHECK(disclosed[0].subject == state.subject_id);
    CHECK(disclosed[0].published);
    const auto report = snapshot.documents_named(*form->basic->documents->self_assessment_report);
    REQUIRE(report.size() == 1);
    CHECK_FALSE(report[0].published);
    CHECK(snapshot.documents_named(Digest{}).empty());
  }
  require_gapless(*story.engine);
  story.engine.reset();

  const std::string live = dump(story);
  CHECK(live.size() > 5'000);
  const auto rebuilt =
      replay::rebuild({.data = story.data(), .master_key = {}, .on_progress = {}}, story.projections);
  REQUIRE(rebuilt);
  CHECK(rebuilt->events > 20);
  CHECK(dump(story) == live);

  for (const auto& file : std::filesystem::recursive_directory_iterator(story.dir.path())) {
    if (!file.is_regular_file()) continue;
    const std::string bytes = test::contents(file.path());
    for (const std::string& text : kPrivateTexts) {
      INFO(file.path() << " holds " << text);
      CHECK(bytes.find(text) == std::string::npos);
    }
  }
}

TEST_CASE("views that are missing, not trusted, another's or damaged are rebuilt to the same rows") {
  EngineStory story;
  story.whole_life(1);
  story.engine.reset();
  const std::string live = dump(story);
  const std::filesystem::path views = story.data() / "views";
  story.notices.clear();

  SECTION("nothing is rebuilt after a clean close") {
    story.open();
    CHECK(story.notices.empty());
  }
  SECTION("missing") {
    std::filesystem::remove_all(views);
    story.open();
    CHECK(story.notices == std::vector<std::string>{"rebuilding the views: there are none"});
  }
  SECTION("of another boot") {
    std::ofstream(views / "mark") << "open 00000000-0000-0000-0000-000000000000\n";
    story.open();
    REQUIRE(story.notices.size() == 1);
    CHECK(story.notices[0].find("not closed cleanly") != std::string::npos);
  }
  SECTION("without a mark") {
    std::filesystem::remove(views / "mark");
    story.open();
    CHECK(story.notices.size() == 1);
  }
  SECTION("not a database") {
    std::ofstream(views / "data.mdb") << "nonsense";
    story.open();
    CHECK(story.notices.size() == 1);
  }
  SECTION("made from another log") {
    EngineStory other;
    other.whole_life(2);
    other.engine.reset();
    std::filesystem::remove_all(views);
    std::filesystem::copy(other.data() / "views", views);
    story.open();
    REQUIRE(story.notices.size() == 1);
    CHECK(story.notices[0].find("another ledger") != std::string::npos);
  }
  SECTION("a swap that was interrupted") {
    std::filesystem::rename(views, story.data() / "views.new");
    story.open();
    CHECK(story.notices.size() == 1);
    CHECK_FALSE(std::filesystem::exists(story.data() / "views.new"));
  }
  story.engine.reset();
  CHECK(dump(story) == live);
}

TEST_CASE("views that are behind the log catch up, also across small flushes") {
  EngineStory story;
  story.engine.reset();
  std::filesystem::copy(story.data() / "views", story.dir / "old");
  story.open();
  story.whole_life(1);
  story.engine.reset();
  const std::string live = dump(story);
  std::filesystem::remove_all(story.data() / "views");
  std::filesystem::rename(story.dir / "old", story.data() / "views");
  story.notices.clear();
  story.options.states_max = 1;
  story.options.rebuild_buffer_bytes = 1;
  story.open();
  CHECK(story.notices.empty());
  story.engine.reset();
  CHECK(dump(story) == live);
}

TEST_CASE("commands of many threads: gapless positions, each answered with its own event, in few batches") {
  EngineStory story;
  const Granted initial = story.staff(Role::initial_reviewer, "初审");
  const auto made = story.qualified(1, initial);
  const std::uint64_t before = story.engine->size();
  constexpr int kThreads = 8, kEach = 40;
  std::vector<std::thread> threads;
  std::vector<std::vector<Accepted>> answers(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Uuid filing;
      for (int i = 0; i < kEach; ++i) {
        auto outcome = i == 0 ? story.engine->execute(EngineStory::submission(
                                    CreateFiling{made.subject, EngineStory::draft_form()}, made.filer))
                              : story.engine->execute(EngineStory::submission(
                                    SaveDraft{filing, EngineStory::draft_form()}, made.filer));
        if (!outcome) return;
        filing = outcome->id;
        answers[t].push_back(std::move(*outcome));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::uint64_t> positions;
  for (const auto& of_thread : answers) {
    REQUIRE(of_thread.size() == kEach);
    for (int i = 0; i < kEach; ++i) {
      CHECK(of_thread[i].version == static_cast<std::uint64_t>(i + 1));
      CHECK(of_thread[i].state == "draft");
      positions.insert(of_thread[i].position);
    }
  }
  CHECK(positions.size() == kThreads * kEach);
  CHECK(*positions.begin() == before);
  CHECK(*positions.rbegin() == before + kThreads * kEach - 1);
  require_gapless(*story.engine);
  CHECK(story.engine->metrics().events == story.engine->size() - 2);
}

TEST_CASE("one batch takes many commands, and a refusal among them does not fail its neighbours") {
  EngineStory story;
  const Granted initial = story.staff(Role::initial_reviewer, "初审");
  const auto made = story.qualified(1, initial);
  const auto batches_before = story.engine->metrics().batches;
  // The writer is held in an answer while the others queue, so that they come as one batch.
  std::promise<void> held, queued;
  story.engine->submit(EngineStory::submission(RevokeAccess{Uuid{}}, story.admin), [&](Outcome) {
    held.set_value();
    queued.get_future().wait();
  });
  held.get_future().wait();
  std::vector<std::future<Outcome>> outcomes;
  std::vector<std::promise<Outcome>> promises(6);
  const auto queue = [&](std::size_t i, Submission given) {
    outcomes.push_back(promises[i].get_future());
    story.engine->submit(std::move(given),
                         [&promises, i](Outcome outcome) { promises[i].set_value(std::move(outcome)); });
  };
  queue(0, EngineStory::submission(CreateFiling{made.subject, EngineStory::draft_form()}, made.filer));
  queue(1,
        EngineStory::submission(CreateFiling{Uuid{}, EngineStory::draft_form()}, made.filer));  // not found
  queue(2, EngineStory::submission(CreateFiling{made.subject, EngineStory::draft_form()}, initial));  // role
  queue(3, EngineStory::submission(AddProduct{made.subject, "甲", ProductForm::app}, made.filer));
  queue(4, EngineStory::submission(AddProduct{made.subject, "甲", ProductForm::app},
                                   made.filer));  // sees the third
  FilingForm huge = EngineStory::draft_form();
  huge.details->data = std::string(70'000, 'x');  // sealed, so the entry itself stays small
  queue(5, EngineStory::submission(CreateFiling{made.subject, huge}, made.filer));
  queued.set_value();
  std::vector<Outcome> results;
  for (auto& outcome : outcomes) results.push_back(outcome.get());
  CHECK(code_of(results[0]) == "ok");
  CHECK(code_of(results[1]) == "not_found");
  CHECK(code_of(results[2]) == "role_forbidden");
  CHECK(code_of(results[3]) == "ok");
  CHECK(code_of(results[4]) == "name_taken");
  CHECK(code_of(results[5]) == "ok");
  CHECK(results[3]->position == results[0]->position + 1);
  CHECK(results[5]->position == results[3]->position + 1);
  CHECK(story.engine->metrics().batches <= batches_before + 3);
  require_gapless(*story.engine);
}

TEST_CASE("an entry above the cap is refused and takes nothing with it") {
  EngineStory story;
  RegisterSubject huge = EngineStory::registration(1);
  huge.organization_name = std::string(66'000, 'x');
  CHECK(story.code_of_ask(huge, Anonymous{}) == "entry_too_large");
  CHECK(story.engine->size() == 2);
  CHECK_FALSE(story.engine->snapshot().lookup().credit_code_owner(huge.credit_code));
  CHECK(story.code_of_ask(EngineStory::registration(1), Anonymous{}) == "ok");
}

TEST_CASE("the same key and request get the same answer for ever; another request a mismatch") {
  EngineStory story;
  const Granted initial = story.staff(Role::initial_reviewer, "初审");
  const auto made = story.qualified(1, initial);
  const auto draft = [&](std::string key, std::string body) {
    return keyed(EngineStory::submission(CreateFiling{made.subject, EngineStory::draft_form()}, made.filer),
                 std::move(key), std::move(body));
  };
  const Outcome first = story.engine->execute(draft("k1", "{\"a\":1}"));
  REQUIRE(first);
  CHECK_FALSE(first->repeated);
  // The stream goes on; the answer stays what it was.
  story.must(SaveDraft{first->id, EngineStory::draft_form()}, made.filer);
  story.must(DiscardDraft{first->id}, made.filer);
  const std::uint64_t size = story.engine->size();
  const auto check = [&] {
    const Outcome again = story.engine->execute(draft("k1", "{\"a\":1}"));
    REQUIRE(again);
    CHECK(again->repeated);
    CHECK(same_answer(*first, *again));
    CHECK(again->state == "draft");
    CHECK(code_of(story.engine->execute(draft("k1", "{\"a\":2}"))) == "idempotency_mismatch");
    auto moved = draft("k1", "{\"a\":1}");
    moved.path = "/v1/other";
    CHECK(code_of(story.engine->execute(std::move(moved))) == "idempotency_mismatch");
    CHECK(story.engine->size() == size);
  };
  check();
  story.reopen();
  check();
  story.engine.reset();
  std::filesystem::remove_all(story.data() / "views");
  story.open();
  check();

  SECTION("keys are each principal's own") {
    const auto other = story.qualified(2, initial);
    auto given =
        keyed(EngineStory::submission(CreateFiling{other.subject, EngineStory::draft_form()}, other.filer),
              "k1", "x");
    const Outcome outcome = story.engine->execute(std::move(given));
    REQUIRE(outcome);
    CHECK_FALSE(outcome->repeated);
  }
  SECTION("a refusal is not remembered") {
    auto refused = keyed(EngineStory::submission(CreateFiling{Uuid{}, EngineStory::draft_form()}, made.filer),
                         "k2", "x");
    CHECK(code_of(story.engine->execute(std::move(refused))) == "not_found");
    CHECK(code_of(story.engine->execute(draft("k2", "y"))) == "ok");
  }
  SECTION("a command without private values is tagged under the ledger's own key") {
    const auto withdraw = [&] {
      return keyed(EngineStory::submission(RevokeAccess{made.filer.grant_id}, story.admin), "k3", "");
    };
    const Outcome once = story.engine->execute(withdraw());
    const Outcome twice = story.engine->execute(withdraw());
    REQUIRE(once);
    REQUIRE(twice);
    CHECK(once->state == "revoked");
    CHECK(same_answer(*once, *twice));
    const auto event = story.engine->snapshot().event(once->position, false);
    CHECK_FALSE(event->event.header.request_tag_from_record);
  }
}

TEST_CASE("a repeat inside one batch is answered from it") {
  EngineStory story;
  std::promise<void> held, queued;
  story.engine->submit(EngineStory::submission(RevokeAccess{Uuid{}}, story.admin), [&](Outcome) {
    held.set_value();
    queued.get_future().wait();
  });
  held.get_future().wait();
  std::promise<Outcome> a, b, c;
  const auto registration = [](std::string body) {
    return keyed(EngineStory::submission(EngineStory::registration(7), Anonymous{}), "r", std::move(body));
  };
  story.engine->submit(registration("1"), [&](Outcome outcome) { a.set_value(std::move(outcome)); });
  story.engine->submit(registration("1"), [&](Outcome outcome) { b.set_value(std::move(outcome)); });
  story.engine->submit(registration("2"), [&](Outcome outcome) { c.set_value(std::move(outcome)); });
  queued.set_value();
  const Outcome first = a.get_future().get(), second = b.get_future().get(), third = c.get_future().get();
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->token.has_value());
  CHECK(same_answer(*first, *second));
  CHECK(second->repeated);
  CHECK(code_of(third) == "idempotency_mismatch");
  CHECK(story.engine->size() == 3);
}

TEST_CASE("a token is answered again for 24 hours, then it is absent; it works all the same") {
  EngineStory story;
  const auto registration = [] {
    return keyed(EngineStory::submission(EngineStory::registration(7), Anonymous{}), "r", "body");
  };
  const Outcome first = story.engine->execute(registration());
  REQUIRE(first);
  story.now += std::int64_t{24} * 3600 * 1'000'000 - 1;
  CHECK(story.engine->execute(registration())->token == first->token);
  story.now += 1;
  const Outcome late = story.engine->execute(registration());
  REQUIRE(late);
  CHECK(late->made_grant);
  CHECK_FALSE(late->token);
  CHECK(story.engine->authenticate(*first->token)->grant_id == *first->grant_id);
}

TEST_CASE("a repeat whose record key was destroyed says that it was erased") {
  EngineStory story;
  const auto registration = [] {
    return keyed(EngineStory::submission(EngineStory::registration(7), Anonymous{}), "r", "body");
  };
  const Outcome first = story.engine->execute(registration());
  REQUIRE(first);
  const auto record = story.engine->snapshot().event(first->position, false)->parts.records.at(0);
  story.engine.reset();
  {
    const auto master = crypto::MasterKey::load(story.dir / "data.key");
    auto vault =
        Vault::open({.directory = story.data() / "vault", .epoch_file = story.dir / "data.key"}, *master);
    REQUIRE(vault);
    REQUIRE((*vault)->destroy(std::span(&record, 1)));
  }
  story.open();
  CHECK(code_of(story.engine->execute(registration())) == "idempotency_erased");
  const Snapshot snapshot = story.engine->snapshot();
  CHECK_FALSE(snapshot.lookup().private_text(first->position, field::kContactName));
  CHECK(snapshot.lookup().subject(first->id));
}

TEST_CASE("If-Match: a decision needs the version it read, and no wildcard") {
  EngineStory story;
  const Granted initial = story.staff(Role::initial_reviewer, "初审");
  const auto made = story.registered(1);
  story.must(SubmitSubject{made.subject, story.subject_form(made.subject)}, made.filer);
  const auto approve = [&](std::optional<ExpectedVersion> expected) {
    auto given = EngineStory::submission(ApproveSubject{made.subject}, initial);
    given.expected = std::move(expected);
    return story.engine->execute(std::move(given));
  };
  CHECK(code_of(approve(std::nullopt)) == "precondition_required");
  CHECK(code_of(approve(ExpectedVersion{true, {}})) == "precondition_wildcard");
  const Outcome stale = approve(ExpectedVersion{false, {1}});
  CHECK(code_of(stale) == "version_mismatch");
  CHECK(stale.error().current_version == 2);
  CHECK(code_of(approve(ExpectedVersion{false, {1, 2}})) == "ok");

  auto optional = EngineStory::submission(AddProduct{made.subject, "甲", ProductForm::app}, made.filer);
  const Uuid product = story.must(AddProduct{made.subject, "甲", ProductForm::app}, made.filer).id;
  auto update = EngineStory::submission(UpdateProduct{product, "乙", {}}, made.filer);
  update.expected = ExpectedVersion{true, {}};
  CHECK(code_of(story.engine->execute(std::move(update))) == "ok");
}

TEST_CASE("the writer looks at the grant again: revoked and expired ones act no more") {
  EngineStory story;
  const auto made = story.registered(1);
  story.must(RevokeAccess{made.filer.grant_id}, story.admin);
  CHECK(story.code_of_ask(SubmitSubject{made.subject, {}}, made.filer) == "token_revoked");
  CHECK(story.code_of_ask(RevokeAccess{made.filer.grant_id}, Granted{Uuid{}}) == "token_unknown");
  const auto brief =
      story.must(GrantAccess{"短期", Role::auditor, {}, TimestampUs{story.now + 1'000'000}}, story.admin);
  REQUIRE(story.engine->authenticate(*brief.token));
  story.now += 1'000'000;
  CHECK(story.engine->authenticate(*brief.token).error().code == "token_expired");
  CHECK(story.code_of_ask(RevokeAccess{made.filer.grant_id}, Granted{*brief.grant_id}) == "token_expired");
}

TEST_CASE("one record key serves a filing attempt, the next attempt has its own") {
  EngineStory story;
  const Uuid filing = story.whole_life(1);
  const Snapshot snapshot = story.engine->snapshot();
  std::map<std::uint32_t, std::set<Uuid>> of_attempt;
  std::uint32_t attempt = 1;
  for (const std::uint64_t at : snapshot.stream_positions({StreamKind::filing, filing}, 0, 100)) {
    const auto read = snapshot.event(at, false);
    if (const auto* draft = std::get_if<DraftSaved>(&read->event.payload)) attempt = draft->attempt;
    if (std::holds_alternative<ChangeSubmitted>(read->event.payload)) attempt = 3;
    for (const Uuid& record : read->parts.records) of_attempt[attempt].insert(record);
  }
  REQUIRE(of_attempt.size() == 3);
  std::set<Uuid> all;
  for (const auto& [n, records] : of_attempt) {
    CHECK(records.size() == 1);
    all.insert(records.begin(), records.end());
  }
  CHECK(all.size() == 3);
}

TEST_CASE("a full map refuses the batch, loses nothing, and writes go on once there is room") {
  EngineStory story(false);
  story.options.ledger_map_bytes = 3 << 20;
  story.open();
  const Granted initial = story.staff(Role::initial_reviewer, "初审");
  const auto made = story.qualified(1, initial);
  FilingForm form = EngineStory::draft_form();
  form.details->data = std::string(20'000, 'x');
  const Uuid filing = story.must(CreateFiling{made.subject, form}, made.filer).id;
  std::uint64_t last = 0;
  std::string code = "ok";
  for (int i = 0; i < 300 && code == "ok"; ++i) {
    const Outcome outcome = story.ask(SaveDraft{filing, form}, made.filer);
    code = code_of(outcome);
    if (outcome) last = outcome->position;
  }
  REQUIRE(code == "storage_full");
  CHECK_FALSE(story.engine->metrics().writable);
  CHECK(story.engine->size() == last + 1);
  // Still readable, and a refusal needs no room.
  CHECK(story.engine->snapshot().lookup().filing(filing)->position == last);
  CHECK(story.code_of_ask(SaveDraft{Uuid{}, form}, made.filer) == "not_found");
  // A small command may still fit; a large one does not, nor does it break the next.
  CHECK(story.code_of_ask(SaveDraft{filing, form}, made.filer) == "storage_full");
  story.engine.reset();

  story.options.ledger_map_bytes = 64 << 20;
  story.open();
  CHECK(story.engine->size() == last + 1);
  const auto next = story.must(SaveDraft{filing, form}, made.filer);
  CHECK(next.position == last + 1);
  CHECK(story.engine->metrics().writable);
  require_gapless(*story.engine);
  story.engine.reset();
  const std::string live = dump(story);
  REQUIRE(replay::rebuild({.data = story.data(), .master_key = {}, .on_progress = {}}, story.projections));
  CHECK(dump(story) == live);
}

TEST_CASE(
    "a map that fills up under load fails whole batches, those decided on top of them too, and nothing "
    "else") {
  EngineStory story(false);
  story.options.ledger_map_bytes = 4 << 20;
  story.open();
  const Granted initial = story.staff(Role::initial_reviewer, "初审");
  const auto made = story.qualified(1, initial);
  FilingForm form = EngineStory::draft_form();
  form.details->data = std::string(8'000, 'x');
  constexpr int kThreads = 8;
  std::vector<std::thread> threads;
  std::vector<std::vector<Accepted>> answers(kThreads);
  std::atomic<int> full = 0, other = 0;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      // Each goes on after its first 507, as clients do.
      for (int i = 0, refused = 0; i < 500 && refused < 5; ++i) {
        const Outcome outcome =
            story.engine->execute(EngineStory::submission(CreateFiling{made.subject, form}, made.filer));
        if (outcome) {
          answers[t].push_back(*outcome);
        } else {
          ++refused;
          ++(outcome.error().code == "storage_full" ? full : other);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(full > 0);
  CHECK(other == 0);
  std::set<std::uint64_t> positions;
  {
    const Snapshot snapshot = story.engine->snapshot();
    for (const auto& of_thread : answers) {
      for (const Accepted& accepted : of_thread) {
        CHECK(positions.insert(accepted.position).second);
        const auto read = snapshot.event(accepted.position, true);
        REQUIRE(read);
        CHECK(read->event.header.stream.id == accepted.id);
        CHECK(std::get<DraftSaved>(read->event.payload).form.value);
      }
    }
    // Everything in the log was acknowledged, and the other way round.
    CHECK(positions.size() == snapshot.lookup().filings_of(made.subject).size());
    CHECK(*positions.rbegin() == snapshot.size() - 1);
  }
  require_gapless(*story.engine);
  story.engine.reset();
  const std::string live = dump(story);
  REQUIRE(replay::rebuild({.data = story.data(), .master_key = {}, .on_progress = {}}, story.projections));
  CHECK(dump(story) == live);
}

TEST_CASE("many callers with the same keys at once: each key is one event, and all get its answer") {
  EngineStory story;
  const Granted initial = story.staff(Role::initial_reviewer, "初审");
  const auto made = story.qualified(1, initial);
  const std::uint64_t before = story.engine->size();
  constexpr int kThreads = 6, kKeys = 60;
  std::vector<std::thread> threads;
  std::vector<std::vector<std::optional<Accepted>>> answers(kThreads,
                                                            std::vector<std::optional<Accepted>>(kKeys));
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kKeys; ++i) {
        // In other orders, so that repeats meet the first in the same batch, in the next, and long after.
        const int k = (i * (2 * t + 1) + t) % kKeys;
        const Outcome outcome = story.engine->execute(
            keyed(EngineStory::submission(CreateFiling{made.subject, EngineStory::draft_form()}, made.filer),
                  "key " + std::to_string(k), "body"));
        if (outcome && !answers[t][k]) answers[t][k] = *outcome;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::uint64_t> positions;
  for (int k = 0; k < kKeys; ++k) {
    int first_hand = 0;
    for (int t = 0; t < kThreads; ++t) {
      if (!answers[t][k]) continue;  // a stride that misses a key
      CHECK(same_answer(*answers[0][k], *answers[t][k]));
      first_hand += answers[t][k]->repeated ? 0 : 1;
      positions.insert(answers[t][k]->position);
    }
    CHECK(first_hand == 1);
  }
  CHECK(positions.size() == kKeys);
  CHECK(story.engine->size() == before + kKeys);
  require_gapless(*story.engine);
}

TEST_CASE("full views refuse the batch too, and the ledger has none of it") {
  EngineStory story(false);
  story.options.views_map_bytes = 4 << 20;
  story.open();
  const Granted initial = story.staff(Role::initial_reviewer, "初审");
  const auto made = story.qualified(1, initial);
  std::string code = "ok";
  std::uint64_t last = 0;
  for (int i = 0; i < 20'000 && code == "ok"; ++i) {
    const Outcome outcome = story.ask(CreateFiling{made.subject, EngineStory::draft_form()}, made.filer);
    code = code_of(outcome);
    if (outcome) last = outcome->position;
  }
  REQUIRE(code == "storage_full");
  CHECK(story.engine->size() == last + 1);
  story.engine.reset();
  story.options.views_map_bytes = 64 << 20;
  story.open();
  CHECK(story.engine->size() == last + 1);
  CHECK(story.code_of_ask(CreateFiling{made.subject, EngineStory::draft_form()}, made.filer) == "ok");
  require_gapless(*story.engine);
}

TEST_CASE("recorded time never goes back, and a clock that did makes writes wait until it is sane") {
  EngineStory story;
  story.registered(1);
  const TimestampUs last = story.engine->last_recorded();
  story.now -= 4'000'000;
  story.registered(2);
  CHECK(story.engine->last_recorded() == last);
  story.now -= 2'000'000;
  CHECK(story.code_of_ask(EngineStory::registration(3), Anonymous{}) == "clock_untrusted");
  CHECK_FALSE(story.engine->metrics().writable);
  CHECK(story.notices.back().find("clock") != std::string::npos);
  story.now += 10'000'000;
  CHECK(story.code_of_ask(EngineStory::registration(3), Anonymous{}) == "ok");
  CHECK(story.engine->metrics().writable);
  story.engine.reset();

  story.now += std::int64_t{31} * 86'400 * 1'000'000;
  const auto gap = Engine::open(story.options, {});
  REQUIRE_FALSE(gap);
  CHECK(gap.error().kind == EngineFailure::clock);
  story.options.accept_clock = true;
  CHECK(Engine::open(story.options, {}));
}

TEST_CASE("a wall clock that jumps against the monotonic one is not believed until it is back") {
  EngineStory story(false);
  std::atomic<std::int64_t> steady{1'000'000};
  story.options.monotonic = [&] { return TimestampUs{steady.load()}; };
  story.open();
  story.registered(1);
  story.now += 301'000'000;
  CHECK(story.code_of_ask(EngineStory::registration(2), Anonymous{}) == "clock_untrusted");
  story.now -= 300'000'000;
  CHECK(story.code_of_ask(EngineStory::registration(2), Anonymous{}) == "ok");
  story.now += std::int64_t{3600} * 1'000'000;
  steady += std::int64_t{3600} * 1'000'000;
  CHECK(story.code_of_ask(EngineStory::registration(3), Anonymous{}) == "ok");
  story.engine.reset();
}

TEST_CASE("a given time dates events of trusted callers only, and never ahead of the clock") {
  EngineStory story;
  auto given = EngineStory::submission(EngineStory::registration(1), Anonymous{});
  given.at = TimestampUs{story.now - 500'000};
  REQUIRE(story.engine->execute(given));
  CHECK(story.engine->last_recorded().value == story.now);
  auto ahead = EngineStory::submission(GrantAccess{"甲", Role::auditor, {}, {}}, Trusted{});
  ahead.at = TimestampUs{story.now + 1};
  CHECK(code_of(story.engine->execute(ahead)) == "clock_untrusted");
}

TEST_CASE("a full queue and a closing engine refuse at once, and everything queued is answered") {
  EngineStory story(false);
  story.options.queue_max = 4;
  story.open();
  std::promise<void> held, queued;
  story.engine->submit(EngineStory::submission(RevokeAccess{Uuid{}}, story.admin), [&](Outcome) {
    held.set_value();
    queued.get_future().wait();
  });
  held.get_future().wait();
  std::atomic<int> answered = 0, full = 0;
  for (int i = 0; i < 6; ++i) {
    story.engine->submit(EngineStory::submission(EngineStory::registration(10 + i), Anonymous{}),
                         [&](Outcome outcome) {
                           ++answered;
                           if (code_of(outcome) == "queue_full") ++full;
                         });
  }
  CHECK(answered == 2);
  CHECK(full == 2);
  queued.set_value();
  story.engine->close();
  CHECK(answered == 6);
  CHECK(full == 2);
  CHECK(story.engine->size() == 6);
  CHECK(story.code_of_ask(EngineStory::registration(20), Anonymous{}) == "shutting_down");
}

TEST_CASE("a snapshot stays what it was while the ledger goes on") {
  EngineStory story;
  const auto made = story.registered(1);
  const Snapshot before = story.engine->snapshot();
  story.must(SubmitSubject{made.subject, story.subject_form(made.subject)}, made.filer);
  CHECK(before.size() == 3);
  CHECK_FALSE(before.entry(3));
  CHECK(before.lookup().subject(made.subject)->status == SubjectStatus::registered);
  CHECK(story.engine->snapshot().lookup().subject(made.subject)->status == SubjectStatus::submitted);
}
