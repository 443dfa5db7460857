#include "events/core/transitions.hpp"

#include <array>

namespace ledger {
namespace {

using S = SubjectStatus;
using F = FilingStatus;

constexpr Bits kPresent = 2;

template <typename... Es>
constexpr Bits any(Es... values) {
  return (bit(values) | ...);
}

template <typename T>
constexpr Transition row(StreamKind stream, Bits roles, Bits states) {
  return {type_number<T>(), stream, roles, states};
}

constexpr StreamKind kLedger = StreamKind::ledger;
constexpr StreamKind kSubject = StreamKind::subject;
constexpr StreamKind kProduct = StreamKind::product;
constexpr StreamKind kFiling = StreamKind::filing;

constexpr Bits kOperator = bit(Role::operator_);
constexpr Bits kSystem = bit(Role::system);
constexpr Bits kFiler = bit(Role::filer);
constexpr Bits kInitial = bit(Role::initial_reviewer);
constexpr Bits kReviewer = bit(Role::reviewer);
constexpr Bits kRegistrar = bit(Role::registrar);
constexpr Bits kSupervisor = bit(Role::supervisor);
constexpr Bits kAdmin = bit(Role::admin);

constexpr Bits kAnySubject =
    any(S::registered, S::submitted, S::qualified, S::rejected, S::lapsed, S::closed);
constexpr Bits kLiveSubject = any(S::registered, S::submitted, S::qualified, S::rejected);
constexpr Bits kLedgerOpen = kPresent;

constexpr std::array<Transition, std::variant_size_v<Payload>> kTable = {
    row<LedgerCreated>(kLedger, kOperator, kNoState),
    row<AccessGranted>(kLedger, kAdmin | kOperator, kLedgerOpen),
    row<AccessRevoked>(kLedger, kAdmin | kOperator, kLedgerOpen),
    row<CalendarPublished>(kLedger, kAdmin | kOperator, kLedgerOpen),
    row<SubjectRegistered>(kSubject, bit(Role::public_), kNoState),
    row<SubjectSubmitted>(kSubject, kFiler, any(S::registered, S::rejected)),
    row<SubjectApproved>(kSubject, kInitial, any(S::submitted)),
    row<SubjectRejected>(kSubject, kInitial, any(S::submitted)),
    row<SubjectChangeSubmitted>(kSubject, kFiler, any(S::qualified)),
    row<SubjectChangeApproved>(kSubject, kInitial, any(S::qualified)),
    row<SubjectChangeRejected>(kSubject, kInitial, any(S::qualified)),
    row<SubjectLapsed>(kSubject, kSystem, any(S::registered)),
    row<SubjectClosed>(kSubject, kAdmin, kLiveSubject),
    row<PersonalDataErased>(kSubject, kAdmin, kAnySubject),
    row<HoldPlaced>(kSubject, kAdmin, kAnySubject),
    row<HoldLifted>(kSubject, kAdmin, kAnySubject),
    row<ProductAdded>(kProduct, kFiler, kNoState),
    row<ProductUpdated>(kProduct, kFiler, kPresent),
    row<ProductRemoved>(kProduct, kFiler, kPresent),
    row<AccessPathAdded>(kProduct, kFiler, kPresent),
    row<AccessPathUpdated>(kProduct, kFiler, kPresent),
    row<AccessPathRemoved>(kProduct, kFiler, kPresent),
    row<FeatureAdded>(kProduct, kFiler, kPresent),
    row<FeatureUpdated>(kProduct, kFiler, kPresent),
    row<FeatureRemoved>(kProduct, kFiler, kPresent),
    row<DraftSaved>(kFiling, kFiler, kNoState | any(F::draft, F::rejected)),
    row<DraftDiscarded>(kFiling, kFiler, any(F::draft)),
    row<FilingSubmitted>(kFiling, kFiler, any(F::draft)),
    row<FilingWithdrawn>(kFiling, kFiler, any(F::submitted)),
    row<ReviewStarted>(kFiling, kReviewer, any(F::submitted, F::in_review)),
    row<FilingRejected>(kFiling, kReviewer, any(F::in_review)),
    row<FilingApproved>(kFiling, kReviewer, any(F::in_review)),
    row<NumberAssigned>(kFiling, kRegistrar, any(F::approved)),
    row<FilingPublished>(kFiling, kRegistrar, any(F::numbered)),
    row<DisplayRecorded>(kFiling, kFiler, any(F::numbered, F::published)),
    row<ChangeSubmitted>(kFiling, kFiler, any(F::published)),
    row<ChangeWithdrawn>(kFiling, kFiler, any(F::published)),
    row<ChangeRejected>(kFiling, kReviewer, any(F::published)),
    row<ChangeApproved>(kFiling, kReviewer, any(F::published)),
    row<CancellationRequested>(kFiling, kFiler, any(F::approved, F::numbered, F::published)),
    row<CancellationRejected>(kFiling, kReviewer, any(F::approved, F::numbered, F::published)),
    row<FilingCancelled>(kFiling, kReviewer | kSupervisor | kOperator,
                         any(F::approved, F::numbered, F::published)),
    row<FilingRevoked>(kFiling, kSupervisor, any(F::approved, F::numbered, F::published)),
    row<AnnouncementCorrected>(kFiling, kRegistrar, any(F::published, F::cancelled, F::revoked)),
    row<RecordImported>(kFiling, kOperator, kNoState | any(F::published, F::cancelled, F::revoked)),
    row<WebhookRegistered>(kLedger, kAdmin, kLedgerOpen),
    row<WebhookRemoved>(kLedger, kAdmin, kLedgerOpen),
    row<SigningKeyAdded>(kLedger, kAdmin | kOperator, kLedgerOpen),
    row<SigningKeyRetired>(kLedger, kAdmin | kOperator, kLedgerOpen),
    row<LedgerSimulated>(kLedger, kOperator, kLedgerOpen),
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (kTable[i].type != i + 1) return false;
  }
  return true;
}
static_assert(in_order(), "one row for each event type, in their order");

}  // namespace

const Transition& transition_of(EventType type) {
  return kTable[type - 1];
}

bool role_may(EventType type, Role role) {
  return (transition_of(type).roles & bit(role)) != 0;
}

bool state_allows(EventType type, unsigned state) {
  return (transition_of(type).states & (Bits{1} << state)) != 0;
}

bool is_decision_role(Role role) {
  return ((kInitial | kReviewer | kRegistrar | kSupervisor) & bit(role)) != 0;
}

}  // namespace ledger
