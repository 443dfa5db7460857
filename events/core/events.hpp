// Everything that can happen, as values: one struct per event type, and the header that every event carries.
// Each struct lists its fields once, in `fields`, for whoever stores, reads or renders it:
//   visit.field(id, name, member)   stands in the entry in clear, under this FlatBuffers id
//   (schema/ledger.fbs); visit.hidden(number, name, m)   a private value: the entry holds a commitment, the
//   value lies sealed beside it; visit.group(name, member)       nothing but private values, grouped for
//   readers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "events/core/codes.hpp"
#include "events/core/fields.hpp"
#include "events/core/types.hpp"

namespace ledger {

/// The streams of DESIGN section 4.
enum class StreamKind : std::uint8_t { ledger = 1, subject = 2, product = 3, filing = 4 };

/// Names a stream; the ledger stream has the nil id.
struct StreamId {
  StreamKind kind = StreamKind::ledger;
  Uuid id{};
  auto operator<=>(const StreamId&) const = default;
  /// `ledger`, `subject/<id>`, `product/<id>` or `filing/<id>`.
  [[nodiscard]] std::string text() const;
  /// The inverse of `text`; anything else is nullopt.
  [[nodiscard]] static std::optional<StreamId> parse(std::string_view text);
};

/// A private value of an event. `committed` says that the event has one; `value` is there when whoever read
/// the event could open it (its record key exists) and wanted to.
struct Private {
  std::optional<std::string> value;
  bool committed = false;
  [[nodiscard]] static Private of(std::string text) { return {std::move(text), true}; }
  [[nodiscard]] static Private of(std::optional<std::string> text) {
    const bool there = text.has_value();
    return {std::move(text), there};
  }
  bool operator==(const Private&) const = default;
};

/// The whole public item of a filing, as the announcement list shows it. Only public fields stand here.
struct PublicRecord {
  std::string number;  ///< prefix, 21 digits, 号
  std::string algorithm_name;
  std::optional<AlgorithmType> type;
  std::optional<AlgorithmRole> role;
  std::string organization_name;
  std::string products;  ///< names with their forms, joined by 、; `--` for none
  std::string purpose;
  std::optional<Series> series;
  std::optional<std::uint32_t> batch;
  std::optional<Date> announced_on;
  std::string status;  ///< published, cancelled, revoked
  std::string remark;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "number", self.number);
    visit.field(1, "algorithm_name", self.algorithm_name);
    visit.field(2, "type", self.type);
    visit.field(3, "role", self.role);
    visit.field(4, "organization_name", self.organization_name);
    visit.field(5, "products", self.products);
    visit.field(6, "purpose", self.purpose);
    visit.field(7, "series", self.series);
    visit.field(8, "batch", self.batch);
    visit.field(9, "announced_on", self.announced_on);
    visit.field(10, "status", self.status);
    visit.field(11, "remark", self.remark);
  }
  bool operator==(const PublicRecord&) const = default;
};

/// One reason of a rejection: a code of the catalogue, the form field it is about, a private note.
struct Reason {
  std::string code;
  std::string field;  ///< JSON Pointer (RFC 6901) into the form
  Private note;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "code", self.code);
    visit.field(1, "field", self.field);
    visit.hidden(field::kReasonNote, "note", self.note);
  }
  bool operator==(const Reason&) const = default;
};

// --- The stream `ledger`
// --------------------------------------------------------------------------------------

struct LedgerCreated {
  Uuid ledger_id;
  std::string origin;
  std::string number_prefix;
  std::string vkey;  ///< C2SP verifier key of the log's first signing key
  static void fields(auto& self, auto& visit) {
    visit.field(0, "ledger_id", self.ledger_id);
    visit.field(1, "origin", self.origin);
    visit.field(2, "number_prefix", self.number_prefix);
    visit.field(3, "vkey", self.vkey);
  }
};

struct AccessGranted {
  Uuid grant_id;
  Uuid principal_id;
  Role role{};
  std::optional<Uuid> subject_id;  ///< a filer's subject
  std::optional<TimestampUs> expires_at;
  Digest token_digest;
  std::uint32_t token_epoch = 0;
  Private principal;  ///< display name
  static void fields(auto& self, auto& visit) {
    visit.field(0, "grant_id", self.grant_id);
    visit.field(1, "principal_id", self.principal_id);
    visit.field(2, "role", self.role);
    visit.field(3, "subject_id", self.subject_id);
    visit.field(4, "expires_at", self.expires_at);
    visit.field(5, "token_digest", self.token_digest);
    visit.field(6, "token_epoch", self.token_epoch);
    visit.hidden(field::kPrincipalName, "principal", self.principal);
  }
};

struct AccessRevoked {
  Uuid grant_id;
  static void fields(auto& self, auto& visit) { visit.field(0, "grant_id", self.grant_id); }
};

struct CalendarPublished {
  std::uint16_t year = 0;
  std::vector<Date> holidays;      ///< weekdays off
  std::vector<Date> working_days;  ///< adjusted working weekends 调休
  std::string source;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "year", self.year);
    visit.field(1, "holidays", self.holidays);
    visit.field(2, "working_days", self.working_days);
    visit.field(3, "source", self.source);
  }
};

struct WebhookRegistered {
  Uuid webhook_id;
  std::string url;
  std::vector<std::string> types;
  std::string visibility;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "webhook_id", self.webhook_id);
    visit.field(1, "url", self.url);
    visit.field(2, "types", self.types);
    visit.field(3, "visibility", self.visibility);
  }
};

struct WebhookRemoved {
  Uuid webhook_id;
  static void fields(auto& self, auto& visit) { visit.field(0, "webhook_id", self.webhook_id); }
};

struct SigningKeyAdded {
  std::string vkey;
  static void fields(auto& self, auto& visit) { visit.field(0, "vkey", self.vkey); }
};

struct SigningKeyRetired {
  std::string vkey;
  static void fields(auto& self, auto& visit) { visit.field(0, "vkey", self.vkey); }
};

struct LedgerSimulated {
  std::uint64_t seed = 0;
  std::string parameters;  ///< canonical JSON
  static void fields(auto& self, auto& visit) {
    visit.field(0, "seed", self.seed);
    visit.field(1, "parameters", self.parameters);
  }
};

// --- Streams `subject/<id>` 算法主体
// --------------------------------------------------------------------------

struct Contact {
  Private name, phone, email;
  static void fields(auto& self, auto& visit) {
    visit.hidden(field::kContactName, "name", self.name);
    visit.hidden(field::kContactPhone, "phone", self.phone);
    visit.hidden(field::kContactEmail, "email", self.email);
  }
};

/// Registration grants its filer at once, so that it is one event.
struct SubjectRegistered {
  std::string organization_name;
  std::string credit_code;  ///< 统一社会信用代码, GB 32100
  std::string region;       ///< GB/T 2260
  Uuid grant_id;
  Uuid principal_id;
  Digest token_digest;
  std::uint32_t token_epoch = 0;
  Contact contact;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "organization_name", self.organization_name);
    visit.field(1, "credit_code", self.credit_code);
    visit.field(2, "region", self.region);
    visit.field(3, "grant_id", self.grant_id);
    visit.field(4, "principal_id", self.principal_id);
    visit.field(5, "token_digest", self.token_digest);
    visit.field(6, "token_epoch", self.token_epoch);
    visit.group("contact", self.contact);
  }
};

struct BasicInformation {
  Private kind, registered_address, industry;
  static void fields(auto& self, auto& visit) {
    visit.hidden(field::kBasicKind, "kind", self.kind);
    visit.hidden(field::kRegisteredAddress, "registered_address", self.registered_address);
    visit.hidden(field::kIndustry, "industry", self.industry);
  }
};

struct Certificate {
  Private kind, number;
  static void fields(auto& self, auto& visit) {
    visit.hidden(field::kCertificateKind, "kind", self.kind);
    visit.hidden(field::kCertificateNumber, "number", self.number);
  }
};

struct LegalRepresentative {
  Private name, id_number, phone, email;
  static void fields(auto& self, auto& visit) {
    visit.hidden(field::kRepresentativeName, "name", self.name);
    visit.hidden(field::kRepresentativeIdNumber, "id_number", self.id_number);
    visit.hidden(field::kRepresentativePhone, "phone", self.phone);
    visit.hidden(field::kRepresentativeEmail, "email", self.email);
  }
};

struct SafetyOfficer {
  Private name, position, phone, email;
  static void fields(auto& self, auto& visit) {
    visit.hidden(field::kOfficerName, "name", self.name);
    visit.hidden(field::kOfficerPosition, "position", self.position);
    visit.hidden(field::kOfficerPhone, "phone", self.phone);
    visit.hidden(field::kOfficerEmail, "email", self.email);
  }
};

struct SubjectDocuments {
  Private commitment_letter, responsibility_statement;
  static void fields(auto& self, auto& visit) {
    visit.hidden(field::kCommitmentLetter, "commitment_letter", self.commitment_letter);
    visit.hidden(field::kResponsibilityStatement, "responsibility_statement", self.responsibility_statement);
  }
};

/// What a submission of a subject and a change of it have in common.
struct SubjectInformation {
  std::string organization_name;
  std::string credit_code;
  std::string region;
  Private website_name, website_domain, daily_visits;
  BasicInformation basic_information;
  Certificate certificate;
  LegalRepresentative legal_representative;
  SafetyOfficer safety_officer;
  SubjectDocuments documents;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "organization_name", self.organization_name);
    visit.field(1, "credit_code", self.credit_code);
    visit.field(2, "region", self.region);
    visit.hidden(field::kWebsiteName, "website_name", self.website_name);
    visit.hidden(field::kWebsiteDomain, "website_domain", self.website_domain);
    visit.hidden(field::kDailyVisits, "daily_visits", self.daily_visits);
    visit.group("basic_information", self.basic_information);
    visit.group("certificate", self.certificate);
    visit.group("legal_representative", self.legal_representative);
    visit.group("safety_officer", self.safety_officer);
    visit.group("documents", self.documents);
  }
};

struct SubjectSubmitted {
  std::uint32_t attempt = 0;
  bool unchanged = false;  ///< equal to the attempt before, accepted with a warning
  SubjectInformation information;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "attempt", self.attempt);
    visit.field(1, "unchanged", self.unchanged);
    visit.field(2, "information", self.information);
  }
};

struct SubjectApproved {
  std::uint32_t attempt = 0;
  std::uint32_t subject_number = 0;  ///< 7 digits
  static void fields(auto& self, auto& visit) {
    visit.field(0, "attempt", self.attempt);
    visit.field(1, "subject_number", self.subject_number);
  }
};

struct SubjectRejected {
  std::uint32_t attempt = 0;
  std::vector<Reason> reasons;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "attempt", self.attempt);
    visit.field(1, "reasons", self.reasons);
  }
};

struct SubjectChangeSubmitted {
  std::uint32_t change = 0;  ///< counts a subject's changes from 1
  SubjectInformation information;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "change", self.change);
    visit.field(1, "information", self.information);
  }
};

/// Repeats what the change put in clear, so that the state follows from the event alone.
struct SubjectChangeApproved {
  std::uint32_t change = 0;
  std::string organization_name;
  std::string credit_code;
  std::string region;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "change", self.change);
    visit.field(1, "organization_name", self.organization_name);
    visit.field(2, "credit_code", self.credit_code);
    visit.field(3, "region", self.region);
  }
};

struct SubjectChangeRejected {
  std::uint32_t change = 0;
  std::vector<Reason> reasons;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "change", self.change);
    visit.field(1, "reasons", self.reasons);
  }
};

/// The system ended a registration that nobody ever submitted.
struct SubjectLapsed {
  static void fields(auto&, auto&) {}
};

struct SubjectClosed {
  Private note;
  static void fields(auto& self, auto& visit) { visit.hidden(field::kNote, "note", self.note); }
};

struct PersonalDataErased {
  std::string basis;          ///< pipl-47, court_order, other
  std::vector<Uuid> records;  ///< the record keys that were destroyed
  std::uint32_t key_epoch = 0;
  Private note;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "basis", self.basis);
    visit.field(1, "records", self.records);
    visit.field(2, "key_epoch", self.key_epoch);
    visit.hidden(field::kNote, "note", self.note);
  }
};

struct HoldPlaced {
  Private note;
  static void fields(auto& self, auto& visit) { visit.hidden(field::kNote, "note", self.note); }
};

struct HoldLifted {
  Private note;
  static void fields(auto& self, auto& visit) { visit.hidden(field::kNote, "note", self.note); }
};

// --- Streams `product/<id>` 产品及功能
// ------------------------------------------------------------------------

struct ProductAdded {
  Uuid subject_id;
  ProductForm form{};
  Private name;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "subject_id", self.subject_id);
    visit.field(1, "form", self.form);
    visit.hidden(field::kProductName, "name", self.name);
  }
};

struct ProductUpdated {
  ProductForm form{};
  Private name;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "form", self.form);
    visit.hidden(field::kProductName, "name", self.name);
  }
};

struct ProductRemoved {
  static void fields(auto&, auto&) {}
};

struct AccessPathAdded {
  Uuid path_id;
  Private steps;  ///< JSON array of the navigation steps, in order
  static void fields(auto& self, auto& visit) {
    visit.field(0, "path_id", self.path_id);
    visit.hidden(field::kPathSteps, "steps", self.steps);
  }
};

struct AccessPathUpdated {
  Uuid path_id;
  Private steps;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "path_id", self.path_id);
    visit.hidden(field::kPathSteps, "steps", self.steps);
  }
};

struct AccessPathRemoved {
  Uuid path_id;
  static void fields(auto& self, auto& visit) { visit.field(0, "path_id", self.path_id); }
};

struct FeatureAdded {
  Uuid path_id;
  Uuid feature_id;
  Private name, description;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "path_id", self.path_id);
    visit.field(1, "feature_id", self.feature_id);
    visit.hidden(field::kFeatureName, "name", self.name);
    visit.hidden(field::kFeatureDescription, "description", self.description);
  }
};

struct FeatureUpdated {
  Uuid path_id;
  Uuid feature_id;
  Private name, description;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "path_id", self.path_id);
    visit.field(1, "feature_id", self.feature_id);
    visit.hidden(field::kFeatureName, "name", self.name);
    visit.hidden(field::kFeatureDescription, "description", self.description);
  }
};

struct FeatureRemoved {
  Uuid path_id;
  Uuid feature_id;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "path_id", self.path_id);
    visit.field(1, "feature_id", self.feature_id);
  }
};

// --- Streams `filing/<id>` 备案
// -------------------------------------------------------------------------------

struct DraftSaved {
  Uuid subject_id;
  std::uint32_t attempt = 0;  ///< the attempt that this draft prepares
  Private form;               ///< canonical JSON of the whole form
  static void fields(auto& self, auto& visit) {
    visit.field(0, "subject_id", self.subject_id);
    visit.field(1, "attempt", self.attempt);
    visit.hidden(field::kDraftForm, "form", self.form);
  }
};

struct DraftDiscarded {
  static void fields(auto&, auto&) {}
};

struct FilingDocuments {
  Private self_assessment_report, public_disclosure;
  static void fields(auto& self, auto& visit) {
    visit.hidden(field::kSelfAssessmentReport, "self_assessment_report", self.self_assessment_report);
    visit.hidden(field::kPublicDisclosure, "public_disclosure", self.public_disclosure);
  }
};

struct FilingDetails {
  Private data, model, strategy, risk_and_prevention;
  static void fields(auto& self, auto& visit) {
    visit.hidden(field::kDetailsData, "data", self.data);
    visit.hidden(field::kDetailsModel, "model", self.model);
    visit.hidden(field::kDetailsStrategy, "strategy", self.strategy);
    visit.hidden(field::kDetailsRisk, "risk_and_prevention", self.risk_and_prevention);
  }
};

/// What a submission and a change of a filing have in common. The fields in clear are those that the public
/// record will show; the scope is frozen twice, as the selectors that the filer gave and as the features they
/// resolved to.
struct FilingInformation {
  std::string algorithm_name;
  AlgorithmType algorithm_type{};
  AlgorithmRole role{};
  std::string purpose;
  Private application_field, launched_on;
  FilingDocuments documents;
  FilingDetails details;
  Private scope;              ///< JSON {"products":[],"access_paths":[],"features":[]} of ids, as sent
  Private technical_service;  ///< what a technical supporter states instead of features
  Private resolved_features;  ///< JSON array of feature ids, in tree order
  static void fields(auto& self, auto& visit) {
    visit.field(0, "algorithm_name", self.algorithm_name);
    visit.field(1, "algorithm_type", self.algorithm_type);
    visit.field(2, "role", self.role);
    visit.field(3, "purpose", self.purpose);
    visit.hidden(field::kApplicationField, "application_field", self.application_field);
    visit.hidden(field::kLaunchedOn, "launched_on", self.launched_on);
    visit.group("documents", self.documents);
    visit.group("details", self.details);
    visit.hidden(field::kScope, "scope", self.scope);
    visit.hidden(field::kTechnicalService, "technical_service", self.technical_service);
    visit.hidden(field::kResolvedFeatures, "resolved_features", self.resolved_features);
  }
};

struct FilingSubmitted {
  std::uint32_t attempt = 0;
  bool unchanged = false;
  FilingInformation information;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "attempt", self.attempt);
    visit.field(1, "unchanged", self.unchanged);
    visit.field(2, "information", self.information);
  }
};

struct FilingWithdrawn {
  std::uint32_t attempt = 0;
  static void fields(auto& self, auto& visit) { visit.field(0, "attempt", self.attempt); }
};

struct ReviewStarted {
  std::uint32_t attempt = 0;
  static void fields(auto& self, auto& visit) { visit.field(0, "attempt", self.attempt); }
};

struct FilingRejected {
  std::uint32_t attempt = 0;
  std::vector<Reason> reasons;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "attempt", self.attempt);
    visit.field(1, "reasons", self.reasons);
  }
};

struct FilingApproved {
  std::uint32_t attempt = 0;
  std::uint64_t submission = 0;  ///< position of the submission that was approved
  static void fields(auto& self, auto& visit) {
    visit.field(0, "attempt", self.attempt);
    visit.field(1, "submission", self.submission);
  }
};

struct NumberAssigned {
  std::string prefix;
  std::string digits;  ///< 21
  std::string region;
  std::uint32_t subject_number = 0;
  AlgorithmType algorithm_type{};
  std::uint8_t year = 0;     ///< last two digits
  std::uint16_t serial = 0;  ///< 1 to 999
  static void fields(auto& self, auto& visit) {
    visit.field(0, "prefix", self.prefix);
    visit.field(1, "digits", self.digits);
    visit.field(2, "region", self.region);
    visit.field(3, "subject_number", self.subject_number);
    visit.field(4, "algorithm_type", self.algorithm_type);
    visit.field(5, "year", self.year);
    visit.field(6, "serial", self.serial);
  }
};

struct FilingPublished {
  PublicRecord public_record;
  std::optional<Digest> public_disclosure;  ///< 拟公示内容, public from here on
  static void fields(auto& self, auto& visit) {
    visit.field(0, "public_record", self.public_record);
    visit.field(1, "public_disclosure", self.public_disclosure);
  }
};

struct DisplayRecorded {
  DisplayChannel channel{};
  Private location;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "channel", self.channel);
    visit.hidden(field::kDisplayLocation, "location", self.location);
  }
};

struct ChangeSubmitted {
  std::uint32_t change = 0;  ///< counts a filing's changes from 1
  std::optional<Date> changed_on;
  FilingInformation information;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "change", self.change);
    visit.field(1, "changed_on", self.changed_on);
    visit.field(2, "information", self.information);
  }
};

struct ChangeWithdrawn {
  std::uint32_t change = 0;
  static void fields(auto& self, auto& visit) { visit.field(0, "change", self.change); }
};

struct ChangeRejected {
  std::uint32_t change = 0;
  std::vector<Reason> reasons;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "change", self.change);
    visit.field(1, "reasons", self.reasons);
  }
};

struct ChangeApproved {
  std::uint32_t change = 0;
  std::uint64_t submission = 0;  ///< position of the change that was approved
  std::optional<PublicRecord> public_record;
  std::optional<Digest> public_disclosure;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "change", self.change);
    visit.field(1, "submission", self.submission);
    visit.field(2, "public_record", self.public_record);
    visit.field(3, "public_disclosure", self.public_disclosure);
  }
};

struct CancellationRequested {
  std::optional<Date> ended_on;
  Private note;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "ended_on", self.ended_on);
    visit.hidden(field::kNote, "note", self.note);
  }
};

struct CancellationRejected {
  std::vector<Reason> reasons;
  static void fields(auto& self, auto& visit) { visit.field(0, "reasons", self.reasons); }
};

struct FilingCancelled {
  std::string ground;
  std::optional<Date> ended_on;
  std::optional<Date> noticed_on;  ///< date of the public notice 注销公告
  bool ex_officio = false;
  std::optional<PublicRecord> public_record;  ///< absent while the filing was not public
  static void fields(auto& self, auto& visit) {
    visit.field(0, "ground", self.ground);
    visit.field(1, "ended_on", self.ended_on);
    visit.field(2, "noticed_on", self.noticed_on);
    visit.field(3, "ex_officio", self.ex_officio);
    visit.field(4, "public_record", self.public_record);
  }
};

struct FilingRevoked {
  std::string ground;
  std::optional<PublicRecord> public_record;
  Private note;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "ground", self.ground);
    visit.field(1, "public_record", self.public_record);
    visit.hidden(field::kNote, "note", self.note);
  }
};

struct AnnouncementCorrected {
  PublicRecord public_record;
  Private note;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "public_record", self.public_record);
    visit.hidden(field::kNote, "note", self.note);
  }
};

/// One row of an official list, as it stood there, and the public record read from it.
struct RecordImported {
  std::string list;
  std::uint32_t row = 0;  ///< row of the file, from 1
  std::uint32_t sequence = 0;
  std::string list_month;
  std::string type_or_role;
  std::string source_number;           ///< as printed, typing errors included
  std::string digits;                  ///< the digits of it, 21 when well-formed
  std::vector<std::string> anomalies;  ///< codes of the rules that the row breaks
  PublicRecord public_record;
  static void fields(auto& self, auto& visit) {
    visit.field(0, "list", self.list);
    visit.field(1, "row", self.row);
    visit.field(2, "sequence", self.sequence);
    visit.field(3, "list_month", self.list_month);
    visit.field(4, "type_or_role", self.type_or_role);
    visit.field(5, "source_number", self.source_number);
    visit.field(6, "digits", self.digits);
    visit.field(7, "anomalies", self.anomalies);
    visit.field(8, "public_record", self.public_record);
  }
};

/// In the order of the FlatBuffers union; the index plus one is the type's number and never changes.
using Payload =
    std::variant<LedgerCreated, AccessGranted, AccessRevoked, CalendarPublished, SubjectRegistered,
                 SubjectSubmitted, SubjectApproved, SubjectRejected, SubjectChangeSubmitted,
                 SubjectChangeApproved, SubjectChangeRejected, SubjectLapsed, SubjectClosed,
                 PersonalDataErased, HoldPlaced, HoldLifted, ProductAdded, ProductUpdated, ProductRemoved,
                 AccessPathAdded, AccessPathUpdated, AccessPathRemoved, FeatureAdded, FeatureUpdated,
                 FeatureRemoved, DraftSaved, DraftDiscarded, FilingSubmitted, FilingWithdrawn, ReviewStarted,
                 FilingRejected, FilingApproved, NumberAssigned, FilingPublished, DisplayRecorded,
                 ChangeSubmitted, ChangeWithdrawn, ChangeRejected, ChangeApproved, CancellationRequested,
                 CancellationRejected, FilingCancelled, FilingRevoked, AnnouncementCorrected, RecordImported,
                 WebhookRegistered, WebhookRemoved, SigningKeyAdded, SigningKeyRetired, LedgerSimulated>;

/// The number of an event type: 1 for `ledger.created`, in the order of `Payload`.
using EventType = std::uint8_t;

[[nodiscard]] inline EventType type_of(const Payload& payload) {
  return static_cast<EventType>(payload.index() + 1);
}

/// The bare word of DESIGN section 4, e.g. `filing.submitted`; empty for a number that no type has.
[[nodiscard]] std::string_view name_of(EventType type);

/// The inverse of `name_of`.
[[nodiscard]] std::optional<EventType> event_type_from(std::string_view name);

/// The type number of a payload struct.
template <typename T>
[[nodiscard]] constexpr EventType type_number();

/// Whether events of this type change the public list and are therefore public.
[[nodiscard]] bool is_public_type(EventType type);

/// Who did it. The principal is a random id; display names are personal records.
struct Actor {
  Uuid principal;
  Role role = Role::public_;
  bool operator==(const Actor&) const = default;
};

/// W3C trace context of the request that led to an event, as validated numbers.
struct TraceParent {
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> parent_id{};
  std::uint8_t flags = 0;
  bool operator==(const TraceParent&) const = default;
  /// Reads version 00 of https://www.w3.org/TR/trace-context/; all-zero ids are refused.
  [[nodiscard]] static std::optional<TraceParent> parse(std::string_view text);
};

inline constexpr std::uint16_t kSchemaVersion = 1;
/// The rules that `admissible` holds; raised when a rule changes, so that old entries are judged by theirs.
inline constexpr std::uint16_t kRulesVersion = 1;

struct EventHeader {
  std::uint16_t schema = kSchemaVersion;
  std::uint16_t rules = kRulesVersion;
  Uuid event_id;
  Position position;
  StreamId stream;
  std::uint64_t version = 0;  ///< counts the stream's events from 1
  TimestampUs recorded_at;
  std::optional<Date> effective_on;
  Actor actor;
  Uuid command_id;
  std::uint16_t step = 1;  ///< this event's place among the command's events, from 1
  std::uint16_t steps = 1;
  std::optional<Digest> key_tag;
  std::optional<Digest> request_tag;
  bool request_tag_from_record = false;  ///< the tag's key derives from the entry's first record key
  Uuid correlation_id;
  std::optional<Uuid> causation_id;
  std::optional<TraceParent> trace;
};

struct Event {
  EventHeader header;
  Payload payload;
};

// --- details
// ---------------------------------------------------------------------------------------------------

namespace detail {
template <typename T, typename Variant>
struct IndexIn;
template <typename T, typename... Ts>
struct IndexIn<T, std::variant<Ts...>> {
  static constexpr std::size_t value = [] {
    std::size_t index = 0;
    (void)((std::is_same_v<T, Ts> ? true : (++index, false)) || ...);
    return index;
  }();
};
}  // namespace detail

template <typename T>
constexpr EventType type_number() {
  constexpr std::size_t index = detail::IndexIn<T, Payload>::value;
  static_assert(index < std::variant_size_v<Payload>, "not an event");
  return static_cast<EventType>(index + 1);
}

}  // namespace ledger
