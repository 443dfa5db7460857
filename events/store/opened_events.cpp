#include "events/store/opened_events.hpp"

#include <utility>

namespace ledger::store {

const OpenedEvent* OpenedEvents::find(std::uint64_t position) const {
  if (slots_.empty()) return nullptr;
  const Held* held = slots_[position % slots_max_].get();
  return held != nullptr && held->position == position ? &held->event : nullptr;
}

const OpenedEvent& OpenedEvents::put(std::uint64_t position, OpenedEvent event, std::size_t bytes) {
  if (bytes_ + bytes > bytes_max_) clear();
  slots_.resize(slots_max_);
  std::unique_ptr<Held>& slot = slots_[position % slots_max_];
  if (slot) {
    bytes_ -= slot->bytes;
    *slot = {position, bytes, std::move(event)};
  } else {
    slot = std::make_unique<Held>(position, bytes, std::move(event));
  }
  bytes_ += bytes;
  return slot->event;
}

void OpenedEvents::clear() {
  slots_.clear();
  bytes_ = 0;
}

}  // namespace ledger::store
