#include "server/stream/feed.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <vector>

#include "replay/as_of.hpp"
#include "server/read/event_page.hpp"
#include "server/read/render.hpp"

namespace ledger::server {
namespace {

/// Nearer to the head than this, looking at each event costs less than asking the index of a stream.
constexpr std::uint64_t kScanNear = 64;
/// Positions asked of the index at once, of all streams together and of each at least.
constexpr std::size_t kIndexedAtOnce = 1'000;
constexpr std::size_t kIndexedEach = 16;
/// A subject or a region with more streams than this is no small share of the log.
constexpr std::size_t kStreamsIndexed = 128;
/// A filer with more streams is shown each event for itself.
constexpr std::size_t kOwnStreamsMax = 4'096;

/// What anybody may come to see.
std::uint64_t public_types() {
  static const std::uint64_t kPublic = [] {
    std::uint64_t types = std::uint64_t{1} << type_number<NumberAssigned>();
    for (EventType type = 1; type <= std::variant_size_v<Payload>; ++type) {
      if (is_public_type(type)) types |= std::uint64_t{1} << type;
    }
    return types;
  }();
  return kPublic;
}

/// Types that nobody without a grant ever sees need not be read for them.
std::uint64_t types_for(const Reader& reader, const StreamFilter& filter) {
  return reader.anonymous() ? filter.types & public_types() : filter.types;
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
    if (const auto streams = streams_asked(size)) {
      read_indexed(*streams, size);
    } else {
      learn_own_streams(size);
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

  /// The streams that alone can hold what is asked, where the index of each is worth asking; else nullopt.
  [[nodiscard]] std::optional<std::vector<StreamId>> streams_asked(std::uint64_t size) const {
    const StreamFilter& filter = request_.filter;
    if (page_.next + kScanNear >= size) return std::nullopt;
    if (filter.stream) return std::vector{*filter.stream};
    if (filter.subject_id && !filter.subject_id->is_nil()) {
      auto streams = snapshot_.streams_of(*filter.subject_id, kStreamsIndexed + 1);
      if (streams.size() <= kStreamsIndexed) return streams;
    }
    if (!filter.region.empty()) return snapshot_.streams_in_region(filter.region, kStreamsIndexed);
    return std::nullopt;
  }

  /// A filer sees the own streams and what is public: the header of an event tells that it is neither.
  void learn_own_streams(std::uint64_t size) {
    const Reader& reader = request_.reader;
    if (reader.role != Role::filer || !reader.subject_id || page_.next + kScanNear >= size) return;
    own_streams_ = snapshot_.streams_of(*reader.subject_id, kOwnStreamsMax + 1);
    if (own_streams_.size() > kOwnStreamsMax) own_streams_.clear();
    std::ranges::sort(own_streams_);
  }

  void read_indexed(std::span<const StreamId> streams, std::uint64_t size) {
    const std::size_t each =
        std::max(kIndexedEach, kIndexedAtOnce / std::max<std::size_t>(streams.size(), 1));
    std::vector<std::uint64_t> positions;
    std::uint64_t known_to = size;  // all positions of the streams below it are among these
    for (const StreamId& stream : streams) {
      const std::uint64_t version =
          page_.next == 0 ? 0 : replay::version_at(snapshot_, stream, page_.next - 1);
      const auto found = snapshot_.stream_positions(stream, version, each);
      if (found.size() == each) known_to = std::min(known_to, found.back() + 1);
      positions.insert(positions.end(), found.begin(), found.end());
    }
    std::ranges::sort(positions);
    for (const std::uint64_t position : positions) {
      if (position >= known_to) break;
      if (full()) return;
      look_at(position);
      page_.next = position + 1;
    }
    page_.next = known_to;
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
    if (types_ != ~std::uint64_t{0} || request_.filter.stream || !own_streams_.empty()) {
      const auto bytes = snapshot_.entry(position);
      const auto header =
          bytes ? codec::decode_header(*bytes) : std::unexpected(codec::CodecError::malformed);
      if (header &&
          (!takes(header->type, header->header.stream) || is_others(header->type, header->header.stream))) {
        return;
      }
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

  [[nodiscard]] bool is_others(EventType type, const StreamId& stream) const {
    return !own_streams_.empty() && (public_types() >> type & 1) == 0 &&
           !std::ranges::binary_search(own_streams_, stream);
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
    } else if (const auto filing =
                   stream.kind == StreamKind::filing ? lookup.filing(stream.id) : Found<FilingState>()) {
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
  std::vector<StreamId> own_streams_;  ///< in order; empty: not known, or of no use
};

FeedPage Feed::read(const FeedRequest& request, const PageLimits& limits) const {
  return Page(*this, request, limits).read();
}

}  // namespace ledger::server
