// Who may act: grants and their end.
#include <algorithm>

#include "events/core/guards.hpp"

namespace ledger {

Decided decide_on(const GrantAccess& command, const Lookup& lookup, const Context& context) {
  std::vector<FieldError> errors;
  const bool grantable = command.role == Role::filer || command.role == Role::auditor ||
                         command.role == Role::admin || is_decision_role(command.role);
  if (!grantable)
    errors.push_back({"/role", "not_in_list", "operator, system and public are granted to nobody"});
  if (command.role == Role::filer && !command.subject_id) {
    errors.push_back({"/subject_id", "required", "a filer acts for one subject"});
  }
  if (command.role != Role::filer && command.subject_id) {
    errors.push_back({"/subject_id", "out_of_range", "only a filer is bound to a subject"});
  }
  if (command.subject_id && !lookup.subject(*command.subject_id)) {
    errors.push_back({"/subject_id", "not_found", "no such subject"});
  }
  if (command.expires_at && *command.expires_at <= context.now) {
    errors.push_back({"/expires_at", "out_of_range", "lies in the past"});
  }
  if (command.principal.empty()) errors.push_back({"/principal", "required", "names who gets the grant"});
  if (!errors.empty()) return refuse_fields(std::move(errors));

  // An id names a principal only if it has a grant already; any other text is a display name.
  std::optional<Uuid> principal = Uuid::parse(command.principal);
  Private display_name;
  if (!principal || lookup.grants_of(*principal)->empty()) {
    principal = lookup.principal_named(command.principal);
    display_name = Private::of(command.principal);
  }
  if (principal) {
    const auto held = lookup.grants_of(*principal);
    const bool conflict = std::ranges::any_of(*held, [&](const GrantState& grant) {
      if (!grant.active(context.now)) return false;
      return (command.role == Role::admin && is_decision_role(grant.role)) ||
             (grant.role == Role::admin && is_decision_role(command.role));
    });
    if (conflict) return refuse("role_conflict", "an admin principal holds no decision role");
  }

  AccessGranted granted;
  granted.grant_id = context.new_grant_id;
  granted.principal_id = principal.value_or(context.new_principal_id);
  granted.role = command.role;
  granted.subject_id = command.subject_id;
  granted.expires_at = command.expires_at;
  granted.token_digest = context.new_token_digest;
  granted.token_epoch = context.token_epoch;
  granted.principal = std::move(display_name);
  Decision decision = decided(StreamKind::ledger, {}, std::move(granted));
  decision.id = context.new_grant_id;
  return decision;
}

Decided decide_on(const RevokeAccess& command, const Lookup& lookup, const Context&) {
  const auto grant = lookup.grant(command.grant_id);
  if (grant->revoked) {
    return std::unexpected(
        Refusal{.code = "illegal_transition", .errors = {}, .state = "revoked", .detail = "already revoked"});
  }
  Decision decision = decided(StreamKind::ledger, {}, AccessRevoked{command.grant_id});
  decision.id = command.grant_id;
  return decision;
}

}  // namespace ledger
