#include "events/store/rollback.hpp"

namespace ledger::store {

std::optional<std::string> contradiction(const EntryReader& log, const std::string& origin,
                                         std::string_view published) {
  const auto parsed = tlog::parse_checkpoint(published);
  if (!parsed) return "the published checkpoint does not read: " + parsed.error().message();
  const tlog::Checkpoint& known = parsed->checkpoint;
  if (known.origin != origin)
    return "the published checkpoint is of another ledger, " + known.origin + ", and this one is " + origin;
  const std::uint64_t size = log.size();
  if (known.size > size) {
    return "a checkpoint of " + std::to_string(known.size) + " events was published, and this ledger has " +
           std::to_string(size) + ": it has lost " + std::to_string(known.size - size) +
           " acknowledged events";
  }
  const auto root = tlog::root_at(tlog::RowHashReader(log), known.size);
  if (!root) return "the log's hashes do not reach the published checkpoint";
  if (*root != known.root) {
    return "the first " + std::to_string(known.size) +
           " events are not those of the published checkpoint: history was changed";
  }
  return std::nullopt;
}

std::string_view rollback_advice() {
  return "This ledger refuses to write, since a second history would be signed. Bring back the newest copy "
         "of "
         "the data directory, or fetch the missing entries from a mirror of /log/. Only where the checkpoint "
         "file itself is of another ledger, name the right one. A ledger that really lost events can be read "
         "with export and verify, and goes on under a new origin only.";
}

}  // namespace ledger::store
