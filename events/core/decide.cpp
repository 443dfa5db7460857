#include "events/core/decide.hpp"

#include <type_traits>

#include "events/core/guards.hpp"

namespace ledger {
namespace {

template <typename C, typename... Cs>
constexpr bool is_any = (std::is_same_v<C, Cs> || ...);

template <typename C>
concept OfProduct = requires(const C& c) {
  c.product_id;
};
template <typename C>
concept OfFiling = requires(const C& c) {
  c.filing_id;
};
template <typename C>
concept OfSubject = requires(const C& c) {
  c.subject_id;
}
&&!std::is_same_v<C, GrantAccess>;

/// The event type whose row of the transition table says who may ask for a command.
template <typename C>
struct LeadsTo;
#define LEDGER_LEADS_TO(command, event)                     \
  template <>                                               \
  struct LeadsTo<command> {                                 \
    static constexpr EventType type = type_number<event>(); \
  };
LEDGER_LEADS_TO(GrantAccess, AccessGranted)
LEDGER_LEADS_TO(RevokeAccess, AccessRevoked)
LEDGER_LEADS_TO(RegisterSubject, SubjectRegistered)
LEDGER_LEADS_TO(SubmitSubject, SubjectSubmitted)
LEDGER_LEADS_TO(ApproveSubject, SubjectApproved)
LEDGER_LEADS_TO(RejectSubject, SubjectRejected)
LEDGER_LEADS_TO(ChangeSubject, SubjectChangeSubmitted)
LEDGER_LEADS_TO(ApproveSubjectChange, SubjectChangeApproved)
LEDGER_LEADS_TO(RejectSubjectChange, SubjectChangeRejected)
LEDGER_LEADS_TO(CloseSubject, SubjectClosed)
LEDGER_LEADS_TO(LapseSubject, SubjectLapsed)
LEDGER_LEADS_TO(PlaceHold, HoldPlaced)
LEDGER_LEADS_TO(LiftHold, HoldLifted)
LEDGER_LEADS_TO(EraseSubject, PersonalDataErased)
LEDGER_LEADS_TO(AddSigningKey, SigningKeyAdded)
LEDGER_LEADS_TO(RetireSigningKey, SigningKeyRetired)
LEDGER_LEADS_TO(PublishCalendar, CalendarPublished)
LEDGER_LEADS_TO(RegisterWebhook, WebhookRegistered)
LEDGER_LEADS_TO(RemoveWebhook, WebhookRemoved)
LEDGER_LEADS_TO(AddProduct, ProductAdded)
LEDGER_LEADS_TO(UpdateProduct, ProductUpdated)
LEDGER_LEADS_TO(RemoveProduct, ProductRemoved)
LEDGER_LEADS_TO(AddAccessPath, AccessPathAdded)
LEDGER_LEADS_TO(UpdateAccessPath, AccessPathUpdated)
LEDGER_LEADS_TO(RemoveAccessPath, AccessPathRemoved)
LEDGER_LEADS_TO(AddFeature, FeatureAdded)
LEDGER_LEADS_TO(UpdateFeature, FeatureUpdated)
LEDGER_LEADS_TO(RemoveFeature, FeatureRemoved)
LEDGER_LEADS_TO(CreateFiling, DraftSaved)
LEDGER_LEADS_TO(SaveDraft, DraftSaved)
LEDGER_LEADS_TO(DiscardDraft, DraftDiscarded)
LEDGER_LEADS_TO(SubmitFiling, FilingSubmitted)
LEDGER_LEADS_TO(WithdrawFiling, FilingWithdrawn)
LEDGER_LEADS_TO(StartReview, ReviewStarted)
LEDGER_LEADS_TO(ApproveFiling, FilingApproved)
LEDGER_LEADS_TO(RejectFiling, FilingRejected)
LEDGER_LEADS_TO(AssignNumber, NumberAssigned)
LEDGER_LEADS_TO(PublishFiling, FilingPublished)
LEDGER_LEADS_TO(RecordDisplay, DisplayRecorded)
LEDGER_LEADS_TO(SubmitChange, ChangeSubmitted)
LEDGER_LEADS_TO(WithdrawChange, ChangeWithdrawn)
LEDGER_LEADS_TO(ApproveChange, ChangeApproved)
LEDGER_LEADS_TO(RejectChange, ChangeRejected)
LEDGER_LEADS_TO(RequestCancellation, CancellationRequested)
LEDGER_LEADS_TO(RejectCancellation, CancellationRejected)
LEDGER_LEADS_TO(CancelFiling, FilingCancelled)
LEDGER_LEADS_TO(RevokeFiling, FilingRevoked)
LEDGER_LEADS_TO(CorrectAnnouncement, AnnouncementCorrected)
LEDGER_LEADS_TO(ImportRecord, RecordImported)
LEDGER_LEADS_TO(SimulateLedger, LedgerSimulated)
#undef LEDGER_LEADS_TO

Refusal refusal(std::string_view code) {
  return {.code = code, .errors = {}, .state = {}, .detail = {}};
}

/// The subject that a command is about; nullopt where the thing it names does not exist.
template <typename C>
std::optional<Uuid> subject_of(const C& command, const Lookup& lookup) {
  if constexpr (OfProduct<C>) {
    const auto product = lookup.product(command.product_id);
    if (!product || product->removed) return std::nullopt;
    return product->subject_id;
  } else if constexpr (OfFiling<C>) {
    const auto filing = lookup.filing(command.filing_id);
    if (!filing) return std::nullopt;
    return filing->subject_id;
  } else {
    const auto subject = lookup.subject(command.subject_id);
    if (!subject) return std::nullopt;
    return command.subject_id;
  }
}

}  // namespace

bool files_for(const Lookup& lookup, const Uuid& principal, const Uuid& subject, TimestampUs now) {
  const auto grants = lookup.grants_of(principal);
  return std::ranges::any_of(*grants, [&](const GrantState& grant) {
    return grant.role == Role::filer && grant.subject_id == subject && grant.active(now);
  });
}

std::optional<Refusal> hinder_filer(const Lookup& lookup, const Uuid& subject_id) {
  const auto subject = lookup.subject(subject_id);
  if (subject->status == SubjectStatus::closed || subject->status == SubjectStatus::lapsed) {
    return refuse_in(subject->status, "subject_closed").error();
  }
  if (subject->status != SubjectStatus::qualified) {
    return refuse_in(subject->status, "subject_not_qualified").error();
  }
  return std::nullopt;
}

std::optional<Refusal> hinder_registrar(const FilingState& filing, const Lookup& lookup,
                                        const Context& context) {
  if (files_for(lookup, context.actor.principal, filing.subject_id, context.now))
    return refuse("own_case").error();
  if (filing.approver == context.actor.principal || filing.reviewer == context.actor.principal) {
    return refuse("four_eyes", "the registrar is not the reviewer of this attempt").error();
  }
  return std::nullopt;
}

std::optional<StreamId> addressed_stream(const Command& command) {
  return std::visit(
      []<typename C>(const C& c) -> std::optional<StreamId> {
        if constexpr (is_any<C, GrantAccess, RevokeAccess, AddSigningKey, RetireSigningKey, PublishCalendar,
                             RegisterWebhook, RemoveWebhook, SimulateLedger>) {
          return StreamId{};
        } else if constexpr (is_any<C, RegisterSubject, AddProduct, CreateFiling, ImportRecord>) {
          return std::nullopt;
        } else if constexpr (OfProduct<C>) {
          return StreamId{StreamKind::product, c.product_id};
        } else if constexpr (OfFiling<C>) {
          return StreamId{StreamKind::filing, c.filing_id};
        } else {
          return StreamId{StreamKind::subject, c.subject_id};
        }
      },
      command);
}

bool needs_expected_version(const Command& command) {
  return std::visit(
      []<typename C>(const C&) {
        return is_any<C, ApproveSubject, RejectSubject, ApproveSubjectChange, RejectSubjectChange,
                      ApproveFiling, RejectFiling, AssignNumber, PublishFiling, ApproveChange, RejectChange>;
      },
      command);
}

std::optional<Refusal> authorize(const Command& command, const Lookup& lookup, const Context& context) {
  return std::visit(
      [&]<typename C>(const C& c) -> std::optional<Refusal> {
        if (!role_may(LeadsTo<C>::type, context.actor.role)) return refusal("role_forbidden");
        if constexpr (OfProduct<C> || OfFiling<C> || OfSubject<C>) {
          const auto subject = subject_of(c, lookup);
          if (!subject) return refusal("not_found");
          if (context.actor.role == Role::filer && context.filer_subject != subject)
            return refusal("not_found");
        } else if constexpr (std::is_same_v<C, RevokeAccess>) {
          if (!lookup.grant(c.grant_id)) return refusal("not_found");
        } else if constexpr (std::is_same_v<C, RemoveWebhook>) {
          if (lookup.ledger().webhook(c.webhook_id) == nullptr) return refusal("not_found");
        }
        return std::nullopt;
      },
      command);
}

std::expected<Decision, Refusal> decide(const Command& command, const Lookup& lookup,
                                        const Context& context) {
  return std::visit([&](const auto& c) { return decide_on(c, lookup, context); }, command);
}

}  // namespace ledger
