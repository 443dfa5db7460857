// The state machine as data: which event types each role may append to a stream in which states. `decide` and
// `admissible` both read it, so that they cannot disagree. The table itself is docs/state-machine.md in code.
#pragma once

#include <span>
#include <string>

#include "events/core/states.hpp"

namespace ledger {

/// A set of roles or of states, one bit each.
using Bits = std::uint32_t;

template <typename E>
[[nodiscard]] constexpr Bits bit(E value) {
  return Bits{1} << static_cast<unsigned>(value);
}

/// State 0: the stream has no event yet.
inline constexpr Bits kNoState = 1;

struct Transition {
  EventType type = 0;
  StreamKind stream{};
  Bits roles = 0;
  Bits states = 0;  ///< of the stream before the event; for products kNoState or bit 1 (present)
};

/// The row of an event type; every type has one.
[[nodiscard]] const Transition& transition_of(EventType type);

/// Whether the table lets this role append this event type at all.
[[nodiscard]] bool role_may(EventType type, Role role);

/// Whether the table lets this event type follow this state (0 for a stream without events).
[[nodiscard]] bool state_allows(EventType type, unsigned state);

/// Roles that decide on filings or subjects; an admin principal holds none of them.
[[nodiscard]] bool is_decision_role(Role role);

}  // namespace ledger
