// The private members of a payload, wherever in it they stand.
#pragma once

#include <cstdint>
#include <functional>

#include "events/core/events.hpp"

namespace ledger::codec {

/// Calls `each` for every private member, those of tables and lists within included, whether or not it has a
/// value. `field`: its number, as private_values gives it.
void for_each_private(Payload& payload,
                      const std::function<void(std::uint32_t field, Private& member)>& each);

}  // namespace ledger::codec
