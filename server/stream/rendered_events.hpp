// Rendered events of the log's newest part, so that one rendering serves all subscribers of one visibility.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "server/read/visibility.hpp"

namespace ledger::server {

/// A bounded cache, one slot a position modulo their number: the newest events never push each other out. Any
/// thread.
class RenderedEvents {
 public:
  using Text = std::shared_ptr<const std::string>;
  /// Subscribers further behind render for themselves: they meet nobody there.
  static constexpr std::size_t kSlots = 4'096;

  explicit RenderedEvents(std::size_t bytes_max = std::size_t{32} << 20) : bytes_max_(bytes_max) {}

  /// What is known of an event without reading it again.
  struct Known {
    StreamId stream;
    EventType type = 0;
    EventFacts facts;
  };
  /// Whether this position is one that is kept while the log has this size.
  [[nodiscard]] static bool keeps(std::uint64_t position, std::uint64_t size) {
    return position + kSlots >= size;
  }
  [[nodiscard]] std::optional<Known> known(std::uint64_t position) const;
  /// The event as this sight shows it, rendered at this key epoch; null where it has to be rendered.
  [[nodiscard]] Text find(std::uint64_t position, Sight sight, std::uint32_t key_epoch) const;
  /// Keeps a rendering. `key_epoch` was read before any private value was opened.
  void put(std::uint64_t position, const Known& known, Sight sight, std::uint32_t key_epoch, Text text);

  [[nodiscard]] std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  struct Slot {
    std::uint64_t position = ~std::uint64_t{0};
    std::uint32_t key_epoch = 0;
    Known known;
    std::array<Text, kSights> texts;
  };
  static constexpr std::size_t kLocks = 64;

  [[nodiscard]] std::mutex& mutex_of(std::uint64_t position) const { return mutexes_[position % kLocks]; }
  void empty(Slot& slot);
  void empty_all();

  const std::size_t bytes_max_;
  mutable std::array<std::mutex, kLocks> mutexes_;
  std::vector<Slot> slots_{kSlots};  // slot n is guarded by mutex n % kLocks
  std::atomic<std::size_t> bytes_{0};
};

}  // namespace ledger::server
