#include "server/stream/rendered_events.hpp"

#include <utility>

namespace ledger::server {

std::optional<RenderedEvents::Known> RenderedEvents::known(std::uint64_t position) const {
  const std::scoped_lock lock(mutex_of(position));
  const Slot& slot = slots_[position % kSlots];
  if (slot.position != position) return std::nullopt;
  return slot.known;
}

RenderedEvents::Text RenderedEvents::find(std::uint64_t position, Sight sight,
                                          std::uint32_t key_epoch) const {
  const std::scoped_lock lock(mutex_of(position));
  const Slot& slot = slots_[position % kSlots];
  if (slot.position != position || slot.key_epoch != key_epoch) return nullptr;
  return slot.texts[static_cast<std::size_t>(sight)];
}

void RenderedEvents::put(std::uint64_t position, const Known& known, Sight sight, std::uint32_t key_epoch,
                         Text text) {
  const std::size_t size = text ? text->size() : 0;
  // Long events are rare, and all at once: whoever is behind renders again.
  if (bytes() + size > bytes_max_) empty_all();
  if (size > bytes_max_) return;
  const std::scoped_lock lock(mutex_of(position));
  Slot& slot = slots_[position % kSlots];
  if (slot.position != position || slot.key_epoch != key_epoch) {
    // What is newer stays: whoever comes late with something older keeps it to itself.
    if (slot.position != ~std::uint64_t{0} && slot.position > position) return;
    if (slot.position == position && slot.key_epoch > key_epoch) return;
    empty(slot);
    slot.position = position;
    slot.key_epoch = key_epoch;
    slot.known = known;
  }
  Text& kept = slot.texts[static_cast<std::size_t>(sight)];
  if (kept || !text) return;
  bytes_.fetch_add(size, std::memory_order_relaxed);
  kept = std::move(text);
}

void RenderedEvents::empty(Slot& slot) {
  for (Text& text : slot.texts) {
    if (text) bytes_.fetch_sub(text->size(), std::memory_order_relaxed);
    text.reset();
  }
}

void RenderedEvents::empty_all() {
  for (std::size_t i = 0; i < kSlots; ++i) {
    const std::scoped_lock lock(mutex_of(i));
    empty(slots_[i]);
  }
}

}  // namespace ledger::server
