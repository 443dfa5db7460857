// States kept along the way, so that the state of a stream at any past version is a short fold: from the
// nearest kept one over the events behind it. A stream of ordinary length has none and is folded from its
// first event. The ledger's own stream is not kept.
//
// Rows: database `past_states`, key kind[1] id[16] version[8, big-endian], value the state after the event of
// that version, as the views hold it (events/codec/state_codec.hpp). Rows are only ever added.
#pragma once

#include <optional>

#include "events/store/projection.hpp"

namespace ledger::projections {

/// Versions from one kept state to the next. A filing's state has a fixed size; that of a product grows with
/// its tree, so it is kept less often.
inline constexpr std::uint64_t kPastStateSteps = 32;
inline constexpr std::uint64_t kPastProductSteps = 256;

class PastStates final : public store::Projection {
 public:
  [[nodiscard]] std::string_view name() const override { return "past_states"; }
  [[nodiscard]] std::uint32_t version() const override { return 1; }
  [[nodiscard]] std::span<const char* const> databases() const override;
  void open(std::span<const store::Database> databases) override;
  [[nodiscard]] store::StoreResult<void> apply(store::Rows& rows, const store::Change& change) const override;

  /// The newest state of a stream that is kept at or below a version; the state before the first event (`{}`)
  /// where none is. `State` is SubjectState, ProductState or FilingState, by the stream's kind. Any thread
  /// with its own snapshot (`snapshot.views()`). Throws StoreDamage for a row that does not read.
  template <typename State>
  [[nodiscard]] State nearest(const store::Transaction& views, const StreamId& stream,
                              std::uint64_t version) const;

 private:
  store::Database states_;
};

}  // namespace ledger::projections
