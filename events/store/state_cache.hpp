// Decoded states over the rows of the views: a state is read and written as bytes once a batch, not once an
// event.
#pragma once

#include <memory>
#include <memory_resource>
#include <optional>
#include <unordered_map>
#include <vector>

#include "events/codec/state_codec.hpp"
#include "events/store/row_buffer.hpp"
#include "events/store/views.hpp"

namespace ledger::store {

/// States of one kind. Keeps the most recently used ones: its owner says by `age` when some should go.
/// Changed ones reach the rows by `write_back`. Changes since `keep` can be taken back. One thread.
template <typename State>
class StateCache {
 public:
  explicit StateCache(RowBuffer& rows) : rows_(rows) {}

  /// The state under this key, or null where no event made one. Lives until the next call that is not `find`.
  const State* find(Database database, const Uuid& id, Bytes key) {
    Node& node = node_of(database, id, key);
    return node.present ? &node.state : nullptr;
  }

  /// Says that no event made this one yet, so that nobody needs to look.
  void expect_new(const Uuid& id) {
    const auto [at, made] = nodes_.try_emplace(id);
    if (made) use(at->second);
  }

  /// Puts `after` in place of what was; answers what was. It must have been asked for by `find` before.
  const State& replace(Database database, const Uuid& id, Bytes key, State after) {
    return change(database, id, key, [&](State&&) { return std::move(after); });
  }

  /// Puts what `next` makes of the state (the empty one where there was none) in its place; answers what was.
  const State& change(Database database, const Uuid& id, Bytes key, auto&& next) {
    Node& node = node_of(database, id, key);
    // Over an old undo, whose texts have their room already: a state holds many, and changes often.
    if (undo_.size() == undos_) undo_.emplace_back();
    Undo& undo = undo_[undos_++];
    undo.id = id;
    undo.state = node.state;
    undo.present = node.present;
    undo.dirty = node.dirty;
    if (!node.dirty) dirty_.push_back(id);
    node.state = next(std::move(node.state));
    node.present = node.dirty = true;
    return undo.state;
  }

  /// The state before the last change; lives until the next one, `keep` or `rollback`.
  const State& before() const { return undo_[undos_ - 1].state; }

  void keep() {
    undos_ = 0;
    if (undo_.size() > kUndosKept) undo_.resize(kUndosKept);
  }
  void rollback() {
    while (undos_ > 0) {
      Undo& undo = undo_[--undos_];
      Node& node = nodes_.at(undo.id);
      std::swap(node.state, undo.state);
      node.present = undo.present;
      // Stays on the list of dirty ones; write_back skips it.
      if (!undo.dirty) node.dirty = false;
    }
  }

  /// Encodes every changed state into the rows. `key_of` gives the row's key for an id.
  void write_back(Database database, auto&& key_of) {
    for (const Uuid& id : dirty_) {
      const auto at = nodes_.find(id);
      if (at != nodes_.end()) write(database, at->second, key_of(id));
    }
    dirty_.clear();
  }

  /// How many were used since the last `age`; at most as many as then are held beside them.
  [[nodiscard]] std::size_t used() const { return used_; }
  /// Lets go of what was not used since the last time; of that, what changed is encoded into the rows.
  void age(Database database, auto&& key_of) {
    for (auto at = nodes_.begin(); at != nodes_.end();) {
      if (at->second.used_in == generation_) {
        ++at;
        continue;
      }
      write(database, at->second, key_of(at->first));
      at = nodes_.erase(at);
    }
    ++generation_;
    used_ = 0;
    last_ = nullptr;
  }
  void clear() {
    nodes_.clear();
    used_ = 0;
    dirty_.clear();
    undo_.clear();
    undos_ = 0;
    last_ = nullptr;
  }

 private:
  struct Node {
    State state;
    bool present = false, dirty = false;
    std::uint64_t used_in = 0;  ///< generation
  };
  struct Undo {
    Uuid id;
    State state;
    bool present = false, dirty = false;
  };
  static constexpr std::size_t kUndosKept = 16;

  void write(Database database, Node& node, Bytes key) {
    if (!node.dirty) return;
    node.dirty = false;
    (void)rows_.put(database, key, codec::encode_state_view(node.state));
  }

  void use(Node& node) {
    if (node.used_in == generation_) return;
    node.used_in = generation_;
    ++used_;
  }

  Node& node_of(Database database, const Uuid& id, Bytes key) {
    if (last_ != nullptr && last_id_ == id) return *last_;
    last_id_ = id;
    last_ = &look_up(database, id, key);
    return *last_;
  }

  Node& look_up(Database database, const Uuid& id, Bytes key) {
    const auto [at, made] = nodes_.try_emplace(id);
    Node& node = at->second;
    use(node);
    if (!made) return node;
    if (const auto row = rows_.get(database, key)) {
      auto state = codec::decode_state<State>(*row);
      if (!state) throw StoreDamage({0, "a state row of the views does not read"});
      node.state = std::move(*state);
      node.present = true;
    }
    return node;
  }

  using Nodes = std::pmr::unordered_map<Uuid, Node>;
  RowBuffer& rows_;
  std::unique_ptr<std::pmr::memory_resource> memory_ =
      std::make_unique<std::pmr::unsynchronized_pool_resource>(LargePages::instance());
  Nodes nodes_{memory_.get()};
  std::uint64_t generation_ = 1;  ///< since the last `age`
  std::size_t used_ = 0;          ///< nodes of this generation
  Uuid last_id_;
  Node* last_ = nullptr;  ///< of `last_id_`, of this generation: an event asks for its own stream often
  std::vector<Uuid> dirty_;
  std::vector<Undo> undo_;  ///< the first `undos_` count
  std::size_t undos_ = 0;
};

}  // namespace ledger::store
