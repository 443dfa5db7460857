#include "events/tlog/tree.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <stdexcept>

#include "events/crypto/primitives.hpp"

namespace ledger::tlog {
namespace {

/// Hashes taken left to right, joined from the right: the root over subtrees of falling size.
Digest join(std::span<const Digest> hashes) {
  Digest root = hashes.back();
  for (std::size_t i = hashes.size() - 1; i-- > 0;) root = node_hash(hashes[i], root);
  return root;
}

TreeError beyond_tree() {
  return {TreeError::Kind::beyond_tree, 0, 0};
}

/// MTH(D[begin:end]) of a subtree that is not empty.
TreeResult<Digest> hash_of(const HashReader& reader, std::uint64_t begin, std::uint64_t end) {
  std::array<Digest, 64> hashes;
  std::size_t count = 0;
  while (begin < end) {
    const auto level = static_cast<unsigned>(std::bit_width(end - begin) - 1);
    const auto hash = reader.read(level, begin >> level);
    if (!hash) return std::unexpected(TreeError{TreeError::Kind::hash_missing, level, begin >> level});
    hashes[count++] = *hash;
    begin += std::uint64_t{1} << level;
  }
  return join(std::span(hashes).first(count));
}

/// Where RFC 6962 splits a tree of `size` > 1 leaves: the largest power of two below the size.
std::uint64_t split(std::uint64_t size) {
  return std::bit_floor(size - 1);
}

/// Collects the hashes of subtrees from the root down; a proof lists them from the leaf up.
class PathMaker {
 public:
  explicit PathMaker(const HashReader& reader) : reader_(reader) {}
  void add(std::uint64_t begin, std::uint64_t end) {
    if (error_) return;
    if (auto hash = hash_of(reader_, begin, end)) {
      path_.push_back(*hash);
    } else {
      error_ = hash.error();
    }
  }
  [[nodiscard]] bool failed() const { return error_.has_value(); }
  [[nodiscard]] TreeResult<std::vector<Digest>> finish() && {
    if (error_) return std::unexpected(*error_);
    std::ranges::reverse(path_);
    return std::move(path_);
  }

 private:
  const HashReader& reader_;
  std::vector<Digest> path_;
  std::optional<TreeError> error_;
};

}  // namespace

Digest empty_root() {
  return crypto::sha256(Bytes{});
}

Digest leaf_hash(Bytes entry) {
  static constexpr std::byte kLeaf{0};
  return crypto::sha256({Bytes(&kLeaf, 1), entry});
}

Digest node_hash(const Digest& left, const Digest& right) {
  std::array<std::uint8_t, 65> input;  // one update costs less than three
  input[0] = 1;
  std::memcpy(input.data() + 1, left.bytes.data(), 32);
  std::memcpy(input.data() + 33, right.bytes.data(), 32);
  return crypto::sha256(bytes_of(input));
}

std::optional<CompactRange> CompactRange::restore(std::uint64_t size, std::span<const Digest> hashes) {
  if (size > kTreeSizeMax || hashes.size() != static_cast<std::size_t>(std::popcount(size))) {
    return std::nullopt;
  }
  CompactRange range;
  range.size_ = size;
  range.hashes_.assign(hashes.begin(), hashes.end());
  return range;
}

TreeResult<CompactRange> CompactRange::load(const HashReader& reader, std::uint64_t size) {
  if (size > kTreeSizeMax) return std::unexpected(beyond_tree());
  CompactRange range;
  for (std::uint64_t begin = 0; begin < size;) {
    const auto level = static_cast<unsigned>(std::bit_width(size - begin) - 1);
    const auto hash = reader.read(level, begin >> level);
    if (!hash) return std::unexpected(TreeError{TreeError::Kind::hash_missing, level, begin >> level});
    range.hashes_.push_back(*hash);
    begin += std::uint64_t{1} << level;
  }
  range.size_ = size;
  return range;
}

void CompactRange::append(const Digest& leaf, std::vector<Node>& created) {
  append(leaf, &created);
}

void CompactRange::append(const Digest& leaf) {
  append(leaf, nullptr);
}

void CompactRange::append(const Digest& leaf, std::vector<Node>* created) {
  if (size_ >= kTreeSizeMax) throw std::length_error("the log is full");
  Node node{.level = 0, .index = size_, .hash = leaf};
  if (created != nullptr) created->push_back(node);
  // A right child completes its parent.
  while ((node.index & 1) != 0) {
    node = {.level = node.level + 1, .index = node.index >> 1, .hash = node_hash(hashes_.back(), node.hash)};
    hashes_.pop_back();
    if (created != nullptr) created->push_back(node);
  }
  hashes_.push_back(node.hash);
  ++size_;
}

Digest CompactRange::root() const {
  return hashes_.empty() ? empty_root() : join(hashes_);
}

TreeResult<Digest> root_at(const HashReader& reader, std::uint64_t size) {
  return subtree_root(reader, 0, size);
}

TreeResult<std::vector<Digest>> inclusion_path(const HashReader& reader, std::uint64_t index,
                                               std::uint64_t size) {
  return subtree_inclusion_path(reader, index, 0, size);
}

TreeResult<std::vector<Digest>> consistency_path(const HashReader& reader, std::uint64_t size1,
                                                 std::uint64_t size2) {
  if (size1 == 0) return std::unexpected(beyond_tree());
  return subtree_consistency_path(reader, 0, size1, size2);
}

bool is_subtree(std::uint64_t begin, std::uint64_t end) {
  if (begin > end || end > kTreeSizeMax) return false;
  return begin == end || begin % std::bit_ceil(end - begin) == 0;
}

TreeResult<Digest> subtree_root(const HashReader& reader, std::uint64_t begin, std::uint64_t end) {
  if (!is_subtree(begin, end)) return std::unexpected(beyond_tree());
  if (begin == end) return empty_root();
  return hash_of(reader, begin, end);
}

TreeResult<std::vector<Digest>> subtree_inclusion_path(const HashReader& reader, std::uint64_t index,
                                                       std::uint64_t begin, std::uint64_t end) {
  if (!is_subtree(begin, end) || index < begin || index >= end) return std::unexpected(beyond_tree());
  PathMaker path(reader);
  while (end - begin > 1 && !path.failed()) {
    const std::uint64_t middle = begin + split(end - begin);
    if (index < middle) {
      path.add(middle, end);
      end = middle;
    } else {
      path.add(begin, middle);
      begin = middle;
    }
  }
  return std::move(path).finish();
}

TreeResult<std::vector<Digest>> subtree_consistency_path(const HashReader& reader, std::uint64_t begin,
                                                         std::uint64_t end, std::uint64_t size) {
  if (!is_subtree(begin, end) || end > size || size > kTreeSizeMax) return std::unexpected(beyond_tree());
  if (begin == end) return std::vector<Digest>{};
  PathMaker path(reader);
  bool known = true;  // the verifier holds the hash of what is left of the subtree
  std::uint64_t left = 0;
  std::uint64_t right = size;
  while ((begin != left || end != right) && !path.failed()) {
    const std::uint64_t middle = left + split(right - left);
    if (end <= middle) {
      path.add(middle, right);
      right = middle;
      continue;
    }
    path.add(left, middle);
    left = middle;
    if (begin < middle) {  // the subtree goes on to the right of a node that is whole in both trees
      begin = middle;
      known = false;
    }
  }
  if (!known) path.add(begin, end);
  return std::move(path).finish();
}

bool verify_inclusion(std::uint64_t index, std::uint64_t size, const Digest& leaf,
                      std::span<const Digest> path, const Digest& root) {
  if (index >= size) return false;
  std::uint64_t node = index;
  std::uint64_t last = size - 1;
  Digest hash = leaf;
  for (const Digest& sibling : path) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      hash = node_hash(sibling, hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = node_hash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

bool verify_consistency(std::uint64_t size1, std::uint64_t size2, const Digest& root1, const Digest& root2,
                        std::span<const Digest> path) {
  if (size1 == 0 || size1 > size2) return false;
  if (size1 == size2) return path.empty() && root1 == root2;
  if (path.empty()) return false;
  std::uint64_t node = size1 - 1;
  std::uint64_t last = size2 - 1;
  while ((node & 1) != 0) {
    node >>= 1;
    last >>= 1;
  }
  Digest first = root1;  // of a power of two, the old root is itself a node of the new tree
  if (!std::has_single_bit(size1)) {
    first = path.front();
    path = path.subspan(1);
  }
  Digest second = first;
  for (const Digest& hash : path) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      first = node_hash(hash, first);
      second = node_hash(hash, second);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      second = node_hash(second, hash);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && first == root1 && second == root2;
}

bool verify_subtree_inclusion(std::uint64_t index, std::uint64_t begin, std::uint64_t end, const Digest& leaf,
                              std::span<const Digest> path, const Digest& subtree) {
  if (!is_subtree(begin, end) || index < begin || index >= end) return false;
  return verify_inclusion(index - begin, end - begin, leaf, path, subtree);
}

bool verify_subtree_consistency(std::uint64_t begin, std::uint64_t end, std::uint64_t size,
                                const Digest& subtree, const Digest& root, std::span<const Digest> path) {
  if (!is_subtree(begin, end) || end > size) return false;
  if (begin == end) return path.empty() && subtree == empty_root();
  std::uint64_t node = begin;
  std::uint64_t last = end - 1;   // of the subtree
  std::uint64_t edge = size - 1;  // of the tree
  const auto rise = [&] {
    node >>= 1;
    last >>= 1;
    edge >>= 1;
  };
  if (last == edge) {
    while (node != last) rise();
  } else {
    while (node != last && (last & 1) != 0) rise();
  }
  Digest first = subtree;
  if (node != last) {
    if (path.empty()) return false;
    first = path.front();
    path = path.subspan(1);
  }
  Digest second = first;
  for (const Digest& hash : path) {
    if (edge == 0) return false;
    if ((last & 1) != 0 || last == edge) {
      if (node < last) first = node_hash(hash, first);
      second = node_hash(hash, second);
      while ((last & 1) == 0 && last != 0) rise();
    } else {
      second = node_hash(second, hash);
    }
    rise();
  }
  return edge == 0 && first == subtree && second == root;
}

}  // namespace ledger::tlog
