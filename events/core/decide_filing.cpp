// The life of a filing 备案 up to its number and publication: draft, submission, review, decision.
#include <algorithm>

#include "events/core/filing_number.hpp"
#include "events/core/form_text.hpp"
#include "events/core/guards.hpp"
#include "schema/codes.hpp"

namespace ledger {
namespace {

std::unexpected<Refusal> illegal(const FilingState& filing) {
  return refuse_in(filing.status, "illegal_transition");
}

/// Four eyes, and nobody decides on a subject that they file for.
std::optional<Refusal> hinder_reviewer(const FilingState& filing, const Lookup& lookup,
                                       const Context& context) {
  if (files_for(lookup, context.actor.principal, filing.subject_id, context.now))
    return refuse("own_case").error();
  const auto subject = lookup.subject(filing.subject_id);
  if (subject && subject->initial_reviewer == context.actor.principal) {
    return refuse("four_eyes", "the reviewer is not the subject's initial reviewer").error();
  }
  return std::nullopt;
}

/// Guards of a decision on the attempt under review.
template <typename P>
std::optional<Refusal> hinder_decision(const FilingState& filing, const Lookup& lookup,
                                       const Context& context) {
  if (!allows<P>(filing)) return illegal(filing).error();
  if (auto hindered = hinder_reviewer(filing, lookup, context)) return hindered;
  if (filing.reviewer != context.actor.principal) {
    return refuse_in(filing.status, "not_reviewer_of_case",
                     "only the reviewer who started decides; start-review takes over")
        .error();
  }
  return std::nullopt;
}

/// Two forms that ask for the same are the same: an absent list selects nothing, as an empty one does.
FilingForm normalized(FilingForm form) {
  if (!form.scope) form.scope.emplace();
  for (auto* ids : {&form.scope->products, &form.scope->access_paths, &form.scope->features}) {
    if (!*ids) ids->emplace();
  }
  if (form.scope->technical_service && form.scope->technical_service->empty())
    form.scope->technical_service.reset();
  return form;
}

DraftSaved draft(const Uuid& subject, std::uint32_t attempt, const FilingForm& form) {
  return {subject, attempt, Private::of(form_text(form))};
}

}  // namespace

Decided decide_on(const CreateFiling& command, const Lookup& lookup, const Context& context) {
  if (auto hindered = hinder_filer(lookup, command.subject_id)) return std::unexpected(*std::move(hindered));
  return decided(StreamKind::filing, context.new_id, draft(command.subject_id, 1, command.form));
}

Decided decide_on(const SaveDraft& command, const Lookup& lookup, const Context&) {
  const auto filing = lookup.filing(command.filing_id);
  if (!allows<DraftSaved>(*filing)) return illegal(*filing);
  if (auto hindered = hinder_filer(lookup, filing->subject_id)) return std::unexpected(*std::move(hindered));
  return decided(StreamKind::filing, filing->id,
                 draft(filing->subject_id, filing->attempt + 1, command.form));
}

Decided decide_on(const DiscardDraft& command, const Lookup& lookup, const Context&) {
  const auto filing = lookup.filing(command.filing_id);
  if (!allows<DraftDiscarded>(*filing)) return illegal(*filing);
  return decided(StreamKind::filing, filing->id, DraftDiscarded{});
}

Decided decide_on(const SubmitFiling& command, const Lookup& lookup, const Context&) {
  const auto filing = lookup.filing(command.filing_id);
  if (!allows<FilingSubmitted>(*filing)) return illegal(*filing);
  if (auto hindered = hinder_filer(lookup, filing->subject_id)) return std::unexpected(*std::move(hindered));
  // After a withdrawal the submission itself is the latest form.
  const auto source = filing->draft_is_current ? filing->draft_position : filing->submission_position;
  const auto form = source ? lookup.filing_form(*source) : std::nullopt;
  if (!form) return refuse_in(filing->status, "record_erased");
  auto information = check_filing_form(*form, lookup, filing->subject_id, "");
  std::vector<FieldError> errors;
  if (!information) errors = std::move(information.error());
  if (!command.declared)
    errors.push_back({"/declared", "declaration_missing", "the declaration must be ticked"});
  if (!errors.empty()) return refuse_fields(std::move(errors));
  FilingSubmitted submitted;
  submitted.attempt = filing->attempt + 1;
  if (filing->submission_position) {
    const auto before = lookup.filing_form(*filing->submission_position);
    submitted.unchanged = before && normalized(*before) == normalized(*form);
  }
  submitted.information = *std::move(information);
  return decided(StreamKind::filing, filing->id, std::move(submitted));
}

Decided decide_on(const WithdrawFiling& command, const Lookup& lookup, const Context&) {
  const auto filing = lookup.filing(command.filing_id);
  if (!allows<FilingWithdrawn>(*filing)) return illegal(*filing);
  return decided(StreamKind::filing, filing->id, FilingWithdrawn{filing->attempt});
}

Decided decide_on(const StartReview& command, const Lookup& lookup, const Context& context) {
  const auto filing = lookup.filing(command.filing_id);
  if (!allows<ReviewStarted>(*filing)) return illegal(*filing);
  if (auto hindered = hinder_reviewer(*filing, lookup, context)) return std::unexpected(*std::move(hindered));
  return decided(StreamKind::filing, filing->id, ReviewStarted{filing->attempt});
}

Decided decide_on(const ApproveFiling& command, const Lookup& lookup, const Context& context) {
  const auto filing = lookup.filing(command.filing_id);
  if (auto hindered = hinder_decision<FilingApproved>(*filing, lookup, context)) {
    return std::unexpected(*std::move(hindered));
  }
  return decided(StreamKind::filing, filing->id,
                 FilingApproved{filing->attempt, *filing->submission_position});
}

Decided decide_on(const RejectFiling& command, const Lookup& lookup, const Context& context) {
  const auto filing = lookup.filing(command.filing_id);
  if (auto hindered = hinder_decision<FilingRejected>(*filing, lookup, context)) {
    return std::unexpected(*std::move(hindered));
  }
  if (auto errors = check_reasons(command.reasons, is_filing_pointer); !errors.empty()) {
    return refuse_fields(std::move(errors));
  }
  return decided(StreamKind::filing, filing->id,
                 FilingRejected{filing->attempt, to_reasons(command.reasons)});
}

Decided decide_on(const AssignNumber& command, const Lookup& lookup, const Context& context) {
  const auto filing = lookup.filing(command.filing_id);
  if (!allows<NumberAssigned>(*filing)) return illegal(*filing);
  if (auto hindered = hinder_registrar(*filing, lookup, context))
    return std::unexpected(*std::move(hindered));
  const auto subject = lookup.subject(filing->subject_id);
  const std::uint16_t last = lookup.last_serial(subject->id, *filing->algorithm_type);
  if (last >= kSerialMax) return refuse_in(filing->status, "serial_exhausted");
  const NumberParts parts{
      .region = subject->region,
      .subject_number = subject->subject_number,
      .type = static_cast<std::uint8_t>(*filing->algorithm_type),
      .year = static_cast<std::uint8_t>(Date::of(context.now).year() % 100),
      .serial = static_cast<std::uint16_t>(last + 1),
  };
  const auto number = compose_filing_number(lookup.ledger().number_prefix, parts);
  if (!number) return refuse_in(filing->status, "number_taken", "the parts give no number");
  if (lookup.number_owner(number->digits)) return refuse_in(filing->status, "number_taken");
  return decided(StreamKind::filing, filing->id,
                 NumberAssigned{number->prefix, number->digits, parts.region, parts.subject_number,
                                *filing->algorithm_type, parts.year, parts.serial});
}

Decided decide_on(const PublishFiling& command, const Lookup& lookup, const Context& context) {
  const auto filing = lookup.filing(command.filing_id);
  if (!allows<FilingPublished>(*filing)) return illegal(*filing);
  if (auto hindered = hinder_registrar(*filing, lookup, context))
    return std::unexpected(*std::move(hindered));
  if (command.announced_on < Date::of(filing->number_at)) {
    return refuse_fields({{"/announced_on", "date_before_number", "not before the day of the number"}});
  }
  const auto scope = lookup.frozen_scope(*filing->submission_position);
  const auto form = lookup.filing_form(*filing->submission_position);
  const auto products = scope ? products_text(lookup, filing->subject_id, *scope) : std::nullopt;
  if (!form || !products) return refuse_in(filing->status, "record_erased");
  FilingPublished published;
  PublicRecord& record = published.public_record;
  record.number = filing->number;
  record.algorithm_name = filing->algorithm_name;
  record.type = filing->algorithm_type;
  record.role = filing->role;
  record.organization_name = lookup.subject(filing->subject_id)->organization_name;
  record.products = *products;
  record.purpose = filing->purpose;
  record.series = command.series;
  record.batch = command.batch;
  record.announced_on = command.announced_on;
  record.status = "published";
  if (form->basic && form->basic->documents) {
    published.public_disclosure = form->basic->documents->public_disclosure;
  }
  return decided(StreamKind::filing, filing->id, std::move(published), command.announced_on);
}

Decided decide_on(const RecordDisplay& command, const Lookup& lookup, const Context&) {
  const auto filing = lookup.filing(command.filing_id);
  if (!allows<DisplayRecorded>(*filing)) return illegal(*filing);
  return decided(StreamKind::filing, filing->id,
                 DisplayRecorded{command.channel, Private::of(command.location)});
}

}  // namespace ledger
