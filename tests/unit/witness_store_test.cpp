// What a witness never forgets: made whole or not at all, opened whole or refused, moved forward only.
#include "server/witness/witness_store.hpp"

#include <atomic>
#include <fstream>
#include <thread>

#include <catch2/catch.hpp>

#include "tests/support/temp_dir.hpp"
#include "tests/support/witness_story.hpp"

using namespace ledger;
using namespace ledger::witness;
using ledger::test::kWitnessName;
using ledger::test::LogStory;
using ledger::test::TempDir;
using Kind = WitnessFault::Kind;

namespace {

std::unique_ptr<WitnessStore> opened(const std::filesystem::path& directory) {
  auto store = WitnessStore::open(directory, kWitnessName);
  if (!store) FAIL(store.error().detail);
  return std::move(*store);
}

Kind refusal(const std::filesystem::path& directory, std::string_view name = kWitnessName) {
  const auto store = WitnessStore::open(directory, name);
  REQUIRE_FALSE(store);
  INFO(store.error().detail);
  CHECK_FALSE(store.error().detail.empty());
  return store.error().kind;
}

}  // namespace

TEST_CASE("a witness remembers its key and what it has cosigned") {
  const TempDir root;
  const auto directory = root / "a/b";
  const auto key = crypto::SigningKey::generate();
  const LogStory story;
  CHECK(WitnessStore::is_vacant(directory));
  REQUIRE(WitnessStore::create(directory, kWitnessName, key));
  CHECK_FALSE(WitnessStore::is_vacant(directory));
  const tlog::SeenCheckpoint at6{6, LogStory::root(story.hashes, 6)};
  const std::string hash = tlog::origin_hash(story.origin);
  {
    const auto store = opened(directory);
    CHECK(store->key().public_key() == key.public_key());
    CHECK(store->seen(story.origin).size == 0);
    CHECK_FALSE(store->checkpoint(hash));
    CHECK(store->advance(story.origin, {}, at6, "six").value());
  }
  const auto store = opened(directory);
  CHECK(store->key().public_key() == key.public_key());
  CHECK(store->seen(story.origin).size == 6);
  CHECK(store->seen(story.origin).root == at6.root);
  CHECK(store->checkpoint(hash) == "six");
  CHECK(store->seen("another").size == 0);
  CHECK_FALSE(store->checkpoint(tlog::origin_hash("another")));
  for (const std::string& text : {std::string(), std::string("six"), std::string(64, 'A'), hash + "0"}) {
    CHECK_FALSE(store->checkpoint(text));
  }
  // Any origin that a checkpoint can name, however long.
  const std::string long_origin(100'000, 'x');
  CHECK(store->advance(long_origin, {}, at6, "long").value());
  CHECK(store->checkpoint(tlog::origin_hash(long_origin)) == "long");
}

TEST_CASE("a step from what is no longer there changes nothing") {
  const TempDir root;
  const LogStory story;
  REQUIRE(WitnessStore::create(root / "w", kWitnessName));
  const auto store = opened(root / "w");
  const tlog::SeenCheckpoint at6{6, LogStory::root(story.hashes, 6)}, at9{9, LogStory::root(story.hashes, 9)};
  CHECK(store->advance(story.origin, {}, at9, "nine").value());
  CHECK_FALSE(store->advance(story.origin, {}, at6, "six").value());
  CHECK_FALSE(store->advance(story.origin, at6, at9, "six").value());
  CHECK_FALSE(store->advance(story.origin, {9, LogStory::root(story.fork, 9)}, at9, "fork").value());
  CHECK(store->seen(story.origin).size == 9);
  CHECK(store->checkpoint(tlog::origin_hash(story.origin)) == "nine");
}

TEST_CASE("of two threads that race only consistent growth comes out") {
  const TempDir root;
  const LogStory story;
  REQUIRE(WitnessStore::create(root / "w", kWitnessName));
  const auto store = opened(root / "w");
  // One shows the log, the other its other history; whoever is first past the common part shuts the other
  // out.
  std::atomic<int> won[2] = {0, 0};
  const auto race = [&](int who) {
    const tlog::MemoryHashes& of = who == 0 ? story.hashes : story.fork;
    const std::vector keys{story.vkey()};
    for (int i = 0; i < 400; ++i) {
      const auto seen = store->seen(story.origin);
      const std::uint64_t size = std::min<std::uint64_t>(seen.size + 1, 40);
      const auto request = story.request_of(of, seen.size, size);
      if (tlog::judge_checkpoint(request, seen, keys) != tlog::WitnessStatus::cosigned) continue;
      const Digest root_there = request.checkpoint.checkpoint.root;
      if (store->advance(story.origin, seen, {size, root_there}, request.checkpoint.text()).value() &&
          size > 5) {
        ++won[who];
      }
    }
  };
  std::thread first(race, 0), second(race, 1);
  first.join();
  second.join();
  CHECK(store->seen(story.origin).size == 40);
  CHECK(won[0] + won[1] >= 35);
  CHECK((won[0] == 0 || won[1] == 0));
  const bool log_won = won[0] != 0;
  CHECK(store->seen(story.origin).root == LogStory::root(log_won ? story.hashes : story.fork, 40));
}

TEST_CASE("a directory that holds half a witness, another one or something else is refused loudly") {
  const TempDir root;
  CHECK(refusal(root / "absent") == Kind::not_witness);
  const auto make = [&](const char* name) {
    REQUIRE(WitnessStore::create(root / name, kWitnessName));
    return root / name;
  };
  const auto without_state = make("without_state");
  std::filesystem::remove_all(without_state / "witness/state");
  CHECK(refusal(without_state) == Kind::not_witness);
  CHECK_FALSE(WitnessStore::is_vacant(without_state));
  CHECK_FALSE(WitnessStore::create(without_state, kWitnessName));

  const auto without_key = make("without_key");
  std::filesystem::remove(without_key / "witness/witness.key");
  CHECK(refusal(without_key) == Kind::not_witness);
  CHECK_FALSE(WitnessStore::create(without_key, kWitnessName));

  const auto exchanged = make("exchanged");
  std::filesystem::remove(exchanged / "witness/witness.key");
  REQUIRE(crypto::SigningKey::generate().save(exchanged / "witness/witness.key"));
  CHECK(refusal(exchanged) == Kind::damaged);

  const auto renamed = make("renamed");
  CHECK(refusal(renamed, "witness.example/w2") == Kind::other_name);
  const auto key = WitnessStore::verifier_key(renamed);
  REQUIRE(key);
  CHECK(key->name == kWitnessName);
  {
    const auto held = opened(renamed);
    CHECK(refusal(renamed) == Kind::locked);
    CHECK(key->key == held->key().public_key());
  }
  CHECK_FALSE(WitnessStore::create(renamed, kWitnessName));
  CHECK(refusal(make("open") / "witness") == Kind::not_witness);

  std::filesystem::create_directory(root / "other");
  std::ofstream(root / "other/file") << "x";
  CHECK_FALSE(WitnessStore::is_vacant(root / "other"));
  const auto made = WitnessStore::create(root / "other", kWitnessName);
  REQUIRE_FALSE(made);
  CHECK(made.error().kind == Kind::not_witness);
}

TEST_CASE("a creation that was cut short leaves a vacant directory, and the next one a whole witness") {
  const TempDir root;
  const auto directory = root / "w";
  std::filesystem::create_directories(directory / "witness.new/state");
  REQUIRE(crypto::SigningKey::generate().save(directory / "witness.new/witness.key"));
  std::filesystem::create_directory(directory / "lost+found");
  CHECK(WitnessStore::is_vacant(directory));
  CHECK(refusal(directory) == Kind::not_witness);
  REQUIRE(WitnessStore::create(directory, kWitnessName));
  CHECK_FALSE(std::filesystem::exists(directory / "witness.new"));
  CHECK(opened(directory)->seen("x").size == 0);
  CHECK_THROWS_AS((void)WitnessStore::create(root / "v", "two words"), std::invalid_argument);
  CHECK_FALSE(std::filesystem::exists(root / "v"));
}
