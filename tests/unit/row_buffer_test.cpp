#include "events/store/row_buffer.hpp"

#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "tests/support/temp_dir.hpp"

using namespace ledger;
using namespace ledger::store;

namespace {

using Model = std::map<std::string, std::string>;

std::string text(Bytes bytes) {
  return std::string(text_of(bytes));
}

Model all(const RowBuffer& buffer, Database database, const std::string& prefix) {
  Model rows;
  std::string last;
  buffer.scan(database, bytes_of(prefix), [&](Bytes key, Bytes value) {
    CHECK(last < text(key));  // in order, each once
    last = text(key);
    rows[text(key)] = text(value);
    return true;
  });
  return rows;
}

/// A key as most databases have them, an id in front; or a short one.
std::string some_key(std::mt19937& random) {
  std::string key = "k" + std::to_string(random() % 60);
  if (random() % 2 == 0) return key;
  return "an id of 16 byt" + std::to_string(random() % 8) + key;
}

std::string some_prefix(std::mt19937& random) {
  const std::string short_one = "k" + std::to_string(random() % 6);
  switch (random() % 4) {
    case 0: return short_one;
    case 1: return "an id";
    case 2: return "an id of 16 byt" + std::to_string(random() % 10);
    default: return "an id of 16 byt" + std::to_string(random() % 8) + short_one;
  }
}

}  // namespace

TEST_CASE("a row buffer over a database behaves like the database, marks and flushes included") {
  test::TempDir dir;
  auto environment = Environment::open({.path = dir.path(), .map_size = 64 << 20, .no_sync = true});
  REQUIRE(environment);
  const auto databases = (*environment)->open_databases({"a", "b"});
  REQUIRE(databases);
  const unsigned seed = GENERATE(1u, 2u, 3u);
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::array<Model, 2> model, at_mark;
  RowBuffer buffer;
  std::optional<ReadTxn> base;
  const auto rebase = [&] {
    auto txn = (*environment)->read();
    REQUIRE(txn);
    base.emplace(std::move(*txn));
    buffer.set_base(&*base);
  };
  rebase();
  bool marked = false;
  for (int step = 0; step < 4000; ++step) {
    const std::size_t which = random() % 2;
    const std::string key = some_key(random);
    switch (random() % 12) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const std::string value(random() % 40, static_cast<char>('a' + random() % 26));
        REQUIRE(buffer.put((*databases)[which], bytes_of(key), bytes_of(value)));
        model[which][key] = value;
        break;
      }
      case 4:
      case 5:
        REQUIRE(buffer.del((*databases)[which], bytes_of(key)));
        model[which].erase(key);
        break;
      case 6:
      case 7:
      case 8: {
        const auto value = buffer.get((*databases)[which], bytes_of(key));
        const auto expected = model[which].find(key);
        REQUIRE(value.has_value() == (expected != model[which].end()));
        if (value) REQUIRE(text(*value) == expected->second);
        break;
      }
      case 9:
        if (!marked) {
          buffer.mark();
          at_mark = model;
          marked = true;
        } else if (random() % 2 == 0) {
          buffer.rollback();
          model = at_mark;
          marked = false;
        } else {
          buffer.keep();
          marked = false;
        }
        break;
      case 10: {
        const std::string prefix = some_prefix(random);
        Model expected;
        for (const auto& [k, v] : model[which]) {
          if (k.starts_with(prefix)) expected[k] = v;
        }
        REQUIRE(all(buffer, (*databases)[which], prefix) == expected);
        break;
      }
      default:
        if (marked || random() % 20 != 0) break;
        base.reset();
        if (random() % 2 == 0) {
          auto txn = (*environment)->write();
          REQUIRE(txn);
          REQUIRE(buffer.flush(*txn));
          REQUIRE(std::move(*txn).commit());
        } else {
          REQUIRE(buffer.flush_in_steps(**environment, 100));
        }
        buffer.clear(/*keep_memory=*/random() % 2 == 0);
        CHECK(buffer.rows() == 0);
        rebase();
        break;
    }
  }
  for (std::size_t i = 0; i < 2; ++i) CHECK(all(buffer, (*databases)[i], "") == model[i]);
  buffer.clear();
  base.reset();
}

TEST_CASE("a scan of an id's rows sees two layers, the upper one over the lower") {
  const unsigned seed = GENERATE(1u, 2u, 3u);
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const Database database{2};
  Model model;
  RowBuffer under, buffer;
  for (int step = 0; step < 900; ++step) {
    if (step == 300) {
      std::swap(under, buffer);
      buffer.set_under(&under);
    }
    const std::string key = some_key(random);
    if (random() % 3 == 0) {
      REQUIRE(buffer.del(database, bytes_of(key)));
      model.erase(key);
    } else {
      REQUIRE(buffer.put(database, bytes_of(key), bytes_of(std::to_string(step))));
      model[key] = std::to_string(step);
    }
    const std::string prefix = some_prefix(random);
    Model expected;
    for (const auto& [k, v] : model) {
      if (k.starts_with(prefix)) expected[k] = v;
    }
    REQUIRE(all(buffer, database, prefix) == expected);
  }
}

TEST_CASE("a scan of an id that has no row here finds none, long keys or short ones") {
  RowBuffer buffer;
  const std::string_view id = "sixteen letters!";
  CHECK(all(buffer, {1}, std::string(id)).empty());
  REQUIRE(buffer.put({1}, bytes_of(std::string_view("short")), {}));
  CHECK(all(buffer, {1}, std::string(id)).empty());
  REQUIRE(buffer.put({1}, bytes_of(id), {}));
  CHECK(all(buffer, {1}, std::string(id)).size() == 1);
}

TEST_CASE("a scan ends when told") {
  RowBuffer buffer;
  for (const char* key : {"a1", "a2", "b1"}) REQUIRE(buffer.put({3}, bytes_of(std::string_view(key)), {}));
  int seen = 0;
  buffer.scan({3}, bytes_of("a"), [&](Bytes, Bytes) { return ++seen < 1; });
  CHECK(seen == 1);
  CHECK(all(buffer, {3}, "a").size() == 2);
}
