#include "server/stream/subscription.hpp"

#include <algorithm>
#include <utility>

namespace ledger::server {
namespace {

/// How often an idle stream of a grant that expires looks at the clock, which may be set.
constexpr std::chrono::seconds kLookAtExpiry{2};

}  // namespace

Subscription::Subscription(const store::Engine& engine, StreamShared& shared, Begin begin)
    : engine_(engine),
      shared_(shared),
      feed_(engine, shared.rendered),
      begin_(std::move(begin)),
      next_(begin_.start.next),
      told_(next_),
      seat_(shared.bell) {}

std::optional<std::uint64_t> Subscription::cursor() const {
  if (next_ == 0) return std::nullopt;
  return next_ - 1;
}

void Subscription::tell(Batch& batch, Frame::Kind kind) {
  batch.frames.push_back({.kind = kind, .position = cursor(), .event = nullptr, .code = {}});
  told_ = next_;
}

/// Whether the log stands where it was looked at last, and the grant too: a revocation would be an event.
bool Subscription::nothing_new() const {
  if (!caught_up_ || next_ < engine_.size()) return false;
  return !grant_lapsed();
}

bool Subscription::grant_lapsed() const {
  return begin_.grant && !begin_.grant->active(std::max(shared_.clock(), engine_.last_recorded()));
}

FeedRequest Subscription::request() const {
  return {.next = next_,
          .reader = begin_.reader,
          .grant_id = begin_.grant ? std::optional<Uuid>(begin_.grant->grant_id) : std::nullopt,
          .filter = begin_.filter,
          .now = shared_.clock()};
}

FeedPage Subscription::read() const {
  if (nothing_new()) return {.items = {}, .next = next_, .at_head = true, .refused = {}};
  return feed_.read(request());
}

Batch Subscription::next() {
  Batch batch;
  // Before anything else is looked at: whoever changes it rings afterwards.
  const std::uint64_t heard = shared_.bell.rung();
  if (ended_ || shared_.draining.load()) {
    batch.then = Batch::Then::end;
    return batch;
  }
  FeedPage page = read();
  if (!page.refused.empty()) {
    ended_ = true;
    tell(batch, Frame::Kind::error);
    batch.frames.back().code = page.refused;
    batch.then = Batch::Then::end;
    return batch;
  }
  tell(batch, std::move(page), heard);
  return batch;
}

std::optional<Batch> Subscription::next_at_hand() {
  if (!caught_up_ || ended_ || shared_.draining.load() || grant_lapsed()) return std::nullopt;
  auto newest = shared_.newest.page(request(), {}, shared_.rendered, engine_.key_epoch());
  if (!newest) return std::nullopt;
  Batch batch;
  tell(batch, std::move(newest->page), newest->heard);
  return batch;
}

void Subscription::tell(Batch& batch, FeedPage&& page, std::uint64_t heard) {
  const bool at_head = page.at_head;
  tell_page(batch, std::move(page));
  if (batch.frames.empty() && at_head) tell_or_wait(batch, heard);
  if (!batch.frames.empty()) last_frame_ = Bell::Clock::now();
}

void Subscription::tell_page(Batch& batch, FeedPage&& page) {
  batch.frames.reserve(page.items.size() + 1);
  for (FeedPage::Item& item : page.items) {
    batch.frames.push_back(
        {.kind = Frame::Kind::event, .position = item.position, .event = std::move(item.event), .code = {}});
    told_ = item.position + 1;
  }
  next_ = page.next;
  if (page.at_head && !caught_up_) {
    caught_up_ = true;
    tell(batch, Frame::Kind::caught_up);
  } else if (!page.at_head && page.items.empty() && next_ != told_) {
    tell(batch, Frame::Kind::checkpoint);
  }
}

/// At the head with nothing to show: a frame when one is due, else the bell.
void Subscription::tell_or_wait(Batch& batch, std::uint64_t heard) {
  const auto now = Bell::Clock::now();
  if (now >= last_frame_ + shared_.heartbeat) {
    return tell(batch, next_ != told_ ? Frame::Kind::checkpoint : Frame::Kind::heartbeat);
  }
  batch.then = Batch::Then::wait;
  auto due = last_frame_ + shared_.heartbeat;
  if (begin_.grant && begin_.grant->expires_at) due = std::min(due, now + kLookAtExpiry);
  seat_.wait(wake_, heard, due);
}

}  // namespace ledger::server
