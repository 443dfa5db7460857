// Proofs for every size up to 130 and for random large ones, against the definitions of RFC 6962 written out.
// The seed is printed; LEDGER_SEED repeats it.
#include <algorithm>
#include <bit>
#include <cstdlib>
#include <random>

#include <catch2/catch.hpp>

#include "events/tlog/hash_rows.hpp"
#include "events/tlog/tree.hpp"
#include "tests/support/memory_hashes.hpp"

using namespace ledger;
using namespace ledger::tlog;

namespace {

using Leaves = std::span<const Digest>;
using Path = std::vector<Digest>;

std::uint64_t seed() {
  if (const char* given = std::getenv("LEDGER_SEED")) return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

Digest numbered_leaf(std::uint64_t i) {
  std::array<std::uint8_t, 8> entry;
  put_be(i, entry.data());
  return leaf_hash(bytes_of(entry));
}

std::size_t split(std::size_t n) {
  std::size_t k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

// RFC 6962, section 2.1.
Digest mth(Leaves d) {
  if (d.empty()) return empty_root();
  if (d.size() == 1) return d[0];
  const std::size_t k = split(d.size());
  return node_hash(mth(d.first(k)), mth(d.subspan(k)));
}

// Section 2.1.1.
Path path(std::size_t m, Leaves d) {
  if (d.size() == 1) return {};
  const std::size_t k = split(d.size());
  Path out = m < k ? path(m, d.first(k)) : path(m - k, d.subspan(k));
  out.push_back(m < k ? mth(d.subspan(k)) : mth(d.first(k)));
  return out;
}

// Section 2.1.2.
Path subproof(std::size_t m, Leaves d, bool b) {
  if (m == d.size()) return b ? Path{} : Path{mth(d)};
  const std::size_t k = split(d.size());
  Path out = m <= k ? subproof(m, d.first(k), b) : subproof(m - k, d.subspan(k), false);
  out.push_back(m <= k ? mth(d.subspan(k)) : mth(d.first(k)));
  return out;
}

/// Calls with every way of damaging a proof a little.
template <typename Call>
void damage(const Path& proof, std::mt19937_64& random, Call call) {
  for (std::size_t i = 0; i < proof.size(); ++i) {
    Path changed = proof;
    changed[i].bytes[random() % 32] ^= static_cast<std::uint8_t>(1U << (random() % 8));
    call(changed);
    Path shorter = proof;
    shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(i));
    call(shorter);
    // Two neighbours exchanged, unless they are equal.
    if (i + 1 < proof.size() && proof[i] != proof[i + 1]) {
      Path swapped = proof;
      std::swap(swapped[i], swapped[i + 1]);
      call(swapped);
    }
  }
  Path longer = proof;
  longer.push_back(numbered_leaf(random()));
  call(longer);
  longer = proof;
  longer.insert(longer.begin(), numbered_leaf(random()));
  call(longer);
}

/// The shape that Merkle proofs must have: 2 log2(n) + 2 reads at most.
std::size_t reads_allowed(std::uint64_t size) {
  return 2 * static_cast<std::size_t>(std::bit_width(size)) + 2;
}

struct Grown {
  explicit Grown(std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      leaves.push_back(numbered_leaf(i));
      hashes.append(leaves.back());
      rows.append(leaves.back());
    }
  }
  std::vector<Digest> leaves;
  MemoryHashes hashes;
  MemoryRows rows;
};

constexpr std::size_t kSmall = 130;

}  // namespace

TEST_CASE("the right edge has the root by definition at every size, and goes on from its hashes") {
  MemoryHashes hashes;
  std::vector<Digest> leaves;
  for (std::uint64_t size = 0; size <= 600; ++size) {
    INFO("size " << size);
    const CompactRange& range = hashes.range();
    CHECK(range.size() == size);
    CHECK(range.root() == mth(leaves));
    CHECK(root_at(hashes, size).value() == range.root());
    const auto restored = CompactRange::restore(size, range.hashes());
    REQUIRE(restored);
    CHECK(restored->root() == range.root());
    CHECK_FALSE(CompactRange::restore(2 * size + 1, range.hashes()));  // one bit more
    const auto loaded = CompactRange::load(hashes, size);
    REQUIRE(loaded);
    CHECK(std::ranges::equal(loaded->hashes(), range.hashes()));
    leaves.push_back(numbered_leaf(size));
    hashes.append(leaves.back());
  }
  CHECK_FALSE(CompactRange::restore(kTreeSizeMax + 1, std::vector<Digest>(1)));
}

TEST_CASE("appending names each completed node once, child before parent") {
  CompactRange range;
  std::vector<Node> created;
  std::vector<std::vector<Digest>> levels(12);
  for (std::uint64_t i = 0; i < 1024; ++i) {
    created.clear();
    range.append(numbered_leaf(i), created);
    REQUIRE(created.size() == static_cast<std::size_t>(std::countr_one(i)) + 1);
    for (std::size_t level = 0; level < created.size(); ++level) {
      const Node& node = created[level];
      REQUIRE(node.level == level);
      REQUIRE(node.index == levels[level].size());
      if (level > 0) {
        REQUIRE(node.hash ==
                node_hash(levels[level - 1][2 * node.index], levels[level - 1][2 * node.index + 1]));
      }
      levels[level].push_back(node.hash);
    }
  }
}

TEST_CASE("every inclusion proof up to 130 is the definition's, and proves nothing else") {
  const std::uint64_t used = seed();
  WARN("LEDGER_SEED=" << used);
  std::mt19937_64 random(used);
  const Grown log(kSmall);
  const RowHashReader reader(log.rows);
  for (std::size_t size = 1; size <= kSmall; ++size) {
    const Leaves leaves = Leaves(log.leaves).first(size);
    const Digest root = mth(leaves);
    for (std::size_t index = 0; index < size; ++index) {
      const auto proof = inclusion_path(log.hashes, index, size);
      REQUIRE(proof);
      if (*proof != path(index, leaves) || inclusion_path(reader, index, size) != proof ||
          !verify_inclusion(index, size, leaves[index], *proof, root)) {
        FAIL("index " << index << " of " << size);
      }
      const auto refused = [&](const Path& changed) {
        if (verify_inclusion(index, size, leaves[index], changed, root))
          FAIL("damaged " << index << '/' << size);
      };
      if (random() % 8 == 0) damage(*proof, random, refused);
      const std::uint64_t other = random() % (2 * size);
      if (other != index && verify_inclusion(other, size, leaves[index], *proof, root)) {
        FAIL("index " << other << " for " << index << " of " << size);
      }
      if (verify_inclusion(index, size, numbered_leaf(size), *proof, root) ||
          verify_inclusion(index, size, leaves[index], *proof, numbered_leaf(size))) {
        FAIL("another leaf or root: " << index << '/' << size);
      }
    }
    CHECK_FALSE(inclusion_path(log.hashes, size, size));
  }
}

TEST_CASE("every consistency proof up to 130 is the definition's, and proves nothing else") {
  const std::uint64_t used = seed();
  WARN("LEDGER_SEED=" << used);
  std::mt19937_64 random(used);
  const Grown log(kSmall);
  const RowHashReader reader(log.rows);
  std::vector<Digest> roots;
  for (std::size_t size = 0; size <= kSmall; ++size) roots.push_back(mth(Leaves(log.leaves).first(size)));
  for (std::size_t size2 = 1; size2 <= kSmall; ++size2) {
    const Leaves leaves = Leaves(log.leaves).first(size2);
    for (std::size_t size1 = 1; size1 <= size2; ++size1) {
      const auto proof = consistency_path(log.hashes, size1, size2);
      REQUIRE(proof);
      if (*proof != subproof(size1, leaves, true) || consistency_path(reader, size1, size2) != proof ||
          !verify_consistency(size1, size2, roots[size1], roots[size2], *proof) ||
          !verify_subtree_consistency(0, size1, size2, roots[size1], roots[size2], *proof)) {
        FAIL(size1 << " to " << size2);
      }
      const auto refused = [&](const Path& changed) {
        if (verify_consistency(size1, size2, roots[size1], roots[size2], changed)) {
          FAIL("damaged " << size1 << " to " << size2);
        }
      };
      if (random() % 8 == 0) damage(*proof, random, refused);
      const Digest other = numbered_leaf(1000);
      if (verify_consistency(size1, size2, other, roots[size2], *proof) ||
          verify_consistency(size1, size2, roots[size1], other, *proof)) {
        FAIL("another root: " << size1 << " to " << size2);
      }
    }
    CHECK_FALSE(consistency_path(log.hashes, 0, size2));
    CHECK_FALSE(consistency_path(log.hashes, size2 + 1, size2));
    CHECK_FALSE(verify_consistency(0, size2, roots[0], roots[size2], {}));
  }
  CHECK_FALSE(verify_consistency(0, 0, roots[0], roots[0], {}));
}

TEST_CASE("proofs of a log of 300,000 entries take few reads and verify") {
  const std::uint64_t used = seed();
  WARN("LEDGER_SEED=" << used);
  std::mt19937_64 random(used);
  constexpr std::uint64_t kSize = 300'000;
  MemoryRows rows;
  for (std::uint64_t i = 0; i < kSize; ++i) rows.append(numbered_leaf(i));
  const RowHashReader reader(rows);
  for (int round = 0; round < 500; ++round) {
    const std::uint64_t size2 = 1 + random() % kSize;
    const std::uint64_t size1 = 1 + random() % size2;
    const std::uint64_t index = random() % size2;
    INFO(size1 << ", " << size2 << ", " << index);
    const Digest root = root_at(reader, size2).value();
    rows.reads = 0;
    const auto inclusion = inclusion_path(reader, index, size2).value();
    CHECK(rows.reads <= reads_allowed(size2));
    CHECK(verify_inclusion(index, size2, numbered_leaf(index), inclusion, root));
    rows.reads = 0;
    const auto consistency = consistency_path(reader, size1, size2).value();
    CHECK(rows.reads <= reads_allowed(size2));
    CHECK(verify_consistency(size1, size2, root_at(reader, size1).value(), root, consistency));
    CHECK(CompactRange::load(reader, size2).value().root() == root);
  }
  CHECK(root_at(reader, kSize).value() == rows.range().root());
}

TEST_CASE("proofs hold up to the largest size there is") {
  const std::uint64_t used = seed();
  WARN("LEDGER_SEED=" << used);
  std::mt19937_64 random(used);
  for (int round = 0; round < 200; ++round) {
    // Sizes of every magnitude, the largest among them.
    const std::uint64_t bits = random() % 62;
    const std::uint64_t size2 = round == 0 ? kTreeSizeMax : 1 + ((random() & kTreeSizeMax) >> (bits + 1));
    const std::uint64_t size1 = 1 + random() % size2;
    const std::uint64_t index = random() % size2;
    std::map<std::uint64_t, Digest> special;
    for (const std::uint64_t at :
         {index, index ^ 1, size1 - 1, size1, size2 - 1, random() % size2, std::uint64_t{0}}) {
      if (at < size2) special[at] = numbered_leaf(at);
    }
    const SparseHashes hashes(special);
    INFO(size1 << ", " << size2 << ", " << index);
    const Digest root = root_at(hashes, size2).value();
    hashes.reads = 0;
    const auto inclusion = inclusion_path(hashes, index, size2).value();
    CHECK(hashes.reads <= reads_allowed(size2));
    CHECK(inclusion.size() <= kProofHashesMax);
    CHECK(verify_inclusion(index, size2, hashes.leaf(index), inclusion, root));
    damage(inclusion, random, [&](const Path& changed) {
      CHECK_FALSE(verify_inclusion(index, size2, hashes.leaf(index), changed, root));
    });
    hashes.reads = 0;
    const auto consistency = consistency_path(hashes, size1, size2).value();
    CHECK(hashes.reads <= reads_allowed(size2));
    // Only a tree larger than any witness may be told of can need one more.
    CHECK(consistency.size() <= kProofHashesMax + (size2 > kTreeSizeMax / 2 ? 1 : 0));
    CHECK(verify_consistency(size1, size2, root_at(hashes, size1).value(), root, consistency));
    damage(consistency, random, [&](const Path& changed) {
      CHECK_FALSE(verify_consistency(size1, size2, root_at(hashes, size1).value(), root, changed));
    });
  }
  const SparseHashes hashes({});
  CHECK_FALSE(root_at(hashes, kTreeSizeMax + 1));
  CHECK_FALSE(inclusion_path(hashes, 0, kTreeSizeMax + 1));
  CHECK_FALSE(consistency_path(hashes, 1, kTreeSizeMax + 1));
}

TEST_CASE("a hash that is not there is named") {
  const Grown log(100);
  const auto missing = root_at(log.hashes, 101);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind == TreeError::Kind::hash_missing);
  CHECK(missing.error().level == 0);
  CHECK(missing.error().index == 100);
  CHECK_FALSE(inclusion_path(log.hashes, 3, 128));
  CHECK_FALSE(consistency_path(log.hashes, 64, 128));
  CHECK_FALSE(CompactRange::load(RowHashReader(log.rows), 112));
}
