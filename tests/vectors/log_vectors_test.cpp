// Whole logs of other implementations: our tree over their entries gives their tiles, bundles and roots.
#include <cstring>

#include "events/tlog/checkpoint.hpp"
#include "events/tlog/hash_rows.hpp"
#include "events/tlog/tile.hpp"
#include "events/tlog/tree.hpp"
#include "tests/support/memory_hashes.hpp"
#include "tests/vectors/shared_vectors.hpp"

using namespace ledger;
using namespace ledger::tlog;

namespace {

std::vector<Digest> hashes_of(std::string_view tile) {
  REQUIRE(tile.size() % sizeof(Digest) == 0);
  std::vector<Digest> hashes(tile.size() / sizeof(Digest));
  std::memcpy(hashes.data(), tile.data(), tile.size());
  return hashes;
}

}  // namespace

TEST_CASE("Tessera's log of fifteen entries is ours at every size") {
  const auto folder = vectors::folder("transparency-dev-tessera");
  if (folder.empty()) return;
  const auto data = folder / "testdata/log";
  const auto key = crypto::VerifierKey::parse(
      "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx");
  REQUIRE(key);
  const std::vector keys{*key};
  const std::string all = vectors::read(data / Tile{Tile::Kind::entries, 0, 0, 15}.path());
  const auto entries = split_entries(bytes_of(all), 15);
  REQUIRE(entries);
  CHECK(text_of(entries->at(0)) == "one");
  CHECK(text_of(entries->at(14)) == "fivten");

  MemoryRows rows;
  std::vector<std::byte> bundle;
  for (unsigned size = 0; size <= 15; ++size) {
    INFO("size " << size);
    const std::string text = vectors::read(data / ("checkpoint." + std::to_string(size)));
    const auto checkpoint = parse_checkpoint(text);
    REQUIRE(checkpoint);
    CHECK(checkpoint->text() == text);
    CHECK(checkpoint->checkpoint.size == size);
    CHECK(checkpoint->checkpoint.root == rows.range().root());
    CHECK(verify_checkpoint(*checkpoint, keys, {}).has_value());
    if (size > 0) {
      const Tile tile{.width = size};
      CHECK(new_tiles(0, size) == std::vector{tile});
      CHECK(text_of(tile_bytes(rows, tile).value()) == vectors::read(data / tile.path()));
      CHECK(text_of(bundle) == vectors::read(data / Tile{Tile::Kind::entries, 0, 0, size}.path()));
    }
    if (size == 15) break;
    REQUIRE(append_entry(bundle, entries->at(size)));
    rows.append(leaf_hash(entries->at(size)));
  }
  CHECK(vectors::read(data / "checkpoint") == vectors::read(data / "checkpoint.15"));
}

TEST_CASE("the tiles of Sunlight's mirror lead to its checkpoint") {
  const auto folder = vectors::folder("sunlight-witness");
  if (folder.empty()) return;
  const auto mirror = folder / "cmd/skylight/testdata/witness/mirror" /
                      "000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706";
  const auto checkpoint = parse_checkpoint(vectors::read(mirror / "checkpoint"));
  REQUIRE(checkpoint);
  const std::uint64_t size = checkpoint->checkpoint.size;
  MemoryRows rows;
  for (std::uint64_t index = 0; index < full_tiles(0, size); ++index) {
    for (const Digest& leaf : hashes_of(vectors::read(mirror / Tile{.index = index}.path())))
      rows.append(leaf);
  }
  const Tile last{.index = full_tiles(0, size), .width = partial_width(0, size)};
  for (const Digest& leaf : hashes_of(vectors::read(mirror / last.path()))) rows.append(leaf);
  CHECK(rows.range().size() == size);
  CHECK(rows.range().root() == checkpoint->checkpoint.root);
  for (const Tile& tile : new_tiles(0, size)) {
    CHECK(text_of(tile_bytes(rows, tile).value()) == vectors::read(mirror / tile.path()));
  }
}

TEST_CASE("a partial tile of a real log is the beginning of the full one") {
  const auto folder = vectors::folder("sunlight-witness");
  if (folder.empty()) return;
  const auto data = folder / "testdata/navigli2025h2";
  MemoryRows rows;
  for (std::uint64_t index = 0; index < 4; ++index) {
    for (const Digest& leaf : hashes_of(vectors::read(data / Tile{.index = index}.path()))) rows.append(leaf);
  }
  CHECK(rows.range().size() == 1024);
  const Tile partial{.index = 3, .width = 10};
  CHECK(holds(partial, 778));
  CHECK_FALSE(holds(partial, 777));
  CHECK(text_of(tile_bytes(rows, partial).value()) == vectors::read(data / partial.path()));
}
