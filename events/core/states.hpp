// What the events of a stream add up to. A state holds what is in clear; private values are named by the
// position of the event that carries them and opened only when a decision or a reader needs them. Each struct
// lists its fields once, like the events do, for the rows of the views (schema/views.fbs).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/events.hpp"

namespace ledger {

/// 算法主体的状态.
enum class SubjectStatus : std::uint8_t { registered = 1, submitted, qualified, rejected, lapsed, closed };

/// 备案的状态. A published filing with an open change stays published.
enum class FilingStatus : std::uint8_t {
  draft = 1,
  submitted,
  in_review,
  rejected,
  approved,
  numbered,
  published,
  cancelled,
  revoked,
  discarded,
};

/// `registered`, `submitted`, ...; the words of DESIGN section 4. Empty for a number outside the list.
[[nodiscard]] std::string_view code_of(SubjectStatus status);
[[nodiscard]] std::string_view code_of(FilingStatus status);
/// The inverse of `code_of`.
[[nodiscard]] std::optional<FilingStatus> filing_status_from(std::string_view code);
[[nodiscard]] std::optional<SubjectStatus> subject_status_from(std::string_view code);

/// Signing keys in force at once: while keys are exchanged, two.
inline constexpr std::size_t kSigningKeysMax = 4;

/// A webhook that is registered and not removed.
struct WebhookState {
  Uuid id;
  std::uint64_t position = 0;  ///< of its registration: what comes behind it is delivered
  std::string url;
  std::vector<std::string> types;
  std::string visibility;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "id", self.id);
    visit.field(1, "position", self.position);
    visit.field(2, "url", self.url);
    visit.field(3, "types", self.types);
    visit.field(4, "visibility", self.visibility);
  }
  bool operator==(const WebhookState&) const = default;
};

/// The administrative stream.
struct LedgerState {
  Uuid ledger_id;
  std::uint64_t version = 0;
  std::uint64_t position = 0;  ///< of the stream's last event
  std::string origin;
  std::string number_prefix;
  std::string vkey;
  bool simulated = false;
  std::vector<std::string> vkeys;      ///< verifier keys in force, oldest first: all of them sign checkpoints
  std::vector<WebhookState> webhooks;  ///< oldest first
  /// Years whose working-day calendar is published, in the order of publication. The days themselves are the
  /// read model's (projections/calendars.hpp): this state is copied for every decision.
  std::vector<std::uint16_t> calendars;
  [[nodiscard]] bool has_calendar(std::uint16_t year) const {
    return std::find(calendars.begin(), calendars.end(), year) != calendars.end();
  }
  /// The webhook of this id; null where there is none, or none any more.
  [[nodiscard]] const WebhookState* webhook(const Uuid& id) const {
    for (const WebhookState& webhook : webhooks) {
      if (webhook.id == id) return &webhook;
    }
    return nullptr;
  }
  static void fields(auto& self, auto& visit) {
    visit.field(0, "ledger_id", self.ledger_id);
    visit.field(1, "version", self.version);
    visit.field(2, "position", self.position);
    visit.field(3, "origin", self.origin);
    visit.field(4, "number_prefix", self.number_prefix);
    visit.field(5, "vkey", self.vkey);
    visit.field(6, "simulated", self.simulated);
    visit.field(7, "vkeys", self.vkeys);
    visit.field(8, "webhooks", self.webhooks);
    visit.field(9, "calendars", self.calendars);
  }
  bool operator==(const LedgerState&) const = default;
};

/// One grant: a token's right to act. Comes from `access.granted` or `subject.registered`.
struct GrantState {
  Uuid grant_id;
  Uuid principal_id;
  Role role{};
  std::optional<Uuid> subject_id;
  std::optional<TimestampUs> expires_at;
  std::uint32_t token_epoch = 0;
  std::uint64_t position = 0;  ///< of the granting event
  TimestampUs granted_at;
  bool revoked = false;
  Digest token_digest;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "grant_id", self.grant_id);
    visit.field(1, "principal_id", self.principal_id);
    visit.field(2, "role", self.role);
    visit.field(3, "subject_id", self.subject_id);
    visit.field(4, "expires_at", self.expires_at);
    visit.field(5, "token_epoch", self.token_epoch);
    visit.field(6, "position", self.position);
    visit.field(7, "granted_at", self.granted_at);
    visit.field(8, "revoked", self.revoked);
    visit.field(9, "token_digest", self.token_digest);
  }
  /// Whether the grant still lets its holder act at this moment.
  [[nodiscard]] bool active(TimestampUs now) const { return !revoked && (!expires_at || now < *expires_at); }
  bool operator==(const GrantState&) const = default;
};

struct SubjectState {
  Uuid id;
  std::uint64_t version = 0;
  std::uint64_t position = 0;
  SubjectStatus status{};
  std::uint32_t attempt = 0;
  std::uint32_t rejections = 0;
  std::string organization_name;
  std::string credit_code;
  std::string region;
  std::uint32_t subject_number = 0;  ///< 0 until the first approval
  TimestampUs registered_at;
  TimestampUs status_since;
  std::uint64_t registration_position = 0;
  std::optional<std::uint64_t> information_position;  ///< the submission or approved change that counts now
  std::optional<std::uint64_t> decision_position;     ///< the last rejection or approval
  Uuid filer_grant;
  Uuid initial_reviewer;  ///< principal that decided the last attempt; nil before
  std::uint32_t changes = 0;
  std::optional<std::uint64_t> change_position;  ///< the open change
  bool held = false;
  std::optional<Uuid> form_record;  ///< record key of the latest confidential text
  static void fields(auto& self, auto& visit) {
    visit.field(0, "id", self.id);
    visit.field(1, "version", self.version);
    visit.field(2, "position", self.position);
    visit.field(3, "status", self.status);
    visit.field(4, "attempt", self.attempt);
    visit.field(5, "rejections", self.rejections);
    visit.field(6, "organization_name", self.organization_name);
    visit.field(7, "credit_code", self.credit_code);
    visit.field(8, "region", self.region);
    visit.field(9, "subject_number", self.subject_number);
    visit.field(10, "registered_at", self.registered_at);
    visit.field(11, "status_since", self.status_since);
    visit.field(12, "registration_position", self.registration_position);
    visit.field(13, "information_position", self.information_position);
    visit.field(14, "decision_position", self.decision_position);
    visit.field(15, "filer_grant", self.filer_grant);
    visit.field(16, "initial_reviewer", self.initial_reviewer);
    visit.field(17, "changes", self.changes);
    visit.field(18, "change_position", self.change_position);
    visit.field(19, "held", self.held);
    visit.field(20, "form_record", self.form_record);
  }
  bool operator==(const SubjectState&) const = default;
};

struct FeatureState {
  Uuid id;
  std::uint64_t position = 0;  ///< the event that holds name and description
  static void fields(auto& self, auto& visit) {
    visit.field(0, "id", self.id);
    visit.field(1, "position", self.position);
  }
  bool operator==(const FeatureState&) const = default;
};

struct AccessPathState {
  Uuid id;
  std::uint64_t position = 0;  ///< the event that holds the steps
  std::vector<FeatureState> features;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "id", self.id);
    visit.field(1, "position", self.position);
    visit.field(2, "features", self.features);
  }
  bool operator==(const AccessPathState&) const = default;
};

struct ProductState {
  Uuid id;
  std::uint64_t version = 0;
  std::uint64_t position = 0;
  Uuid subject_id;
  ProductForm form{};
  bool removed = false;
  std::uint64_t name_position = 0;
  std::vector<AccessPathState> paths;
  std::optional<Uuid> form_record;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "id", self.id);
    visit.field(1, "version", self.version);
    visit.field(2, "position", self.position);
    visit.field(3, "subject_id", self.subject_id);
    visit.field(4, "form", self.form);
    visit.field(5, "removed", self.removed);
    visit.field(6, "name_position", self.name_position);
    visit.field(7, "paths", self.paths);
    visit.field(8, "form_record", self.form_record);
  }
  bool operator==(const ProductState&) const = default;
};

struct FilingState {
  Uuid id;
  std::uint64_t version = 0;
  std::uint64_t position = 0;
  Uuid subject_id;  ///< nil for an imported record
  FilingStatus status{};
  std::uint32_t attempt = 0;
  std::uint32_t rejections = 0;
  std::optional<std::uint64_t> draft_position;       ///< the last `draft.saved`
  std::optional<std::uint64_t> submission_position;  ///< the last `filing.submitted` or approved change
  std::optional<std::uint64_t> decision_position;    ///< the last rejection
  bool draft_is_current = false;                     ///< the draft is newer than the submission
  TimestampUs draft_saved_at;
  TimestampUs status_since;
  TimestampUs submitted_at;
  std::string algorithm_name;  ///< of the last submission, as are the next three
  std::optional<AlgorithmType> algorithm_type;
  std::optional<AlgorithmRole> role;
  std::string purpose;
  Uuid reviewer;          ///< principal that started the review of this attempt; nil before
  Uuid approver;          ///< principal that approved
  std::string digits;     ///< 21 digits of the number, empty before
  std::string number;     ///< as shown, prefix and 号 included
  TimestampUs number_at;  ///< when it was assigned
  std::optional<PublicRecord> public_record;
  std::optional<Digest> public_disclosure;
  std::uint32_t changes = 0;
  std::optional<std::uint64_t> change_position;  ///< the open change
  std::optional<std::uint64_t> cancellation_position;
  std::optional<Date> cancellation_ended_on;
  bool imported = false;
  std::uint32_t displays = 0;
  std::optional<Uuid> form_record;  ///< record key of the latest attempt's confidential text
  std::uint32_t form_record_attempt = 0;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "id", self.id);
    visit.field(1, "version", self.version);
    visit.field(2, "position", self.position);
    visit.field(3, "subject_id", self.subject_id);
    visit.field(4, "status", self.status);
    visit.field(5, "attempt", self.attempt);
    visit.field(6, "rejections", self.rejections);
    visit.field(7, "draft_position", self.draft_position);
    visit.field(8, "submission_position", self.submission_position);
    visit.field(9, "decision_position", self.decision_position);
    visit.field(10, "draft_is_current", self.draft_is_current);
    visit.field(11, "draft_saved_at", self.draft_saved_at);
    visit.field(12, "status_since", self.status_since);
    visit.field(13, "submitted_at", self.submitted_at);
    visit.field(14, "algorithm_name", self.algorithm_name);
    visit.field(15, "algorithm_type", self.algorithm_type);
    visit.field(16, "role", self.role);
    visit.field(17, "purpose", self.purpose);
    visit.field(18, "reviewer", self.reviewer);
    visit.field(19, "approver", self.approver);
    visit.field(20, "digits", self.digits);
    visit.field(21, "number", self.number);
    visit.field(22, "number_at", self.number_at);
    visit.field(23, "public_record", self.public_record);
    visit.field(24, "public_disclosure", self.public_disclosure);
    visit.field(25, "changes", self.changes);
    visit.field(26, "change_position", self.change_position);
    visit.field(27, "cancellation_position", self.cancellation_position);
    visit.field(28, "cancellation_ended_on", self.cancellation_ended_on);
    visit.field(29, "imported", self.imported);
    visit.field(30, "displays", self.displays);
    visit.field(31, "form_record", self.form_record);
    visit.field(32, "form_record_attempt", self.form_record_attempt);
  }
  /// Whether anyone but the own filer may know of it: it was submitted once, or came from an official list.
  [[nodiscard]] bool disclosed() const { return attempt > 0 || imported; }
  bool operator==(const FilingState&) const = default;
};

// Each `evolve` takes the state before an event and gives the state after it. Total: it refuses nothing,
// needs no private value, and ignores an event of another stream kind. The state before a stream's first
// event is `{}`.
[[nodiscard]] LedgerState evolve(LedgerState state, const Event& event);
[[nodiscard]] SubjectState evolve(SubjectState state, const Event& event);
[[nodiscard]] ProductState evolve(ProductState state, const Event& event);
[[nodiscard]] FilingState evolve(FilingState state, const Event& event);

/// The grant that an event gives, if it gives one.
[[nodiscard]] std::optional<GrantState> granted_by(const Event& event);

}  // namespace ledger
