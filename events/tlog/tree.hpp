// The Merkle tree of the log: RFC 6962 section 2.1 with SHA-256. Hashes of leaves and nodes, the right edge
// that grows with the log, roots and proofs read from stored hashes, and the verifiers of RFC 9162.
//
// A subtree [begin, end) of the log is one that stands in some tree as a node or as the right edge of one:
// begin is a multiple of the smallest power of two that is not below end - begin
// (draft-ietf-plants-merkle-tree-certs). A complete one of 2^level leaves is named (level, index): its leaves
// are [index * 2^level, (index + 1) * 2^level).
//
// Nothing here keeps state but CompactRange (one thread at a time); every function may be called from any
// thread as long as its reader may.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "events/core/types.hpp"

namespace ledger::tlog {

/// The largest tree: sizes fit a signed 64-bit number.
inline constexpr std::uint64_t kTreeSizeMax = 0x7fff'ffff'ffff'ffff;
/// No inclusion proof in such a tree is longer, nor a consistency proof of up to 2^62 entries; the formats
/// allow no more.
inline constexpr std::size_t kProofHashesMax = 63;

/// SHA-256 of nothing: the root of the empty tree.
[[nodiscard]] Digest empty_root();
/// SHA-256(0x00 || entry).
[[nodiscard]] Digest leaf_hash(Bytes entry);
/// SHA-256(0x01 || left || right).
[[nodiscard]] Digest node_hash(const Digest& left, const Digest& right);

/// A complete subtree and its hash; level 0 is a leaf.
struct Node {
  unsigned level = 0;
  std::uint64_t index = 0;
  Digest hash;
  auto operator<=>(const Node&) const = default;
};

/// Gives the hashes of complete subtrees, each stored once and never changed.
class HashReader {
 public:
  virtual ~HashReader() = default;
  /// Hash of the complete subtree (level, index), or nullopt where it cannot be read. The functions below ask
  /// only for subtrees that lie within the size they were given.
  [[nodiscard]] virtual std::optional<Digest> read(unsigned level, std::uint64_t index) const = 0;
};

/// Why a root or a proof could not be made.
struct TreeError {
  enum class Kind { beyond_tree, hash_missing };
  Kind kind = Kind::beyond_tree;
  unsigned level = 0;       ///< of the missing hash
  std::uint64_t index = 0;  ///< of the missing hash
  bool operator==(const TreeError&) const = default;
};

template <typename T>
using TreeResult = std::expected<T, TreeError>;

/// The right edge of a log: the hashes of the largest complete subtrees that cover it, left to right, one a
/// bit of its size. All that appending and the root need: at most 63 hashes.
class CompactRange {
 public:
  CompactRange() = default;
  /// From what `size` and `hashes` gave; nullopt when their numbers do not fit each other. That the hashes
  /// are the right ones shows in the root only.
  [[nodiscard]] static std::optional<CompactRange> restore(std::uint64_t size,
                                                           std::span<const Digest> hashes);
  /// The right edge of the log's first `size` leaves, from stored hashes; at most 63 reads.
  [[nodiscard]] static TreeResult<CompactRange> load(const HashReader& reader, std::uint64_t size);

  /// Appends one leaf. Every node it completes, the leaf itself first and each parent behind its child, is
  /// put behind `created`: what a store of hashes has to write. Amortised one node hash a leaf. A full tree
  /// throws std::length_error.
  void append(const Digest& leaf, std::vector<Node>& created);
  void append(const Digest& leaf);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Largest subtree first.
  [[nodiscard]] std::span<const Digest> hashes() const { return hashes_; }
  /// The root of the log so far; at most 62 node hashes.
  [[nodiscard]] Digest root() const;

 private:
  void append(const Digest& leaf, std::vector<Node>* created);

  std::uint64_t size_ = 0;
  std::vector<Digest> hashes_;
};

/// MTH(D[0:size]); at most 63 reads. A size above kTreeSizeMax is beyond_tree.
[[nodiscard]] TreeResult<Digest> root_at(const HashReader& reader, std::uint64_t size);
/// PATH(index, D[0:size]), the leaf's sibling first; O(log size) reads. index >= size is beyond_tree.
[[nodiscard]] TreeResult<std::vector<Digest>> inclusion_path(const HashReader& reader, std::uint64_t index,
                                                             std::uint64_t size);
/// PROOF(size1, D[0:size2]); O(log size2) reads; empty for equal sizes. size1 = 0 (nothing can be proved of
/// an empty tree) and size1 > size2 are beyond_tree.
[[nodiscard]] TreeResult<std::vector<Digest>> consistency_path(const HashReader& reader, std::uint64_t size1,
                                                               std::uint64_t size2);

/// Whether [begin, end) is a subtree; an empty one is.
[[nodiscard]] bool is_subtree(std::uint64_t begin, std::uint64_t end);
/// MTH(D[begin:end]) of a subtree; what is none is beyond_tree. An empty one has `empty_root`.
[[nodiscard]] TreeResult<Digest> subtree_root(const HashReader& reader, std::uint64_t begin,
                                              std::uint64_t end);
/// The path from a leaf to the root of a subtree that holds it.
[[nodiscard]] TreeResult<std::vector<Digest>> subtree_inclusion_path(const HashReader& reader,
                                                                     std::uint64_t index, std::uint64_t begin,
                                                                     std::uint64_t end);
/// The proof that a subtree is part of the tree of `size` leaves; empty for an empty subtree.
[[nodiscard]] TreeResult<std::vector<Digest>> subtree_consistency_path(const HashReader& reader,
                                                                       std::uint64_t begin, std::uint64_t end,
                                                                       std::uint64_t size);

/// RFC 9162 section 2.1.3.2: whether the path leads from the leaf hash at `index` to the root of `size`.
[[nodiscard]] bool verify_inclusion(std::uint64_t index, std::uint64_t size, const Digest& leaf,
                                    std::span<const Digest> path, const Digest& root);
/// RFC 9162 section 2.1.4.2: whether the tree of size1 leaves and root1 is the beginning of that of size2 and
/// root2. Equal sizes: equal roots and an empty path. size1 = 0 never verifies: the caller who means "no
/// earlier tree" must say so itself.
[[nodiscard]] bool verify_consistency(std::uint64_t size1, std::uint64_t size2, const Digest& root1,
                                      const Digest& root2, std::span<const Digest> path);
/// Inclusion in a subtree that is not empty.
[[nodiscard]] bool verify_subtree_inclusion(std::uint64_t index, std::uint64_t begin, std::uint64_t end,
                                            const Digest& leaf, std::span<const Digest> path,
                                            const Digest& subtree);
/// draft-ietf-plants-merkle-tree-certs, "Verifying a Subtree Consistency Proof". An empty subtree is accepted
/// with `empty_root` and an empty path, whatever the tree's root.
[[nodiscard]] bool verify_subtree_consistency(std::uint64_t begin, std::uint64_t end, std::uint64_t size,
                                              const Digest& subtree, const Digest& root,
                                              std::span<const Digest> path);

}  // namespace ledger::tlog
