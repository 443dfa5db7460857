#include "server/stream/newest_events.hpp"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "server/read/event_page.hpp"
#include "server/read/render.hpp"

namespace ledger::server {

void NewestEvents::restart(std::uint64_t at, std::uint32_t key_epoch) {
  begun_ = true;
  first_ = at;
  entries_.clear();
  by_stream_.clear();
  bytes_ = 0;
  key_epoch_ = key_epoch;
}

void NewestEvents::forget() {
  const std::unique_lock lock(mutex_);
  restart(0, 0);
  begun_ = false;
}

void NewestEvents::add(Entry entry) {
  by_stream_[entry.stream].push_back(end());
  bytes_ += entry.bytes();
  entries_.push_back(std::move(entry));
  while (entries_.size() > kEventsMax || bytes_ > bytes_max_) drop_oldest();
}

void NewestEvents::drop_oldest() {
  const Entry& oldest = entries_.front();
  bytes_ -= oldest.bytes();
  const auto positions = by_stream_.find(oldest.stream);
  positions->second.pop_front();
  if (positions->second.empty()) by_stream_.erase(positions);
  entries_.pop_front();
  ++first_;
}

void NewestEvents::take_in(const store::Engine& engine, RenderedEvents& rendered, std::uint64_t heard,
                           bool granted) {
  const std::uint32_t key_epoch = engine.key_epoch();
  const store::Snapshot snapshot = engine.snapshot();
  // Read without the lock: nobody else writes.
  const std::uint64_t size = snapshot.size();
  std::uint64_t from = end();
  const bool anew = !begun_ || key_epoch != key_epoch_ || size < from || size - from > kEventsMax;
  if (anew) from = size;
  std::vector<Entry> more;
  more.reserve(size - from);
  for (std::uint64_t position = from; position < size; ++position) {
    const auto read = snapshot.event(position, false);
    // A hole cannot be shown to anybody: what lies before it is left to the log.
    if (!read) return forget();
    const Event& event = read->event;
    Entry entry{.stream = event.header.stream,
                .type = type_of(event.payload),
                .facts = facts_of(event),
                .owner = owner_of(snapshot, event.header.stream),
                .committed = nullptr,
                .public_ = nullptr};
    const RenderedEvents::Known known{entry.stream, entry.type, entry.facts};
    const auto render = [&](Sight sight) {
      auto text = std::make_shared<const std::string>(render_cloud_event(event, engine.origin(), sight));
      rendered.put(position, known, sight, key_epoch, text);
      return text;
    };
    if (granted) entry.committed = render(Sight::committed);
    if (entry.facts.public_event) entry.public_ = render(Sight::public_);
    more.push_back(std::move(entry));
  }
  const std::unique_lock lock(mutex_);
  if (anew) restart(from, key_epoch);
  for (Entry& entry : more) add(std::move(entry));
  heard_ = heard;
}

NewestEvents::Look NewestEvents::look_at(std::uint64_t position, const FeedRequest& request,
                                         const RenderedEvents& rendered, FeedPage& page,
                                         std::size_t& bytes) const {
  const Entry& entry = entries_[position - first_];
  // It may be the grant's own end.
  if (request.grant_id && entry.stream.kind == StreamKind::ledger) return Look::unknown;
  if (!request.filter.takes(entry.type)) return Look::passed;
  if (request.filter.subject_id && entry.owner.subject != *request.filter.subject_id) return Look::passed;
  const Sight sight = sight_of_event(request.reader, entry.facts, entry.owner);
  RenderedEvents::Text text;
  switch (sight) {
    case Sight::none: return Look::passed;
    case Sight::committed: text = entry.committed; break;
    case Sight::public_: text = entry.public_; break;
    case Sight::own:
    case Sight::case_: break;
  }
  if (!text) text = rendered.find(position, sight, key_epoch_);
  if (!text) return Look::unknown;
  bytes += text->size();
  page.items.push_back({position, std::move(text)});
  return Look::taken;
}

std::optional<NewestEvents::Page> NewestEvents::page(const FeedRequest& request, const PageLimits& limits,
                                                     const RenderedEvents& rendered,
                                                     std::uint32_t key_epoch) const {
  if (!request.filter.region.empty()) return std::nullopt;
  const std::shared_lock lock(mutex_);
  if (!begun_ || key_epoch != key_epoch_ || request.next < first_ || request.next > end())
    return std::nullopt;
  Page answer{.page = {}, .heard = heard_};
  FeedPage& page = answer.page;
  page.next = request.next;
  std::size_t bytes = 0;
  const auto full = [&] { return page.items.size() >= limits.events || bytes >= limits.bytes; };
  if (request.filter.stream) {
    // A grant may have ended in between all the same.
    const auto ledger = request.grant_id ? by_stream_.find(StreamId{}) : by_stream_.end();
    if (ledger != by_stream_.end() && ledger->second.back() >= request.next) return std::nullopt;
    const auto found = by_stream_.find(*request.filter.stream);
    if (found != by_stream_.end()) {
      const std::deque<std::uint64_t>& positions = found->second;
      for (auto at = std::ranges::lower_bound(positions, request.next); at != positions.end(); ++at) {
        if (full()) return answer;
        if (look_at(*at, request, rendered, page, bytes) == Look::unknown) return std::nullopt;
        page.next = *at + 1;
      }
    }
    page.next = end();
  } else {
    for (; page.next < end() && !full(); ++page.next) {
      if (look_at(page.next, request, rendered, page, bytes) == Look::unknown) return std::nullopt;
    }
  }
  page.at_head = page.next == end();
  return answer;
}

}  // namespace ledger::server
