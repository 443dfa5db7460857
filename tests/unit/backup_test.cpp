// Backup and restore, against an engine that goes on writing. A process opens an LMDB file once, so whatever
// reads beside the engine does so in a child process, as an operator's command would.
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "events/store/checkpoint_file.hpp"
#include "events/store/erasure.hpp"
#include "events/store/indexes.hpp"
#include "events/store/vault.hpp"
#include "events/store/views_builder.hpp"
#include "replay/restore.hpp"
#include "tests/support/engine_story.hpp"

using namespace ledger;
using namespace ledger::replay;
using ledger::test::contents;
using ledger::test::EngineStory;
using store::EngineFailure;

namespace {

namespace fs = std::filesystem;

/// Runs in a child; false when it answered false or died.
bool in_child(const std::function<bool()>& work) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    bool right = false;
    try {
      right = work();
    } catch (...) {
    }
    ::_exit(right ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

BackupOptions backup_of(const EngineStory& story, const fs::path& to) {
  return {.data = story.data(), .to = to, .on_progress = {}, .on_log_copied = {}, .on_copied = {}};
}

/// Backs up while the story's engine may be open.
void back_up(const EngineStory& story, const fs::path& to) {
  REQUIRE(in_child([&] { return backup(backup_of(story, to)).has_value(); }));
}

BackupFacts facts_at(const fs::path& backup) {
  const auto facts = read_backup_facts(contents(facts_path(backup)));
  if (!facts) FAIL(facts.error());
  return *facts;
}

fs::path key_file(const EngineStory& story) {
  return store::DataDirectory{story.data()}.default_master_key();
}

RestoreOptions restore_of(const EngineStory& story, const fs::path& from, const fs::path& to) {
  RestoreOptions options;
  options.from = from;
  options.data = to;
  options.master_key = key_file(story);
  options.signing_keys = {story.data() / "signing.key"};
  options.checkpoint_file = story.options.checkpoint_file;
  return options;
}

/// Opens what was restored as the story's own engine.
std::optional<store::EngineFault> reopen_at(EngineStory& story, const fs::path& data) {
  story.engine.reset();
  story.options.master_key = key_file(story);
  story.options.data = data;
  auto opened = store::Engine::open(story.options, story.projections);
  if (!opened) return opened.error();
  story.engine = std::move(*opened);
  return std::nullopt;
}

std::vector<std::string> entries(const store::Engine& engine, std::uint64_t size) {
  std::vector<std::string> all;
  const auto snapshot = engine.snapshot();
  for (std::uint64_t at = 0; at < size; ++at) all.emplace_back(text_of(*snapshot.entry(at)));
  return all;
}

bool holds(const fs::path& root, std::string_view secret) {
  for (const auto& file : fs::recursive_directory_iterator(root)) {
    if (file.is_regular_file() && contents(file.path()).find(secret) != std::string::npos) return true;
  }
  return false;
}

std::string unhex(std::string_view digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  return bytes;
}

/// Whether a restored vault has keys of these records.
bool any_key(const fs::path& data, const fs::path& master_key, std::span<const Uuid> records) {
  const auto stores = store::open_stores(data, master_key, std::uint64_t{1} << 30, /*read_only=*/true);
  if (!stores) FAIL(stores.error().detail);
  for (const Uuid& record : records) {
    const auto key = (*stores)->vault->find(record);
    REQUIRE(key);
    if (*key) return true;
  }
  return false;
}

std::vector<Uuid> erased_records(const store::Engine& engine, std::uint64_t position) {
  const auto event = engine.snapshot().event(position, false);
  REQUIRE(event);
  const auto* erased = std::get_if<PersonalDataErased>(&event->event.payload);
  REQUIRE(erased != nullptr);
  return erased->records;
}

store::Accepted erase(EngineStory& story, const Uuid& subject) {
  return story.must(EraseSubject{subject, "pipl-47", {}, {}}, story.admin);
}

/// With the checkpoint file on, and a subject with a document.
struct BackupStory : EngineStory {
  Registered made;
  BackupStory() : EngineStory(false) {
    options.checkpoint_file = dir / "checkpoint";
    open();
    made = registered(1);
    upload(made.subject, "承诺书");
  }
};

}  // namespace

TEST_CASE("a backup made while commands go on restores to the very same events, documents included") {
  BackupStory story;
  const Digest document = story.upload(story.made.subject, std::string(200'000, 'x'));
  std::atomic<bool> stop = false;
  std::thread appending([&] {
    for (unsigned n = 100; !stop; ++n) {
      auto given = EngineStory::submission(EngineStory::registration(n), store::Anonymous{});
      if (!story.engine->execute(std::move(given))) return;
    }
  });
  const fs::path first = story.dir / "first", second = story.dir / "second";
  const bool made = in_child([&] { return backup(backup_of(story, first)).has_value(); }) &&
                    in_child([&] { return backup(backup_of(story, second)).has_value(); });
  stop = true;
  appending.join();
  REQUIRE(made);
  const BackupFacts facts = facts_at(second);
  CHECK(facts.size > facts_at(first).size);
  CHECK(facts.size <= story.engine->size());
  CHECK(facts.documents == 2);
  const auto before = entries(*story.engine, facts.size);

  // Nothing was lost behind this backup as far as its own checkpoint tells.
  auto options = restore_of(story, second, story.dir / "restored");
  options.checkpoint_file.clear();
  const auto restored = restore(options);
  if (!restored) FAIL(restored.error().detail);
  CHECK(restored->read_only.empty());
  CHECK_FALSE(restored->checked_file);
  story.options.checkpoint_file.clear();
  const auto fault = reopen_at(story, story.dir / "restored");
  if (fault) FAIL(fault->detail);
  CHECK(story.engine->size() == facts.size);
  CHECK(entries(*story.engine, facts.size) == before);
  const auto key = story.engine->document_key(story.made.subject);
  REQUIRE(key);
  CHECK(story.engine->documents().verify(story.made.subject, *key, document));
  story.must(EngineStory::registration(99), store::Anonymous{});
}

TEST_CASE("no key lies anywhere in a backup, nor views, locks, marks or uploads under way") {
  BackupStory story;
  REQUIRE(std::ofstream(story.data() / "documents" / "tmp" / "upload") << "an upload that died");
  back_up(story, story.dir / "backup");
  std::vector<std::string> secrets;
  std::istringstream key(contents(key_file(story)));
  for (std::string line; std::getline(key, line);) {
    const std::string digits = line.substr(line.rfind(' ') == std::string::npos ? 0 : line.rfind(' ') + 1);
    if (digits.size() != 64 || digits.find_first_not_of("0123456789abcdef") != std::string::npos) continue;
    secrets.push_back(digits);
    secrets.push_back(unhex(digits));
  }
  REQUIRE(secrets.size() == 4);
  std::istringstream pem(contents(story.data() / "signing.key"));
  for (std::string line; std::getline(pem, line);) {
    if (!line.starts_with("-----")) secrets.push_back(line);
  }
  REQUIRE(secrets.size() == 5);
  secrets.push_back("PRIVATE KEY");
  for (const std::string& secret : secrets) CHECK_FALSE(holds(story.dir / "backup", secret));
  for (const std::string& text : ledger::test::kPrivateTexts) CHECK_FALSE(holds(story.dir / "backup", text));

  std::vector<std::string> names;
  for (const auto& file : fs::recursive_directory_iterator(story.dir / "backup")) {
    const auto mode = file.status().permissions() & (fs::perms::group_all | fs::perms::others_all);
    CHECK(mode == fs::perms::none);
    if (file.is_regular_file())
      names.push_back(file.path().lexically_relative(story.dir / "backup").string());
  }
  std::ranges::sort(names);
  REQUIRE(names.size() == 4);
  CHECK(names[0] == "backup.json");
  CHECK(names[1].starts_with("documents/"));
  CHECK(names[2] == "ledger/data.mdb");
  CHECK(names[3] == "vault/data.mdb");
}

TEST_CASE("an erasure between the copies makes them be made again, whole") {
  BackupStory story;
  const auto other = story.registered(2);
  const std::uint64_t before = story.engine->size();
  for (const bool at_the_end : {false, true}) {
    // The child asks, the parent erases, and the child goes on.
    int ask[2], go[2];
    REQUIRE((::pipe(ask) == 0 && ::pipe(go) == 0));
    const fs::path to = story.dir / (at_the_end ? "late" : "early");
    std::thread answering([&] {
      char byte;
      if (::read(ask[0], &byte, 1) != 1) return;
      (void)story.ask(EraseSubject{at_the_end ? other.subject : story.made.subject, "pipl-47", {}, {}},
                      story.admin);
      (void)!::write(go[1], "x", 1);
    });
    const bool made = in_child([&] {
      for (const int end : {ask[0], go[1]}) ::close(end);
      auto options = backup_of(story, to);
      bool asked = false;
      (at_the_end ? options.on_copied : options.on_log_copied) = [&] {
        if (asked) return;
        asked = true;
        char byte;
        (void)(::write(ask[1], "x", 1) == 1 && ::read(go[0], &byte, 1) == 1);
      };
      return backup(options).has_value() && asked;
    });
    for (const int end : {ask[1], go[0]}) ::close(end);
    answering.join();
    for (const int end : {ask[0], go[1]}) ::close(end);
    REQUIRE(made);
    const BackupFacts facts = facts_at(to);
    CHECK(facts.size > before);
    CHECK(facts.size == story.engine->size());
    CHECK(facts.vault_epoch == (at_the_end ? 3 : 2));
    CHECK(facts.documents == 0);
  }
  auto options = restore_of(story, story.dir / "late", story.dir / "restored");
  const auto restored = restore(options);
  if (!restored) FAIL(restored.error().detail);
  CHECK(restored->checked_file);
  CHECK(restored->read_only.empty());
  const auto fault = reopen_at(story, story.dir / "restored");
  if (fault) FAIL(fault->detail);
}

TEST_CASE("a backup that is behind the checkpoint file is refused, or laid out for reading alone") {
  BackupStory story;
  back_up(story, story.dir / "backup");
  const BackupFacts facts = facts_at(story.dir / "backup");
  story.registered(2);
  const std::uint64_t size = story.engine->size();
  auto options = restore_of(story, story.dir / "backup", story.dir / "restored");
  const auto refused = restore(options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == EngineFailure::rolled_back);
  CHECK(refused.error().detail.find("lost " + std::to_string(size - facts.size)) != std::string::npos);
  CHECK_FALSE(fs::exists(story.dir / "restored"));
  CHECK_FALSE(fs::exists(story.dir / "restored.new"));

  options.allow_behind = true;
  options.signing_keys.clear();
  const auto laid_out = restore(options);
  if (!laid_out) FAIL(laid_out.error().detail);
  CHECK(laid_out->vault_opens);
  CHECK_FALSE(laid_out->read_only.empty());
  CHECK(contents(story.dir / "restored" / "signing-stopped").find("for reading only") != std::string::npos);
  CHECK_FALSE(fs::exists(story.dir / "restored" / "signing.key"));
  // Neither with the checkpoint file nor without it.
  for (const char* file : {"checkpoint", ""}) {
    story.options.checkpoint_file = *file == '\0' ? fs::path() : story.dir / file;
    const auto fault = reopen_at(story, story.dir / "restored");
    REQUIRE(fault);
    CHECK(fault->kind == EngineFailure::rolled_back);
  }
}

TEST_CASE("a witness that knows more keeps a backup from writing") {
  BackupStory story;
  back_up(story, story.dir / "backup");
  auto options = restore_of(story, story.dir / "backup", story.dir / "restored");
  std::uint64_t asked = 0;
  options.ask_witnesses = [&](const store::EntryReader& log) -> std::expected<bool, std::string> {
    asked = log.size();
    return std::unexpected("a witness knows 17 events");
  };
  const auto refused = restore(options);
  REQUIRE_FALSE(refused);
  CHECK(asked == facts_at(story.dir / "backup").size);
  CHECK(refused.error().kind == EngineFailure::rolled_back);
  CHECK(refused.error().detail.starts_with("a witness knows 17 events"));
  options.ask_witnesses = [](const store::EntryReader&) -> std::expected<bool, std::string> { return false; };
  {
    const auto unheard = restore(options);
    if (!unheard) FAIL(unheard.error().detail);
    CHECK_FALSE(unheard->checked_witnesses);
    fs::remove_all(options.data);
  }
  options.ask_witnesses = [](const store::EntryReader&) -> std::expected<bool, std::string> { return true; };
  const auto restored = restore(options);
  if (!restored) FAIL(restored.error().detail);
  CHECK(restored->checked_witnesses);
}

TEST_CASE("what was erased after a backup is erased again where an old key file brought it back") {
  BackupStory story;
  story.registered(2);
  const fs::path old_key = story.dir / "old.key";
  back_up(story, story.dir / "backup");
  fs::copy_file(key_file(story), old_key);
  const auto erased = erase(story, story.made.subject);
  const std::vector<Uuid> records = erased_records(*story.engine, erased.position);
  REQUIRE_FALSE(records.empty());

  SECTION("today's key file says why such a vault cannot open") {
    // Without the checkpoint file nothing shows that it is behind; the vault still does not open.
    auto options = restore_of(story, story.dir / "backup", story.dir / "restored");
    options.checkpoint_file.clear();
    const auto refused = restore(options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == EngineFailure::master_key);
    CHECK(refused.error().detail.find("erased after this backup was made") != std::string::npos);
    CHECK_FALSE(fs::exists(story.dir / "restored"));
    options.checkpoint_file = story.options.checkpoint_file;
    options.allow_behind = true;
    const auto laid_out = restore(options);
    if (!laid_out) FAIL(laid_out.error().detail);
    CHECK_FALSE(laid_out->vault_opens);
  }
  SECTION("the old key file opens it, and the list of erasures takes the keys away again") {
    auto options = restore_of(story, story.dir / "backup", story.dir / "restored");
    options.master_key = old_key;
    options.allow_behind = true;
    const auto laid_out = restore(options);
    if (!laid_out) FAIL(laid_out.error().detail);
    CHECK(laid_out->erasures == 1);
    CHECK_FALSE(any_key(story.dir / "restored", old_key, records));
    for (const auto& file : fs::recursive_directory_iterator(story.dir / "restored" / "documents"))
      CHECK_FALSE(file.is_regular_file());
  }
  SECTION("an erasure in the list that the log does not know tells that the log is behind") {
    auto options = restore_of(story, story.dir / "backup", story.dir / "restored");
    options.master_key = old_key;
    fs::create_directory(story.dir / "list");
    options.checkpoint_file = story.dir / "list" / "checkpoint";
    REQUIRE(store::CheckpointFile::open(options.checkpoint_file));
    fs::copy_file(store::erasures_path(story.options.checkpoint_file),
                  store::erasures_path(options.checkpoint_file));
    const auto refused = restore(options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == EngineFailure::rolled_back);
    CHECK(refused.error().detail.find("an erasure at position") != std::string::npos);
  }
}

TEST_CASE("a key file older than the backup says so") {
  BackupStory story;
  const fs::path old_key = story.dir / "old.key";
  fs::copy_file(key_file(story), old_key);
  erase(story, story.made.subject);
  back_up(story, story.dir / "backup");
  auto options = restore_of(story, story.dir / "backup", story.dir / "restored");
  options.master_key = old_key;
  const auto refused = restore(options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == EngineFailure::master_key);
  CHECK(refused.error().detail.find("the key file is older than the backup") != std::string::npos);
}

TEST_CASE("restore asks for every signing key in force and for no other") {
  BackupStory story;
  const auto vkey = store::LogSigner::make_key({story.data()}, "ledger.test/story");
  REQUIRE(vkey);
  story.reopen();
  story.must(AddSigningKey{*vkey}, story.admin);
  const fs::path second = store::LogSigner::file_of({story.data()}, "ledger.test/story", *vkey);
  back_up(story, story.dir / "backup");
  auto options = restore_of(story, story.dir / "backup", story.dir / "restored");
  auto refused = restore(options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == EngineFailure::signing_key);
  CHECK(refused.error().detail.find(*vkey) != std::string::npos);
  CHECK_FALSE(fs::exists(story.dir / "restored"));

  REQUIRE(crypto::SigningKey::generate().save(story.dir / "other.key"));
  options.signing_keys.push_back(story.dir / "other.key");
  refused = restore(options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == EngineFailure::signing_key);
  CHECK(refused.error().detail.find("no key in force") != std::string::npos);

  options.signing_keys = {second, story.data() / "signing.key", second};
  const auto restored = restore(options);
  if (!restored) FAIL(restored.error().detail);
  CHECK(contents(story.dir / "restored" / "signing.key") == contents(story.data() / "signing.key"));
  CHECK(contents(story.dir / "restored" / second.filename()) == contents(second));
  const auto fault = reopen_at(story, story.dir / "restored");
  if (fault) FAIL(fault->detail);
}

TEST_CASE("a backup in which anything was changed or is missing is refused and leaves nothing") {
  BackupStory story;
  back_up(story, story.dir / "backup");
  const fs::path backup = story.dir / "backup", restored = story.dir / "restored";
  const auto options = restore_of(story, backup, restored);
  const std::string facts = contents(facts_path(backup));
  const auto refused = [&] {
    const auto outcome = restore(options);
    REQUIRE_FALSE(outcome);
    CHECK_FALSE(fs::exists(restored));
    CHECK_FALSE(fs::exists(story.dir / "restored.new"));
    return outcome.error().kind;
  };
  const auto put = [](const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  };
  SECTION("backup.json") {
    for (const std::string& wrong :
         {std::string("{}"), std::string("null"), facts.substr(0, facts.size() / 2),
          std::string(facts).replace(facts.find("\"size\":"), 8, "\"size\":9"),
          std::string(facts).replace(facts.find("backup 1"), 8, "backup 2"),
          std::string(facts).replace(facts.find("ledger.test/story"), 6, "Ledger"),
          std::string(facts).replace(facts.find("sha256:") + 7, 4, "0000")}) {
      INFO(wrong);
      put(facts_path(backup), wrong);
      CHECK(refused() == EngineFailure::damaged);
    }
    fs::remove(facts_path(backup));
    CHECK(refused() == EngineFailure::no_ledger);
  }
  SECTION("an entry") {
    std::string log = contents(backup / "ledger" / "data.mdb");
    const std::size_t at = log.find("示例科技有限公司");
    REQUIRE(at != std::string::npos);
    for (std::size_t found = at; found != std::string::npos; found = log.find("示例科技有限公司", found + 1))
      log[found + 1] ^= 1;
    put(backup / "ledger" / "data.mdb", log);
    CHECK(refused() == EngineFailure::damaged);
  }
  SECTION("a file") {
    const std::string name = GENERATE("ledger/data.mdb", "vault/data.mdb", "documents");
    fs::remove_all(backup / name);
    CHECK(refused() == EngineFailure::damaged);
  }
}

TEST_CASE("backup and restore refuse places that are taken or lie in each other") {
  BackupStory story;
  back_up(story, story.dir / "backup");
  const auto kind_of = [&](const fs::path& data, const fs::path& to) {
    auto options = backup_of(story, to);
    options.data = data;
    const auto outcome = backup(options);
    REQUIRE_FALSE(outcome);
    return outcome.error().kind;
  };
  CHECK(kind_of(story.data(), story.dir / "backup") == EngineFailure::ledger_exists);
  CHECK(kind_of(story.data(), story.data() / "backup") == EngineFailure::invalid);
  CHECK(kind_of(story.dir / "none", story.dir / "b") == EngineFailure::no_ledger);

  auto options = restore_of(story, story.dir / "backup", story.data());
  const auto kind_of_restore = [&] {
    const auto outcome = restore(options);
    REQUIRE_FALSE(outcome);
    return outcome.error().kind;
  };
  CHECK(kind_of_restore() == EngineFailure::ledger_exists);
  options.data = story.dir / "restored";
  fs::create_directory(options.data);
  std::ofstream(options.data / "something") << "else";
  CHECK(kind_of_restore() == EngineFailure::ledger_exists);
  fs::remove(options.data / "something");
  options.checkpoint_file = story.dir / "no-such-file";
  CHECK(kind_of_restore() == EngineFailure::invalid);
  CHECK_FALSE(fs::exists(options.checkpoint_file));
  options.checkpoint_file = story.options.checkpoint_file;
  const auto restored = restore(options);
  if (!restored) FAIL(restored.error().detail);
}

TEST_CASE("a backup of a ledger that stopped signing restores to one that does not write either") {
  BackupStory story;
  story.engine->stop_signing("a witness knows another history");
  back_up(story, story.dir / "backup");
  auto options = restore_of(story, story.dir / "backup", story.dir / "restored");
  const auto refused = restore(options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == EngineFailure::rolled_back);
  CHECK(refused.error().detail.find("another history") != std::string::npos);
  options.allow_behind = true;
  CHECK(restore(options));
  CHECK(fs::exists(story.dir / "restored" / "signing-stopped"));
}
