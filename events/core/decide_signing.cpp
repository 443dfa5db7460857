// The keys that sign the log's checkpoints, and their end.
#include <algorithm>

#include "events/core/guards.hpp"

namespace ledger {

Decided decide_on(const AddSigningKey& command, const Lookup& lookup, const Context&) {
  const LedgerState ledger = lookup.ledger();
  if (!command.vkey.starts_with(ledger.origin + "+")) {
    return refuse_fields({{"/vkey", "bad_format", "a verifier key that is named like the ledger's origin"}});
  }
  if (std::ranges::find(ledger.vkeys, command.vkey) != ledger.vkeys.end()) return refuse("signing_key_known");
  if (ledger.vkeys.size() >= kSigningKeysMax)
    return refuse("signing_keys_many", "retire one before another is added");
  return decided(StreamKind::ledger, {}, SigningKeyAdded{command.vkey});
}

Decided decide_on(const RetireSigningKey& command, const Lookup& lookup, const Context&) {
  const LedgerState ledger = lookup.ledger();
  if (std::ranges::find(ledger.vkeys, command.vkey) == ledger.vkeys.end())
    return refuse("signing_key_unknown");
  if (ledger.vkeys.size() == 1) return refuse("signing_key_last", "add the next one first");
  return decided(StreamKind::ledger, {}, SigningKeyRetired{command.vkey});
}

}  // namespace ledger
