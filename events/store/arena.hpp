// Memory for many small byte strings that go away together.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

#include "events/core/types.hpp"
#include "events/store/large_pages.hpp"

namespace ledger::store {

/// Hands out bytes that stay where they are until `clear`. Not for several threads.
class Arena {
 public:
  /// `size` bytes, unaligned, not initialised.
  [[nodiscard]] std::byte* take(std::size_t size) {
    if (size > room_) grow(size);
    std::byte* out = next_;
    next_ += size;
    room_ -= size;
    return out;
  }
  /// A copy that lives as long as the arena's content.
  [[nodiscard]] Bytes copy(Bytes bytes) {
    std::byte* out = take(bytes.size());
    if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
    return {out, bytes.size()};
  }
  /// Bytes of the blocks in use.
  [[nodiscard]] std::size_t held() const { return held_; }
  /// Forgets everything handed out. Keeps one block, so that a batch after another needs no heap.
  void clear() {
    if (blocks_.empty()) return;
    blocks_.erase(blocks_.begin() + 1, blocks_.end());
    rewind();
  }
  /// The same, but keeps all blocks: for one who fills as many again.
  void rewind() {
    if (blocks_.empty()) return;
    begin(0);
    held_ = room_;
  }

 private:
  static constexpr std::size_t kBlockSize = 256 * 1024;
  struct Free {
    std::size_t size = 0;
    void operator()(std::byte* block) const { LargePages::instance()->deallocate(block, size, 1); }
  };
  void begin(std::size_t block) {
    at_ = block;
    next_ = blocks_[block].get();
    room_ = blocks_[block].get_deleter().size;
  }
  void grow(std::size_t size) {
    while (at_ + 1 < blocks_.size()) {
      begin(at_ + 1);
      held_ += room_;
      if (room_ >= size) return;
    }
    // Whoever filled so many small blocks fills large ones.
    const std::size_t block = std::max(size, blocks_.size() < kSmallBlocks ? kBlockSize : kHugePage);
    auto* bytes = static_cast<std::byte*>(LargePages::instance()->allocate(block, 1));
    blocks_.emplace_back(bytes, Free{block});
    begin(blocks_.size() - 1);
    held_ += block;
  }
  static constexpr std::size_t kSmallBlocks = 8;
  std::vector<std::unique_ptr<std::byte[], Free>> blocks_;
  std::size_t at_ = 0;  ///< the block that is being filled
  std::byte* next_ = nullptr;
  std::size_t room_ = 0, held_ = 0;
};

}  // namespace ledger::store
