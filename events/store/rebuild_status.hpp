// How a rebuild of the views beside the serving ones stands.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "events/core/types.hpp"

namespace ledger::store {

enum class RebuildState : std::uint8_t {
  none,     ///< none was asked for since the start
  running,  ///< the old views serve
  done,     ///< the new ones serve
  failed,   ///< given up: the old ones serve
  stopped,  ///< the process was told to end before it was done
};

/// The code of a state, e.g. `running`; lives for ever.
[[nodiscard]] std::string_view code_of(RebuildState state);

struct RebuildStatus {
  RebuildState state = RebuildState::none;
  std::uint64_t events = 0;  ///< applied to the new views
  std::uint64_t total = 0;   ///< in the log when it was last looked at
  TimestampUs started_at;    ///< wall clock; meaningless without a rebuild
  double seconds = 0;        ///< it has taken so far, or took
  std::string failure;       ///< why it was given up, for an operator

  [[nodiscard]] double events_per_second() const {
    return seconds > 0 ? static_cast<double>(events) / seconds : 0;
  }
  /// At the rate so far; nullopt unless it runs and a rate is known.
  [[nodiscard]] std::optional<double> remaining_seconds() const {
    if (state != RebuildState::running || events == 0) return std::nullopt;
    return static_cast<double>(total - std::min(events, total)) / events_per_second();
  }
};

}  // namespace ledger::store
