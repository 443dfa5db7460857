// Registrations that were never used lapse, so that a credit code does not stay taken for ever.
#pragma once

#include <cstddef>
#include <functional>

#include "events/core/types.hpp"

namespace ledger::store {
class Engine;
}

namespace ledger::cli {

/// Lapses every subject that is still only registered and was so before `before`; answers how many. A subject
/// that submits meanwhile stays. `stop` is asked between subjects. Blocks; any thread.
std::size_t lapse_unused(store::Engine& engine, TimestampUs before, const std::function<bool()>& stop);

}  // namespace ledger::cli
