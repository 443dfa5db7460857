// Decoded states over the rows of the views: a state is read and written as bytes once a batch, not once an
// event.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "events/codec/state_codec.hpp"
#include "events/store/row_buffer.hpp"
#include "events/store/views.hpp"

namespace ledger::store {

/// States of one kind. Keeps the most recently used ones, at most twice `entries_max`; changed ones reach the
/// rows by `write_back`. Changes since `mark` can be taken back. One thread.
template <typename State>
class StateCache {
 public:
  StateCache(RowBuffer& rows, std::size_t entries_max) : rows_(rows), entries_max_(entries_max) {}

  /// The state under this key, or null where no event made one. Lives until the next call that is not `find`.
  const State* find(Database database, const Uuid& id, Bytes key) {
    Node& node = node_of(database, id, key);
    return node.present ? &node.state : nullptr;
  }

  /// Says that no event made this one yet, so that nobody needs to look.
  void expect_new(const Uuid& id) {
    if (known(id) == nullptr) young_.try_emplace(id);
  }

  /// Puts `after` in place of what was; answers what was. It must have been asked for by `find` before.
  const State& replace(Database database, const Uuid& id, Bytes key, State after) {
    Node& node = node_of(database, id, key);
    undo_.push_back({id, std::move(node.state), node.present, node.dirty});
    if (!node.dirty) dirty_.push_back(id);
    node.state = std::move(after);
    node.present = node.dirty = true;
    return undo_.back().state;
  }

  /// The state before the last `replace`; lives until the next one, `keep` or `rollback`.
  const State& before() const { return undo_.back().state; }

  void keep() { undo_.clear(); }
  void rollback() {
    while (!undo_.empty()) {
      Undo& undo = undo_.back();
      Node& node = young_.at(undo.id);
      node.state = std::move(undo.state);
      node.present = undo.present;
      // Stays on the list of dirty ones; write_back skips it.
      if (!undo.dirty) node.dirty = false;
      undo_.pop_back();
    }
  }

  /// Encodes every changed state into the rows. `key_of` gives the row's key for an id.
  void write_back(Database database, auto&& key_of) {
    for (const Uuid& id : dirty_) {
      Node* node = known(id);
      if (node == nullptr || !node->dirty) continue;
      node->dirty = false;
      (void)rows_.put(database, key_of(id), codec::encode_state_view(node->state));
    }
    dirty_.clear();
  }

  /// Whether so many are held that some should go: `write_back`, then `age`.
  [[nodiscard]] bool full() const { return young_.size() >= entries_max_; }
  /// Lets go of what was not used since the last time. Nothing may be dirty.
  void age() {
    std::swap(old_, young_);
    young_.clear();
  }
  void clear() {
    young_.clear();
    old_.clear();
    dirty_.clear();
    undo_.clear();
  }

 private:
  struct Node {
    State state;
    bool present = false, dirty = false;
  };
  struct Undo {
    Uuid id;
    State state;
    bool present, dirty;
  };

  Node* known(const Uuid& id) {
    if (const auto at = young_.find(id); at != young_.end()) return &at->second;
    const auto at = old_.find(id);
    return at == old_.end() ? nullptr : &at->second;
  }

  Node& node_of(Database database, const Uuid& id, Bytes key) {
    if (const auto at = young_.find(id); at != young_.end()) return at->second;
    if (auto aged = old_.extract(id)) return young_.insert(std::move(aged)).position->second;
    Node& node = young_[id];
    if (const auto row = rows_.get(database, key)) {
      auto state = codec::decode_state<State>(*row);
      if (!state) throw StoreDamage({0, "a state row of the views does not read"});
      node.state = std::move(*state);
      node.present = true;
    }
    return node;
  }

  RowBuffer& rows_;
  const std::size_t entries_max_;
  std::unordered_map<Uuid, Node> young_, old_;
  std::vector<Uuid> dirty_;
  std::vector<Undo> undo_;
};

}  // namespace ledger::store
