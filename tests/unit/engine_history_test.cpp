// What the engine promises about history: every acknowledged event is under a signed checkpoint, a ledger
// that lost events never signs again, keys change with overlap, and what was erased stays erased.
#include <filesystem>
#include <future>

#include <catch2/catch.hpp>

#include "events/store/erasure.hpp"
#include "events/store/stores.hpp"
#include "events/store/vault.hpp"
#include "events/tlog/cosignature.hpp"
#include "replay/rebuild.hpp"
#include "tests/support/engine_story.hpp"

using namespace ledger;
using namespace ledger::store;
using ledger::test::EngineStory;
using ledger::test::kPrivateTexts;
namespace fs = std::filesystem;

namespace {

std::vector<crypto::VerifierKey> keys_of(const Engine& engine) {
  std::vector<crypto::VerifierKey> keys;
  for (const std::string& vkey : engine.snapshot().lookup().ledger().vkeys)
    keys.push_back(*crypto::VerifierKey::parse(vkey));
  return keys;
}

/// Every event under the newest checkpoint, by its own path, and that signed by every key in force.
void require_proved(const Engine& engine) {
  const CheckpointPtr newest = engine.checkpoint();
  REQUIRE(newest->size() == engine.size());
  const auto keys = keys_of(engine);
  const auto signers = tlog::verify_checkpoint(newest->checkpoint, keys, {});
  REQUIRE(signers);
  CHECK(signers->log.size() == keys.size());
  const EntryReader log = engine.read_log();
  const tlog::RowHashReader hashes(log);
  for (std::uint64_t at = 0; at < newest->size(); ++at) {
    const auto path = tlog::inclusion_path(hashes, at, newest->size());
    REQUIRE(path);
    REQUIRE(tlog::verify_inclusion(at, newest->size(), tlog::leaf_hash(*log.entry(at)), *path,
                                   newest->checkpoint.checkpoint.root));
  }
}

std::string dump(const EngineStory& story) {
  auto views = Views::open(story.data() / "views", std::uint64_t{1} << 30, story.projections, true);
  REQUIRE(views);
  return (*views)->dump();
}

void copy_tree(const fs::path& from, const fs::path& to) {
  fs::remove_all(to);
  fs::copy(from, to, fs::copy_options::recursive);
}

EngineFault refusal_of_open(const EngineStory& story) {
  const auto opened = Engine::open(story.options, {});
  REQUIRE_FALSE(opened);
  return opened.error();
}

}  // namespace

TEST_CASE("every answered command is under the newest checkpoint, and any past size can be proved") {
  EngineStory story;
  story.whole_life(1);
  require_proved(*story.engine);
  const EntryReader log = story.engine->read_log();
  const auto keys = keys_of(*story.engine);
  for (std::uint64_t size = 1; size <= story.engine->size(); ++size) {
    const auto text = story.engine->checkpoint_at(size);
    REQUIRE(text);
    const auto past = tlog::parse_checkpoint(*text);
    REQUIRE(past);
    CHECK(past->checkpoint.size == size);
    CHECK(past->checkpoint.root == *tlog::root_at(tlog::RowHashReader(log), size));
    CHECK(tlog::verify_checkpoint(*past, keys, {}));
  }
  CHECK_FALSE(story.engine->checkpoint_at(0));
  CHECK_FALSE(story.engine->checkpoint_at(story.engine->size() + 1));
}

TEST_CASE("a ledger of a time before the tree gets it, and a signature, when it is opened") {
  EngineStory story(false);
  story.options.without_tree = true;
  story.open();
  story.whole_life(1);
  const std::uint64_t size = story.engine->size();
  CHECK(story.engine->read_log().hashed_size() < size);
  story.options.without_tree = false;
  std::vector<std::uint64_t> progress;
  story.options.on_progress = [&](std::uint64_t done, std::uint64_t) { progress.push_back(done); };
  story.reopen();
  CHECK(std::ranges::find(progress, size) != progress.end());
  CHECK(story.engine->size() == size);
  require_proved(*story.engine);
  story.registered(2);
  require_proved(*story.engine);
}

TEST_CASE("the checkpoint is there before the answer is, and the second place holds it") {
  EngineStory story(false);
  story.options.checkpoint_file = story.dir / "checkpoint";
  story.open();
  for (unsigned n = 1; n <= 20; ++n) {
    std::promise<void> done;
    story.engine->submit(EngineStory::submission(EngineStory::registration(n), Anonymous{}),
                         [&](Outcome outcome) {
                           REQUIRE(outcome);
                           CHECK(story.engine->checkpoint()->size() > outcome->position);
                           CHECK(CheckpointFile::read_last(story.options.checkpoint_file)->value() ==
                                 story.engine->checkpoint()->text);
                           done.set_value();
                         });
    done.get_future().wait();
  }
}

TEST_CASE("a rolled-back copy refuses to write, and says how far it fell behind") {
  EngineStory story(false);
  story.options.checkpoint_file = story.dir / "checkpoint";
  story.open();
  story.registered(1);
  story.engine.reset();
  copy_tree(story.data(), story.dir / "older");
  story.open();
  story.registered(2);
  story.registered(3);
  story.engine.reset();
  copy_tree(story.data(), story.dir / "newer");

  copy_tree(story.dir / "older", story.data());
  const EngineFault fault = refusal_of_open(story);
  CHECK(fault.kind == EngineFailure::rolled_back);
  CHECK(fault.detail.find("lost 2 acknowledged events") != std::string::npos);
  CHECK(fault.detail.find("mirror") != std::string::npos);

  // The older copy went on without the file: a fork, however long it gets.
  const auto file = std::exchange(story.options.checkpoint_file, fs::path());
  CHECK(refusal_of_open(story).detail.find("lost 2 acknowledged events") != std::string::npos);
  fs::remove(story.data() / "signing-stopped");
  story.open();
  CHECK(story.notices.back().find("started without it") != std::string::npos);
  for (unsigned n = 10; n < 20; ++n) story.registered(n);
  story.engine.reset();
  story.options.checkpoint_file = file;
  CHECK(refusal_of_open(story).detail.find("history was changed") != std::string::npos);

  copy_tree(story.dir / "newer", story.data());
  story.open();
  story.registered(4);
  require_proved(*story.engine);
}

TEST_CASE("a checkpoint file that was used is missed, and one that another process has is not shared") {
  EngineStory story(false);
  story.options.checkpoint_file = story.dir / "checkpoint";
  story.open();
  copy_tree(story.data(), story.dir / "twin");
  copy_tree(DataDirectory{story.data()}.default_master_key(), story.dir / "twin.key");
  EngineOptions twin = story.options;
  twin.data = story.dir / "twin";
  const auto both = Engine::open(twin, {});
  REQUIRE_FALSE(both);
  CHECK(both.error().detail.find("another process has the checkpoint file") != std::string::npos);
  story.registered(1);
  story.engine.reset();
  fs::rename(story.options.checkpoint_file, story.dir / "elsewhere");
  CHECK(refusal_of_open(story).detail.find("is missing") != std::string::npos);
  CHECK_FALSE(fs::exists(story.options.checkpoint_file));
  std::ofstream(story.options.checkpoint_file) << std::string(8192, '\0');
  CHECK(refusal_of_open(story).detail.find("holds no checkpoint") != std::string::npos);
  fs::rename(story.dir / "elsewhere", story.options.checkpoint_file);
  story.open();
  story.registered(2);
  story.engine.reset();
  story.options.checkpoint_file = story.data() / "checkpoint";
  fs::remove(story.data() / "second-place");
  CHECK(refusal_of_open(story).kind == EngineFailure::invalid);
}

TEST_CASE("a file that is behind the ledger by a crash is brought up to it") {
  EngineStory story(false);
  story.options.checkpoint_file = story.dir / "checkpoint";
  story.open();
  story.registered(1);
  story.engine.reset();
  const auto file = std::exchange(story.options.checkpoint_file, fs::path());
  story.open();
  story.registered(2);
  story.engine.reset();
  story.options.checkpoint_file = file;
  story.open();
  CHECK(CheckpointFile::read_last(file)->value() == story.engine->checkpoint()->text);
}

TEST_CASE("once signing is stopped nothing is committed, reads go on, and the next start refuses too") {
  EngineStory story;
  story.registered(1);
  const std::uint64_t size = story.engine->size();
  const std::string checkpoint = story.engine->checkpoint()->text;
  story.engine->stop_signing("the witness w knows another history");
  CHECK(story.code_of_ask(EngineStory::registration(2), Anonymous{}) == "signing_stopped");
  CHECK(story.code_of_ask(EngineStory::registration(3), Anonymous{}) == "signing_stopped");
  CHECK(story.engine->size() == size);
  CHECK(story.engine->snapshot().size() == size);
  CHECK(story.engine->checkpoint()->text == checkpoint);
  CHECK(story.engine->checkpoint_at(size) == checkpoint);
  CHECK_FALSE(story.engine->metrics().writable);
  CHECK(story.notices.back().find("SIGNING STOPPED") != std::string::npos);
  story.engine.reset();
  const EngineFault fault = refusal_of_open(story);
  CHECK(fault.kind == EngineFailure::rolled_back);
  CHECK(fault.detail.find("another history") != std::string::npos);
  fs::remove(story.data() / "signing-stopped");
  story.open();
  CHECK(story.code_of_ask(EngineStory::registration(2), Anonymous{}) == "ok");
  require_proved(*story.engine);
}

TEST_CASE("signing keys change with an overlap in which both sign") {
  EngineStory story;
  story.registered(1);
  const std::string first = story.created.vkey;
  const DataDirectory directory{story.data()};
  // A key whose private half is nowhere must not come into force.
  const std::string stranger =
      crypto::VerifierKey{.name = "ledger.test/story", .key = crypto::SigningKey::generate().public_key()}
          .text();
  CHECK(story.code_of_ask(AddSigningKey{stranger}, Trusted{}) == "signing_key_unknown");
  const auto second = LogSigner::make_key(directory, "ledger.test/story");
  REQUIRE(second);
  story.reopen();
  CHECK(story.code_of_ask(RetireSigningKey{first}, Trusted{}) == "signing_key_last");
  story.must(AddSigningKey{*second}, Trusted{});
  CHECK(story.code_of_ask(AddSigningKey{*second}, Trusted{}) == "signing_key_known");
  CHECK(story.engine->checkpoint()->checkpoint.note.signatures.size() == 2);
  require_proved(*story.engine);
  story.registered(2);
  story.reopen();
  require_proved(*story.engine);
  story.must(RetireSigningKey{first}, Trusted{});
  CHECK(story.engine->checkpoint()->checkpoint.note.signatures.size() == 1);
  fs::remove(directory.signing_key());
  story.reopen();
  story.registered(3);
  require_proved(*story.engine);
  const auto key = crypto::VerifierKey::parse(*second);
  CHECK(tlog::verify_checkpoint(story.engine->checkpoint()->checkpoint, {&*key, 1}, {}));
  story.engine.reset();

  fs::remove(LogSigner::file_of(directory, "ledger.test/story", *second));
  const EngineFault fault = refusal_of_open(story);
  CHECK(fault.kind == EngineFailure::signing_key);
  CHECK(fault.detail.find(*second) != std::string::npos);
}

TEST_CASE("cosignatures come behind a kept checkpoint's own, newest or not, and outlive a restart") {
  EngineStory story;
  story.registered(1);
  const CheckpointPtr older = story.engine->checkpoint();
  story.registered(2);
  const auto witness = crypto::SigningKey::generate();
  const auto cosign = [&](const PublishedCheckpoint& checkpoint, std::uint64_t time) {
    const auto signature = tlog::cosign("witness.test/w", witness, time, checkpoint.checkpoint.note.text);
    story.engine->add_cosignatures(checkpoint.size(), {&signature, 1});
  };
  CHECK_FALSE(story.engine->cosigned_checkpoint());
  cosign(*older, 1'790'000'000);
  const auto wait_for = [&](std::uint64_t size) {
    for (int i = 0; i < 2'000; ++i) {
      if (const auto found = story.engine->cosigned_checkpoint(); found && found->size() == size)
        return found;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    FAIL("no cosigned checkpoint of size " << size);
    return CheckpointPtr();
  };
  CHECK(wait_for(older->size())->checkpoint.note.signatures.size() == 2);
  CHECK(story.engine->checkpoint()->checkpoint.note.signatures.size() == 1);
  cosign(*story.engine->checkpoint(), 1'790'000'001);
  const CheckpointPtr newest = wait_for(story.engine->size());
  CHECK(story.engine->checkpoint()->text == newest->text);
  const crypto::VerifierKey vkey = tlog::cosigner_key("witness.test/w", witness.public_key());
  const auto signers = tlog::verify_checkpoint(newest->checkpoint, keys_of(*story.engine), {&vkey, 1});
  REQUIRE(signers);
  CHECK(signers->witnesses.size() == 1);
  story.reopen();
  CHECK(story.engine->checkpoint()->text == newest->text);
  CHECK(story.engine->checkpoint_at(older->size())->find("witness.test/w") != std::string::npos);
}

TEST_CASE("an erasure destroys every value of the subject for good, and every proof still verifies") {
  EngineStory story;
  const Uuid filing = story.whole_life(1);
  const Uuid other = story.whole_life(2);
  const Uuid subject = story.engine->snapshot().lookup().filing(filing)->subject_id;
  const std::uint64_t before = story.engine->size();
  std::vector<std::string> entries;
  {
    const EntryReader log = story.engine->read_log();
    for (std::uint64_t at = 0; at < before; ++at) entries.emplace_back(text_of(*log.entry(at)));
  }
  const auto values_of = [&](const Uuid& id) {
    std::size_t open = 0, closed = 0;
    const Snapshot snapshot = story.engine->snapshot();
    for (const std::uint64_t at : snapshot.stream_positions({StreamKind::filing, id}, 0, 100)) {
      const auto read = snapshot.event(at, true);
      open += codec::private_values(read->event.payload).size();
      closed += codec::private_fields(read->event.payload).size() -
                codec::private_values(read->event.payload).size();
    }
    return std::pair(open, closed);
  };
  REQUIRE(values_of(filing).second == 0);
  CHECK(story.code_of_ask(EraseSubject{subject, "pipl-48", {}, {}}, story.admin) == "fields_invalid");
  CHECK(story.code_of_ask(EraseSubject{subject, "other", {}, {}}, story.admin) == "fields_invalid");
  CHECK(story.code_of_ask(EraseSubject{subject, "pipl-47", {}, std::vector{Uuid{}}}, story.admin) ==
        "fields_invalid");
  story.must(PlaceHold{subject, "诉讼"}, story.admin);
  CHECK(story.code_of_ask(EraseSubject{subject, "pipl-47", {}, {}}, story.admin) == "legal_hold");
  story.must(LiftHold{subject, {}}, story.admin);
  const std::uint32_t epoch = story.engine->key_epoch();
  const auto documents = story.data() / "documents";
  REQUIRE(fs::exists(documents / hex(subject.bytes)));

  const Accepted accepted = story.must(EraseSubject{subject, "pipl-47", "本人请求", {}}, story.admin);
  CHECK(accepted.warnings == std::vector<std::string>{"vault_backups_void"});
  CHECK(story.engine->key_epoch() == epoch + 1);
  const auto event = story.engine->snapshot().event(accepted.position, true);
  const auto& erased = std::get<PersonalDataErased>(event->event.payload);
  CHECK(erased.key_epoch == epoch + 1);
  CHECK(erased.note.value == "本人请求");
  for (const Uuid& record : erased.records) CHECK_FALSE(story.engine->record_key(record));
  CHECK(values_of(filing).first == 0);
  CHECK(values_of(other).second == 0);
  CHECK_FALSE(story.engine->document_key(subject));
  CHECK_FALSE(fs::exists(documents / hex(subject.bytes)));
  CHECK(story.code_of_ask(EraseSubject{subject, "pipl-47", {}, {}}, story.admin) == "already_erased");
  {
    const EntryReader log = story.engine->read_log();
    for (std::uint64_t at = 0; at < before; ++at) REQUIRE(text_of(*log.entry(at)) == entries[at]);
  }
  require_proved(*story.engine);

  // What stays of it in the views is what a rebuild without the keys gives.
  story.engine.reset();
  const std::string live = dump(story);
  REQUIRE(replay::rebuild({.data = story.data(), .master_key = {}, .on_progress = {}}, story.projections));
  CHECK(dump(story) == live);
}

TEST_CASE("an erasure that a crash or a restored vault left undone is carried out at the next start") {
  EngineStory story(false);
  story.options.checkpoint_file = story.dir / "checkpoint";
  story.open();
  const Uuid filing = story.whole_life(1);
  const Uuid subject = story.engine->snapshot().lookup().filing(filing)->subject_id;
  story.engine.reset();
  const fs::path key_file = DataDirectory{story.data()}.default_master_key();
  copy_tree(story.data() / "vault", story.dir / "vault.before");
  copy_tree(story.data() / "documents", story.dir / "documents.before");
  copy_tree(key_file, story.dir / "key.before");
  story.open();
  const Accepted accepted = story.must(EraseSubject{subject, "court_order", {}, {}}, story.admin);
  story.engine.reset();
  const auto noted = read_erasures(erasures_path(story.options.checkpoint_file));
  REQUIRE(noted);
  REQUIRE(noted->size() == 1);
  CHECK((*noted)[0].position == accepted.position);

  // As after a power cut right behind the ledger's commit.
  copy_tree(story.dir / "vault.before", story.data() / "vault");
  copy_tree(story.dir / "documents.before", story.data() / "documents");
  copy_tree(story.dir / "key.before", key_file);
  story.open();
  for (const Uuid& record : (*noted)[0].records) CHECK_FALSE(story.engine->record_key(record));
  CHECK_FALSE(fs::exists(story.data() / "documents" / hex(subject.bytes)));
  story.engine.reset();
  const std::string live = dump(story);
  REQUIRE(replay::rebuild({.data = story.data(), .master_key = {}, .on_progress = {}}, story.projections));
  CHECK(dump(story) == live);
}

TEST_CASE("a part of a subject's records can be erased, and what is saved afterwards gets keys of its own") {
  EngineStory story;
  const Granted initial = story.staff(Role::initial_reviewer, "初审员");
  const auto made = story.qualified(1, initial);
  const Uuid filing =
      story.must(CreateFiling{made.subject, EngineStory::draft_form("第一稿")}, made.filer).id;
  const std::uint64_t first = story.engine->size() - 1;
  const Uuid record = story.engine->snapshot().event(first, false)->parts.records.at(0);
  story.must(EraseSubject{made.subject, "pipl-47", {}, std::vector{record}}, story.admin);
  const Snapshot after = story.engine->snapshot();
  CHECK_FALSE(after.lookup().private_text(first, field::kDraftForm));
  CHECK(after.lookup().subject_form(*after.lookup().subject(made.subject)->information_position));
  story.must(SaveDraft{filing, EngineStory::draft_form("第二稿")}, made.filer);
  const auto second = story.engine->snapshot().event(story.engine->size() - 1, true);
  CHECK(second->parts.records.at(0) != record);
  CHECK(std::get<DraftSaved>(second->event.payload).form.value);
}

TEST_CASE(
    "erasures and drafts decided while a batch is being committed lose nothing that was saved after them") {
  EngineStory story;
  const Granted initial = story.staff(Role::initial_reviewer, "初审员");
  const auto made = story.qualified(1, initial);
  std::vector<Uuid> filings;
  for (int i = 0; i < 8; ++i)
    filings.push_back(story.must(CreateFiling{made.subject, EngineStory::draft_form()}, made.filer).id);
  std::atomic<int> waiting = 0;
  std::mutex mutex;
  std::vector<std::uint64_t> erasures, drafts;
  for (int round = 0; round < 40; ++round) {
    for (const Uuid& filing : filings) {
      ++waiting;
      story.engine->submit(EngineStory::submission(SaveDraft{filing, EngineStory::draft_form()}, made.filer),
                           [&](Outcome outcome) {
                             const std::lock_guard lock(mutex);
                             if (outcome) drafts.push_back(outcome->position);
                             --waiting;
                           });
    }
    ++waiting;
    story.engine->submit(EngineStory::submission(EraseSubject{made.subject, "pipl-47", {}, {}}, story.admin),
                         [&](Outcome outcome) {
                           const std::lock_guard lock(mutex);
                           if (outcome) erasures.push_back(outcome->position);
                           --waiting;
                         });
  }
  while (waiting != 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  REQUIRE(drafts.size() == 320);
  REQUIRE_FALSE(erasures.empty());
  const std::uint64_t last = *std::ranges::max_element(erasures);
  const Snapshot snapshot = story.engine->snapshot();
  for (const std::uint64_t at : drafts) {
    CAPTURE(at, last);
    CHECK(snapshot.lookup().private_text(at, field::kDraftForm).has_value() == (at > last));
  }
  require_proved(*story.engine);
}
