// What may be asked of the ledger: one struct per command, with the fields that its caller gives. Texts are
// valid UTF-8 within the limits of limits.hpp; whether the command is legal is for `decide` to say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "events/core/events.hpp"
#include "events/core/forms.hpp"

namespace ledger {

/// A reason as a reviewer gives it.
struct GivenReason {
  std::string code;
  std::string field;
  std::optional<std::string> note;
};

// Access.
struct GrantAccess {
  std::string principal;  ///< a display name, or the id of a known principal
  Role role{};
  std::optional<Uuid> subject_id;
  std::optional<TimestampUs> expires_at;
};
struct RevokeAccess {
  Uuid grant_id;
};

// Subjects.
struct RegisterSubject {
  std::string organization_name, credit_code, region;
  ContactForm contact;
};
struct SubmitSubject {
  Uuid subject_id;
  SubjectForm form;
};
struct ApproveSubject {
  Uuid subject_id;
};
struct RejectSubject {
  Uuid subject_id;
  std::vector<GivenReason> reasons;
};
struct ChangeSubject {
  Uuid subject_id;
  SubjectForm form;
};
struct ApproveSubjectChange {
  Uuid subject_id;
};
struct RejectSubjectChange {
  Uuid subject_id;
  std::vector<GivenReason> reasons;
};
struct CloseSubject {
  Uuid subject_id;
  std::optional<std::string> note;
};
struct LapseSubject {
  Uuid subject_id;
};
struct PlaceHold {
  Uuid subject_id;
  std::optional<std::string> note;
};
struct LiftHold {
  Uuid subject_id;
  std::optional<std::string> note;
};

/// Destroys the keys of these records of the subject, or of all its records.
struct EraseSubject {
  Uuid subject_id;
  std::string basis;  ///< pipl-47, court_order, other
  std::optional<std::string> note;
  std::optional<std::vector<Uuid>> records;
};

// The log's signing keys.
struct AddSigningKey {
  std::string vkey;
};
struct RetireSigningKey {
  std::string vkey;
};

// Calendars.
struct PublishCalendar {
  CalendarPublished calendar;
};

/// Marks a ledger fresh from `init` as one whose history is made up. `parameters` is canonical JSON.
struct SimulateLedger {
  std::uint64_t seed = 0;
  std::string parameters;
};

// Webhooks.
struct RegisterWebhook {
  std::string url;
  std::vector<std::string> types;  ///< event types to deliver; empty: all of the visibility
  std::string visibility;          ///< public, staff
};
struct RemoveWebhook {
  Uuid webhook_id;
};

// The product tree.
struct AddProduct {
  Uuid subject_id;
  std::string name;
  ProductForm form{};
};
struct UpdateProduct {
  Uuid product_id;
  std::optional<std::string> name;
  std::optional<ProductForm> form;
};
struct RemoveProduct {
  Uuid product_id;
};
struct AddAccessPath {
  Uuid product_id;
  std::vector<std::string> steps;
};
struct UpdateAccessPath {
  Uuid product_id, path_id;
  std::vector<std::string> steps;
};
struct RemoveAccessPath {
  Uuid product_id, path_id;
};
struct AddFeature {
  Uuid product_id, path_id;
  std::string name;
  std::optional<std::string> description;
};
struct UpdateFeature {
  Uuid product_id, path_id, feature_id;
  std::optional<std::string> name, description;
};
struct RemoveFeature {
  Uuid product_id, path_id, feature_id;
};

// Filings.
struct CreateFiling {
  Uuid subject_id;
  FilingForm form;
};
struct SaveDraft {
  Uuid filing_id;
  FilingForm form;
};
struct DiscardDraft {
  Uuid filing_id;
};
struct SubmitFiling {
  Uuid filing_id;
  bool declared = false;
};
struct WithdrawFiling {
  Uuid filing_id;
};
struct StartReview {
  Uuid filing_id;
};
struct ApproveFiling {
  Uuid filing_id;
};
struct RejectFiling {
  Uuid filing_id;
  std::vector<GivenReason> reasons;
};
struct AssignNumber {
  Uuid filing_id;
};
struct PublishFiling {
  Uuid filing_id;
  Series series{};
  std::uint32_t batch = 0;
  Date announced_on;
};
struct RecordDisplay {
  Uuid filing_id;
  DisplayChannel channel{};
  std::optional<std::string> location;
};
struct SubmitChange {
  Uuid filing_id;
  FilingForm form;
  Date changed_on;
};
struct WithdrawChange {
  Uuid filing_id;
};
struct ApproveChange {
  Uuid filing_id;
};
struct RejectChange {
  Uuid filing_id;
  std::vector<GivenReason> reasons;
};
struct RequestCancellation {
  Uuid filing_id;
  std::optional<Date> ended_on;
  std::optional<std::string> note;
};
struct RejectCancellation {
  Uuid filing_id;
  std::vector<GivenReason> reasons;
};
struct CancelFiling {
  Uuid filing_id;
  std::optional<std::string> ground;
  std::optional<Date> ended_on;
  std::optional<Date> noticed_on;
};
struct RevokeFiling {
  Uuid filing_id;
  std::string ground;
  std::optional<std::string> note;
};

/// What a correction of the public record may change; what is absent stays.
struct RecordCorrection {
  std::optional<std::string> algorithm_name, organization_name, products, purpose, remark;
  std::optional<AlgorithmRole> role;
  std::optional<Series> series;
  std::optional<std::uint32_t> batch;
  std::optional<Date> announced_on;
  /// No correction changes these; whoever sends the whole record back gives them as they are.
  std::optional<std::string> number, status;
  std::optional<AlgorithmType> type;
};
struct CorrectAnnouncement {
  Uuid filing_id;
  RecordCorrection record;
  std::optional<std::string> note;
};

/// One row of an official list. `digits` decides which record it belongs to.
struct ImportRecord {
  RecordImported row;
};

using Command =
    std::variant<GrantAccess, RevokeAccess, RegisterSubject, SubmitSubject, ApproveSubject, RejectSubject,
                 ChangeSubject, ApproveSubjectChange, RejectSubjectChange, CloseSubject, LapseSubject,
                 PlaceHold, LiftHold, EraseSubject, AddSigningKey, RetireSigningKey, PublishCalendar,
                 RegisterWebhook, RemoveWebhook, AddProduct, UpdateProduct, RemoveProduct, AddAccessPath,
                 UpdateAccessPath, RemoveAccessPath, AddFeature, UpdateFeature, RemoveFeature, CreateFiling,
                 SaveDraft, DiscardDraft, SubmitFiling, WithdrawFiling, StartReview, ApproveFiling,
                 RejectFiling, AssignNumber, PublishFiling, RecordDisplay, SubmitChange, WithdrawChange,
                 ApproveChange, RejectChange, RequestCancellation, RejectCancellation, CancelFiling,
                 RevokeFiling, CorrectAnnouncement, ImportRecord, SimulateLedger>;

}  // namespace ledger
