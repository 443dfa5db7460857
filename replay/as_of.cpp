#include "replay/as_of.hpp"

#include <algorithm>

#include "events/store/sealed_row.hpp"

namespace ledger::replay {
namespace {

/// Positions of a stream that are read at once.
constexpr std::size_t kPositionsAtOnce = 1'024;

codec::DecodedHeader header_of(const store::Snapshot& snapshot, std::uint64_t position) {
  const auto entry = snapshot.entry(position);
  auto header = entry ? codec::decode_header(*entry) : std::unexpected(codec::CodecError::malformed);
  if (!header) throw store::StoreDamage({0, "an entry of the log does not decode"});
  return std::move(*header);
}

/// Hands the positions of a stream's events with versions in (after, last] to `each`, in order.
template <typename Each>
void each_position(const store::Snapshot& snapshot, const StreamId& stream, std::uint64_t after,
                   std::uint64_t last, Each&& each) {
  while (after < last) {
    const auto at_once = static_cast<std::size_t>(std::min<std::uint64_t>(kPositionsAtOnce, last - after));
    const auto positions = snapshot.stream_positions(stream, after, at_once);
    if (positions.size() != at_once) throw store::StoreDamage({0, "a stream's index misses a version"});
    for (const std::uint64_t position : positions) each(position);
    after += at_once;
  }
}

template <typename State>
std::optional<State> fold_up_to(const store::Snapshot& snapshot, const projections::ReadModels& models,
                                const StreamId& stream, std::uint64_t version) {
  if (version == 0) return std::nullopt;
  State state = models.past_states.nearest<State>(snapshot.views(), stream, version);
  each_position(snapshot, stream, state.version, version, [&](std::uint64_t position) {
    const auto read = snapshot.event(position, false);
    if (!read) throw store::StoreDamage({0, "an event of a stream is not in the log"});
    state = evolve(std::move(state), read->event);
    store::note_record(state, read->event, read->parts);
  });
  return state;
}

}  // namespace

std::optional<std::uint64_t> position_at(const store::Snapshot& snapshot, TimestampUs at) {
  std::uint64_t low = 0;
  std::uint64_t high = snapshot.size();
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (recorded_at(snapshot, middle) <= at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low == 0 ? std::nullopt : std::optional(low - 1);
}

TimestampUs recorded_at(const store::Snapshot& snapshot, std::uint64_t position) {
  return header_of(snapshot, position).header.recorded_at;
}

std::uint64_t version_at(const store::Snapshot& snapshot, const StreamId& stream, std::uint64_t position) {
  std::uint64_t low = 0;
  std::uint64_t high = snapshot.stream_version(stream);
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const auto at = snapshot.stream_positions(stream, middle, 1);
    if (!at.empty() && at.front() <= position) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

std::optional<SubjectState> subject_at(const store::Snapshot& snapshot, const projections::ReadModels& models,
                                       const Uuid& id, std::uint64_t position) {
  const StreamId stream{StreamKind::subject, id};
  return fold_up_to<SubjectState>(snapshot, models, stream, version_at(snapshot, stream, position));
}

std::optional<ProductState> product_at(const store::Snapshot& snapshot, const projections::ReadModels& models,
                                       const Uuid& id, std::uint64_t position) {
  const StreamId stream{StreamKind::product, id};
  return fold_up_to<ProductState>(snapshot, models, stream, version_at(snapshot, stream, position));
}

std::optional<FilingState> filing_at(const store::Snapshot& snapshot, const projections::ReadModels& models,
                                     const Uuid& id, std::uint64_t position) {
  const StreamId stream{StreamKind::filing, id};
  return fold_up_to<FilingState>(snapshot, models, stream, version_at(snapshot, stream, position));
}

std::vector<ProductState> products_at(const store::Snapshot& snapshot, const projections::ReadModels& models,
                                      const Uuid& subject, std::uint64_t position) {
  std::vector<ProductState> products;
  for (const Uuid& id : snapshot.products_added(subject, position)) {
    auto product = product_at(snapshot, models, id, position);
    if (product && !product->removed) products.push_back(std::move(*product));
  }
  return products;
}

std::vector<projections::Visit> visits_at(const store::Snapshot& snapshot,
                                          const projections::ReadModels& models, const StreamId& stream,
                                          std::uint64_t position) {
  std::vector<projections::Visit> visits = models.timeline.visits(snapshot.views(), stream);
  std::erase_if(visits, [&](const projections::Visit& visit) { return visit.entered_position > position; });
  if (!visits.empty() && visits.back().left_at && visits.back().left_position > position) {
    projections::Visit& open = visits.back();
    open.left_at.reset();
    open.outcome.reset();
    open.actor.reset();
    open.left_position = 0;
  }
  return visits;
}

}  // namespace ledger::replay
