// A log of 70,000 simulated entries, committed to disk and served by us, and rebuilt by outside_log.hpp from
// tiles and bundles alone.
#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "events/store/entry_store.hpp"
#include "events/tlog/hash_rows.hpp"
#include "events/tlog/tile.hpp"
#include "events/tlog/tree.hpp"
#include "tests/support/temp_dir.hpp"
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

/// Our side: a log on the disk, appended to in batches; answers requests for any past size from it.
class ServedLog {
 public:
  explicit ServedLog(std::mt19937_64& random) {
    auto opened = store::EntryStore::open(dir_ / "ledger", std::uint64_t{1} << 30);
    REQUIRE(opened);
    log_ = std::move(*opened);
    REQUIRE(log_->load_tree());
    const auto key = crypto::SigningKey::generate();
    const std::vector<std::string> vkeys = {crypto::VerifierKey{.name = "l", .key = key.public_key()}.text()};
    log_->set_signer(store::LogSigner("l", key));
    std::vector<std::string> entries;
    for (std::uint64_t first = 0; first < kSize; first += entries.size()) {
      entries.resize(std::min<std::uint64_t>(1 + random() % 1'000, kSize - first));
      std::vector<store::StoredRow> rows;
      for (std::string& entry : entries) {
        // Mostly short; some empty, some as long as an entry may be.
        const std::uint64_t dice = random() % 1000;
        entry.assign(dice == 0 ? kBundledEntryMax : dice < 10 ? 0 : random() % 120, '\0');
        for (char& c : entry) c = static_cast<char>(random());
        rows.push_back({bytes_of(entry), {}, leaf_hash(bytes_of(entry))});
        edge_.append(rows.back().leaf);
        roots_.push_back(edge_.hashes().size() == 1 ? edge_.root() : Digest{});
      }
      const auto committed =
          log_->commit({.first = first, .rows = rows, .at = {}, .vkeys = vkeys, .forget_checkpoint = {}});
      REQUIRE(committed);
      REQUIRE(committed->checkpoint.root == edge_.root());
    }
  }
  /// What `GET <prefix>/<name>` answers while the log has `size` entries.
  [[nodiscard]] std::optional<std::string> serve(const std::string& name, std::uint64_t size) const {
    const auto tile = Tile::parse(name);
    if (!tile || !holds(*tile, size)) return std::nullopt;
    const auto reader = log_->read();
    REQUIRE(reader);
    if (tile->kind == Tile::Kind::hashes) {
      const auto bytes = tile_bytes(*reader, *tile);
      return bytes ? std::optional(std::string(text_of(*bytes))) : std::nullopt;
    }
    std::vector<std::byte> bundle;
    for (unsigned i = 0; i < tile->width; ++i) {
      REQUIRE(append_entry(bundle, reader->entry(tile->index * kTileWidth + i).value()));
    }
    return std::string(text_of(bundle));
  }
  [[nodiscard]] outside::Log at(std::uint64_t size) const {
    return {size, [this, size](const std::string& name) { return serve(name, size); }};
  }
  [[nodiscard]] std::string root(std::uint64_t size) const {
    const auto reader = log_->read();
    REQUIRE(reader);
    return raw(root_at(RowHashReader(*reader), size).value());
  }
  /// The root that the right edge had, where the size is a power of two: known without any stored hash.
  [[nodiscard]] std::string edge_root(std::uint64_t size) const { return raw(roots_.at(size - 1)); }
  [[nodiscard]] std::string last_root() const { return raw(edge_.root()); }

 private:
  test::TempDir dir_;
  std::unique_ptr<store::EntryStore> log_;
  CompactRange edge_;
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
  CHECK(log.last_root() == tree.root(0, kSize));

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
