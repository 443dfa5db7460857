// What durations are estimated from: one stay of a filing or subject in a stage, as the log tells it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "events/core/codes.hpp"
#include "events/core/types.hpp"
#include "projections/timeline.hpp"

namespace ledger::replay {

/// One stay of a filing or subject in a stage, as the log tells it.
struct StageSample {
  StreamId stream;
  projections::Stage stage{};
  std::uint32_t attempt = 0;
  TimestampUs entered_at;
  std::uint64_t entered_position = 0;
  std::optional<TimestampUs> left_at;                // nullopt: still open
  std::uint64_t left_position = 0;                   // meaningful only with left_at
  std::optional<projections::StageOutcome> outcome;  // with left_at
  std::optional<AlgorithmType> type;                 // of the submission under way or last made; none before
  std::optional<AlgorithmRole> role;
  std::array<char, 6> region{};  // the subject's at entry; zeros where unknown
  bool operator==(const StageSample&) const = default;
};

}  // namespace ledger::replay
