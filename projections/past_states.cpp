#include "projections/past_states.hpp"

#include "events/codec/state_codec.hpp"
#include "projections/row_bytes.hpp"

namespace ledger::projections {
namespace {

constexpr const char* kDatabases[] = {"past_states"};

RowBytes stream_key(const StreamId& stream) {
  return std::move(RowBytes().byte(stream.kind).id(stream.id));
}

RowBytes state_key(const StreamId& stream, std::uint64_t version) {
  return std::move(stream_key(stream).number(version));
}

}  // namespace

std::span<const char* const> PastStates::databases() const {
  return kDatabases;
}

void PastStates::open(std::span<const store::Database> databases) {
  states_ = databases[0];
}

store::StoreResult<void> PastStates::apply(store::Rows& rows, const store::Change& change) const {
  const EventHeader& header = change.event.header;
  const std::uint64_t steps = header.stream.kind == StreamKind::product ? kPastProductSteps : kPastStateSteps;
  if (header.version % steps != 0) return {};
  const auto keep = [&](const auto* state) -> store::StoreResult<void> {
    if (state == nullptr) return {};
    return rows.put(states_, state_key(header.stream, header.version), codec::encode_state_view(*state));
  };
  switch (header.stream.kind) {
    case StreamKind::ledger: return {};
    case StreamKind::subject: return keep(change.subject);
    case StreamKind::product: return keep(change.product);
    case StreamKind::filing: return keep(change.filing);
  }
  return {};
}

template <typename State>
State PastStates::nearest(const store::Transaction& views, const StreamId& stream,
                          std::uint64_t version) const {
  store::Cursor row = views.cursor(states_);
  if (!row.seek_before(state_key(stream, version + 1)) ||
      !text_of(row.key()).starts_with(text_of(stream_key(stream)))) {
    return {};
  }
  auto state = codec::decode_state<State>(row.value());
  if (!state) throw store::StoreDamage({0, "read a kept state"});
  return std::move(*state);
}

template SubjectState PastStates::nearest(const store::Transaction&, const StreamId&, std::uint64_t) const;
template ProductState PastStates::nearest(const store::Transaction&, const StreamId&, std::uint64_t) const;
template FilingState PastStates::nearest(const store::Transaction&, const StreamId&, std::uint64_t) const;

}  // namespace ledger::projections
