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
    const std::string key = "k" + std::to_string(random() % 60);
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
        const std::string prefix = "k" + std::to_string(random() % 6);
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

TEST_CASE("a scan ends when told") {
  RowBuffer buffer;
  for (const char* key : {"a1", "a2", "b1"}) REQUIRE(buffer.put({3}, bytes_of(std::string_view(key)), {}));
  int seen = 0;
  buffer.scan({3}, bytes_of("a"), [&](Bytes, Bytes) { return ++seen < 1; });
  CHECK(seen == 1);
  CHECK(all(buffer, {3}, "a").size() == 2);
}
