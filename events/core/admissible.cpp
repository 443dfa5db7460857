// The one gate that every append passes. Judges an event against the state before it by what stands in clear,
// so that it can be replayed for ever, also where private values are gone.
#include <algorithm>

#include "events/core/calendars.hpp"
#include "events/core/credit_code.hpp"
#include "events/core/filing_number.hpp"
#include "events/core/guards.hpp"
#include "events/core/limits.hpp"
#include "events/core/webhook_url.hpp"
#include "schema/codes.hpp"

namespace ledger {
namespace {

using Checked = std::optional<Violation>;

Checked broken(std::string_view rule, std::string detail) {
  return Violation{rule, std::move(detail)};
}

/// Where the stream stands before the event.
struct Before {
  unsigned state = 0;  ///< 0: no event yet
  std::uint64_t version = 0;
  Found<SubjectState> subject;  ///< of a subject stream, or the one a product or filing belongs to
  Found<ProductState> product;
  Found<FilingState> filing;
};

Before load(const Event& event, const Lookup& lookup) {
  Before before;
  const StreamId& stream = event.header.stream;
  switch (stream.kind) {
    case StreamKind::ledger: {
      before.version = lookup.ledger().version;
      before.state = before.version == 0 ? 0 : 1;
      break;
    }
    case StreamKind::subject:
      before.subject = lookup.subject(stream.id);
      if (before.subject) {
        before.version = before.subject->version;
        before.state = static_cast<unsigned>(before.subject->status);
      }
      break;
    case StreamKind::product:
      before.product = lookup.product(stream.id);
      if (before.product) {
        before.version = before.product->version;
        before.state = before.product->removed ? 2 : 1;
        before.subject = lookup.subject(before.product->subject_id);
      }
      break;
    case StreamKind::filing:
      before.filing = lookup.filing(stream.id);
      if (before.filing) {
        before.version = before.filing->version;
        before.state = static_cast<unsigned>(before.filing->status);
        before.subject = lookup.subject(before.filing->subject_id);
      }
      break;
  }
  return before;
}

/// The rules that need more than the transition table, one overload an event type.
class Rules {
 public:
  Rules(const Event& event, const Lookup& lookup, const Before& before)
      : header_(event.header), lookup_(lookup), before_(before) {}

  Checked operator()(const LedgerCreated& e) const {
    if (header_.position.value != 0) return broken("first_event", "ledger.created is the first event");
    if (!is_number_prefix(e.number_prefix)) return broken("prefix", "not a number prefix");
    return std::nullopt;
  }

  Checked operator()(const AccessGranted& e) const {
    if (lookup_.grant(e.grant_id)) return broken("unique", "the grant exists");
    if ((e.role == Role::filer) != e.subject_id.has_value())
      return broken("grant", "a filer has one subject");
    if (e.subject_id && !lookup_.subject(*e.subject_id)) return broken("grant", "no such subject");
    const auto grants = lookup_.grants_of(e.principal_id);
    for (const GrantState& held : *grants) {
      if (!held.active(header_.recorded_at)) continue;
      if ((e.role == Role::admin && is_decision_role(held.role)) ||
          (held.role == Role::admin && is_decision_role(e.role))) {
        return broken("role_conflict", "an admin principal holds no decision role");
      }
    }
    return std::nullopt;
  }

  Checked operator()(const AccessRevoked& e) const {
    const auto grant = lookup_.grant(e.grant_id);
    if (!grant || grant->revoked) return broken("transition", "no such active grant");
    return std::nullopt;
  }

  Checked operator()(const SubjectRegistered& e) const {
    if (lookup_.grant(e.grant_id)) return broken("unique", "the grant exists");
    return identity(e.credit_code, e.region);
  }

  Checked operator()(const SubjectSubmitted& e) const {
    if (e.attempt != before_.subject->attempt + 1)
      return broken("attempt", "attempts count from 1 without gaps");
    return identity(e.information.credit_code, e.information.region);
  }

  Checked operator()(const SubjectApproved& e) const {
    if (e.attempt != before_.subject->attempt) return broken("attempt", "not the attempt under review");
    if (e.subject_number != lookup_.next_subject_number())
      return broken("subject_number", "not the next free one");
    return not_own_case(before_.subject->id);
  }

  Checked operator()(const SubjectRejected& e) const {
    if (e.attempt != before_.subject->attempt) return broken("attempt", "not the attempt under review");
    if (auto v = reasons(e.reasons, is_subject_pointer)) return v;
    return not_own_case(before_.subject->id);
  }

  Checked operator()(const SubjectChangeSubmitted& e) const {
    if (before_.subject->change_position) return broken("change_open", "one change at a time");
    if (e.change != before_.subject->changes + 1)
      return broken("change", "changes count from 1 without gaps");
    return identity(e.information.credit_code, e.information.region);
  }

  Checked operator()(const SubjectChangeApproved& e) const {
    if (!before_.subject->change_position || e.change != before_.subject->changes) {
      return broken("change", "no such open change");
    }
    if (auto v = identity(e.credit_code, e.region)) return v;
    return not_own_case(before_.subject->id);
  }

  Checked operator()(const SubjectChangeRejected& e) const {
    if (!before_.subject->change_position || e.change != before_.subject->changes) {
      return broken("change", "no such open change");
    }
    if (auto v = reasons(e.reasons, is_subject_pointer)) return v;
    return not_own_case(before_.subject->id);
  }

  Checked operator()(const PersonalDataErased& e) const {
    if (!is_erasure_basis(e.basis)) return broken("basis", "no ground of an erasure");
    if (e.records.empty()) return broken("records", "an erasure names what it erases");
    return before_.subject->held ? broken("hold", "a legal hold stands") : std::nullopt;
  }
  Checked operator()(const HoldPlaced&) const {
    return before_.subject->held ? broken("hold", "a hold stands already") : std::nullopt;
  }
  Checked operator()(const HoldLifted&) const {
    return before_.subject->held ? std::nullopt : broken("hold", "no hold stands");
  }

  Checked operator()(const ProductAdded& e) const { return qualified(lookup_.subject(e.subject_id)); }
  Checked operator()(const ProductUpdated&) const { return qualified(before_.subject); }
  Checked operator()(const ProductRemoved&) const { return qualified(before_.subject); }
  Checked operator()(const AccessPathAdded& e) const {
    if (has_path(e.path_id)) return broken("unique", "the access path exists");
    return qualified(before_.subject);
  }
  Checked operator()(const AccessPathUpdated& e) const { return path_present(e.path_id); }
  Checked operator()(const AccessPathRemoved& e) const { return path_present(e.path_id); }
  Checked operator()(const FeatureAdded& e) const {
    if (has_feature(e.path_id, e.feature_id)) return broken("unique", "the feature exists");
    return path_present(e.path_id);
  }
  Checked operator()(const FeatureUpdated& e) const { return feature_present(e.path_id, e.feature_id); }
  Checked operator()(const FeatureRemoved& e) const { return feature_present(e.path_id, e.feature_id); }

  Checked operator()(const DraftSaved& e) const {
    const std::uint32_t attempt = before_.filing ? before_.filing->attempt : 0;
    if (e.attempt != attempt + 1) return broken("attempt", "a draft prepares the next attempt");
    if (before_.filing && before_.filing->subject_id != e.subject_id) {
      return broken("subject", "a filing stays with its subject");
    }
    return qualified(lookup_.subject(e.subject_id));
  }

  Checked operator()(const FilingSubmitted& e) const {
    if (e.attempt != before_.filing->attempt + 1)
      return broken("attempt", "attempts count from 1 without gaps");
    if (e.information.resolved_features.committed != true) return broken("scope", "no resolved features");
    if (e.information.role == AlgorithmRole::technical_supporter &&
        !e.information.technical_service.committed) {
      return broken("scope", "a technical supporter states its technical service");
    }
    return qualified(before_.subject);
  }

  Checked operator()(const FilingWithdrawn& e) const { return same_attempt(e.attempt); }
  Checked operator()(const ReviewStarted& e) const {
    if (auto v = same_attempt(e.attempt)) return v;
    return reviewing();
  }
  Checked operator()(const FilingRejected& e) const {
    if (auto v = same_attempt(e.attempt)) return v;
    if (auto v = reasons(e.reasons, is_filing_pointer)) return v;
    return deciding();
  }
  Checked operator()(const FilingApproved& e) const {
    if (auto v = same_attempt(e.attempt)) return v;
    if (before_.filing->submission_position != e.submission)
      return broken("submission", "not what was submitted");
    return deciding();
  }

  Checked operator()(const NumberAssigned& e) const {
    const FilingState& filing = *before_.filing;
    if (!before_.subject || !filing.algorithm_type) return broken("number", "no subject or type");
    const NumberParts parts{.region = e.region,
                            .subject_number = e.subject_number,
                            .type = static_cast<std::uint8_t>(e.algorithm_type),
                            .year = e.year,
                            .serial = e.serial};
    const auto number = compose_filing_number(e.prefix, parts);
    if (!number || number->digits != e.digits)
      return broken("check_digit", "the digits do not follow from the parts");
    if (e.prefix != lookup_.ledger().number_prefix) return broken("prefix", "not this ledger's");
    if (e.region != before_.subject->region || e.subject_number != before_.subject->subject_number ||
        e.algorithm_type != *filing.algorithm_type) {
      return broken("number", "region, subject number or type are not the filing's");
    }
    if (e.year != Date::of(header_.recorded_at).year() % 100) return broken("year", "not the year of issue");
    if (e.serial != lookup_.last_serial(before_.subject->id, e.algorithm_type) + 1) {
      return broken("serial", "serials have no gaps");
    }
    if (lookup_.number_owner(e.digits)) return broken("unique", "the number is taken");
    return registering();
  }

  Checked operator()(const FilingPublished& e) const {
    const FilingState& filing = *before_.filing;
    if (e.public_record.number != filing.number) return broken("number", "not the filing's number");
    if (e.public_record.status != "published") return broken("status", "a publication is published");
    if (!e.public_record.announced_on || *e.public_record.announced_on < Date::of(filing.number_at)) {
      return broken("announced_on", "not before the day of the number");
    }
    if (!e.public_record.series || !e.public_record.batch) return broken("announcement", "series and batch");
    return registering();
  }

  Checked operator()(const ChangeSubmitted& e) const {
    if (before_.filing->change_position) return broken("change_open", "one change at a time");
    if (e.change != before_.filing->changes + 1) return broken("change", "changes count from 1 without gaps");
    if (before_.filing->algorithm_type != e.information.algorithm_type)
      return broken("type", "the type is fixed");
    return std::nullopt;
  }
  Checked operator()(const ChangeWithdrawn& e) const { return open_change(e.change); }
  Checked operator()(const ChangeRejected& e) const {
    if (auto v = open_change(e.change)) return v;
    if (auto v = reasons(e.reasons, is_filing_pointer)) return v;
    return reviewing();
  }
  Checked operator()(const ChangeApproved& e) const {
    if (auto v = open_change(e.change)) return v;
    if (before_.filing->change_position != e.submission)
      return broken("submission", "not the change submitted");
    if (auto v = same_record(e.public_record)) return v;
    return reviewing();
  }

  Checked operator()(const CancellationRequested&) const {
    return before_.filing->cancellation_position ? broken("cancellation", "one request at a time")
                                                 : std::nullopt;
  }
  Checked operator()(const CancellationRejected& e) const {
    if (!before_.filing->cancellation_position) return broken("cancellation", "no request is open");
    if (auto v = reasons(e.reasons, is_filing_pointer)) return v;
    return reviewing();
  }
  Checked operator()(const FilingCancelled& e) const {
    if (e.ex_officio == before_.filing->cancellation_position.has_value()) {
      return broken("cancellation", "ex officio is what nobody requested");
    }
    if (header_.actor.role == Role::reviewer && e.ex_officio) {
      return broken("cancellation", "a reviewer cancels what the filer asked to");
    }
    if (auto v = ended(e.public_record, "cancelled")) return v;
    return not_own_case(before_.filing->subject_id);
  }
  Checked operator()(const FilingRevoked& e) const {
    if (e.ground.empty()) return broken("ground", "a revocation states its ground");
    if (auto v = ended(e.public_record, "revoked")) return v;
    return not_own_case(before_.filing->subject_id);
  }
  Checked operator()(const AnnouncementCorrected& e) const {
    if (auto v = same_record(e.public_record)) return v;
    return registering();
  }

  Checked operator()(const RecordImported& e) const {
    const auto owner = lookup_.number_owner(e.digits);
    if (before_.filing ? !before_.filing->imported && before_.filing->digits != e.digits
                       : owner.has_value()) {
      return broken("unique", "the number belongs to another record");
    }
    return std::nullopt;
  }

  Checked operator()(const CalendarPublished& e) const {
    if (const auto errors = calendar_errors(e); !errors.empty()) {
      return broken("calendar", errors[0].pointer + ' ' + errors[0].code);
    }
    return lookup_.ledger().has_calendar(e.year) ? broken("unique", "the year's calendar is published")
                                                 : std::nullopt;
  }

  Checked operator()(const SigningKeyAdded& e) const {
    const LedgerState ledger = lookup_.ledger();
    if (!e.vkey.starts_with(ledger.origin + "+")) return broken("signing_key", "not named like the origin");
    if (std::ranges::find(ledger.vkeys, e.vkey) != ledger.vkeys.end())
      return broken("signing_key", "in force already");
    if (ledger.vkeys.size() >= kSigningKeysMax) return broken("signing_key", "too many at once");
    return std::nullopt;
  }
  Checked operator()(const SigningKeyRetired& e) const {
    const LedgerState ledger = lookup_.ledger();
    if (std::ranges::find(ledger.vkeys, e.vkey) == ledger.vkeys.end())
      return broken("signing_key", "not in force");
    return ledger.vkeys.size() == 1 ? broken("signing_key", "the last one stays") : std::nullopt;
  }

  Checked operator()(const LedgerSimulated&) const {
    return is_fresh(lookup_.ledger(), header_.position.value)
               ? std::nullopt
               : broken("simulated", "only a ledger without a history is simulated");
  }

  Checked operator()(const WebhookRegistered& e) const {
    const LedgerState ledger = lookup_.ledger();
    if (ledger.webhook(e.webhook_id) != nullptr) return broken("webhook", "registered already");
    if (ledger.webhooks.size() >= limits::kWebhooksMax) return broken("webhook", "too many at once");
    if (what_is_wrong_with_url(e.url)) return broken("webhook", "not a URL to deliver to");
    if (!is_webhook_visibility(e.visibility)) return broken("webhook", "unknown visibility");
    return std::ranges::all_of(e.types, [](const auto& type) { return event_type_from(type).has_value(); })
               ? std::nullopt
               : broken("webhook", "unknown event type");
  }
  Checked operator()(const WebhookRemoved& e) const {
    return lookup_.ledger().webhook(e.webhook_id) == nullptr ? broken("webhook", "not registered")
                                                             : std::nullopt;
  }

  Checked operator()(const auto&) const { return std::nullopt; }

 private:
  [[nodiscard]] static Checked identity(const std::string& credit_code, const std::string& region) {
    if (!check_credit_code(credit_code)) return broken("credit_code", "not a credit code of GB 32100");
    if (!schema::is_known_region(region)) return broken("region", "not a code of GB/T 2260");
    return std::nullopt;
  }

  [[nodiscard]] Checked credit_code_free(const std::string& code) const {
    const auto owner = lookup_.credit_code_owner(code);
    if (owner && *owner != header_.stream.id) return broken("unique", "the credit code is taken");
    return std::nullopt;
  }

  [[nodiscard]] static Checked reasons(const std::vector<Reason>& given,
                                       bool (*is_pointer)(std::string_view)) {
    if (given.empty()) return broken("reasons", "a rejection gives at least one reason");
    for (const Reason& reason : given) {
      if (schema::find_rejection_reason(reason.code) == nullptr)
        return broken("reasons", "not in the catalogue");
      if (!is_pointer(reason.field)) return broken("reasons", "no field of the form");
    }
    return std::nullopt;
  }

  [[nodiscard]] static Checked qualified(const Found<SubjectState>& subject) {
    if (!subject || subject->status != SubjectStatus::qualified)
      return broken("qualified", "the subject is not");
    return std::nullopt;
  }

  [[nodiscard]] const AccessPathState* find_path(const Uuid& id) const {
    const auto found = std::ranges::find(before_.product->paths, id, &AccessPathState::id);
    return found == before_.product->paths.end() ? nullptr : &*found;
  }
  [[nodiscard]] bool has_path(const Uuid& id) const { return find_path(id) != nullptr; }
  [[nodiscard]] bool has_feature(const Uuid& path_id, const Uuid& id) const {
    const AccessPathState* path = find_path(path_id);
    return path != nullptr &&
           std::ranges::find(path->features, id, &FeatureState::id) != path->features.end();
  }
  [[nodiscard]] Checked path_present(const Uuid& id) const {
    if (!has_path(id)) return broken("order", "product, then access path, then feature");
    return qualified(before_.subject);
  }
  [[nodiscard]] Checked feature_present(const Uuid& path_id, const Uuid& id) const {
    if (!has_feature(path_id, id)) return broken("order", "no such feature");
    return qualified(before_.subject);
  }

  [[nodiscard]] Checked same_attempt(std::uint32_t attempt) const {
    return attempt == before_.filing->attempt ? std::nullopt : broken("attempt", "not the attempt at hand");
  }
  [[nodiscard]] Checked open_change(std::uint32_t change) const {
    if (!before_.filing->change_position || change != before_.filing->changes) {
      return broken("change", "no such open change");
    }
    return std::nullopt;
  }

  [[nodiscard]] Checked not_own_case(const Uuid& subject) const {
    if (files_for(lookup_, header_.actor.principal, subject, header_.recorded_at)) {
      return broken("own_case", "nobody decides on a subject that they file for");
    }
    return std::nullopt;
  }
  [[nodiscard]] Checked reviewing() const {
    if (before_.subject && before_.subject->initial_reviewer == header_.actor.principal) {
      return broken("four_eyes", "the reviewer is the subject's initial reviewer");
    }
    return not_own_case(before_.filing->subject_id);
  }
  [[nodiscard]] Checked deciding() const {
    if (before_.filing->reviewer != header_.actor.principal) {
      return broken("reviewer", "only the reviewer who started decides");
    }
    return reviewing();
  }
  [[nodiscard]] Checked registering() const {
    if (before_.filing->approver == header_.actor.principal ||
        before_.filing->reviewer == header_.actor.principal) {
      return broken("four_eyes", "the registrar is the reviewer");
    }
    return not_own_case(before_.filing->subject_id);
  }

  [[nodiscard]] Checked same_record(const std::optional<PublicRecord>& record) const {
    const auto& held = before_.filing->public_record;
    if (record.has_value() != held.has_value())
      return broken("public_record", "present if and only if public");
    if (record && (record->number != held->number || record->status != held->status)) {
      return broken("public_record", "number and status stay");
    }
    return std::nullopt;
  }
  [[nodiscard]] Checked ended(const std::optional<PublicRecord>& record, std::string_view status) const {
    const auto& held = before_.filing->public_record;
    if (record.has_value() != held.has_value())
      return broken("public_record", "present if and only if public");
    if (record && (record->number != held->number || record->status != status)) {
      return broken("public_record", "the number stays, the status is the end's");
    }
    return std::nullopt;
  }

  const EventHeader& header_;
  const Lookup& lookup_;
  const Before& before_;

  friend Checked check_uniqueness(const Rules&, const Event&);
};

/// Credit codes are unique among live subjects.
Checked check_uniqueness(const Rules& rules, const Event& event) {
  if (const auto* e = std::get_if<SubjectRegistered>(&event.payload))
    return rules.credit_code_free(e->credit_code);
  if (const auto* e = std::get_if<SubjectSubmitted>(&event.payload)) {
    return rules.credit_code_free(e->information.credit_code);
  }
  if (const auto* e = std::get_if<SubjectChangeApproved>(&event.payload)) {
    return rules.credit_code_free(e->credit_code);
  }
  return std::nullopt;
}

/// A filer acts on its own subject's streams only.
Checked check_filer(const Event& event, const Lookup& lookup, const Before& before) {
  if (event.header.actor.role != Role::filer) return std::nullopt;
  Uuid subject;
  if (const auto* added = std::get_if<ProductAdded>(&event.payload)) {
    subject = added->subject_id;
  } else if (const auto* draft = std::get_if<DraftSaved>(&event.payload)) {
    subject = draft->subject_id;
  } else if (before.subject) {
    subject = before.subject->id;
  }
  if (!files_for(lookup, event.header.actor.principal, subject, event.header.recorded_at)) {
    return broken("own_subject", "a filer acts for its own subject");
  }
  return std::nullopt;
}

}  // namespace

std::optional<Violation> admissible(const Event& event, const Lookup& lookup) {
  if (event.header.rules != kRulesVersion) return broken("rules", "unknown version of the rules");
  const EventType type = type_of(event.payload);
  const Transition& row = transition_of(type);
  if (row.stream != event.header.stream.kind)
    return broken("stream", "the type belongs to another kind of stream");
  if (!role_may(type, event.header.actor.role)) return broken("role", "this role does not append this type");
  const Before before = load(event, lookup);
  if (event.header.version != before.version + 1)
    return broken("version", "versions count from 1 without gaps");
  if (!state_allows(type, before.state)) return broken("transition", "not from this state");
  if (auto violation = check_filer(event, lookup, before)) return violation;
  const Rules rules(event, lookup, before);
  if (auto violation = check_uniqueness(rules, event)) return violation;
  return std::visit(rules, event.payload);
}

}  // namespace ledger
