#include <algorithm>
#include <array>

#include "events/core/states.hpp"

namespace ledger {
namespace {

constexpr std::array<std::string_view, 6> kSubjectStatus = {"registered", "submitted", "qualified",
                                                            "rejected",   "lapsed",    "closed"};
constexpr std::array<std::string_view, 10> kFilingStatus = {"draft",    "submitted", "in_review", "rejected",
                                                            "approved", "numbered",  "published", "cancelled",
                                                            "revoked",  "discarded"};

template <typename E, std::size_t N>
std::string_view text_of_status(E status, const std::array<std::string_view, N>& names) {
  const auto index = static_cast<std::size_t>(status);
  return index >= 1 && index <= N ? names[index - 1] : std::string_view{};
}

template <typename E, std::size_t N>
std::optional<E> status_from(std::string_view code, const std::array<std::string_view, N>& names) {
  const auto found = std::ranges::find(names, code);
  if (found == names.end()) return std::nullopt;
  return static_cast<E>(found - names.begin() + 1);
}

template <typename... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <typename... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

template <typename State>
void enter(State& state, decltype(state.status) status, const EventHeader& header) {
  state.status = status;
  state.status_since = header.recorded_at;
}

void take_information(SubjectState& state, const SubjectInformation& information) {
  state.organization_name = information.organization_name;
  state.credit_code = information.credit_code;
  state.region = information.region;
}

void take_information(FilingState& state, const FilingInformation& information) {
  state.algorithm_name = information.algorithm_name;
  state.algorithm_type = information.algorithm_type;
  state.role = information.role;
  state.purpose = information.purpose;
}

AccessPathState* path_in(ProductState& state, const Uuid& id) {
  const auto found = std::ranges::find(state.paths, id, &AccessPathState::id);
  return found == state.paths.end() ? nullptr : &*found;
}

FeatureState* feature_in(ProductState& state, const Uuid& path_id, const Uuid& id) {
  AccessPathState* path = path_in(state, path_id);
  if (path == nullptr) return nullptr;
  const auto found = std::ranges::find(path->features, id, &FeatureState::id);
  return found == path->features.end() ? nullptr : &*found;
}

template <typename State>
void count(State& state, const EventHeader& header) {
  state.version = header.version;
  state.position = header.position.value;
}

}  // namespace

std::string_view code_of(SubjectStatus status) {
  return text_of_status(status, kSubjectStatus);
}
std::string_view code_of(FilingStatus status) {
  return text_of_status(status, kFilingStatus);
}

std::optional<FilingStatus> filing_status_from(std::string_view code) {
  return status_from<FilingStatus>(code, kFilingStatus);
}

std::optional<SubjectStatus> subject_status_from(std::string_view code) {
  return status_from<SubjectStatus>(code, kSubjectStatus);
}

LedgerState evolve(LedgerState state, const Event& event) {
  if (event.header.stream.kind != StreamKind::ledger) return state;
  count(state, event.header);
  if (const auto* created = std::get_if<LedgerCreated>(&event.payload)) {
    state.ledger_id = created->ledger_id;
    state.origin = created->origin;
    state.number_prefix = created->number_prefix;
    state.vkey = created->vkey;
    state.vkeys = {created->vkey};
  } else if (const auto* added = std::get_if<SigningKeyAdded>(&event.payload)) {
    state.vkeys.push_back(added->vkey);
  } else if (const auto* retired = std::get_if<SigningKeyRetired>(&event.payload)) {
    std::erase(state.vkeys, retired->vkey);
  } else if (const auto* hook = std::get_if<WebhookRegistered>(&event.payload)) {
    state.webhooks.push_back(
        {hook->webhook_id, event.header.position.value, hook->url, hook->types, hook->visibility});
  } else if (const auto* gone = std::get_if<WebhookRemoved>(&event.payload)) {
    std::erase_if(state.webhooks,
                  [&](const WebhookState& webhook) { return webhook.id == gone->webhook_id; });
  } else if (const auto* calendar = std::get_if<CalendarPublished>(&event.payload)) {
    state.calendars.push_back(calendar->year);
  } else if (std::holds_alternative<LedgerSimulated>(event.payload)) {
    state.simulated = true;
  }
  return state;
}

SubjectState evolve(SubjectState state, const Event& event) {
  const EventHeader& header = event.header;
  if (header.stream.kind != StreamKind::subject) return state;
  count(state, header);
  state.id = header.stream.id;
  std::visit(Overloaded{
                 [&](const SubjectRegistered& e) {
                   enter(state, SubjectStatus::registered, header);
                   state.organization_name = e.organization_name;
                   state.credit_code = e.credit_code;
                   state.region = e.region;
                   state.registered_at = header.recorded_at;
                   state.registration_position = header.position.value;
                   state.filer_grant = e.grant_id;
                 },
                 [&](const SubjectSubmitted& e) {
                   enter(state, SubjectStatus::submitted, header);
                   state.attempt = e.attempt;
                   state.information_position = header.position.value;
                   take_information(state, e.information);
                 },
                 [&](const SubjectApproved& e) {
                   enter(state, SubjectStatus::qualified, header);
                   state.subject_number = e.subject_number;
                   state.initial_reviewer = header.actor.principal;
                   state.decision_position = header.position.value;
                 },
                 [&](const SubjectRejected&) {
                   enter(state, SubjectStatus::rejected, header);
                   ++state.rejections;
                   state.initial_reviewer = header.actor.principal;
                   state.decision_position = header.position.value;
                 },
                 [&](const SubjectChangeSubmitted& e) {
                   state.changes = e.change;
                   state.change_position = header.position.value;
                 },
                 [&](const SubjectChangeApproved& e) {
                   state.organization_name = e.organization_name;
                   state.credit_code = e.credit_code;
                   state.region = e.region;
                   state.information_position = state.change_position;
                   state.change_position.reset();
                   state.initial_reviewer = header.actor.principal;
                   state.decision_position = header.position.value;
                 },
                 [&](const SubjectChangeRejected&) {
                   state.change_position.reset();
                   state.decision_position = header.position.value;
                 },
                 [&](const SubjectLapsed&) { enter(state, SubjectStatus::lapsed, header); },
                 [&](const SubjectClosed&) { enter(state, SubjectStatus::closed, header); },
                 [&](const HoldPlaced&) { state.held = true; },
                 [&](const HoldLifted&) { state.held = false; },
                 [](const auto&) {},
             },
             event.payload);
  return state;
}

ProductState evolve(ProductState state, const Event& event) {
  const EventHeader& header = event.header;
  if (header.stream.kind != StreamKind::product) return state;
  count(state, header);
  state.id = header.stream.id;
  const std::uint64_t here = header.position.value;
  std::visit(
      Overloaded{
          [&](const ProductAdded& e) {
            state.subject_id = e.subject_id;
            state.form = e.form;
            state.name_position = here;
          },
          [&](const ProductUpdated& e) {
            state.form = e.form;
            state.name_position = here;
          },
          [&](const ProductRemoved&) {
            state.removed = true;
            state.paths.clear();
          },
          [&](const AccessPathAdded& e) {
            state.paths.push_back({e.path_id, here, {}});
          },
          [&](const AccessPathUpdated& e) {
            if (auto* path = path_in(state, e.path_id)) path->position = here;
          },
          [&](const AccessPathRemoved& e) {
            std::erase_if(state.paths, [&](const AccessPathState& path) { return path.id == e.path_id; });
          },
          [&](const FeatureAdded& e) {
            if (auto* path = path_in(state, e.path_id)) path->features.push_back({e.feature_id, here});
          },
          [&](const FeatureUpdated& e) {
            if (auto* feature = feature_in(state, e.path_id, e.feature_id)) feature->position = here;
          },
          [&](const FeatureRemoved& e) {
            if (auto* path = path_in(state, e.path_id)) {
              std::erase_if(path->features, [&](const FeatureState& f) { return f.id == e.feature_id; });
            }
          },
          [](const auto&) {},
      },
      event.payload);
  return state;
}

FilingState evolve(FilingState state, const Event& event) {
  const EventHeader& header = event.header;
  if (header.stream.kind != StreamKind::filing) return state;
  count(state, header);
  state.id = header.stream.id;
  const std::uint64_t here = header.position.value;
  std::visit(Overloaded{
                 [&](const DraftSaved& e) {
                   if (state.status != FilingStatus::draft) enter(state, FilingStatus::draft, header);
                   state.subject_id = e.subject_id;
                   state.draft_position = here;
                   state.draft_is_current = true;
                   state.draft_saved_at = header.recorded_at;
                 },
                 [&](const DraftDiscarded&) { enter(state, FilingStatus::discarded, header); },
                 [&](const FilingSubmitted& e) {
                   enter(state, FilingStatus::submitted, header);
                   state.attempt = e.attempt;
                   state.submission_position = here;
                   state.submitted_at = header.recorded_at;
                   state.draft_is_current = false;
                   state.reviewer = {};
                   take_information(state, e.information);
                 },
                 [&](const FilingWithdrawn&) { enter(state, FilingStatus::draft, header); },
                 [&](const ReviewStarted&) {
                   // A takeover changes the reviewer, not how long the review has lasted.
                   if (state.status != FilingStatus::in_review) enter(state, FilingStatus::in_review, header);
                   state.reviewer = header.actor.principal;
                 },
                 [&](const FilingRejected&) {
                   enter(state, FilingStatus::rejected, header);
                   ++state.rejections;
                   state.decision_position = here;
                 },
                 [&](const FilingApproved&) {
                   enter(state, FilingStatus::approved, header);
                   state.approver = header.actor.principal;
                   state.decision_position = here;
                 },
                 [&](const NumberAssigned& e) {
                   enter(state, FilingStatus::numbered, header);
                   state.digits = e.digits;
                   state.number = e.prefix + e.digits + "号";
                   state.number_at = header.recorded_at;
                 },
                 [&](const FilingPublished& e) {
                   enter(state, FilingStatus::published, header);
                   state.public_record = e.public_record;
                   state.public_disclosure = e.public_disclosure;
                 },
                 [&](const DisplayRecorded&) { ++state.displays; },
                 [&](const ChangeSubmitted& e) {
                   state.changes = e.change;
                   state.change_position = here;
                 },
                 [&](const ChangeWithdrawn&) { state.change_position.reset(); },
                 [&](const ChangeRejected&) {
                   state.change_position.reset();
                   state.decision_position = here;
                 },
                 [&](const ChangeApproved& e) {
                   if (state.change_position) state.submission_position = state.change_position;
                   state.change_position.reset();
                   state.draft_is_current = false;
                   state.decision_position = here;
                   if (e.public_record) {
                     state.public_record = e.public_record;
                     state.algorithm_name = e.public_record->algorithm_name;
                     state.role = e.public_record->role;
                     state.purpose = e.public_record->purpose;
                   }
                   if (e.public_disclosure) state.public_disclosure = e.public_disclosure;
                 },
                 [&](const CancellationRequested& e) {
                   state.cancellation_position = here;
                   state.cancellation_ended_on = e.ended_on;
                 },
                 [&](const CancellationRejected&) {
                   state.cancellation_position.reset();
                   state.cancellation_ended_on.reset();
                   state.decision_position = here;
                 },
                 [&](const FilingCancelled& e) {
                   enter(state, FilingStatus::cancelled, header);
                   state.change_position.reset();
                   state.cancellation_position.reset();
                   if (e.public_record) state.public_record = e.public_record;
                 },
                 [&](const FilingRevoked& e) {
                   enter(state, FilingStatus::revoked, header);
                   state.change_position.reset();
                   state.cancellation_position.reset();
                   if (e.public_record) state.public_record = e.public_record;
                 },
                 [&](const AnnouncementCorrected& e) { state.public_record = e.public_record; },
                 [&](const RecordImported& e) {
                   // A second announcement of a record that was cancelled meanwhile does not bring it back.
                   if (state.status == FilingStatus{}) enter(state, FilingStatus::published, header);
                   state.imported = true;
                   state.digits = e.digits;
                   state.number = e.public_record.number;
                   state.algorithm_name = e.public_record.algorithm_name;
                   state.algorithm_type = e.public_record.type;
                   state.role = e.public_record.role;
                   state.purpose = e.public_record.purpose;
                   state.public_record = e.public_record;
                 },
                 [](const auto&) {},
             },
             event.payload);
  return state;
}

std::optional<GrantState> granted_by(const Event& event) {
  GrantState grant;
  grant.position = event.header.position.value;
  grant.granted_at = event.header.recorded_at;
  if (const auto* e = std::get_if<AccessGranted>(&event.payload)) {
    grant.grant_id = e->grant_id;
    grant.principal_id = e->principal_id;
    grant.role = e->role;
    grant.subject_id = e->subject_id;
    grant.expires_at = e->expires_at;
    grant.token_epoch = e->token_epoch;
    grant.token_digest = e->token_digest;
    return grant;
  }
  if (const auto* e = std::get_if<SubjectRegistered>(&event.payload)) {
    grant.grant_id = e->grant_id;
    grant.principal_id = e->principal_id;
    grant.role = Role::filer;
    grant.subject_id = event.header.stream.id;
    grant.token_epoch = e->token_epoch;
    grant.token_digest = e->token_digest;
    return grant;
  }
  return std::nullopt;
}

}  // namespace ledger
