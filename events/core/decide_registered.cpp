// What happens to a filing that has its approval: change, cancellation, revocation, correction, and records
// that come from official lists.
#include "events/core/guards.hpp"

namespace ledger {
namespace {

std::unexpected<Refusal> illegal(const FilingState& filing) {
  return refuse_in(filing.status, "illegal_transition");
}

/// Guards of a decision on a change or a cancellation.
template <typename P>
std::optional<Refusal> hinder_decision(const FilingState& filing, const Lookup& lookup,
                                       const Context& context) {
  if (!allows<P>(filing)) return illegal(filing).error();
  if (files_for(lookup, context.actor.principal, filing.subject_id, context.now))
    return refuse("own_case").error();
  const auto subject = lookup.subject(filing.subject_id);
  if (context.actor.role == Role::reviewer && subject &&
      subject->initial_reviewer == context.actor.principal) {
    return refuse("four_eyes", "the reviewer is not the subject's initial reviewer").error();
  }
  return std::nullopt;
}

/// The public record after the filing ended, if it was public.
std::optional<PublicRecord> ended_record(const FilingState& filing, const char* status) {
  std::optional<PublicRecord> record = filing.public_record;
  if (record) record->status = status;
  return record;
}

}  // namespace

Decided decide_on(const SubmitChange& command, const Lookup& lookup, const Context& context) {
  const auto filing = lookup.filing(command.filing_id);
  if (!allows<ChangeSubmitted>(*filing)) return illegal(*filing);
  if (filing->change_position) return refuse_in(filing->status, "change_open");
  const auto subject = lookup.subject(filing->subject_id);
  if (!subject || subject->status != SubjectStatus::qualified) return refuse("subject_not_qualified");
  auto information = check_filing_form(command.form, lookup, filing->subject_id, "/form");
  std::vector<FieldError> errors;
  if (!information) errors = std::move(information.error());
  if (information && information->algorithm_type != filing->algorithm_type) {
    errors.push_back(
        {"/form/basic/algorithm_type", "type_fixed", "the number holds the type, and never changes"});
  }
  if (command.changed_on > Date::of(context.now)) {
    errors.push_back({"/changed_on", "date_in_future", "a change is filed once it happened"});
  }
  if (!errors.empty()) return refuse_fields(std::move(errors));
  ChangeSubmitted submitted;
  submitted.change = filing->changes + 1;
  submitted.changed_on = command.changed_on;
  submitted.information = *std::move(information);
  return decided(StreamKind::filing, filing->id, std::move(submitted), command.changed_on);
}

Decided decide_on(const WithdrawChange& command, const Lookup& lookup, const Context&) {
  const auto filing = lookup.filing(command.filing_id);
  if (!allows<ChangeWithdrawn>(*filing)) return illegal(*filing);
  if (!filing->change_position) return refuse_in(filing->status, "no_open_change");
  return decided(StreamKind::filing, filing->id, ChangeWithdrawn{filing->changes});
}

Decided decide_on(const ApproveChange& command, const Lookup& lookup, const Context& context) {
  const auto filing = lookup.filing(command.filing_id);
  if (auto hindered = hinder_decision<ChangeApproved>(*filing, lookup, context)) {
    return std::unexpected(*std::move(hindered));
  }
  if (!filing->change_position) return refuse_in(filing->status, "no_open_change");
  const auto form = lookup.filing_form(*filing->change_position);
  const auto scope = lookup.frozen_scope(*filing->change_position);
  const auto products = scope ? products_text(lookup, filing->subject_id, *scope) : std::nullopt;
  if (!form || !products) return refuse_in(filing->status, "record_erased");
  ChangeApproved approved;
  approved.change = filing->changes;
  approved.submission = *filing->change_position;
  approved.public_record = filing->public_record;
  PublicRecord& record = *approved.public_record;
  record.algorithm_name = *form->algorithm_name;
  record.role = form->role;
  record.purpose = *form->purpose;
  record.products = *products;
  record.organization_name = lookup.subject(filing->subject_id)->organization_name;
  approved.public_disclosure = form->basic->documents->public_disclosure;
  return decided(StreamKind::filing, filing->id, std::move(approved));
}

Decided decide_on(const RejectChange& command, const Lookup& lookup, const Context& context) {
  const auto filing = lookup.filing(command.filing_id);
  if (auto hindered = hinder_decision<ChangeRejected>(*filing, lookup, context)) {
    return std::unexpected(*std::move(hindered));
  }
  if (!filing->change_position) return refuse_in(filing->status, "no_open_change");
  if (auto errors = check_reasons(command.reasons, is_filing_pointer); !errors.empty()) {
    return refuse_fields(std::move(errors));
  }
  return decided(StreamKind::filing, filing->id,
                 ChangeRejected{filing->changes, to_reasons(command.reasons)});
}

Decided decide_on(const RequestCancellation& command, const Lookup& lookup, const Context&) {
  const auto filing = lookup.filing(command.filing_id);
  if (!allows<CancellationRequested>(*filing)) return illegal(*filing);
  if (filing->cancellation_position) return refuse_in(filing->status, "cancellation_open");
  return decided(StreamKind::filing, filing->id,
                 CancellationRequested{command.ended_on, Private::of(command.note)}, command.ended_on);
}

Decided decide_on(const RejectCancellation& command, const Lookup& lookup, const Context& context) {
  const auto filing = lookup.filing(command.filing_id);
  if (auto hindered = hinder_decision<CancellationRejected>(*filing, lookup, context)) {
    return std::unexpected(*std::move(hindered));
  }
  if (!filing->cancellation_position) return refuse_in(filing->status, "cancellation_not_requested");
  if (auto errors = check_reasons(command.reasons, is_filing_pointer); !errors.empty()) {
    return refuse_fields(std::move(errors));
  }
  return decided(StreamKind::filing, filing->id, CancellationRejected{to_reasons(command.reasons)});
}

Decided decide_on(const CancelFiling& command, const Lookup& lookup, const Context& context) {
  const auto filing = lookup.filing(command.filing_id);
  if (auto hindered = hinder_decision<FilingCancelled>(*filing, lookup, context)) {
    return std::unexpected(*std::move(hindered));
  }
  if (context.actor.role == Role::reviewer && !filing->cancellation_position) {
    return refuse_in(filing->status, "cancellation_not_requested",
                     "a reviewer cancels what the filer asked to");
  }
  FilingCancelled cancelled;
  cancelled.ex_officio = !filing->cancellation_position;
  if (cancelled.ex_officio && context.actor.role == Role::supervisor &&
      (!command.ground || command.ground->empty())) {
    return refuse_fields({{"/ground", "required", "a cancellation ex officio states its ground"}});
  }
  cancelled.ground = command.ground.value_or("requested");
  cancelled.ended_on = command.ended_on ? command.ended_on : filing->cancellation_ended_on;
  cancelled.noticed_on = command.noticed_on;
  cancelled.public_record = ended_record(*filing, "cancelled");
  const std::optional<Date> effective = command.noticed_on ? command.noticed_on : cancelled.ended_on;
  return decided(StreamKind::filing, filing->id, std::move(cancelled), effective);
}

Decided decide_on(const RevokeFiling& command, const Lookup& lookup, const Context& context) {
  const auto filing = lookup.filing(command.filing_id);
  if (auto hindered = hinder_decision<FilingRevoked>(*filing, lookup, context)) {
    return std::unexpected(*std::move(hindered));
  }
  if (command.ground.empty())
    return refuse_fields({{"/ground", "required", "a revocation states its ground"}});
  FilingRevoked revoked;
  revoked.ground = command.ground;
  revoked.public_record = ended_record(*filing, "revoked");
  revoked.note = Private::of(command.note);
  return decided(StreamKind::filing, filing->id, std::move(revoked));
}

Decided decide_on(const CorrectAnnouncement& command, const Lookup& lookup, const Context& context) {
  const auto filing = lookup.filing(command.filing_id);
  if (!allows<AnnouncementCorrected>(*filing) || !filing->public_record) return illegal(*filing);
  if (auto hindered = hinder_registrar(*filing, lookup, context))
    return std::unexpected(*std::move(hindered));
  AnnouncementCorrected corrected;
  corrected.public_record = *filing->public_record;
  PublicRecord& record = corrected.public_record;
  const RecordCorrection& given = command.record;
  std::vector<FieldError> fixed;
  const auto hold = [&](bool same, const char* pointer) {
    if (!same) fixed.push_back({pointer, "not_in_list", "no correction changes it"});
  };
  hold(!given.number || *given.number == record.number, "/public_record/number");
  hold(!given.status || *given.status == record.status, "/public_record/status");
  hold(!given.type || given.type == record.type, "/public_record/type");
  if (!fixed.empty()) return refuse_fields(std::move(fixed));
  if (given.algorithm_name) record.algorithm_name = *given.algorithm_name;
  if (given.organization_name) record.organization_name = *given.organization_name;
  if (given.products) record.products = *given.products;
  if (given.purpose) record.purpose = *given.purpose;
  if (given.remark) record.remark = *given.remark;
  if (given.role) record.role = given.role;
  if (given.series) record.series = given.series;
  if (given.batch) record.batch = given.batch;
  if (given.announced_on) record.announced_on = given.announced_on;
  if (record.announced_on && filing->number_at.value != 0 &&
      *record.announced_on < Date::of(filing->number_at)) {
    return refuse_fields(
        {{"/public_record/announced_on", "date_before_number", "not before the day of the number"}});
  }
  if (record.algorithm_name.empty())
    return refuse_fields({{"/public_record/algorithm_name", "too_short", ""}});
  if (record.organization_name.empty())
    return refuse_fields({{"/public_record/organization_name", "too_short", ""}});
  corrected.note = Private::of(command.note);
  return decided(StreamKind::filing, filing->id, std::move(corrected));
}

Decided decide_on(const ImportRecord& command, const Lookup& lookup, const Context& context) {
  // A number announced twice is two items of one record. Mistyped numbers are looked up as they were printed.
  const auto owner = lookup.number_owner(command.row.digits);
  return decided(StreamKind::filing, owner.value_or(context.new_id), command.row,
                 command.row.public_record.announced_on);
}

}  // namespace ledger
