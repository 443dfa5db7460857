// Memory for many small byte strings that go away together.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

#include "events/core/types.hpp"

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
  /// Bytes held from the heap.
  [[nodiscard]] std::size_t held() const { return held_; }
  /// Forgets everything handed out. Keeps one block, so that a batch after another needs no heap.
  void clear() {
    if (blocks_.empty()) return;
    // The first block has the ordinary size; a larger one was for something larger than that.
    blocks_.resize(1);
    next_ = blocks_.front().get();
    room_ = held_ = first_size_;
  }

 private:
  static constexpr std::size_t kBlockSize = 256 * 1024;
  void grow(std::size_t size) {
    const std::size_t block = std::max(size, kBlockSize);
    blocks_.push_back(std::make_unique_for_overwrite<std::byte[]>(block));
    if (blocks_.size() == 1) first_size_ = block;
    held_ += block;
    next_ = blocks_.back().get();
    room_ = block;
  }
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::byte* next_ = nullptr;
  std::size_t room_ = 0, held_ = 0, first_size_ = 0;
};

}  // namespace ledger::store
