// The life of a subject 算法主体: registration, qualification, change, end.
#include <algorithm>

#include "events/core/credit_code.hpp"
#include "events/core/filing_number.hpp"
#include "events/core/guards.hpp"
#include "schema/codes.hpp"

namespace ledger {
namespace {

void check_identity(std::vector<FieldError>& errors, const std::string& credit_code,
                    const std::string& region) {
  if (const auto checked = check_credit_code(credit_code); !checked) {
    errors.push_back({"/credit_code", "credit_code_invalid", std::string(code_of(checked.error()))});
  }
  if (!schema::is_known_region(region)) {
    errors.push_back({"/region", "region_unknown", "not a code of GB/T 2260"});
  }
}

SubjectInformation to_information(const SubjectForm& form) {
  SubjectInformation out;
  out.organization_name = *form.organization_name;
  out.credit_code = *form.credit_code;
  out.region = *form.region;
  out.website_name = Private::of(form.website_name);
  out.website_domain = Private::of(form.website_domain);
  if (form.daily_visits) out.daily_visits = Private::of(std::to_string(*form.daily_visits));
  out.basic_information.kind = Private::of(form.basic_information->kind);
  out.basic_information.registered_address = Private::of(form.basic_information->registered_address);
  out.basic_information.industry = Private::of(form.basic_information->industry);
  out.certificate.kind = Private::of(form.certificate->kind);
  out.certificate.number = Private::of(form.certificate->number);
  const SubjectForm::Person& representative = *form.legal_representative;
  out.legal_representative.name = Private::of(representative.name);
  out.legal_representative.id_number = Private::of(representative.id_number);
  out.legal_representative.phone = Private::of(representative.phone);
  out.legal_representative.email = Private::of(representative.email);
  const SubjectForm::Person& officer = *form.safety_officer;
  out.safety_officer.name = Private::of(officer.name);
  out.safety_officer.position = Private::of(officer.position);
  out.safety_officer.phone = Private::of(officer.phone);
  out.safety_officer.email = Private::of(officer.email);
  out.documents.commitment_letter = Private::of(form.documents->commitment_letter->text());
  out.documents.responsibility_statement = Private::of(form.documents->responsibility_statement->text());
  return out;
}

/// All field errors of a form that is submitted, in the order of the form.
std::vector<FieldError> check_submission(const SubjectForm& form, const Lookup& lookup, const Uuid& subject) {
  std::vector<FieldError> errors = check_subject_form(form);
  if (form.documents) {
    check_document(errors, lookup, subject, form.documents->commitment_letter,
                   "/documents/commitment_letter");
    check_document(errors, lookup, subject, form.documents->responsibility_statement,
                   "/documents/responsibility_statement");
  }
  return errors;
}

std::unexpected<Refusal> credit_code_taken(std::string state) {
  Refusal taken{.code = "credit_code_taken", .errors = {}, .state = std::move(state), .detail = {}};
  taken.errors.push_back({"/credit_code", "credit_code_taken", "another registration has it"});
  return std::unexpected(std::move(taken));
}

/// Whether another live subject has this code.
bool taken_by_another(const Lookup& lookup, const std::string& code, const Uuid& subject) {
  const auto owner = lookup.credit_code_owner(code);
  return owner && *owner != subject;
}

bool in_use(FilingStatus status) {
  return status != FilingStatus::draft && status != FilingStatus::rejected &&
         status != FilingStatus::discarded && status != FilingStatus::cancelled &&
         status != FilingStatus::revoked;
}

/// What any decision about a subject needs: a state that allows it and a principal who does not file for it.
template <typename P>
std::optional<Refusal> hinder_decision(const SubjectState& subject, const Lookup& lookup,
                                       const Context& context) {
  if (!allows<P>(subject)) return refuse_in(subject.status, "illegal_transition").error();
  if (files_for(lookup, context.actor.principal, subject.id, context.now)) return refuse("own_case").error();
  return std::nullopt;
}

}  // namespace

std::vector<FieldError> check_subject_form(const SubjectForm& form) {
  std::vector<FieldError> errors;
  const auto require = [&](const std::optional<std::string>& value, std::string pointer) {
    if (blank(value)) errors.push_back({std::move(pointer), "required", "needed for submission"});
  };
  require(form.organization_name, "/organization_name");
  require(form.credit_code, "/credit_code");
  require(form.region, "/region");
  if (form.credit_code && !form.credit_code->empty()) {
    if (const auto checked = check_credit_code(*form.credit_code); !checked) {
      errors.push_back({"/credit_code", "credit_code_invalid", std::string(code_of(checked.error()))});
    }
  }
  if (form.region && !form.region->empty() && !schema::is_known_region(*form.region)) {
    errors.push_back({"/region", "region_unknown", "not a code of GB/T 2260"});
  }
  require(form.website_name, "/website_name");
  require(form.website_domain, "/website_domain");
  if (!form.daily_visits) errors.push_back({"/daily_visits", "required", "needed for submission"});
  const auto basic = form.basic_information.value_or(SubjectForm::BasicInformation{});
  require(basic.kind, "/basic_information/kind");
  require(basic.registered_address, "/basic_information/registered_address");
  require(basic.industry, "/basic_information/industry");
  const auto certificate = form.certificate.value_or(SubjectForm::Certificate{});
  require(certificate.kind, "/certificate/kind");
  require(certificate.number, "/certificate/number");
  const auto representative = form.legal_representative.value_or(SubjectForm::Person{});
  require(representative.name, "/legal_representative/name");
  require(representative.id_number, "/legal_representative/id_number");
  require(representative.phone, "/legal_representative/phone");
  require(representative.email, "/legal_representative/email");
  const auto officer = form.safety_officer.value_or(SubjectForm::Person{});
  require(officer.name, "/safety_officer/name");
  require(officer.position, "/safety_officer/position");
  require(officer.phone, "/safety_officer/phone");
  require(officer.email, "/safety_officer/email");
  const auto documents = form.documents.value_or(SubjectForm::Documents{});
  if (!documents.commitment_letter) {
    errors.push_back({"/documents/commitment_letter", "required", "《算法备案承诺书》"});
  }
  if (!documents.responsibility_statement) {
    errors.push_back({"/documents/responsibility_statement", "required", "《落实算法安全主体责任基本情况》"});
  }
  if (!form.confirmed.value_or(false)) {
    errors.push_back({"/confirmed", "confirmation_missing", "must be true"});
  }
  return errors;
}

void check_document(std::vector<FieldError>& errors, const Lookup& lookup, const Uuid& subject,
                    const std::optional<Digest>& digest, std::string pointer) {
  if (digest && !lookup.document_known(subject, *digest)) {
    errors.push_back({std::move(pointer), "document_unknown", "upload it first, with this subject's token"});
  }
}

std::vector<FieldError> check_reasons(const std::vector<GivenReason>& reasons,
                                      bool (*is_pointer)(std::string_view)) {
  std::vector<FieldError> errors;
  if (reasons.empty())
    errors.push_back({"/reasons", "reasons_missing", "a rejection gives at least one reason"});
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    const std::string at = "/reasons/" + std::to_string(i);
    if (schema::find_rejection_reason(reasons[i].code) == nullptr) {
      errors.push_back({at + "/code", "reason_unknown", "not in the catalogue of reasons"});
    }
    if (!is_pointer(reasons[i].field)) {
      errors.push_back({at + "/field", "pointer_unknown", "no JSON Pointer to a field of the form"});
    }
  }
  return errors;
}

std::vector<Reason> to_reasons(const std::vector<GivenReason>& reasons) {
  std::vector<Reason> out;
  out.reserve(reasons.size());
  for (const GivenReason& reason : reasons) {
    out.push_back({reason.code, reason.field, Private::of(reason.note)});
  }
  return out;
}

Decided decide_on(const RegisterSubject& command, const Lookup& lookup, const Context& context) {
  std::vector<FieldError> errors;
  check_identity(errors, command.credit_code, command.region);
  if (is_blank(command.organization_name)) errors.push_back({"/organization_name", "required", ""});
  const auto require = [&](const std::optional<std::string>& value, std::string pointer) {
    if (blank(value)) errors.push_back({std::move(pointer), "required", ""});
  };
  require(command.contact.name, "/contact/name");
  require(command.contact.phone, "/contact/phone");
  require(command.contact.email, "/contact/email");
  if (!errors.empty()) return refuse_fields(std::move(errors));
  if (lookup.credit_code_owner(command.credit_code)) {
    return credit_code_taken("registered");
  }
  SubjectRegistered registered;
  registered.organization_name = command.organization_name;
  registered.credit_code = command.credit_code;
  registered.region = command.region;
  registered.grant_id = context.new_grant_id;
  registered.principal_id = context.new_principal_id;
  registered.token_digest = context.new_token_digest;
  registered.token_epoch = context.token_epoch;
  registered.contact.name = Private::of(command.contact.name);
  registered.contact.phone = Private::of(command.contact.phone);
  registered.contact.email = Private::of(command.contact.email);
  return decided(StreamKind::subject, context.new_id, std::move(registered));
}

Decided decide_on(const SubmitSubject& command, const Lookup& lookup, const Context&) {
  const auto subject = lookup.subject(command.subject_id);
  if (!allows<SubjectSubmitted>(*subject)) return refuse_in(subject->status, "illegal_transition");
  std::vector<FieldError> errors = check_submission(command.form, lookup, subject->id);
  if (!errors.empty()) return refuse_fields(std::move(errors));
  if (taken_by_another(lookup, *command.form.credit_code, subject->id)) {
    return credit_code_taken(std::string(code_of(subject->status)));
  }
  SubjectSubmitted submitted;
  submitted.attempt = subject->attempt + 1;
  submitted.information = to_information(command.form);
  if (subject->information_position) {
    const auto before = lookup.subject_form(*subject->information_position);
    SubjectForm now = command.form;
    now.confirmed = before ? before->confirmed : std::nullopt;
    submitted.unchanged = before && *before == now;
  }
  return decided(StreamKind::subject, subject->id, std::move(submitted));
}

Decided decide_on(const ApproveSubject& command, const Lookup& lookup, const Context& context) {
  const auto subject = lookup.subject(command.subject_id);
  if (auto hindered = hinder_decision<SubjectApproved>(*subject, lookup, context)) {
    return std::unexpected(*std::move(hindered));
  }
  const std::uint32_t number = lookup.next_subject_number();
  if (number > kSubjectNumberMax) return refuse("subject_numbers_exhausted");
  return decided(StreamKind::subject, subject->id, SubjectApproved{subject->attempt, number});
}

Decided decide_on(const RejectSubject& command, const Lookup& lookup, const Context& context) {
  const auto subject = lookup.subject(command.subject_id);
  if (auto hindered = hinder_decision<SubjectRejected>(*subject, lookup, context)) {
    return std::unexpected(*std::move(hindered));
  }
  if (auto errors = check_reasons(command.reasons, is_subject_pointer); !errors.empty()) {
    return refuse_fields(std::move(errors));
  }
  return decided(StreamKind::subject, subject->id,
                 SubjectRejected{subject->attempt, to_reasons(command.reasons)});
}

Decided decide_on(const ChangeSubject& command, const Lookup& lookup, const Context&) {
  const auto subject = lookup.subject(command.subject_id);
  if (!allows<SubjectChangeSubmitted>(*subject)) return refuse_in(subject->status, "illegal_transition");
  if (subject->change_position) return refuse_in(subject->status, "change_open");
  std::vector<FieldError> errors = check_submission(command.form, lookup, subject->id);
  if (!errors.empty()) return refuse_fields(std::move(errors));
  if (taken_by_another(lookup, *command.form.credit_code, subject->id)) {
    return credit_code_taken(std::string(code_of(subject->status)));
  }
  SubjectChangeSubmitted submitted;
  submitted.change = subject->changes + 1;
  submitted.information = to_information(command.form);
  return decided(StreamKind::subject, subject->id, std::move(submitted));
}

Decided decide_on(const ApproveSubjectChange& command, const Lookup& lookup, const Context& context) {
  const auto subject = lookup.subject(command.subject_id);
  if (auto hindered = hinder_decision<SubjectChangeApproved>(*subject, lookup, context)) {
    return std::unexpected(*std::move(hindered));
  }
  if (!subject->change_position) return refuse_in(subject->status, "no_open_change");
  const auto form = lookup.subject_form(*subject->change_position);
  if (!form) return refuse_in(subject->status, "record_erased");
  if (taken_by_another(lookup, *form->credit_code, subject->id)) {
    return credit_code_taken(std::string(code_of(subject->status)));
  }
  return decided(
      StreamKind::subject, subject->id,
      SubjectChangeApproved{subject->changes, *form->organization_name, *form->credit_code, *form->region});
}

Decided decide_on(const RejectSubjectChange& command, const Lookup& lookup, const Context& context) {
  const auto subject = lookup.subject(command.subject_id);
  if (auto hindered = hinder_decision<SubjectChangeRejected>(*subject, lookup, context)) {
    return std::unexpected(*std::move(hindered));
  }
  if (!subject->change_position) return refuse_in(subject->status, "no_open_change");
  if (auto errors = check_reasons(command.reasons, is_subject_pointer); !errors.empty()) {
    return refuse_fields(std::move(errors));
  }
  return decided(StreamKind::subject, subject->id,
                 SubjectChangeRejected{subject->changes, to_reasons(command.reasons)});
}

Decided decide_on(const CloseSubject& command, const Lookup& lookup, const Context&) {
  const auto subject = lookup.subject(command.subject_id);
  if (!allows<SubjectClosed>(*subject)) return refuse_in(subject->status, "illegal_transition");
  if (std::ranges::any_of(lookup.filings_of(subject->id),
                          [](const FilingState& f) { return in_use(f.status); })) {
    return refuse_in(subject->status, "subject_in_use", "a filing of it is under review or in force");
  }
  return decided(StreamKind::subject, subject->id, SubjectClosed{Private::of(command.note)});
}

Decided decide_on(const LapseSubject& command, const Lookup& lookup, const Context&) {
  const auto subject = lookup.subject(command.subject_id);
  if (!allows<SubjectLapsed>(*subject)) return refuse_in(subject->status, "illegal_transition");
  return decided(StreamKind::subject, subject->id, SubjectLapsed{});
}

Decided decide_on(const PlaceHold& command, const Lookup& lookup, const Context&) {
  const auto subject = lookup.subject(command.subject_id);
  if (subject->held) return refuse_in(subject->status, "hold_placed");
  return decided(StreamKind::subject, subject->id, HoldPlaced{Private::of(command.note)});
}

Decided decide_on(const LiftHold& command, const Lookup& lookup, const Context&) {
  const auto subject = lookup.subject(command.subject_id);
  if (!subject->held) return refuse_in(subject->status, "no_hold");
  return decided(StreamKind::subject, subject->id, HoldLifted{Private::of(command.note)});
}

}  // namespace ledger
