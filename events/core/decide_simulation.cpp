// A ledger whose history is made up says so in its first event after `init`, and says it for ever.
#include "events/core/guards.hpp"

namespace ledger {

bool is_fresh(const LedgerState& ledger, std::uint64_t next_position) {
  return ledger.version == next_position && !ledger.simulated && ledger.webhooks.empty() &&
         ledger.vkeys.size() == 1 && ledger.vkeys.front() == ledger.vkey;
}

Decided decide_on(const SimulateLedger& command, const Lookup& lookup, const Context& context) {
  const LedgerState ledger = lookup.ledger();
  if (!is_fresh(ledger, context.next_position)) {
    return std::unexpected(Refusal{.code = "illegal_transition",
                                   .errors = {},
                                   .state = ledger.simulated ? "simulated" : "used",
                                   .detail = "only a ledger fresh from init is simulated"});
  }
  return decided(StreamKind::ledger, {}, LedgerSimulated{command.seed, command.parameters});
}

}  // namespace ledger
