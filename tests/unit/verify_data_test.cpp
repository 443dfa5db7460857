#include "replay/verify_data.hpp"

#include <random>
#include <thread>

#include <catch2/catch.hpp>

#include "events/store/log_signer.hpp"
#include "events/store/sealed_row.hpp"
#include "events/store/stores.hpp"
#include "events/tlog/tree.hpp"
#include "replay/bench_engine.hpp"
#include "replay/scrub.hpp"
#include "tests/support/engine_story.hpp"

using namespace ledger;
using ledger::replay::OpenedDirectory;
using ledger::replay::VerifiedStores;
using ledger::replay::VerifyOptions;
using ledger::replay::VerifyReport;
using ledger::test::contents;
using ledger::test::EngineStory;
using ledger::test::TempDir;

namespace {

namespace fs = std::filesystem;

fs::path key_of(const fs::path& data) {
  return data.string() + ".key";
}

VerifyOptions patient_options() {
  VerifyOptions options;
  options.erasure_wait = std::chrono::milliseconds(200);
  return options;
}

/// Verifies a directory that nobody has open. With its own key, another file's, or none.
VerifyReport verify(const fs::path& data, bool with_key = true, VerifyOptions options = patient_options()) {
  const auto opened =
      OpenedDirectory::open(data, with_key ? std::optional(key_of(data)) : std::optional<fs::path>());
  if (!opened) {
    // What does not even open is found as well.
    REQUIRE(opened.error().kind == store::EngineFailure::damaged);
    VerifyReport report;
    report.problems.push_back({std::nullopt, opened.error().detail});
    return report;
  }
  auto report = replay::verify_data(opened->stores(), options);
  if (!report) FAIL("could not be verified: " << report.error().detail);
  return std::move(*report);
}

void require_good(const VerifyReport& report) {
  if (!report.problems.empty()) {
    FAIL("at " << report.problems[0].position.value_or(~std::uint64_t{0}) << ": " << report.problems[0].what);
  }
  REQUIRE(report.good());
}

std::string first_problem(const VerifyReport& report) {
  return report.problems.empty() ? std::string() : report.problems.front().what;
}

/// Saves drafts of a few filings of a qualified subject, in batches.
void save_drafts(EngineStory& story, unsigned n, std::uint64_t events) {
  const store::Granted initial = story.staff(Role::initial_reviewer, "初审 " + std::to_string(n));
  const auto made = story.qualified(n, initial);
  const replay::BenchCaller caller{.filer = made.filer, .subject = made.subject, .form = story.draft_form()};
  std::vector<Uuid> filings;
  replay::grow_filings(*story.engine, caller, 16, filings);
  (void)replay::save_drafts(*story.engine, caller, filings, events, 16, 7);
}

/// A signing key is added and the first one retired.
void rotate_keys(EngineStory& story) {
  const std::string origin = story.engine->origin();
  const std::string first = story.created.vkey;
  story.engine.reset();
  const auto vkey = store::LogSigner::make_key(store::DataDirectory{story.data()}, origin);
  REQUIRE(vkey);
  story.open();
  // Of one second not every checkpoint is kept.
  story.now += 2'000'000;
  story.must(AddSigningKey{*vkey}, store::Trusted{});
  save_drafts(story, 901, 20);
  story.now += 2'000'000;
  story.must(RetireSigningKey{first}, store::Trusted{});
  save_drafts(story, 902, 20);
}

/// The log of a directory, opened to be changed as nobody should.
struct OpenedLog {
  std::unique_ptr<store::Environment> environment;
  store::Database entries, sealed, leaves, nodes, checkpoints;

  explicit OpenedLog(const fs::path& data) {
    auto opened = store::Environment::open(
        {.path = data / "ledger", .map_size = std::uint64_t{1} << 30, .max_databases = 8});
    REQUIRE(opened);
    environment = std::move(*opened);
    const auto all = environment->open_databases({"entries", "sealed", "leaves", "nodes", "checkpoints"});
    REQUIRE(all);
    entries = (*all)[0];
    sealed = (*all)[1];
    leaves = (*all)[2];
    nodes = (*all)[3];
    checkpoints = (*all)[4];
  }
  std::vector<std::byte> get(store::Database database, std::uint64_t position) const {
    const auto txn = environment->read();
    const auto value = txn->get(database, bytes_of(store::position_key(position)));
    REQUIRE(value);
    return {value->begin(), value->end()};
  }
  template <typename Change>
  void change(Change change) {
    auto txn = environment->write();
    REQUIRE(txn);
    change(*txn);
    REQUIRE(std::move(*txn).commit());
  }
};

/// Every value of a database of an LMDB directory, with its key.
std::vector<std::pair<std::vector<std::byte>, std::vector<std::byte>>> rows_of(const fs::path& directory,
                                                                               const char* name) {
  auto environment = store::Environment::open(
      {.path = directory, .map_size = std::uint64_t{1} << 30, .max_databases = 8, .read_only = true});
  REQUIRE(environment);
  const auto database = (*environment)->open_databases({name});
  REQUIRE(database);
  const auto txn = (*environment)->read();
  store::Cursor cursor = txn->cursor((*database)[0]);
  std::vector<std::pair<std::vector<std::byte>, std::vector<std::byte>>> rows;
  for (bool there = cursor.first(); there; there = cursor.next()) {
    rows.emplace_back(std::vector(cursor.key().begin(), cursor.key().end()),
                      std::vector(cursor.value().begin(), cursor.value().end()));
  }
  return rows;
}

/// Flips one bit of a file, wherever the bytes around it stand: LMDB leaves old copies in the file.
class Flip {
 public:
  Flip(fs::path file, const std::vector<std::byte>& value, std::size_t byte, unsigned bit)
      : file_(std::move(file)), mask_(static_cast<char>(1U << bit)) {
    const std::string whole = contents(file_);
    const std::string_view wanted = text_of(value);
    for (std::size_t at = whole.find(wanted); at != std::string::npos; at = whole.find(wanted, at + 1))
      places_.push_back(at + byte);
    toggle();
  }
  ~Flip() { toggle(); }
  Flip(const Flip&) = delete;
  Flip& operator=(const Flip&) = delete;
  [[nodiscard]] bool found() const { return !places_.empty(); }

 private:
  void toggle() {
    std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
    for (const std::size_t place : places_) {
      file.seekg(static_cast<std::streamoff>(place));
      const auto changed = static_cast<char>(file.get() ^ mask_);
      file.seekp(static_cast<std::streamoff>(place));
      file.put(changed);
    }
  }
  const fs::path file_;
  const char mask_;
  std::vector<std::size_t> places_;
};

std::uint64_t number_in(const std::vector<std::byte>& key) {
  return get_be<std::uint64_t>(reinterpret_cast<const std::uint8_t*>(key.data()));
}

void copy_ledger(const fs::path& from, const fs::path& to) {
  fs::copy(from, to, fs::copy_options::recursive);
  fs::copy_file(key_of(from), key_of(to));
  fs::permissions(key_of(to), fs::perms::owner_read | fs::perms::owner_write);
}

}  // namespace

TEST_CASE("a good ledger verifies with and without the master key") {
  EngineStory story;
  story.whole_life(1);
  const auto erased = story.registered(2);
  story.must(EraseSubject{erased.subject, "pipl-47", "申请删除", {}}, story.admin);
  rotate_keys(story);
  save_drafts(story, 3, 5'000);
  const std::uint64_t size = story.engine->size();
  const Digest root = story.engine->checkpoint()->checkpoint.checkpoint.root;
  story.engine.reset();

  VerifyOptions options = patient_options();
  std::uint64_t done = 0, total = 0;
  options.on_progress = [&](std::uint64_t at, std::uint64_t of) {
    REQUIRE(at >= done);
    done = at;
    total = of;
  };
  options.first_vkey = story.created.vkey;
  const VerifyReport report = verify(story.data(), true, options);
  require_good(report);
  REQUIRE(report.size == size);
  REQUIRE(report.root == root);
  REQUIRE(report.origin == "ledger.test/story");
  REQUIRE(done == size);
  REQUIRE(total == size);
  REQUIRE(report.checkpoints > 0);
  REQUIRE(report.signatures > report.checkpoints);  // two keys for a while
  REQUIRE(report.privates.opened > 5'000);
  REQUIRE(report.privates.erased > 0);
  REQUIRE(report.privates.documents >= 4);
  REQUIRE_FALSE(report.without_master_key);

  // The fold goes the same way when its rows go through the scratch views.
  options = patient_options();
  options.buffer_bytes = 1;
  require_good(verify(story.data(), true, options));

  const VerifyReport closed = verify(story.data(), false);
  require_good(closed);
  REQUIRE(closed.without_master_key);
  REQUIRE(closed.root == root);
  REQUIRE(closed.privates.opened == 0);
  REQUIRE(fs::exists(story.data() / "ledger" / "data.mdb"));
}

TEST_CASE("a ledger verifies while its engine appends and erases") {
  EngineStory story;
  story.whole_life(1);
  save_drafts(story, 2, 4'000);
  std::atomic<bool> over = false;
  std::thread writer([&] {
    unsigned n = 10;
    while (!over) {
      const auto made = story.registered(n);
      ++story.now;
      story.must(EraseSubject{made.subject, "pipl-47", {}, {}}, story.admin);
      save_drafts(story, ++n, 200);
      ++n;
    }
  });
  std::uint64_t last = 0;
  for (int i = 0; i < 5; ++i) {
    VerifyOptions options;
    options.scratch = story.dir / "scratch";
    const auto report = replay::verify_data(VerifiedStores::of(story.engine->stores()), options);
    REQUIRE(report);
    if (!report->good()) over = true, writer.join();
    require_good(*report);
    REQUIRE(report->size > last);
    last = report->size;
    REQUIRE_FALSE(fs::exists(options.scratch));
  }
  over = true;
  writer.join();
}

TEST_CASE("a flipped bit is found wherever it was stored") {
  EngineStory story;
  story.whole_life(1);
  save_drafts(story, 2, 300);
  rotate_keys(story);
  story.engine.reset();
  const fs::path data = story.data();
  require_good(verify(data));
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto any = [&](std::size_t below) { return std::size_t{random()} % below; };

  const auto entries = rows_of(data / "ledger", "entries");
  struct Kind {
    const char* name;
    fs::path file;
    std::vector<std::pair<std::vector<std::byte>, std::vector<std::byte>>> rows;
  };
  std::vector<Kind> kinds;
  for (const char* name : {"entries", "sealed", "leaves", "nodes", "checkpoints"})
    kinds.push_back({name, data / "ledger" / "data.mdb", rows_of(data / "ledger", name)});
  kinds.push_back({"keys", data / "vault" / "data.mdb", rows_of(data / "vault", "keys")});
  Kind files{"documents", {}, {}};
  for (const auto& file : fs::recursive_directory_iterator(data / "documents")) {
    if (!file.is_regular_file()) continue;
    const std::string whole = contents(file.path());
    const Bytes bytes = bytes_of(whole), path = bytes_of(file.path().native());
    files.rows.emplace_back(std::vector(path.begin(), path.end()), std::vector(bytes.begin(), bytes.end()));
  }
  kinds.push_back(files);

  for (int i = 0; i < 203; ++i) {
    const Kind& kind = kinds[static_cast<std::size_t>(i) % kinds.size()];
    const auto& [key, value] = kind.rows[any(kind.rows.size())];
    const std::size_t byte = any(value.size());
    const unsigned bit = static_cast<unsigned>(any(8));
    const fs::path file = kind.file.empty() ? fs::path(std::string(text_of(key))) : kind.file;
    CAPTURE(i, kind.name, byte, bit);
    const Flip flip(file, value, byte, bit);
    REQUIRE(flip.found());
    const VerifyReport report = verify(data);
    REQUIRE_FALSE(report.good());
    INFO(first_problem(report));
    if (kind.name == std::string_view("entries") || kind.name == std::string_view("sealed"))
      REQUIRE(report.problems[0].position == number_in(key));
  }
  require_good(verify(data));
}

TEST_CASE("an entry that was removed, exchanged or added is named") {
  EngineStory story;
  story.whole_life(1);
  save_drafts(story, 2, 100);
  const std::uint64_t size = story.engine->size();
  story.engine.reset();
  const std::uint64_t at = size / 2;
  const auto key = store::position_key(at), next = store::position_key(at + 1);
  SECTION("removed") {
    {
      OpenedLog log(story.data());
      log.change([&](store::WriteTxn& txn) { REQUIRE(txn.del(log.entries, bytes_of(key))); });
    }
    const VerifyReport report = verify(story.data());
    REQUIRE(report.problems[0].position == at);
    REQUIRE(first_problem(report) == "the entry is missing");
  }
  SECTION("exchanged") {
    {
      OpenedLog log(story.data());
      const auto a = log.get(log.entries, at), b = log.get(log.entries, at + 1);
      log.change([&](store::WriteTxn& txn) {
        REQUIRE(txn.put(log.entries, bytes_of(key), b));
        REQUIRE(txn.put(log.entries, bytes_of(next), a));
      });
    }
    REQUIRE(verify(story.data()).problems[0].position == at);
  }
  SECTION("the last one cut off") {
    {
      OpenedLog log(story.data());
      log.change([&](store::WriteTxn& txn) {
        REQUIRE(txn.del(log.entries, bytes_of(store::position_key(size - 1))));
        REQUIRE(txn.del(log.sealed, bytes_of(store::position_key(size - 1))));
      });
    }
    REQUIRE(verify(story.data(), false).problems[0].position == size - 2);
  }
  SECTION("a sealed value gone") {
    {
      OpenedLog log(story.data());
      log.change([&](store::WriteTxn& txn) {
        REQUIRE(txn.del(log.sealed, bytes_of(store::position_key(size - 1))));
      });
    }
    REQUIRE(verify(story.data()).problems[0].position == size - 1);
    require_good(verify(story.data(), false));
  }
  SECTION("a checkpoint beyond the log, or of another key") {
    {
      OpenedLog log(story.data());
      auto row = log.get(log.checkpoints, size);
      log.change([&](store::WriteTxn& txn) {
        REQUIRE(txn.put(log.checkpoints, bytes_of(store::position_key(size + 5)), row));
      });
    }
    REQUIRE(first_problem(verify(story.data())) == "there is a checkpoint of more events than the log has");
    {
      OpenedLog log(story.data());
      auto row = log.get(log.checkpoints, size);
      const auto kept = *store::read_checkpoint_row(bytes_of(store::position_key(size)), row);
      auto parsed = *tlog::parse_checkpoint(kept.text);
      const std::vector<crypto::SigningKey> foreign = {crypto::SigningKey::generate()};
      const std::string text = tlog::sign_checkpoint(parsed.checkpoint, foreign).text();
      row.resize(8);
      const Bytes bytes = bytes_of(text);
      row.insert(row.end(), bytes.begin(), bytes.end());
      log.change([&](store::WriteTxn& txn) {
        REQUIRE(txn.del(log.checkpoints, bytes_of(store::position_key(size + 5))));
        REQUIRE(txn.put(log.checkpoints, bytes_of(store::position_key(size)), row));
      });
    }
    const VerifyReport report = verify(story.data());
    REQUIRE(report.problems[0].position == size - 1);
    REQUIRE(first_problem(report).find("is not signed") != std::string::npos);
  }
}

TEST_CASE("an event that was not admissible is named though it is hashed and signed") {
  EngineStory story;
  story.whole_life(1);
  save_drafts(story, 2, 50);
  const std::uint64_t size = story.engine->size();
  const std::string origin = story.engine->origin();
  story.engine.reset();
  {
    auto log = store::EntryStore::open(story.data() / "ledger", std::uint64_t{1} << 30);
    REQUIRE(log);
    REQUIRE((*log)->load_tree());
    (*log)->set_signer(*store::LogSigner::load(store::DataDirectory{story.data()}, origin));
    Event event;
    {
      const auto reader = (*log)->read();
      event = codec::decode_entry(*reader->entry(size - 1))->event;
    }
    REQUIRE(std::holds_alternative<DraftSaved>(event.payload));
    event.header.position = Position{size};
    ++event.header.version;
    event.header.key_tag.reset();
    event.header.request_tag.reset();
    event.header.request_tag_from_record = false;
    event.payload = FilingWithdrawn{0};  // a draft that was never submitted
    const auto entry = codec::encode_entry(event, {});
    REQUIRE(entry);
    const store::StoredRow row{.entry = *entry, .sealed = {}, .leaf = tlog::leaf_hash(*entry)};
    const std::vector<std::string> vkeys = {story.created.vkey};
    REQUIRE((*log)->commit({.first = size,
                            .rows = std::span(&row, 1),
                            .at = event.header.recorded_at,
                            .vkeys = vkeys,
                            .forget_checkpoint = {}}));
  }
  const VerifyReport report = verify(story.data());
  REQUIRE(report.problems[0].position == size);
  REQUIRE(first_problem(report) == "the event is not admissible: transition, not from this state");
}

TEST_CASE("a key that is gone without an erasure, and an erasure that was not carried out, are named") {
  EngineStory story;
  story.whole_life(1);
  const auto made = story.registered(5);
  const fs::path before = story.dir / "before";
  story.engine.reset();
  copy_ledger(story.data(), before);
  story.open();
  story.must(EraseSubject{made.subject, "pipl-47", "申请删除", {}}, story.admin);
  const std::uint64_t erasure = story.engine->size() - 1;
  story.engine.reset();
  require_good(verify(story.data()));
  SECTION("the vault and its epoch come from before the erasure") {
    fs::remove_all(story.data() / "vault");
    fs::copy(before / "vault", story.data() / "vault", fs::copy_options::recursive);
    fs::copy_file(key_of(before), key_of(story.data()), fs::copy_options::overwrite_existing);
    fs::permissions(key_of(story.data()), fs::perms::owner_read | fs::perms::owner_write);
    const VerifyReport report = verify(story.data());
    REQUIRE(report.problems[0].position);
    INFO(first_problem(report));
    // The erasure's own note has a key that the old vault does not know, and it stands at the same place.
    REQUIRE(report.problems[0].position == erasure);
  }
  SECTION("the log comes from before it") {
    fs::remove_all(story.data() / "ledger");
    fs::copy(before / "ledger", story.data() / "ledger", fs::copy_options::recursive);
    const VerifyReport report = verify(story.data());
    REQUIRE(first_problem(report).find("is gone, and no erasure of the log names it") != std::string::npos);
  }
}

TEST_CASE("a ledger that is not the one expected is named") {
  EngineStory story;
  story.whole_life(1);
  const std::string published = story.engine->checkpoint()->text;
  story.engine.reset();
  VerifyOptions options = patient_options();
  options.published = published;
  require_good(verify(story.data(), true, options));
  options.first_vkey = crypto::VerifierKey{"ledger.test/story", crypto::kEd25519Type,
                                           crypto::SigningKey::generate().public_key()}
                           .text();
  const VerifyReport other = verify(story.data(), true, options);
  REQUIRE(other.problems[0].position == 0);
  REQUIRE(first_problem(other).find("another signing key") != std::string::npos);

  EngineStory second;
  second.engine.reset();
  options.first_vkey.reset();
  REQUIRE(first_problem(verify(second.data(), true, options)).find("has lost") != std::string::npos);
}

TEST_CASE("a data file that was cut is refused at once by verifier and engine") {
  EngineStory story;
  story.whole_life(1);
  save_drafts(story, 2, 500);
  story.engine.reset();
  const fs::path file = story.data() / "ledger" / "data.mdb";
  const auto whole = fs::file_size(file);
  constexpr std::uintmax_t kPage = 4096;
  // A page at the end may be free, and then is no loss; but where one is missed, both say so.
  const fs::path copy = story.dir / "copy";
  unsigned refused = 0;
  for (const std::uintmax_t size :
       {whole - 1, whole - kPage, whole - 4 * kPage, whole - 16 * kPage, whole / 2, 3 * kPage, 2 * kPage}) {
    CAPTURE(whole, size);
    copy_ledger(story.data(), copy);
    fs::resize_file(copy / "ledger" / "data.mdb", size);
    const bool good = verify(copy).good();
    store::EngineOptions options = story.options;
    options.data = copy;
    const auto opened = store::Engine::open(options, {});
    REQUIRE(opened.has_value() == good);
    if (!opened) REQUIRE(opened.error().kind == store::EngineFailure::damaged);
    refused += good ? 0 : 1;
    fs::remove_all(copy);
    fs::remove(key_of(copy));
  }
  REQUIRE(refused >= 4);
}

TEST_CASE("a file that ends before pages that were freed unwritten is whole") {
  const TempDir dir;
  const store::EnvironmentOptions options{.path = dir / "env", .map_size = std::uint64_t{1} << 26};
  {
    auto environment = store::Environment::open(options);
    REQUIRE(environment);
    const auto database = (*environment)->open_databases({"rows"});
    REQUIRE(database);
    for (int i = 0; i < 40; ++i) {
      auto txn = (*environment)->write();
      REQUIRE(txn);
      const std::vector<std::byte> large(100'000), small(200);
      const std::string name = "row " + std::to_string(i);
      REQUIRE(txn->put((*database)[0], bytes_of("large"), large));
      REQUIRE(txn->put((*database)[0], bytes_of(name), small));
      REQUIRE(txn->del((*database)[0], bytes_of("large")));
      REQUIRE(std::move(*txn).commit());
    }
    const auto usage = (*environment)->usage();
    // The story that this is about: pages are known that the file does not reach.
    REQUIRE(usage.used_bytes > fs::file_size(dir / "env" / "data.mdb"));
  }
  REQUIRE(store::Environment::open(options));
  fs::resize_file(dir / "env" / "data.mdb", 5 * 4096);
  const auto cut = store::Environment::open(options);
  REQUIRE_FALSE(cut);
  REQUIRE(cut.error().is_damage());
}

TEST_CASE("a scrub goes round, tells where it is and ends at once") {
  EngineStory story;
  story.whole_life(1);
  save_drafts(story, 2, 300);
  replay::Scrub::Options options;
  options.interval = std::chrono::milliseconds(20);
  options.events_per_second = 0;
  {
    replay::Scrub scrub(story.engine->stores(), options);
    for (int i = 0; i < 1000 && scrub.figures().passes < 2; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const replay::Scrub::Figures figures = scrub.figures();
    REQUIRE(figures.passes >= 2);
    REQUIRE(figures.problems == 0);
    REQUIRE(figures.last_good.value > 0);
    REQUIRE(figures.position <= story.engine->size());
  }
  REQUIRE_FALSE(fs::exists(story.data() / "scrub"));
  options.events_per_second = 1;
  const auto begun = std::chrono::steady_clock::now();
  {
    replay::Scrub slow(story.engine->stores(), options);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  REQUIRE(std::chrono::steady_clock::now() - begun < std::chrono::seconds(1));
}
