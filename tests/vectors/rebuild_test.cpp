// A log of 70,000 simulated entries, served by us and rebuilt by outside_log.hpp from tiles and bundles
// alone.
#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "events/tlog/hash_rows.hpp"
#include "events/tlog/tile.hpp"
#include "events/tlog/tree.hpp"
#include "tests/support/memory_hashes.hpp"
#include "tests/vectors/outside_log.hpp"

using namespace ledger;
using namespace ledger::tlog;

namespace {

constexpr std::uint64_t kSize = 70'000;

std::uint64_t seed() {
  if (const char* given = std::getenv("LEDGER_SEED")) return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

std::string raw(const Digest& digest) {
  return std::string(text_of(bytes_of(digest.bytes)));
}

/// Our side: entries as stored, hashes in rows, the right edge; answers requests for any past size.
class ServedLog {
 public:
  explicit ServedLog(std::mt19937_64& random) {
    for (std::uint64_t i = 0; i < kSize; ++i) {
      // Mostly short; some empty, some as long as an entry may be.
      const std::uint64_t dice = random() % 1000;
      std::string entry(dice == 0 ? kBundledEntryMax : dice < 10 ? 0 : random() % 120, '\0');
      for (char& c : entry) c = static_cast<char>(random());
      rows_.append(leaf_hash(bytes_of(entry)));
      roots_.push_back(rows_.range().hashes().size() == 1 ? rows_.range().root() : Digest{});
      entries_.push_back(std::move(entry));
    }
  }
  /// What `GET <prefix>/<name>` answers while the log has `size` entries.
  [[nodiscard]] std::optional<std::string> serve(const std::string& name, std::uint64_t size) const {
    const auto tile = Tile::parse(name);
    if (!tile || !holds(*tile, size)) return std::nullopt;
    if (tile->kind == Tile::Kind::hashes) {
      const auto bytes = tile_bytes(rows_, *tile);
      return bytes ? std::optional(std::string(text_of(*bytes))) : std::nullopt;
    }
    std::vector<std::byte> bundle;
    for (unsigned i = 0; i < tile->width; ++i) {
      REQUIRE(append_entry(bundle, bytes_of(entries_.at(tile->index * kTileWidth + i))));
    }
    return std::string(text_of(bundle));
  }
  [[nodiscard]] outside::Log at(std::uint64_t size) const {
    return {size, [this, size](const std::string& name) { return serve(name, size); }};
  }
  [[nodiscard]] std::string root(std::uint64_t size) const {
    return raw(root_at(RowHashReader(rows_), size).value());
  }
  /// The root that the right edge had, where the size is a power of two: known without any stored hash.
  [[nodiscard]] std::string edge_root(std::uint64_t size) const { return raw(roots_.at(size - 1)); }
  [[nodiscard]] const MemoryRows& rows() const { return rows_; }

 private:
  std::vector<std::string> entries_;
  MemoryRows rows_;
  std::vector<Digest> roots_;
};

}  // namespace

TEST_CASE("a log of 70,000 entries is rebuilt from tiles and bundles by code that shares nothing with ours") {
  const std::uint64_t used = seed();
  WARN("LEDGER_SEED=" << used);
  std::mt19937_64 random(used);
  const ServedLog log(random);
  outside::Log whole = log.at(kSize);

  outside::Tree tree;
  for (std::uint64_t bundle = 0; bundle * 256 < kSize; ++bundle) {
    for (const std::string& entry : whole.entries(bundle)) tree.append(entry);
    for (std::uint64_t i = bundle * 256; i < tree.size(); ++i) {
      if (whole.tile_hash(0, i) != tree.leaf(i)) FAIL("leaf " << i);
    }
    // At every full-tile boundary, and at the end.
    const std::uint64_t size = tree.size();
    INFO("size " << size);
    const outside::Hash root = tree.root(0, size);
    CHECK(log.root(size) == root);
    outside::Log then = log.at(size);
    CHECK(then.root_from_tiles() == root);
    if (std::has_single_bit(size)) CHECK(log.edge_root(size) == root);
  }
  REQUIRE(tree.size() == kSize);
  CHECK(raw(log.rows().range().root()) == tree.root(0, kSize));

  for (std::uint64_t i = 0; i < kSize / 256; ++i) {
    CHECK(whole.tile_hash(1, i) == tree.root(i * 256, (i + 1) * 256));
  }
  CHECK(whole.tile_hash(2, 0) == tree.root(0, 65'536));

  std::set<std::uint64_t> sizes{0, 1, 2, 255, 257, 65'535, 65'537, kSize - 1};
  while (sizes.size() < 120) sizes.insert(random() % kSize);
  for (const std::uint64_t size : sizes) {
    INFO("size " << size);
    outside::Log then = log.at(size);
    const outside::Hash root = tree.root(0, size);
    CHECK(log.root(size) == root);
    CHECK(then.root_from_tiles() == root);
    if (size % 256 != 0) {  // the partial bundle of that size
      const auto entries = then.entries(size / 256);
      REQUIRE(entries.size() == size % 256);
      CHECK(outside::sha256('\0' + entries.back()) == tree.leaf(size - 1));
    }
  }
}

TEST_CASE("tiles beyond a size, empty tiles and other names are not served") {
  std::mt19937_64 random(1);
  const ServedLog log(random);
  for (const std::string name :
       {"tile/0/273", "tile/0/273.p/113", "tile/0/274.p/1", "tile/0/273.p/0", "tile/0/000.p/256",
        "tile/1/001", "tile/1/001.p/18", "tile/2/000", "tile/2/000.p/2", "tile/3/000.p/1", "tile/entries/273",
        "tile/entries/273.p/113", "tile/entries/x000/273.p/112", "tile/8/000", "tile/63/000.p/1",
        "tile/64/000.p/1", "tile/0/x036/x028/x797/x018/x963/968"}) {
    INFO(name);
    CHECK_FALSE(log.serve(name, kSize));
  }
  for (const std::string name : {"tile/0/272", "tile/0/273.p/112", "tile/0/000.p/1", "tile/1/000",
                                 "tile/1/001.p/17", "tile/2/000.p/1", "tile/entries/273.p/112"}) {
    INFO(name);
    CHECK(log.serve(name, kSize));
  }
}
