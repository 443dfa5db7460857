#include "server/stream/feed.hpp"

#include <algorithm>
#include <map>

#include "server/read/event_page.hpp"
#include "server/read/render.hpp"

namespace ledger::server {
namespace {

/// Nearer to the head than this, looking at each event costs less than asking the index of a stream.
constexpr std::uint64_t kScanNear = 64;
constexpr std::size_t kIndexedAtOnce = 1'000;

/// Types that nobody without a grant ever sees need not be read for them.
std::uint64_t types_for(const Reader& reader, const StreamFilter& filter) {
  if (!reader.anonymous()) return filter.types;
  static const std::uint64_t kPublic = [] {
    std::uint64_t types = std::uint64_t{1} << type_number<NumberAssigned>();
    for (EventType type = 1; type <= std::variant_size_v<Payload>; ++type) {
      if (is_public_type(type)) types |= std::uint64_t{1} << type;
    }
    return types;
  }();
  return filter.types & kPublic;
}

std::string_view refusal_of(const Lookup& lookup, const Uuid& grant_id, TimestampUs now) {
  const auto grant = lookup.grant(grant_id);
  if (!grant || grant->revoked) return "token_revoked";
  return grant->active(now) ? std::string_view() : std::string_view("token_expired");
}

}  // namespace

/// One page in the making.
class Feed::Page {
 public:
  Page(const Feed& feed, const FeedRequest& request, const PageLimits& limits)
      : engine_(feed.engine_),
        rendered_(feed.rendered_),
        request_(request),
        limits_(limits),
        // Before any value is opened, so that nothing erased meanwhile is kept as if it were still there.
        key_epoch_(feed.engine_.key_epoch()),
        snapshot_(feed.engine_.snapshot()),
        types_(types_for(request.reader, request.filter)) {}

  FeedPage read() {
    page_.next = request_.next;
    if (request_.grant_id) {
      const TimestampUs now = std::max(request_.now, engine_.last_recorded());
      page_.refused = refusal_of(snapshot_.lookup(), *request_.grant_id, now);
      if (!page_.refused.empty()) return std::move(page_);
    }
    const std::uint64_t size = snapshot_.size();
    if (request_.filter.stream && page_.next + kScanNear < size) {
      read_indexed(*request_.filter.stream, size);
    } else {
      while (page_.next < size && !full()) look_at(page_.next++);
    }
    page_.at_head = page_.next >= size;
    return std::move(page_);
  }

 private:
  struct Standing {
    EventOwner owner;
    std::string region;
    bool region_known = false;
  };

  [[nodiscard]] bool full() const {
    return page_.items.size() >= limits_.events || bytes_ >= limits_.bytes || scanned_ >= limits_.scanned;
  }

  void read_indexed(const StreamId& stream, std::uint64_t size) {
    std::uint64_t version = page_.next == 0 ? 0 : versions_up_to(snapshot_, stream, page_.next - 1);
    while (true) {
      const auto positions = snapshot_.stream_positions(stream, version, kIndexedAtOnce);
      for (const std::uint64_t position : positions) {
        if (full()) return;
        look_at(position);
        page_.next = position + 1;
        ++version;
      }
      if (positions.size() < kIndexedAtOnce) break;
    }
    page_.next = size;
  }

  void look_at(std::uint64_t position) {
    ++scanned_;
    const bool keep = RenderedEvents::keeps(position, snapshot_.size());
    if (keep) {
      if (const auto known = rendered_.known(position)) {
        const Sight sight = sight_of(*known);
        if (sight == Sight::none) return;
        if (auto text = rendered_.find(position, sight, key_epoch_)) return add(position, std::move(text));
      }
    }
    if (types_ != ~std::uint64_t{0} || request_.filter.stream) {
      const auto bytes = snapshot_.entry(position);
      const auto header =
          bytes ? codec::decode_header(*bytes) : std::unexpected(codec::CodecError::malformed);
      if (header && !takes(header->type, header->header.stream)) return;
    }
    auto read = snapshot_.event(position, false);
    if (!read) return;
    const RenderedEvents::Known known{read->event.header.stream, type_of(read->event.payload),
                                      facts_of(read->event)};
    const Sight sight = sight_of(known);
    if (sight == Sight::none) {
      if (keep) rendered_.put(position, known, sight, key_epoch_, nullptr);
      return;
    }
    if (opens_private(sight) && !read->parts.commitments.empty()) read = snapshot_.event(position, true);
    if (!read) return;
    auto text = std::make_shared<const std::string>(render_cloud_event(read->event, engine_.origin(), sight));
    if (keep) rendered_.put(position, known, sight, key_epoch_, text);
    add(position, std::move(text));
  }

  void add(std::uint64_t position, RenderedEvents::Text text) {
    bytes_ += text->size();
    page_.items.push_back({position, std::move(text)});
  }

  [[nodiscard]] bool takes(EventType type, const StreamId& stream) const {
    return (types_ >> type & 1) != 0 && (!request_.filter.stream || *request_.filter.stream == stream);
  }

  /// `none` also where the filter leaves it out.
  [[nodiscard]] Sight sight_of(const RenderedEvents::Known& known) {
    if (!takes(known.type, known.stream)) return Sight::none;
    const StreamFilter& filter = request_.filter;
    if (filter.subject_id && standing_of(known.stream).owner.subject != *filter.subject_id) {
      return Sight::none;
    }
    if (!filter.region.empty() && !region_of(known.stream).starts_with(filter.region)) return Sight::none;
    return sight_of_event(request_.reader, known.facts, owner_for_sight(known));
  }

  /// Whose stream it is, where the answer makes a difference.
  [[nodiscard]] EventOwner owner_for_sight(const RenderedEvents::Known& known) {
    const Role role = request_.reader.role;
    if (known.stream.kind == StreamKind::ledger || role == Role::auditor) return {};
    if (request_.reader.anonymous() && !known.facts.number_assigned) return {};
    if (is_staff(role) && known.stream.kind != StreamKind::filing) return {};
    return standing_of(known.stream).owner;
  }

  [[nodiscard]] Standing& standing_of(const StreamId& stream) {
    const auto [at, fresh] = standings_.try_emplace(stream);
    if (fresh) at->second.owner = owner_of(snapshot_, stream);
    return at->second;
  }

  /// The region of the stream's subject; of an imported record, that in its number.
  [[nodiscard]] const std::string& region_of(const StreamId& stream) {
    constexpr std::size_t kRegionDigits = 6;
    Standing& standing = standing_of(stream);
    if (std::exchange(standing.region_known, true)) return standing.region;
    const Lookup& lookup = snapshot_.lookup();
    if (const auto subject = lookup.subject(standing.owner.subject)) {
      standing.region = subject->region;
    } else if (const auto filing = stream.kind == StreamKind::filing ? lookup.filing(stream.id)
                                                                     : std::optional<FilingState>()) {
      standing.region = filing->digits.substr(0, kRegionDigits);
    }
    return standing.region;
  }

  const store::Engine& engine_;
  RenderedEvents& rendered_;
  const FeedRequest& request_;
  const PageLimits& limits_;
  const std::uint32_t key_epoch_;
  const store::Snapshot snapshot_;
  const std::uint64_t types_;
  FeedPage page_;
  std::size_t bytes_ = 0, scanned_ = 0;
  std::map<StreamId, Standing> standings_;
};

FeedPage Feed::read(const FeedRequest& request, const PageLimits& limits) const {
  return Page(*this, request, limits).read();
}

}  // namespace ledger::server
