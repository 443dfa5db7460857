// The tree against transparency-dev/merkle's probes and against numbers computed by an independent model.
#include <algorithm>

#include "events/crypto/base64.hpp"
#include "events/crypto/primitives.hpp"
#include "events/tlog/tile.hpp"
#include "events/tlog/tree.hpp"
#include "tests/support/memory_hashes.hpp"
#include "tests/vectors/shared_vectors.hpp"

using namespace ledger;
using namespace ledger::tlog;

namespace {

/// The hash that base64 text holds. Some probes give other bytes than 32: they stand for hashes that are
/// equal where the bytes are, and to nothing else.
Digest hash_in(const boost::json::value& value) {
  const auto bytes = crypto::base64_decode(std::string_view(value.as_string()));
  REQUIRE(bytes);
  Digest hash;
  if (bytes->size() != hash.bytes.size()) return crypto::sha256({bytes_of("no hash:"), *bytes});
  std::memcpy(hash.bytes.data(), bytes->data(), bytes->size());
  return hash;
}

/// Whether the text holds 32 bytes; their verifier of inclusion asks that of the leaf hash, ours of its type.
bool is_hash(const boost::json::value& value) {
  return value.as_string().size() == 44;
}

std::vector<Digest> path_in(const boost::json::value& probe) {
  std::vector<Digest> path;
  if (probe.at("proof").is_null()) return path;
  for (const auto& element : probe.at("proof").as_array()) path.push_back(hash_in(element));
  return path;
}

std::uint64_t number(const boost::json::value& probe, const char* name) {
  return probe.at(name).to_number<std::uint64_t>();
}

/// Runs `verify` over all probes of a folder and compares with what each expects.
template <typename Verify>
void run_probes(const char* name, std::size_t expected, Verify verify) {
  auto folder = vectors::folder("transparency-dev-merkle");
  if (folder.empty()) return;
  std::size_t count = 0;
  std::size_t accepted = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "testdata" / name)) {
    if (!entry.is_regular_file()) continue;
    ++count;
    const auto probe = vectors::read_json(entry.path());
    const bool refused = probe.at("wantErr").as_bool();
    INFO(entry.path());
    const bool holds = verify(probe, path_in(probe));
    CHECK(holds != refused);
    if (holds) ++accepted;
  }
  CHECK(count == expected);
  CHECK(accepted > 0);
}

MemoryHashes one_byte_leaves(std::size_t count) {
  MemoryHashes hashes;
  for (std::size_t i = 0; i < count; ++i) {
    const auto entry = static_cast<std::byte>(i);
    hashes.append(leaf_hash(Bytes(&entry, 1)));
  }
  return hashes;
}

Digest u64_leaf(std::uint64_t i) {
  std::array<std::uint8_t, 8> entry;
  put_be(i, entry.data());
  return leaf_hash(bytes_of(entry));
}

}  // namespace

TEST_CASE("inclusion probes of transparency-dev/merkle are accepted and refused as they say") {
  run_probes("inclusion", 98, [](const auto& probe, const auto& path) {
    return is_hash(probe.at("leafHash")) &&
           verify_inclusion(number(probe, "leafIdx"), number(probe, "treeSize"),
                            hash_in(probe.at("leafHash")), path, hash_in(probe.at("root")));
  });
}

TEST_CASE("consistency probes of transparency-dev/merkle are accepted and refused as they say") {
  run_probes("consistency", 98, [](const auto& probe, const auto& path) {
    return verify_consistency(number(probe, "size1"), number(probe, "size2"), hash_in(probe.at("root1")),
                              hash_in(probe.at("root2")), path);
  });
}

TEST_CASE("subtree inclusion probes of transparency-dev/merkle are accepted and refused as they say") {
  run_probes("subtreeinclusion", 204, [](const auto& probe, const auto& path) {
    return is_hash(probe.at("leafHash")) &&
           verify_subtree_inclusion(number(probe, "leafIdx"), number(probe, "start"), number(probe, "end"),
                                    hash_in(probe.at("leafHash")), path, hash_in(probe.at("root")));
  });
}

TEST_CASE("subtree consistency probes of transparency-dev/merkle are accepted and refused as they say") {
  run_probes("subtreeconsistency", 118, [](const auto& probe, const auto& path) {
    return verify_subtree_consistency(number(probe, "start"), number(probe, "end"), number(probe, "size"),
                                      hash_in(probe.at("root1")), hash_in(probe.at("root2")), path);
  });
}

TEST_CASE("hashes and roots are those of the independent model") {
  const auto folder = vectors::folder("derived-own");
  if (folder.empty()) return;
  const auto vector = vectors::read_json(folder / "rfc6962-sha256.json");
  CHECK(empty_root().hex() == vectors::member(vector, "empty_root"));
  CHECK(leaf_hash({}).hex() == vectors::member(vector, "leaf_of_empty_string"));
  CHECK(leaf_hash(bytes_of("L123456")).hex() == vectors::member(vector, "leaf_of_L123456"));
  // The model's node is one of two texts, not of two hashes; ours takes hashes only.
  CHECK(crypto::sha256({bytes_of("\x01"), bytes_of("N123"), bytes_of("N456")}).hex() ==
        vectors::member(vector, "node_of_N123_N456"));

  CompactRange ct;
  const auto& roots = vector.at("ct_reference_roots_size_0_to_8").as_array();
  CHECK(ct.root().hex() == roots.at(0).as_string());
  for (std::size_t i = 0; i < 8; ++i) {
    const auto& leaf = vector.at("ct_reference_leaves_hex").as_array().at(i);
    ct.append(leaf_hash(vectors::unhex(std::string_view(leaf.as_string()))));
    CHECK(ct.root().hex() == roots.at(i + 1).as_string());
  }

  const MemoryHashes bytes = one_byte_leaves(256);
  for (const auto& [size, root] : vector.at("roots_leaf_i_is_one_byte_i").as_object()) {
    CHECK(root_at(bytes, std::stoull(std::string(size))).value().hex() == root.as_string());
  }
}

TEST_CASE("roots and tiles of 70,000 entries are those of the independent model") {
  const auto folder = vectors::folder("derived-own");
  if (folder.empty()) return;
  const auto vector = vectors::read_json(folder / "rfc6962-sha256.json");
  MemoryRows rows;
  for (std::uint64_t i = 0; i < 70'000; ++i) rows.append(u64_leaf(i));
  const RowHashReader reader(rows);
  for (const auto& [size, root] : vector.at("roots_leaf_i_is_u64be_i").as_object()) {
    CHECK(root_at(reader, std::stoull(std::string(size))).value().hex() == root.as_string());
  }
  for (const auto& [text, tiles] : vector.at("tiles_u64be_leaves_first_last_partial").as_object()) {
    const std::uint64_t size = std::stoull(std::string(text));
    const auto all = new_tiles(0, size);
    for (const auto& expected : tiles.as_array()) {
      const std::string path(expected.at(0).as_string());
      INFO("size " << size << ' ' << path);
      const auto tile = Tile::parse(path);
      REQUIRE(tile);
      CHECK(tile->path() == path);
      CHECK(holds(*tile, size));
      CHECK(std::ranges::find(all, *tile) != all.end());
      const auto bytes = tile_bytes(rows, *tile);
      REQUIRE(bytes);
      CHECK(bytes->size() == expected.at(1).to_number<std::size_t>());
      CHECK(crypto::sha256(*bytes).hex() == expected.at(2).as_string());
    }
  }
  for (const auto& [index, path] : vector.at("tile_index_paths").as_object()) {
    const Tile tile{.level = 3, .index = std::stoull(std::string(index))};
    CHECK(tile.path() == "tile/3/" + std::string(path.as_string()));
    CHECK(Tile::parse(tile.path()) == tile);
  }
}

TEST_CASE("all subtree hashes and proofs up to 130 leaves are those of the Merkle tree certificates draft") {
  const auto folder = vectors::folder("derived-own");
  if (folder.empty()) return;
  const auto vector = vectors::read_json(folder / "mtc-subtree-rolling.json");
  const auto expected = [&](const char* name) { return vectors::member(vector.at(name), "sha256"); };
  constexpr std::uint64_t kSize = 130;
  const MemoryHashes hashes = one_byte_leaves(kSize);
  const auto named = [](std::uint64_t begin, std::uint64_t end) {
    return "[" + std::to_string(begin) + ", " + std::to_string(end) + ")";
  };
  crypto::Sha256 roots;
  crypto::Sha256 inclusions;
  for (std::uint64_t end = 0; end <= kSize; ++end) {
    for (std::uint64_t begin = 0; begin <= end; ++begin) {
      if (!is_subtree(begin, end)) continue;
      const Digest root = subtree_root(hashes, begin, end).value();
      roots.update(bytes_of(named(begin, end) + " " + root.hex() + "\n"));
      for (std::uint64_t index = begin; index < end; ++index) {
        std::string line = std::to_string(index) + " " + named(begin, end);
        const auto path = subtree_inclusion_path(hashes, index, begin, end).value();
        for (const Digest& hash : path) line += " " + hash.hex();
        inclusions.update(bytes_of(line + "\n"));
        CHECK(verify_subtree_inclusion(index, begin, end, *hashes.read(0, index), path, root));
      }
    }
  }
  CHECK(roots.finish().hex() == expected("subtree_hash"));
  CHECK(inclusions.finish().hex() == expected("subtree_inclusion"));

  crypto::Sha256 consistencies;
  for (std::uint64_t size = 0; size <= kSize; ++size) {
    const Digest root = root_at(hashes, size).value();
    for (std::uint64_t end = 0; end <= size; ++end) {
      for (std::uint64_t begin = 0; begin <= end; ++begin) {
        if (!is_subtree(begin, end)) continue;
        std::string line = named(begin, end) + " " + std::to_string(size);
        const auto path = subtree_consistency_path(hashes, begin, end, size).value();
        for (const Digest& hash : path) line += " " + hash.hex();
        consistencies.update(bytes_of(line + "\n"));
        const Digest subtree = subtree_root(hashes, begin, end).value();
        if (!verify_subtree_consistency(begin, end, size, subtree, root, path)) FAIL_CHECK(line);
      }
    }
  }
  CHECK(consistencies.finish().hex() == expected("subtree_consistency"));
}
