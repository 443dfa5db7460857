// A log's hashes in memory, as a store would keep them: every node, or rows of every fourth level. And a tree
// too large to build: all leaves alike but a few.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <stdexcept>
#include <vector>

#include "events/tlog/hash_rows.hpp"
#include "events/tlog/tree.hpp"

namespace ledger::tlog {

/// Keeps every node that appending creates; each may come once only, and in order.
class MemoryHashes final : public HashReader {
 public:
  void append(const Digest& leaf) {
    created_.clear();
    range_.append(leaf, created_);
    for (const Node& node : created_) {
      if (levels_.size() == node.level) levels_.emplace_back();
      auto& level = levels_.at(node.level);
      if (level.size() != node.index) throw std::logic_error("a node out of order");
      level.push_back(node.hash);
    }
  }
  [[nodiscard]] const CompactRange& range() const { return range_; }
  [[nodiscard]] std::optional<Digest> read(unsigned level, std::uint64_t index) const override {
    ++reads;
    if (level >= levels_.size() || index >= levels_[level].size()) return std::nullopt;
    return levels_[level][index];
  }
  mutable std::size_t reads = 0;

 private:
  CompactRange range_;
  std::vector<Node> created_;
  std::vector<std::vector<Digest>> levels_;
};

/// Keeps the stored levels only.
class MemoryRows final : public HashRows {
 public:
  void append(const Digest& leaf) {
    created_.clear();
    range_.append(leaf, created_);
    for (const Node& node : created_) {
      if (is_stored_level(node.level)) levels_[node.level].push_back(node.hash);
    }
  }
  [[nodiscard]] const CompactRange& range() const { return range_; }
  [[nodiscard]] bool read(unsigned level, std::uint64_t first, std::span<Digest> out) const override {
    ++reads;
    if (out.empty() || first / kRowWidth != (first + out.size() - 1) / kRowWidth) {
      throw std::logic_error("not hashes of one row");
    }
    const auto row = levels_.find(level);
    if (row == levels_.end() || first + out.size() > row->second.size()) return false;
    std::ranges::copy_n(row->second.begin() + static_cast<std::ptrdiff_t>(first),
                        static_cast<std::ptrdiff_t>(out.size()), out.begin());
    return true;
  }
  mutable std::size_t reads = 0;

 private:
  CompactRange range_;
  std::vector<Node> created_;
  std::map<unsigned, std::vector<Digest>> levels_;
};

/// All leaves are the leaf hash of nothing but those named.
class SparseHashes final : public HashReader {
 public:
  explicit SparseHashes(std::map<std::uint64_t, Digest> leaves) : leaves_(std::move(leaves)) {
    plain_[0] = leaf_hash({});
    for (std::size_t i = 1; i < plain_.size(); ++i) plain_[i] = node_hash(plain_[i - 1], plain_[i - 1]);
  }
  [[nodiscard]] std::optional<Digest> read(unsigned level, std::uint64_t index) const override {
    ++reads;
    return at(level, index);
  }
  [[nodiscard]] Digest leaf(std::uint64_t index) const { return at(0, index); }
  mutable std::size_t reads = 0;

 private:
  [[nodiscard]] Digest at(unsigned level, std::uint64_t index) const {
    const auto first = leaves_.lower_bound(index << level);
    if (first == leaves_.end() || first->first >> level != index) return plain_[level];
    if (level == 0) return first->second;
    return node_hash(at(level - 1, index * 2), at(level - 1, index * 2 + 1));
  }
  std::map<std::uint64_t, Digest> leaves_;
  std::array<Digest, 63> plain_;
};

}  // namespace ledger::tlog
