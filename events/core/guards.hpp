// What the decisions share: how to refuse, and the checks that more than one command needs. Internal to core.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "events/core/decide.hpp"
#include "events/core/text.hpp"
#include "events/core/transitions.hpp"

namespace ledger {

using Decided = std::expected<Decision, Refusal>;

[[nodiscard]] inline std::unexpected<Refusal> refuse(std::string_view code, std::string detail = {}) {
  return std::unexpected(Refusal{.code = code, .errors = {}, .state = {}, .detail = std::move(detail)});
}

/// Absent, empty, or nothing but blanks: no answer to a question of a form.
[[nodiscard]] inline bool blank(const std::optional<std::string>& text) {
  return !text || is_blank(*text);
}

/// A refusal that the current state is the reason of.
template <typename Status>
[[nodiscard]] std::unexpected<Refusal> refuse_in(Status status, std::string_view code,
                                                 std::string detail = {}) {
  return std::unexpected(Refusal{
      .code = code, .errors = {}, .state = std::string(code_of(status)), .detail = std::move(detail)});
}

[[nodiscard]] inline std::unexpected<Refusal> refuse_fields(std::vector<FieldError> errors) {
  return std::unexpected(
      Refusal{.code = "fields_invalid", .errors = std::move(errors), .state = {}, .detail = {}});
}

/// One event on one stream.
template <typename P>
[[nodiscard]] Decision decided(StreamKind kind, const Uuid& stream, P payload,
                               std::optional<Date> effective = {}) {
  Decision decision;
  decision.id = stream;
  decision.events.push_back({StreamId{kind, stream}, Payload(std::move(payload)), effective});
  return decision;
}

template <typename P, typename State>
[[nodiscard]] bool allows(const State& state) {
  return state_allows(type_number<P>(), static_cast<unsigned>(state.status));
}

/// Whether the principal holds an active filer grant of this subject: then it decides nothing about it.
[[nodiscard]] bool files_for(const Lookup& lookup, const Uuid& principal, const Uuid& subject,
                             TimestampUs now);

/// Only a qualified subject adds products and saves or submits filings.
[[nodiscard]] std::optional<Refusal> hinder_filer(const Lookup& lookup, const Uuid& subject);

/// Four eyes for numbers and the public list: the registrar is neither the attempt's reviewer nor files for
/// it.
[[nodiscard]] std::optional<Refusal> hinder_registrar(const FilingState& filing, const Lookup& lookup,
                                                      const Context& context);

/// Field errors of a rejection's reasons: at least one, known codes, pointers into the form.
[[nodiscard]] std::vector<FieldError> check_reasons(const std::vector<GivenReason>& reasons,
                                                    bool (*is_pointer)(std::string_view));
[[nodiscard]] std::vector<Reason> to_reasons(const std::vector<GivenReason>& reasons);

/// Whether the ledger's own stream is all that there is before `next_position`, and holds nothing of a ledger
/// in use: only such a ledger becomes a simulated one.
[[nodiscard]] bool is_fresh(const LedgerState& ledger, std::uint64_t next_position);

/// Whether a word is a legal basis of an erasure: `pipl-47`, `court_order`, `other`.
[[nodiscard]] bool is_erasure_basis(std::string_view basis);

/// `required` errors of a subject form that is submitted, and every other field error that needs no lookup.
[[nodiscard]] std::vector<FieldError> check_subject_form(const SubjectForm& form);
/// Errors of documents that the subject did not upload, of either form.
void check_document(std::vector<FieldError>& errors, const Lookup& lookup, const Uuid& subject,
                    const std::optional<Digest>& digest, std::string pointer);

/// A filing form that was found complete: what it submits, with the scope resolved.
[[nodiscard]] std::expected<FilingInformation, std::vector<FieldError>> check_filing_form(
    const FilingForm& form, const Lookup& lookup, const Uuid& subject, std::string_view prefix);

/// The `products` text of a public record: names with their forms, joined by 、; `--` for none. nullopt where
/// a name cannot be opened any more.
[[nodiscard]] std::optional<std::string> products_text(const Lookup& lookup, const Uuid& subject,
                                                       const FrozenScope& scope);

// The commands, one function each.
[[nodiscard]] Decided decide_on(const GrantAccess&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const RevokeAccess&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const RegisterSubject&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const SubmitSubject&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const ApproveSubject&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const RejectSubject&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const ChangeSubject&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const ApproveSubjectChange&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const RejectSubjectChange&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const CloseSubject&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const LapseSubject&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const PlaceHold&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const LiftHold&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const EraseSubject&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const AddSigningKey&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const RetireSigningKey&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const PublishCalendar&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const RegisterWebhook&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const RemoveWebhook&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const AddProduct&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const UpdateProduct&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const RemoveProduct&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const AddAccessPath&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const UpdateAccessPath&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const RemoveAccessPath&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const AddFeature&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const UpdateFeature&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const RemoveFeature&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const CreateFiling&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const SaveDraft&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const DiscardDraft&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const SubmitFiling&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const WithdrawFiling&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const StartReview&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const ApproveFiling&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const RejectFiling&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const AssignNumber&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const PublishFiling&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const RecordDisplay&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const SubmitChange&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const WithdrawChange&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const ApproveChange&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const RejectChange&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const RequestCancellation&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const RejectCancellation&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const CancelFiling&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const RevokeFiling&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const CorrectAnnouncement&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const ImportRecord&, const Lookup&, const Context&);
[[nodiscard]] Decided decide_on(const SimulateLedger&, const Lookup&, const Context&);

}  // namespace ledger
