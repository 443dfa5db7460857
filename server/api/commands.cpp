#include "server/api/commands.hpp"

#include <string>
#include <vector>

#include <boost/json/value.hpp>

#include "events/codec/form_json.hpp"
#include "events/codec/json_reader.hpp"
#include "events/core/calendars.hpp"
#include "events/core/limits.hpp"

namespace ledger::server::commands {
namespace {

using boost::json::value;
using codec::Need;
using codec::ObjectReader;
using codec::TextRule;
using Errors = std::vector<FieldError>;

constexpr TextRule kName{.min = 1, .max = limits::kNameCharactersMax, .lines = false};
// Their length is part of what `decide` checks: bounded here only, so that one code says what is wrong.
constexpr TextRule kCreditCode{.min = 1, .max = 64, .lines = false};
constexpr TextRule kRegion{.min = 1, .max = 64, .lines = false};
constexpr TextRule kPrincipal{.min = 1, .max = limits::kPrincipalNameCharactersMax, .lines = false};
constexpr TextRule kStep{.min = 1, .max = limits::kPathStepCharactersMax, .lines = false};
constexpr TextRule kDescription{.min = 0, .max = limits::kFeatureDescriptionCharactersMax, .lines = true};
constexpr TextRule kNote{.min = 0, .max = limits::kNoteCharactersMax, .lines = true};
constexpr TextRule kGround{.min = 1, .max = limits::kGroundCharactersMax, .lines = false};
constexpr TextRule kLocation{.min = 1, .max = limits::kLocationCharactersMax, .lines = false};
constexpr TextRule kPointer{.min = 0, .max = limits::kPointerCharactersMax, .lines = false};
constexpr TextRule kCode{.min = 1, .max = 64, .lines = false};
constexpr TextRule kRecordText{.min = 1, .max = limits::kPublicRecordTextCharactersMax, .lines = false};
constexpr TextRule kRemark{.min = 0, .max = limits::kPublicRecordTextCharactersMax, .lines = false};
constexpr TextRule kNumber{.min = 1, .max = limits::kPublicNumberCharactersMax, .lines = false};
constexpr TextRule kPurpose{.min = 1, .max = limits::kPurposeCharactersMax, .lines = true};
constexpr TextRule kUrl{.min = 1, .max = limits::kUrlCharactersMax, .lines = false};
constexpr std::size_t kTypesMax = 100;  // more than there are; each is named once
constexpr TextRule kSource{.min = 1, .max = limits::kCalendarSourceCharactersMax, .lines = false};
constexpr codec::IntegerRule kYear{.min = kCalendarYearMin, .max = kCalendarYearMax};
constexpr std::size_t kYearDays = 366;
constexpr codec::IntegerRule kBatch{.min = 1, .max = limits::kBatchMax};

/// A body that must be an object without members.
void nothing(const value& body, Errors& errors) {
  ObjectReader(body, "", errors).finish();
}

/// A body of `{note}` at most.
std::optional<std::string> only_note(const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  std::optional<std::string> note;
  reader.text("note", kNote, note);
  reader.finish();
  return note;
}

/// A body of `{reasons: [{code, field, note}]}`. An empty or absent list is for `decide` to refuse.
std::vector<GivenReason> only_reasons(const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  std::vector<GivenReason> reasons;
  for (ObjectReader& item : reader.objects("reasons", limits::kReasonsMax, Need::optional)) {
    GivenReason reason;
    item.text("code", kCode, reason.code);
    item.text("field", kPointer, reason.field);
    item.text("note", kNote, reason.note);
    item.finish();
    reasons.push_back(std::move(reason));
  }
  reader.finish();
  return reasons;
}

/// The filing form that stands under `form`.
FilingForm form_member(ObjectReader& reader, Errors& errors) {
  if (const value* form = reader.raw("form")) return codec::read_filing_form(*form, "/form", errors);
  static_cast<void>(reader.object("form", Need::required));  // says that it is missing
  return {};
}

}  // namespace

// Access
// ---------------------------------------------------------------------------------------------------------

Command grant_access(const Ids&, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  GrantAccess command;
  reader.text("principal", kPrincipal, command.principal);
  reader.code("role", command.role);
  reader.uuid("subject_id", command.subject_id);
  reader.timestamp("expires_at", command.expires_at);
  reader.finish();
  return command;
}

Command revoke_access(const Ids& ids, const value& body, Errors& errors) {
  nothing(body, errors);
  return RevokeAccess{ids[0]};
}

// Subjects
// -------------------------------------------------------------------------------------------------------

Command register_subject(const Ids&, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  RegisterSubject command;
  reader.text("organization_name", kName, command.organization_name);
  reader.text("credit_code", kCreditCode, command.credit_code);
  reader.text("region", kRegion, command.region);
  // What of the contact is missing is for `decide` to say, also when all of it is.
  if (const value* contact = reader.raw("contact"); contact != nullptr) {
    command.contact = codec::read_contact_form(*contact, "/contact", errors);
  }
  reader.finish();
  return command;
}

Command submit_subject(const Ids& ids, const value& body, Errors& errors) {
  return SubmitSubject{ids[0], codec::read_subject_form(body, "", errors)};
}

Command approve_subject(const Ids& ids, const value& body, Errors& errors) {
  nothing(body, errors);
  return ApproveSubject{ids[0]};
}

Command reject_subject(const Ids& ids, const value& body, Errors& errors) {
  return RejectSubject{ids[0], only_reasons(body, errors)};
}

Command change_subject(const Ids& ids, const value& body, Errors& errors) {
  return ChangeSubject{ids[0], codec::read_subject_form(body, "", errors)};
}

Command approve_subject_change(const Ids& ids, const value& body, Errors& errors) {
  nothing(body, errors);
  return ApproveSubjectChange{ids[0]};
}

Command reject_subject_change(const Ids& ids, const value& body, Errors& errors) {
  return RejectSubjectChange{ids[0], only_reasons(body, errors)};
}

Command close_subject(const Ids& ids, const value& body, Errors& errors) {
  return CloseSubject{ids[0], only_note(body, errors)};
}

Command place_hold(const Ids& ids, const value& body, Errors& errors) {
  return PlaceHold{ids[0], only_note(body, errors)};
}

Command lift_hold(const Ids& ids, const value& body, Errors& errors) {
  return LiftHold{ids[0], only_note(body, errors)};
}

Command erase_subject(const Ids& ids, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  EraseSubject command;
  command.subject_id = ids[0];
  reader.text("basis", kCode, command.basis);
  reader.text("note", kNote, command.note);
  reader.uuids("records", limits::kErasedRecordsMax, command.records);
  reader.finish();
  return command;
}

// Calendars
// -------------------------------------------------------------------------------------------------------

Command publish_calendar(const Ids&, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  CalendarPublished calendar;
  std::uint64_t year = 0;
  reader.integer("year", kYear, year);
  calendar.year = static_cast<std::uint16_t>(year);
  // Which of them are needed, and how many there may be, is for `decide` to say.
  reader.dates("holidays", kYearDays, calendar.holidays, Need::optional);
  reader.dates("working_days", kYearDays, calendar.working_days, Need::optional);
  reader.text("source", kSource, calendar.source);
  reader.finish();
  return PublishCalendar{std::move(calendar)};
}

// Webhooks
// -------------------------------------------------------------------------------------------------------

Command register_webhook(const Ids&, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  RegisterWebhook command{.url = {}, .types = {}, .visibility = "public"};
  reader.text("url", kUrl, command.url);
  reader.texts("types", kTypesMax, kCode, command.types, Need::optional);
  reader.text("visibility", kCode, command.visibility, Need::optional);
  reader.finish();
  return command;
}

Command remove_webhook(const Ids& ids, const value& body, Errors& errors) {
  nothing(body, errors);
  return RemoveWebhook{ids[0]};
}

// The product tree
// -----------------------------------------------------------------------------------------------

Command add_product(const Ids& ids, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  AddProduct command{.subject_id = ids[0], .name = {}};
  reader.text("name", kName, command.name);
  reader.code("form", command.form);
  reader.finish();
  return command;
}

Command update_product(const Ids& ids, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  UpdateProduct command{.product_id = ids[0], .name = {}, .form = {}};
  reader.text("name", kName, command.name);
  reader.code("form", command.form);
  reader.finish();
  return command;
}

Command remove_product(const Ids& ids, const value& body, Errors& errors) {
  nothing(body, errors);
  return RemoveProduct{ids[0]};
}

Command add_access_path(const Ids& ids, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  AddAccessPath command{.product_id = ids[0], .steps = {}};
  reader.texts("steps", limits::kPathStepsMax, kStep, command.steps);
  reader.finish();
  return command;
}

Command update_access_path(const Ids& ids, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  UpdateAccessPath command{.product_id = ids[0], .path_id = ids[1], .steps = {}};
  reader.texts("steps", limits::kPathStepsMax, kStep, command.steps);
  reader.finish();
  return command;
}

Command remove_access_path(const Ids& ids, const value& body, Errors& errors) {
  nothing(body, errors);
  return RemoveAccessPath{ids[0], ids[1]};
}

Command add_feature(const Ids& ids, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  AddFeature command{.product_id = ids[0], .path_id = ids[1], .name = {}, .description = {}};
  reader.text("name", kName, command.name);
  reader.text("description", kDescription, command.description);
  reader.finish();
  return command;
}

Command update_feature(const Ids& ids, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  UpdateFeature command{
      .product_id = ids[0], .path_id = ids[1], .feature_id = ids[2], .name = {}, .description = {}};
  reader.text("name", kName, command.name);
  reader.text("description", kDescription, command.description);
  reader.finish();
  return command;
}

Command remove_feature(const Ids& ids, const value& body, Errors& errors) {
  nothing(body, errors);
  return RemoveFeature{ids[0], ids[1], ids[2]};
}

// Filings
// --------------------------------------------------------------------------------------------------------

Command create_filing(const Ids&, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  CreateFiling command;
  reader.uuid("subject_id", command.subject_id);
  command.form = form_member(reader, errors);
  reader.finish();
  return command;
}

Command save_draft(const Ids& ids, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  SaveDraft command{.filing_id = ids[0], .form = form_member(reader, errors)};
  reader.finish();
  return command;
}

Command discard_draft(const Ids& ids, const value& body, Errors& errors) {
  nothing(body, errors);
  return DiscardDraft{ids[0]};
}

Command submit_filing(const Ids& ids, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  SubmitFiling command{.filing_id = ids[0]};
  // A missing tick is for `decide` to refuse, together with whatever the form lacks.
  reader.boolean("declared", command.declared, Need::optional);
  reader.finish();
  return command;
}

Command withdraw_filing(const Ids& ids, const value& body, Errors& errors) {
  nothing(body, errors);
  return WithdrawFiling{ids[0]};
}

Command start_review(const Ids& ids, const value& body, Errors& errors) {
  nothing(body, errors);
  return StartReview{ids[0]};
}

Command approve_filing(const Ids& ids, const value& body, Errors& errors) {
  nothing(body, errors);
  return ApproveFiling{ids[0]};
}

Command reject_filing(const Ids& ids, const value& body, Errors& errors) {
  return RejectFiling{ids[0], only_reasons(body, errors)};
}

Command assign_number(const Ids& ids, const value& body, Errors& errors) {
  nothing(body, errors);
  return AssignNumber{ids[0]};
}

Command publish_filing(const Ids& ids, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  PublishFiling command{.filing_id = ids[0], .announced_on = {}};
  reader.code("series", command.series);
  std::uint64_t batch = 0;
  reader.integer("batch", kBatch, batch);
  command.batch = static_cast<std::uint32_t>(batch);
  reader.date("announced_on", command.announced_on);
  reader.finish();
  return command;
}

Command record_display(const Ids& ids, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  RecordDisplay command{.filing_id = ids[0], .location = {}};
  reader.code("channel", command.channel);
  reader.text("location", kLocation, command.location);
  reader.finish();
  return command;
}

Command submit_change(const Ids& ids, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  SubmitChange command{.filing_id = ids[0], .form = form_member(reader, errors), .changed_on = {}};
  reader.date("changed_on", command.changed_on);
  reader.finish();
  return command;
}

Command withdraw_change(const Ids& ids, const value& body, Errors& errors) {
  nothing(body, errors);
  return WithdrawChange{ids[0]};
}

Command approve_change(const Ids& ids, const value& body, Errors& errors) {
  nothing(body, errors);
  return ApproveChange{ids[0]};
}

Command reject_change(const Ids& ids, const value& body, Errors& errors) {
  return RejectChange{ids[0], only_reasons(body, errors)};
}

Command request_cancellation(const Ids& ids, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  RequestCancellation command{.filing_id = ids[0], .ended_on = {}, .note = {}};
  reader.date("ended_on", command.ended_on);
  reader.text("note", kNote, command.note);
  reader.finish();
  return command;
}

Command reject_cancellation(const Ids& ids, const value& body, Errors& errors) {
  return RejectCancellation{ids[0], only_reasons(body, errors)};
}

Command cancel_filing(const Ids& ids, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  CancelFiling command{.filing_id = ids[0], .ground = {}, .ended_on = {}, .noticed_on = {}};
  reader.text("ground", kGround, command.ground);
  reader.date("ended_on", command.ended_on);
  reader.finish();
  return command;
}

Command revoke_filing(const Ids& ids, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  RevokeFiling command{.filing_id = ids[0], .ground = {}, .note = {}};
  reader.text("ground", kGround, command.ground);
  reader.text("note", kNote, command.note);
  reader.finish();
  return command;
}

Command correct_announcement(const Ids& ids, const value& body, Errors& errors) {
  ObjectReader reader(body, "", errors);
  CorrectAnnouncement command{.filing_id = ids[0], .record = {}, .note = {}};
  if (auto record = reader.object("public_record", Need::required)) {
    RecordCorrection& to = command.record;
    record->text("algorithm_name", kName, to.algorithm_name);
    record->text("organization_name", kRecordText, to.organization_name);
    record->text("products", kRecordText, to.products);
    record->text("purpose", kPurpose, to.purpose);
    record->text("remark", kRemark, to.remark);
    record->code("role", to.role);
    record->code("series", to.series);
    std::optional<std::uint64_t> batch;
    record->integer("batch", kBatch, batch);
    if (batch) to.batch = static_cast<std::uint32_t>(*batch);
    record->date("announced_on", to.announced_on);
    record->text("number", kNumber, to.number);
    record->code("type", to.type);
    record->text("status", kCode, to.status);
    // An item of the list may be sent back whole: its place in the log says nothing about the record.
    static_cast<void>(record->raw("position"));
    record->finish();
  }
  reader.text("note", kNote, command.note);
  reader.finish();
  return command;
}

}  // namespace ledger::server::commands
