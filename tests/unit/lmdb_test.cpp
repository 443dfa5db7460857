#include "events/store/lmdb.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/support/temp_dir.hpp"

using namespace ledger;
using namespace ledger::store;
using ledger::test::TempDir;

namespace {

struct Opened {
  std::unique_ptr<Environment> environment;
  Database rows;
};

Opened open_in(const std::filesystem::path& path, std::uint64_t map_size = 16u << 20, bool no_sync = true) {
  auto environment = Environment::open(
      {.path = path, .map_size = map_size, .max_databases = 4, .no_sync = no_sync, .room_step = 256u << 10});
  REQUIRE(environment);
  auto databases = (*environment)->open_databases({"rows"});
  REQUIRE(databases);
  return {std::move(*environment), databases->front()};
}

void put_all(Opened& at, std::initializer_list<const char*> keys) {
  auto txn = at.environment->write();
  REQUIRE(txn);
  for (const char* key : keys)
    REQUIRE(txn->put(at.rows, bytes_of(key), bytes_of(std::string("value of ") + key)));
  REQUIRE(std::move(*txn).commit());
}

std::string text(std::optional<Bytes> value) {
  return value ? std::string(text_of(*value)) : "(none)";
}

}  // namespace

TEST_CASE("what was committed is read back after reopening; what was not is gone") {
  const TempDir place;
  {
    Opened at = open_in(place / "db", 16u << 20, false);
    put_all(at, {"a", "b"});
    auto dropped = at.environment->write();
    REQUIRE(dropped->put(at.rows, bytes_of("c"), bytes_of("never")));
    REQUIRE(dropped->del(at.rows, bytes_of("a")));
    REQUIRE(text(dropped->get(at.rows, bytes_of("c"))) == "never");
  }
  Opened at = open_in(place / "db");
  auto txn = at.environment->read();
  REQUIRE(txn);
  REQUIRE(text(txn->get(at.rows, bytes_of("a"))) == "value of a");
  REQUIRE(text(txn->get(at.rows, bytes_of("c"))) == "(none)");
  REQUIRE(txn->count(at.rows) == 2);
  struct stat facts {};
  REQUIRE(::stat((place / "db" / "data.mdb").c_str(), &facts) == 0);
  REQUIRE((facts.st_mode & 0777) == 0600);
}

TEST_CASE("keys of impossible length are absent when read and refused when written") {
  const TempDir place;
  Opened at = open_in(place / "db");
  const std::string longest(kKeyBytesMax, 'k');
  const std::string too_long(kKeyBytesMax + 1, 'k');
  auto txn = at.environment->write();
  REQUIRE(txn->put(at.rows, bytes_of(longest), bytes_of("v")));
  REQUIRE_FALSE(txn->put(at.rows, bytes_of(too_long), bytes_of("v")));
  REQUIRE_FALSE(txn->put(at.rows, {}, bytes_of("v")));
  REQUIRE(text(txn->get(at.rows, bytes_of(longest))) == "v");
  REQUIRE_FALSE(txn->get(at.rows, bytes_of(too_long)));
  REQUIRE_FALSE(txn->get(at.rows, {}));
  Cursor cursor = txn->cursor(at.rows);
  REQUIRE(cursor.seek(bytes_of(longest)));
  REQUIRE_FALSE(cursor.seek(bytes_of(too_long)));
  REQUIRE(cursor.seek_before(bytes_of(too_long)));
  REQUIRE(text_of(cursor.key()) == longest);
}

TEST_CASE("an append goes behind the last key only, a new put where nothing was") {
  const TempDir place;
  Opened at = open_in(place / "db");
  auto txn = at.environment->write();
  REQUIRE(txn->put_append(at.rows, bytes_of("b"), bytes_of("1")));
  for (const char* key : {"b", "a"}) {
    const auto refused = txn->put_append(at.rows, bytes_of(key), bytes_of("2"));
    REQUIRE_FALSE(refused);
    REQUIRE(refused.error().is_key_taken());
  }
  const auto taken = txn->put_new(at.rows, bytes_of("b"), bytes_of("2"));
  REQUIRE_FALSE(taken);
  REQUIRE(taken.error().is_key_taken());
  REQUIRE(txn->put_new(at.rows, bytes_of("a"), bytes_of("1")));
  REQUIRE(txn->del(at.rows, bytes_of("absent")));
  REQUIRE(std::move(*txn).commit());
  auto read = at.environment->read();
  REQUIRE(text(read->get(at.rows, bytes_of("b"))) == "1");
  REQUIRE(read->count(at.rows) == 2);
}

TEST_CASE("a cursor walks keys in byte order, both ways and from any place") {
  const TempDir place;
  Opened at = open_in(place / "db");
  {
    auto txn = at.environment->read();
    Cursor cursor = txn->cursor(at.rows);
    REQUIRE_FALSE(cursor.first());
    REQUIRE_FALSE(cursor.last());
    REQUIRE_FALSE(cursor.next());
    REQUIRE_FALSE(cursor.prev());
    REQUIRE_FALSE(cursor.seek(bytes_of("a")));
    REQUIRE_FALSE(cursor.seek_before(bytes_of("a")));
  }
  put_all(at, {"d", "b", "f"});
  auto txn = at.environment->read();
  Cursor cursor = txn->cursor(at.rows);
  std::string walked;
  while (cursor.next()) walked += text_of(cursor.key());
  REQUIRE(walked == "bdf");
  Cursor back = txn->cursor(at.rows);
  walked.clear();
  while (back.prev()) walked += text_of(back.key());
  REQUIRE(walked == "fdb");
  const auto key_at = [&](bool there) {
    return there ? std::string(text_of(cursor.key())) : std::string("-");
  };
  REQUIRE(key_at(cursor.seek(bytes_of("b"))) == "b");
  REQUIRE(key_at(cursor.seek(bytes_of("c"))) == "d");
  REQUIRE(key_at(cursor.seek(bytes_of("g"))) == "-");
  REQUIRE(key_at(cursor.seek({})) == "b");
  REQUIRE(key_at(cursor.seek_before(bytes_of("d"))) == "b");
  REQUIRE(key_at(cursor.seek_before(bytes_of("b"))) == "-");
  REQUIRE(key_at(cursor.seek_before(bytes_of("g"))) == "f");
  REQUIRE(key_at(cursor.first()) == "b");
  REQUIRE(text_of(cursor.value()) == "value of b");
}

TEST_CASE("a read transaction keeps its snapshot until it is refreshed, and ended ones serve again") {
  const TempDir place;
  Opened at = open_in(place / "db");
  put_all(at, {"a"});
  {
    auto before = at.environment->read();
    put_all(at, {"b"});
    REQUIRE(before->count(at.rows) == 1);
    REQUIRE(before->refresh());
    REQUIRE(before->count(at.rows) == 2);
  }
  for (int i = 0; i < 2000; ++i) {
    auto one = at.environment->read();
    auto two = at.environment->read();
    REQUIRE(one);
    REQUIRE(two);
    const ReadTxn moved = std::move(*one);
    REQUIRE(moved.count(at.rows) == 2);
  }
  REQUIRE(at.environment->usage().readers <= 2);
}

TEST_CASE("readers on several threads share the pool of transactions") {
  const TempDir place;
  Opened at = open_in(place / "db");
  put_all(at, {"a", "b", "c"});
  std::array<int, 4> right{};
  std::vector<std::thread> threads;
  for (int& count : right) {
    threads.emplace_back([&at, &count] {
      for (int i = 0; i < 500; ++i) {
        auto txn = at.environment->read();
        count += txn && txn->count(at.rows) >= 3;
      }
    });
  }
  for (int i = 0; i < 50; ++i) put_all(at, {"d", "e"});
  for (std::thread& thread : threads) thread.join();
  REQUIRE(right == std::array<int, 4>{500, 500, 500, 500});
}

TEST_CASE("when every reader slot is taken, reading is refused and works again later") {
  const TempDir place;
  auto environment =
      Environment::open({.path = place / "db", .map_size = 1u << 20, .max_readers = 2, .no_sync = true});
  REQUIRE(environment);
  {
    auto one = (*environment)->read();
    auto two = (*environment)->read();
    REQUIRE(two);
    REQUIRE_FALSE((*environment)->read());
  }
  REQUIRE((*environment)->read());
}

TEST_CASE("a full map spoils one transaction; after its abort a small write goes through") {
  const TempDir place;
  Opened at = open_in(place / "db", 512u << 10);
  put_all(at, {"kept"});
  const std::string block(100'000, 'x');
  {
    auto txn = at.environment->write();
    StoreResult<void> put;
    for (int i = 0; put && i < 100; ++i)
      put = txn->put(at.rows, bytes_of("k" + std::to_string(i)), bytes_of(block));
    REQUIRE_FALSE(put);
    REQUIRE(put.error().is_full());
    REQUIRE_FALSE(std::move(*txn).commit());
  }
  put_all(at, {"small"});
  auto read = at.environment->read();
  REQUIRE(read->count(at.rows) == 2);
  REQUIRE(text(read->get(at.rows, bytes_of("kept"))) == "value of kept");
}

TEST_CASE(
    "room is allocated ahead in steps without growing the file, and refused when the map cannot hold it") {
  const TempDir place;
  Opened at = open_in(place / "db", 8u << 20);
  const auto facts = [&] {
    struct stat now {};
    REQUIRE(::stat((place / "db" / "data.mdb").c_str(), &now) == 0);
    return now;
  };
  const auto before = facts();
  REQUIRE(at.environment->secure_room(100'000, 10));
  const auto after = facts();
  REQUIRE(after.st_size == before.st_size);
  REQUIRE(after.st_blocks * 512 >= 1'200'000);
  REQUIRE(at.environment->secure_room(100'000, 10));
  REQUIRE(facts().st_blocks == after.st_blocks);
  const auto refused = at.environment->secure_room(4u << 20);
  REQUIRE_FALSE(refused);
  REQUIRE(refused.error().is_full());
  REQUIRE(at.environment->secure_room(100'000, 10));
}

TEST_CASE("a batch for which room was secured always finds it") {
  const TempDir place;
  Opened at = open_in(place / "db", 12u << 20);
  std::uint64_t made = 0;
  for (std::size_t size = 1;; size = size * 3 + 1) {
    if (size > 30'000) size = 5;
    const std::string value(size, 'v');
    constexpr std::uint64_t kRows = 40;
    if (!at.environment->secure_room(kRows * (8 + size), kRows)) break;
    auto txn = at.environment->write();
    for (std::uint64_t i = 0; i < kRows; ++i) {
      std::array<std::uint8_t, 8> key;
      put_be(++made * 0x9e3779b97f4a7c15u, key.data());  // scattered
      REQUIRE(txn->put(at.rows, bytes_of(key), bytes_of(value)));
    }
    REQUIRE(std::move(*txn).commit());
  }
  REQUIRE(made > 400);
  auto read = at.environment->read();
  REQUIRE(read->count(at.rows) == made);
}

TEST_CASE("a read-only environment needs a present one and reads beside the writer") {
  const TempDir place;
  REQUIRE_FALSE(Environment::open({.path = place / "none", .read_only = true}));
  {
    Opened at = open_in(place / "db");
    put_all(at, {"a"});
  }
  auto reader =
      Environment::open({.path = place / "db", .map_size = 16u << 20, .max_databases = 4, .read_only = true});
  REQUIRE(reader);
  REQUIRE_FALSE((*reader)->write());
  REQUIRE_FALSE((*reader)->open_databases({"rows", "absent"}));
  auto databases = (*reader)->open_databases({"rows"});
  REQUIRE(databases);
  auto txn = (*reader)->read();
  REQUIRE(text(txn->get(databases->front(), bytes_of("a"))) == "value of a");
}

TEST_CASE("a copy is a whole environment of its own") {
  const TempDir place;
  Opened at = open_in(place / "db");
  put_all(at, {"a", "b"});
  std::filesystem::create_directory(place / "copy");
  REQUIRE(at.environment->copy_to(place / "copy"));
  REQUIRE_FALSE(at.environment->copy_to(place / "absent"));
  put_all(at, {"c"});
  Opened copy = open_in(place / "copy");
  auto txn = copy.environment->read();
  REQUIRE(txn->count(copy.rows) == 2);
}

TEST_CASE("a handle misused throws instead of answering wrongly") {
  const TempDir place;
  Opened at = open_in(place / "db");
  auto txn = at.environment->read();
  REQUIRE_THROWS_AS(txn->get(Database{999}, bytes_of("a")), StoreDamage);
  auto write = at.environment->write();
  REQUIRE(write->clear(at.rows));
  std::move(*write).abort();
}
