// A simulated ledger is a ledger: it verifies, its views come back, it can be served. And its seed says it
// all.
#include "replay/simulate.hpp"

#include <csignal>
#include <sys/wait.h>
#include <type_traits>
#include <unistd.h>

#include "events/crypto/keystream.hpp"
#include "events/crypto/token.hpp"
#include "events/store/random_pool.hpp"
#include "events/store/simulation.hpp"
#include "events/store/stores.hpp"
#include "projections/read_models.hpp"
#include "replay/rebuild.hpp"
#include "replay/simulation_texts.hpp"
#include "replay/verify_data.hpp"
#include "tests/support/engine_story.hpp"
#include "tests/support/memory_ledger.hpp"

using namespace ledger;
using namespace ledger::replay;
using ledger::test::EngineStory;
using ledger::test::MemoryLedger;
using ledger::test::TempDir;

// Nobody but a simulation draws from a seed.
static_assert(!std::is_default_constructible_v<store::SimulationSeed>);
static_assert(!std::is_constructible_v<store::SimulationSeed, crypto::SecretKey>);
static_assert(!std::is_constructible_v<store::SimulationSeed, std::uint64_t>);

namespace {

constexpr std::int64_t kDay = std::int64_t{86'400} * 1'000'000;
const TimestampUs kNow = *TimestampUs::parse("2026-11-26T09:00:00Z");

/// A directory with a ledger of two years ago.
struct Fresh {
  TempDir dir;
  store::Created created;
  projections::ReadModels models;
  explicit Fresh(const std::string& origin = "ledger.test/simulated") {
    auto made = store::Engine::create({.data = data(),
                                       .master_key = {},
                                       .origin = origin,
                                       .number_prefix = "演示备",
                                       .at = TimestampUs{kNow.value - 730 * kDay}});
    REQUIRE(made);
    created = *made;
  }
  [[nodiscard]] std::filesystem::path data() const { return dir / "data"; }
  [[nodiscard]] SimulateOptions options(std::uint32_t filings, std::uint64_t seed) const {
    SimulateOptions options;
    options.engine.data = data();
    options.engine.ledger_map_bytes = options.engine.views_map_bytes = std::uint64_t{1} << 30;
    options.filings = filings;
    options.seed = seed;
    options.now = kNow;
    return options;
  }
  SimulateReport simulate(const SimulateOptions& options) {
    const auto report = replay::simulate(options, models.all());
    if (!report) FAIL(report.error().detail);
    return *report;
  }
  SimulateFault::Kind fault_of(const SimulateOptions& options) {
    const auto report = replay::simulate(options, models.all());
    REQUIRE_FALSE(report);
    CHECK_FALSE(report.error().detail.empty());
    return report.error().kind;
  }
  [[nodiscard]] std::unique_ptr<store::Engine> open(std::function<void(std::string)> on_notice = {}) {
    store::EngineOptions options;
    options.on_notice = std::move(on_notice);
    options.data = data();
    options.ledger_map_bytes = options.views_map_bytes = std::uint64_t{1} << 30;
    options.clock = [] { return TimestampUs{kNow.value + 1'000'000}; };
    options.accept_clock = true;
    auto engine = store::Engine::open(std::move(options), models.all());
    if (!engine) FAIL(engine.error().detail);
    return std::move(*engine);
  }
  /// Entry bytes from the one that says `ledger.simulated`.
  [[nodiscard]] std::vector<std::string> entries() {
    const auto engine = open();
    const store::Snapshot snapshot = engine->snapshot();
    std::vector<std::string> entries;
    bool simulated = false;
    for (std::uint64_t at = 0; at < snapshot.size(); ++at) {
      const auto event = snapshot.event(at, false);
      simulated = simulated || std::holds_alternative<LedgerSimulated>(event->event.payload);
      if (simulated) entries.emplace_back(text_of(*snapshot.entry(at)));
    }
    return entries;
  }
  void require_verified() const {
    const auto opened = OpenedDirectory::open(data(), data().string() + ".key");
    REQUIRE(opened);
    const auto report = verify_data(opened->stores(), {});
    REQUIRE(report);
    if (!report->good())
      FAIL("at " << report->problems[0].position.value_or(0) << ": " << report->problems[0].what);
    CHECK(report->privates.documents > 0);
  }
};

}  // namespace

TEST_CASE("the same seed, origin and span give byte-identical entries, whatever the ledger's own secrets") {
  Fresh one, same, other_seed, other_origin("ledger.test/elsewhere");
  CHECK(one.simulate(one.options(60, 1)).filings == 60);
  same.simulate(same.options(60, 1));
  other_seed.simulate(other_seed.options(60, 2));
  other_origin.simulate(other_origin.options(60, 1));
  const auto entries = one.entries();
  REQUIRE(entries.size() > 500);
  CHECK(entries == same.entries());
  const auto elsewhere = other_origin.entries();
  CHECK(elsewhere.size() == entries.size());
  CHECK(elsewhere != entries);
  CHECK(other_seed.entries() != entries);
}

TEST_CASE("a simulated ledger verifies, its views are what a rebuild gives, and it goes on as any other") {
  Fresh ledger;
  SimulateOptions options = ledger.options(150, 3);
  // One batch and one piece of views, or many of both.
  if (GENERATE(false, true)) {
    options.batch_events = 50;
    options.engine.rebuild_buffer_bytes = 1;
  }
  const SimulateReport report = ledger.simulate(options);
  CHECK(report.subjects > 20);
  CHECK(report.from == TimestampUs{kNow.value - 730 * kDay});
  ledger.require_verified();
  const auto dump = [&] {
    auto views =
        store::Views::open(ledger.data() / "views", std::uint64_t{1} << 30, ledger.models.all(), true);
    REQUIRE(views);
    return (*views)->dump();
  };
  const std::string live = dump();
  REQUIRE(replay::rebuild({.data = ledger.data(), .master_key = {}, .on_progress = {}}, ledger.models.all()));
  CHECK(dump() == live);

  const auto engine = ledger.open();
  CHECK(engine->snapshot().lookup().ledger().simulated);
  const auto admin = engine->authenticate(ledger.created.admin_token);
  REQUIRE(admin);
  store::Submission grant;
  grant.command = GrantAccess{"a person", Role::reviewer, {}, {}};
  grant.caller = store::Granted{admin->grant_id};
  const auto made = engine->execute(std::move(grant));
  REQUIRE(made);
  REQUIRE(made->token);
  CHECK(engine->authenticate(*made->token));
}

TEST_CASE("nobody holds a token of a simulated grant") {
  Fresh ledger;
  ledger.simulate(ledger.options(5, 1));
  const auto engine = ledger.open();
  const store::Snapshot snapshot = engine->snapshot();
  std::size_t tried = 0;
  for (const GrantState& grant : snapshot.grants({}, 1'000)) {
    const std::string token =
        crypto::make_token(engine->stores().master, {grant.token_epoch, grant.grant_id});
    const bool own = token == ledger.created.admin_token;
    CHECK(engine->authenticate(token).has_value() == own);
    tried += own ? 0 : 1;
  }
  CHECK(tried > 10);
}

TEST_CASE("only a ledger fresh from init is simulated, and only once") {
  Fresh ledger;
  ledger.simulate(ledger.options(3, 1));
  CHECK(ledger.fault_of(ledger.options(3, 1)) == SimulateFault::Kind::used);
  const auto before = ledger.entries();

  EngineStory used;
  used.registered(1);
  used.engine.reset();
  SimulateOptions options;
  options.engine.data = used.data();
  options.engine.ledger_map_bytes = options.engine.views_map_bytes = std::uint64_t{1} << 30;
  options.filings = 3;
  options.now = kNow;
  projections::ReadModels models;
  const auto refused = replay::simulate(options, models.all());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == SimulateFault::Kind::used);
  CHECK(ledger.entries() == before);
}

TEST_CASE("the core lets only a ledger without a history be marked as simulated") {
  const auto mark = SimulateLedger{7, "{}"};
  const auto payload = LedgerSimulated{7, "{}"};
  {
    MemoryLedger ledger;
    const test::Person operator_{{}, Role::operator_, {}};
    CHECK_FALSE(ledger.run(mark, {ledger.admin().principal, Role::admin, {}}));
    CHECK_FALSE(ledger.judge({}, payload, operator_, ledger.ledger().version + 1));
    REQUIRE(ledger.run(mark, operator_));
    CHECK(ledger.ledger().simulated);
    const auto again = ledger.run(mark, operator_);
    REQUIRE_FALSE(again);
    CHECK(again.error().code == "illegal_transition");
    CHECK(ledger.judge({}, payload, operator_, ledger.ledger().version + 1)->rule == "simulated");
  }
}

TEST_CASE("a history without filings, of too many, backwards, too early or in the future is refused") {
  Fresh ledger;
  using Kind = SimulateFault::Kind;
  CHECK(ledger.fault_of(ledger.options(0, 1)) == Kind::filings);
  CHECK(ledger.fault_of(ledger.options(kSimulatedFilingsMax + 1, 1)) == Kind::filings);
  const auto span = [&](std::int64_t from_day, std::int64_t to_day) {
    SimulateOptions options = ledger.options(5, 1);
    options.from = TimestampUs{kNow.value + from_day * kDay};
    options.to = TimestampUs{kNow.value + to_day * kDay};
    return ledger.fault_of(options);
  };
  CHECK(span(-800, 0) == Kind::from);
  CHECK(span(-100, 1) == Kind::to);
  CHECK(span(-100, -200) == Kind::to);
  CHECK(span(-100, -100) == Kind::to);
  // None of this left a trace.
  CHECK(ledger.simulate(ledger.options(5, 1)).filings == 5);
}

TEST_CASE("a simulation that is stopped leaves a whole ledger that ends there") {
  Fresh ledger;
  SimulateOptions options = ledger.options(200, 1);
  unsigned asked = 0;
  options.should_stop = [&] { return ++asked == 2; };
  const SimulateReport report = ledger.simulate(options);
  CHECK(report.stopped);
  CHECK(report.to < kNow);
  ledger.require_verified();
  CHECK(ledger.fault_of(ledger.options(5, 1)) == SimulateFault::Kind::used);
  Fresh whole;
  whole.simulate(whole.options(200, 1));
  auto all = whole.entries();
  const auto some = ledger.entries();
  REQUIRE(some.size() < all.size());
  all.resize(some.size());
  CHECK(some == all);
}

TEST_CASE("a simulation that is killed while its views are not whole leaves a ledger that makes them anew") {
  Fresh ledger;
  const std::filesystem::path mark = ledger.data() / "views" / "mark";
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    SimulateOptions options = ledger.options(400, 1);
    options.batch_events = 100;
    options.engine.rebuild_buffer_bytes = 1;
    unsigned asked = 0;
    options.should_stop = [&] {
      if (++asked < 4 || std::filesystem::exists(mark)) return false;
      (void)::kill(::getpid(), SIGKILL);
      return true;
    };
    (void)replay::simulate(options, ledger.models.all());
    ::_exit(1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
  CHECK_FALSE(std::filesystem::exists(mark));
  std::vector<std::string> notices;
  bool old_ones_lie_there = true;
  (void)ledger.open([&](std::string notice) {
    notices.push_back(std::move(notice));
    old_ones_lie_there = std::filesystem::exists(ledger.data() / "views" / "data.mdb");
  });
  CHECK_FALSE(old_ones_lie_there);  // they may be what filled the disk
  REQUIRE(notices.size() == 1);
  CHECK(notices[0] == "rebuilding the views: they carry no mark");
  ledger.require_verified();
  const auto some = ledger.entries();
  REQUIRE(some.size() > 1'000);
  Fresh whole;
  whole.simulate(whole.options(400, 1));
  auto all = whole.entries();
  REQUIRE(some.size() < all.size());
  all.resize(some.size());
  CHECK(some == all);
}

TEST_CASE("what a simulation has not sealed yet reads as if it were, before and after it is given away") {
  Fresh ledger;
  store::EngineOptions options;
  options.data = ledger.data();
  options.ledger_map_bytes = options.views_map_bytes = std::uint64_t{1} << 30;
  options.batch_commands_max = GENERATE(std::size_t{1}, std::size_t{2}, std::size_t{1'000});
  auto opened = store::Simulation::open(std::move(options), ledger.models.all(), 7);
  REQUIRE(opened);
  store::Simulation& history = **opened;
  TimestampUs at{kNow.value - 700 * kDay};
  const auto must = [&](Command command, const auto& caller, std::optional<std::uint64_t> version = {}) {
    auto given = EngineStory::submission(std::move(command), caller);
    if (version) given.expected = store::ExpectedVersion{false, {*version}};
    at.value += kDay / 24;
    auto outcome = history.run(given, at);
    if (!outcome) FAIL(outcome.error().code << " " << outcome.error().detail);
    return *outcome;
  };
  const store::Trusted operator_;
  REQUIRE(history.run(EngineStory::submission(SimulateLedger{7, "{}"}, operator_), at));
  const store::Granted admin{*must(GrantAccess{"管理员", Role::admin, {}, {}}, operator_).grant_id};
  const store::Granted initial{
      *must(GrantAccess{"初审", Role::initial_reviewer, {}, {}}, operator_).grant_id};
  struct Filer {
    Uuid subject;
    store::Granted grant;
    Uuid product;
  };
  const auto registered = [&](std::uint32_t number) {
    const SimulatedSubject is{number, 5, 0};
    const auto made = must(simulated_registration(is), store::Anonymous{});
    Filer filer{made.id, {*made.grant_id}, {}};
    const SubjectForm::Documents letters{history.upload(filer.subject, "承诺书"),
                                         history.upload(filer.subject, "主体责任")};
    must(SubmitSubject{filer.subject, simulated_subject_form(is, letters)}, filer.grant);
    must(ApproveSubject{filer.subject}, initial, 2);
    filer.product = must(AddProduct{filer.subject, "产品", ProductForm::app}, filer.grant).id;
    return filer;
  };
  for (std::uint32_t round = 0; round < 6; ++round) {
    const Filer filer = registered(2 * round), other = registered(2 * round + 1);
    const std::string name = "另一申报人" + std::to_string(round);
    must(GrantAccess{name, Role::filer, other.subject, {}}, admin);
    // Its erasure lets go of every event that is held open, so the name is read from what is staged.
    must(EraseSubject{other.subject, "pipl-47", "请求", {}}, admin);
    const auto twin =
        EngineStory::submission(AddProduct{filer.subject, "产品", ProductForm::app}, filer.grant);
    const auto refused = history.run(twin, at);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == "name_taken");
  }
  CHECK(history.flush().empty());
  opened->reset();
  ledger.require_verified();
  const auto engine = ledger.open();
  CHECK(engine->snapshot().lookup().principal_named("初审"));
  for (int round = 0; round < 6; ++round)
    CHECK_FALSE(engine->snapshot().lookup().principal_named("另一申报人" + std::to_string(round)));
}

namespace {

/// A read model that breaks at an event.
class Breaking final : public store::Projection {
 public:
  explicit Breaking(std::uint64_t at) : at_(at) {}
  std::string_view name() const override { return "breaking"; }
  std::uint32_t version() const override { return 1; }
  std::span<const char* const> databases() const override { return {}; }
  void open(std::span<const store::Database>) override {}
  store::StoreResult<void> apply(store::Rows&, const store::Change& change) const override {
    if (change.event.header.position.value == at_) throw std::runtime_error("it breaks");
    return {};
  }

 private:
  std::uint64_t at_;
};

}  // namespace

TEST_CASE("a simulation that breaks within a command commits nothing of what was staged with it") {
  Fresh ledger;
  SimulateOptions options = ledger.options(100, 1);
  options.batch_events = 100;
  options.engine.rebuild_buffer_bytes = 1;
  Breaking breaking(777);
  const auto models = ledger.models.all();
  std::vector<store::Projection*> projections(models.begin(), models.end());
  projections.push_back(&breaking);
  CHECK_THROWS_WITH(replay::simulate(options, projections), "it breaks");
  ledger.require_verified();
  const auto some = ledger.entries();
  CHECK(some.size() > 100);
  CHECK(some.size() < 777);
}

TEST_CASE("a keystream is that of RFC 8439, however it is cut") {
  // Appendix A.1, test vector 1: key, nonce and counter of zeros.
  crypto::Keystream stream{crypto::SecretKey()};
  std::array<std::uint8_t, 64> block{};
  stream.fill(std::span(block).first(5));
  stream.fill(std::span(block).subspan(5));
  CHECK(hex(block) ==
        "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
        "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586");
}
