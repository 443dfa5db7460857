// Events of the log with their private values opened, for as long as a decision may ask for them again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "events/codec/entry_codec.hpp"

namespace ledger::store {

/// An event with its private values joined, where their keys exist. The digests of its commitments may be
/// missing: the writer keeps what it appends before it is sealed.
struct OpenedEvent {
  Event event;
  codec::EntryParts parts;
};

/// A bounded cache, one slot a position modulo their number: the newest events never push each other out.
/// Holds private texts in the clear: `clear` when a key was destroyed. One thread.
class OpenedEvents {
 public:
  /// `bytes_max`: of entries and sealed values together; beyond it, all are let go of. Slots: one at least.
  OpenedEvents(std::size_t slots, std::size_t bytes_max) : slots_max_(slots), bytes_max_(bytes_max) {}

  /// Null where it is not held. Lives until the next `put` or `clear`.
  [[nodiscard]] const OpenedEvent* find(std::uint64_t position) const;
  /// `bytes`: of its entry and its sealed values. Lives as what is found does.
  const OpenedEvent& put(std::uint64_t position, OpenedEvent event, std::size_t bytes);
  void clear();

 private:
  struct Held {
    std::uint64_t position = 0;
    std::size_t bytes = 0;
    OpenedEvent event;
  };

  const std::size_t slots_max_, bytes_max_;
  std::vector<std::unique_ptr<Held>> slots_;  ///< none before the first `put`
  std::size_t bytes_ = 0;
};

}  // namespace ledger::store
