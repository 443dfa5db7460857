// The decisions of the ledger, pure: what a command leads to, given what happened so far. No clock, no I/O,
// no randomness: time and fresh ids come in as context, the rest of the ledger through `Lookup`.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/commands.hpp"
#include "events/core/lookup.hpp"
#include "events/core/refusal.hpp"

namespace ledger {

/// Who asks, when, and the fresh ids that the answer may use. Each id is used at most once.
struct Context {
  Actor actor;
  std::optional<Uuid> filer_subject;  ///< the subject that a filer's grant is bound to
  TimestampUs now;                    ///< the time that the events will carry
  Uuid new_id;                        ///< for the thing made: UUIDv7
  Uuid new_grant_id;
  Uuid new_principal_id;
  Digest new_token_digest;  ///< of the token that belongs to new_grant_id
  std::uint32_t token_epoch = 0;
  std::uint64_t next_position = 0;  ///< of the first event that follows
};

/// An event before it has its place in the log.
struct NewEvent {
  StreamId stream;
  Payload payload;
  std::optional<Date> effective_on;
};

struct Decision {
  std::vector<NewEvent> events;  ///< at least one; all on the addressed stream, in order
  Uuid id;                       ///< the thing made or acted on
};

/// The stream whose version `If-Match` names; the nil filing for a command that makes a stream.
[[nodiscard]] std::optional<StreamId> addressed_stream(const Command& command);

/// Whether `If-Match` is required: approve, reject, assign-number, publish, on subjects, filings and their
/// changes.
[[nodiscard]] bool needs_expected_version(const Command& command);

/// May this actor know of the thing and ask this of it at all? Comes before `If-Match` and `decide`.
/// Refusals: `role_forbidden` (403), `not_found` (404, also for another subject's things).
[[nodiscard]] std::optional<Refusal> authorize(const Command& command, const Lookup& lookup,
                                               const Context& context);

/// What the command leads to. Requires that `authorize` had nothing to say. Refusals: `illegal_transition`
/// and its kin with the current state (409), field errors all at once (422); the codes are those of the
/// refusal table.
[[nodiscard]] std::expected<Decision, Refusal> decide(const Command& command, const Lookup& lookup,
                                                      const Context& context);

/// Why an event may not follow what the ledger holds.
struct Violation {
  std::string_view rule;  ///< a stable word, e.g. `transition`, `role`, `four_eyes`, `check_digit`
  std::string detail;
};

/// The gate that every append passes, whoever made the event: command, import, simulation; `verify` replays
/// it. Judges by the rules version in the event's header, from what stands in clear; where a private value
/// would be needed and cannot be opened, it is not held against the event.
[[nodiscard]] std::optional<Violation> admissible(const Event& event, const Lookup& before);

/// Every legal path of a form that a rejection reason may point at, e.g. `/details/model`.
[[nodiscard]] bool is_filing_pointer(std::string_view pointer);
[[nodiscard]] bool is_subject_pointer(std::string_view pointer);

}  // namespace ledger
