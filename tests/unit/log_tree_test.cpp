// The log's tree on the disk: what a commit stores and signs, what a start makes of it, and the second place.
#include <fstream>
#include <random>

#include <catch2/catch.hpp>

#include "events/crypto/primitives.hpp"
#include "events/store/checkpoint_file.hpp"
#include "events/store/checkpoints.hpp"
#include "events/store/entry_store.hpp"
#include "events/store/rollback.hpp"
#include "tests/support/memory_hashes.hpp"
#include "tests/support/temp_dir.hpp"

using namespace ledger;
using namespace ledger::store;
using ledger::test::TempDir;

namespace {

constexpr std::uint64_t kMap = std::uint64_t{1} << 30;
const std::string kOrigin = "ledger.test/tree";

/// A log of made-up entries, beside a tree that is computed from them in memory.
struct Log {
  TempDir dir;
  crypto::SigningKey key = crypto::SigningKey::generate();
  std::vector<std::string> vkeys = {crypto::VerifierKey{.name = kOrigin, .key = key.public_key()}.text()};
  std::unique_ptr<EntryStore> store;
  tlog::MemoryHashes expected;
  std::vector<std::string> entries;
  std::int64_t now = 1'790'000'000'000'000;

  Log() { open(); }
  void open() {
    store.reset();
    auto opened = EntryStore::open(dir / "ledger", kMap);
    REQUIRE(opened);
    store = std::move(*opened);
    store->set_signer(LogSigner(kOrigin, key));
  }
  void load() {
    const auto loaded = store->load_tree();
    if (!loaded) FAIL(loaded.error().detail);
  }
  auto append(std::size_t count, std::optional<std::uint64_t> forget = {}) {
    const std::uint64_t first = entries.size();
    for (std::size_t i = 0; i < count; ++i) {
      entries.push_back("entry " + std::to_string(entries.size()));
      expected.append(tlog::leaf_hash(bytes_of(entries.back())));
    }
    std::vector<StoredRow> rows;
    for (std::size_t i = first; i < entries.size(); ++i)
      rows.push_back({bytes_of(entries[i]), {}, tlog::leaf_hash(bytes_of(entries[i]))});
    return store->commit(
        {.first = first, .rows = rows, .at = {now}, .vkeys = vkeys, .forget_checkpoint = forget});
  }
  EntryReader reader() {
    auto reader = store->read();
    REQUIRE(reader);
    return std::move(*reader);
  }
};

/// The first `size` entries' root, from the tree in memory.
Digest root_of(const Log& log, std::uint64_t size) {
  return *tlog::root_at(log.expected, size);
}

}  // namespace

TEST_CASE("each commit stores the hashes of its entries and a checkpoint with the log's root") {
  Log log;
  log.load();
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  while (log.entries.size() < 5'000) {
    const auto checkpoint = log.append(1 + random() % 400);
    REQUIRE(checkpoint);
    REQUIRE(checkpoint->checkpoint.size == log.entries.size());
    REQUIRE(checkpoint->checkpoint.root == log.expected.range().root());
    REQUIRE(checkpoint->checkpoint.origin == kOrigin);
    const auto kept = log.reader().checkpoint(log.entries.size());
    REQUIRE(kept);
    CHECK(kept->text == checkpoint->text());
    CHECK(kept->at == TimestampUs{log.now});
    const auto key = crypto::VerifierKey::parse(log.vkeys[0]);
    CHECK(tlog::verify_checkpoint(*checkpoint, {&*key, 1}, {}));
  }
  const EntryReader reader = log.reader();
  const tlog::RowHashReader hashes(reader);
  const std::uint64_t size = log.entries.size();
  CHECK(reader.hashed_size() == size);
  for (int i = 0; i < 500; ++i) {
    const std::uint64_t of = 1 + random() % size, at = random() % of, from = 1 + random() % of;
    CAPTURE(of, at, from);
    REQUIRE(*tlog::root_at(hashes, of) == root_of(log, of));
    const auto path = tlog::inclusion_path(hashes, at, of);
    REQUIRE(path);
    CHECK(
        tlog::verify_inclusion(at, of, tlog::leaf_hash(bytes_of(log.entries[at])), *path, root_of(log, of)));
    const auto grown = tlog::consistency_path(hashes, from, of);
    REQUIRE(grown);
    CHECK(tlog::verify_consistency(from, of, root_of(log, from), root_of(log, of), *grown));
  }
  // Nothing is stored of what the log has not come to.
  CHECK_FALSE(hashes.read(0, size));
}

TEST_CASE("a log goes on where it stood after it was closed") {
  Log log;
  log.load();
  for (const std::size_t count : {1u, 15u, 1u, 239u, 1u, 255u, 3'000u}) {
    REQUIRE(log.append(count));
    log.open();
    log.load();
    CHECK(log.store->root() == log.expected.range().root());
  }
}

TEST_CASE("a log of a time before the tree gets it in steps, and each of its hashes is right") {
  Log log;
  log.load();
  log.store->leave_tree_out();
  constexpr std::size_t kCount = 140'000;  // more than two steps
  for (std::size_t done = 0; done < kCount; done += 20'000) REQUIRE(log.append(20'000));
  CHECK(log.reader().hashed_size() == 0);
  CHECK_FALSE(log.reader().checkpoint_up_to(kCount));
  log.open();
  std::vector<std::uint64_t> steps;
  REQUIRE(log.store->load_tree([&](std::uint64_t done, std::uint64_t total) {
    CHECK(total == kCount);
    steps.push_back(done);
  }));
  CHECK(steps.size() == 3);
  CHECK(log.store->root() == log.expected.range().root());
  const auto sealed = log.store->seal_log({log.now}, log.vkeys);
  REQUIRE(sealed);
  CHECK(sealed->checkpoint.root == log.expected.range().root());
  CHECK(log.reader().checkpoint(kCount)->text == sealed->text());
  // And again: nothing is signed twice.
  CHECK(log.store->seal_log({log.now}, log.vkeys)->text() == sealed->text());
  REQUIRE(log.append(17));
  CHECK(log.store->root() == log.expected.range().root());
}

TEST_CASE("an entry that was stored other than it was made is never signed") {
  Log log;
  log.load();
  const std::string entry = "what was meant";
  const std::vector<StoredRow> rows = {{bytes_of(entry), {}, tlog::leaf_hash(bytes_of("something else"))}};
  CHECK_THROWS_AS(
      log.store->commit({.first = 0, .rows = rows, .at = {}, .vkeys = log.vkeys, .forget_checkpoint = {}}),
      StoreDamage);
  CHECK(log.reader().size() == 0);
  CHECK_FALSE(log.reader().checkpoint_up_to(1));
}

TEST_CASE("hashes that do not give the root of the newest checkpoint are refused at start") {
  Log log;
  log.load();
  REQUIRE(log.append(300));
  log.store.reset();
  // The leaf hash of one entry, wherever it lies in the file.
  const auto file = log.dir / "ledger" / "data.mdb";
  std::ifstream in(file, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  const Digest leaf = tlog::leaf_hash(bytes_of(log.entries[299]));
  const std::size_t at = bytes.find(text_of(bytes_of(leaf.bytes)));
  REQUIRE(at != std::string::npos);
  bytes[at + 7] = static_cast<char>(bytes[at + 7] ^ 1);
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
  log.open();
  const auto loaded = log.store->load_tree();
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().kind == TreeFault::Kind::damaged);
  CHECK(loaded.error().detail.find("300") != std::string::npos);
}

TEST_CASE("a checkpoint that need not be kept goes with a later commit, cosignatures stay with theirs") {
  Log log;
  log.load();
  REQUIRE(log.append(3));
  REQUIRE(log.append(4));
  const auto cosigned = log.reader().checkpoint(7);
  const std::string text = std::string(cosigned->text) + "\xE2\x80\x94 w AAAA\n";
  REQUIRE(log.store->cosign(7, {log.now}, text));
  REQUIRE(log.append(5, 3));
  const EntryReader reader = log.reader();
  CHECK_FALSE(reader.checkpoint(3));
  CHECK(reader.checkpoint(7)->text == text);
  CHECK(reader.checkpoint_up_to(11)->size == 7);
  CHECK(reader.checkpoint_up_to(12)->size == 12);
  CHECK_FALSE(reader.checkpoint_up_to(2));
}

TEST_CASE("of the checkpoints of a second one is kept, and whatever was shown or cosigned") {
  Checkpoints checkpoints;
  const auto publish = [&](std::uint64_t size, std::int64_t ms) {
    tlog::SignedCheckpoint signed_one;
    signed_one.checkpoint = {kOrigin, size, {}};
    checkpoints.publish(std::move(signed_one), {ms * 1000});
    return checkpoints.take_forgettable();
  };
  CHECK_FALSE(publish(1, 1'000));  // what stood at start
  CHECK_FALSE(publish(2, 1'100));  // 1 stays: the first of its second
  CHECK(publish(3, 1'200) == 2);
  CHECK(checkpoints.serve()->size() == 3);
  CHECK_FALSE(publish(4, 1'300));  // 3 was shown
  CHECK(publish(5, 1'400) == 4);
  CHECK(publish(6, 2'000) == 5);
  CHECK_FALSE(publish(7, 2'100));  // 6 is the first of the next second
  PublishedCheckpoint cosigned;
  cosigned.checkpoint.checkpoint.size = 7;
  cosigned.at = {2'100'000};
  cosigned.cosigned = true;
  checkpoints.cosigned(cosigned);
  CHECK(checkpoints.newest()->cosigned);
  CHECK_FALSE(publish(8, 2'200));
  CHECK(checkpoints.newest_cosigned()->size() == 7);
  CHECK(publish(9, 2'300) == 8);
}

TEST_CASE("the checkpoint file gives what was written last, also where the other slot is torn") {
  TempDir dir;
  const auto path = dir / "checkpoint";
  const auto last = [&] {
    auto last = CheckpointFile::read_last(path);
    if (!last) FAIL(last.error().message());
    return *last;
  };
  CHECK_FALSE(CheckpointFile::open(path)->last());
  for (int i = 1; i <= 5; ++i) {
    auto file = CheckpointFile::open(path);
    REQUIRE(file);
    REQUIRE(file->write("checkpoint " + std::to_string(i)));
    CHECK(last() == "checkpoint " + std::to_string(i));
    CHECK_FALSE(CheckpointFile::open(path));  // one at a time
  }
  {
    auto file = CheckpointFile::open(path);
    std::filesystem::copy_file(path, dir / "kept");
    std::filesystem::remove(path);
    CHECK_FALSE(file->write("nobody would find it"));
    std::filesystem::rename(dir / "kept", path);
  }
  const auto spoil = [&](std::streamoff at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const char byte = static_cast<char>(file.get());
    file.seekp(at);
    file.put(static_cast<char>(byte ^ 4));
  };
  // The fifth went into the second slot: a torn write of a sixth would have hit the first one.
  spoil(100);
  CHECK(last() == "checkpoint 5");
  spoil(100);
  spoil(4096 + 30);
  CHECK(last() == "checkpoint 4");
  spoil(40);
  const auto neither = CheckpointFile::open(path);
  REQUIRE_FALSE(neither);
  CHECK(neither.error().message().find("no whole slot") != std::string::npos);
  std::ofstream(path, std::ios::trunc) << "another file";
  CHECK_FALSE(CheckpointFile::open(path));
}

TEST_CASE("a log that is not the continuation of what was published is told by why") {
  Log log;
  log.load();
  const auto small = log.append(10);
  const auto large = log.append(10);
  REQUIRE(small);
  REQUIRE(large);
  const auto why = [&](const std::string& published) {
    return contradiction(log.reader(), kOrigin, published).value_or("nothing");
  };
  CHECK(why(small->text()) == "nothing");
  CHECK(why(large->text()) == "nothing");
  Log other;
  other.load();
  other.entries.push_back("another entry");
  other.expected.append(tlog::leaf_hash(bytes_of(other.entries[0])));
  const std::vector<StoredRow> rows = {
      {bytes_of(other.entries[0]), {}, tlog::leaf_hash(bytes_of(other.entries[0]))}};
  const auto forked = other.store->commit(
      {.first = 0, .rows = rows, .at = {}, .vkeys = other.vkeys, .forget_checkpoint = {}});
  REQUIRE(forked);
  CHECK(why(forked->text()).find("history was changed") != std::string::npos);
  CHECK(contradiction(other.reader(), kOrigin, large->text())->find("lost 19") != std::string::npos);
  CHECK(contradiction(log.reader(), "another", large->text())->find("another ledger") != std::string::npos);
  CHECK(why("no checkpoint").find("does not read") != std::string::npos);
}

TEST_CASE("erasures beside the checkpoint file are read back, and a line that was cut off is passed over") {
  TempDir dir;
  const auto path = erasures_path(dir / "checkpoint");
  const auto id = [](std::uint8_t n) {
    Uuid id;
    id.bytes.fill(n);
    return id;
  };
  const std::vector<Erasure> both = {{17, id(1), {id(2), id(3)}}, {40, id(4), {id(5)}}};
  CHECK(read_erasures(path)->empty());
  REQUIRE(add_erasures(path, std::span(both).first(1)));
  REQUIRE(add_erasures(path, both));
  CHECK(*read_erasures(path) == both);
  std::ofstream(path, std::ios::app) << "41 " << id(1).text();
  CHECK(*read_erasures(path) == both);
  const std::vector<Erasure> third = {{50, id(6), {id(7)}}};
  REQUIRE(add_erasures(path, third));
  CHECK(read_erasures(path)->size() == 3);
  std::ofstream(path, std::ios::app) << "nonsense\n";
  CHECK_FALSE(read_erasures(path));
}
