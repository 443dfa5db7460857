#include "events/store/checkpoints.hpp"

#include <utility>

namespace ledger::store {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;

}  // namespace

tlog::SignedCheckpoint without_cosignatures(tlog::SignedCheckpoint checkpoint) {
  std::erase_if(checkpoint.note.signatures, [&](const tlog::NoteSignature& signature) {
    return signature.name != checkpoint.checkpoint.origin;
  });
  return checkpoint;
}

CheckpointPtr Checkpoints::serve() {
  const std::lock_guard lock(mutex_);
  newest_shown_ = true;
  return newest_;
}

void Checkpoints::show(std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  if (newest_ && newest_->size() == size) newest_shown_ = true;
  if (superseded_ && superseded_->size == size) superseded_->shown = true;
}

CheckpointPtr Checkpoints::newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

CheckpointPtr Checkpoints::newest_cosigned() const {
  const std::lock_guard lock(mutex_);
  return cosigned_;
}

void Checkpoints::publish(tlog::SignedCheckpoint checkpoint, TimestampUs at) {
  auto next = std::make_shared<PublishedCheckpoint>();
  next->text = checkpoint.text();
  next->checkpoint = std::move(checkpoint);
  next->at = at;
  const std::lock_guard lock(mutex_);
  if (newest_) superseded_ = {newest_->size(), newest_->at.value / kSecondUs, newest_shown_};
  newest_shown_ = newest_ == nullptr;
  newest_ = std::move(next);
}

void Checkpoints::cosigned(PublishedCheckpoint checkpoint) {
  auto next = std::make_shared<const PublishedCheckpoint>(std::move(checkpoint));
  const std::lock_guard lock(mutex_);
  if (newest_ && newest_->size() == next->size()) {
    newest_ = next;
    newest_shown_ = true;
  }
  if (superseded_ && superseded_->size == next->size()) superseded_->shown = true;
  if (!cosigned_ || cosigned_->size() <= next->size()) cosigned_ = std::move(next);
}

std::optional<std::uint64_t> Checkpoints::take_forgettable() {
  const std::lock_guard lock(mutex_);
  const auto superseded = std::exchange(superseded_, std::nullopt);
  if (!superseded) return std::nullopt;
  if (!superseded->shown && superseded->second == kept_second_) return superseded->size;
  kept_second_ = superseded->second;
  return std::nullopt;
}

}  // namespace ledger::store
