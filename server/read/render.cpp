#include "server/read/render.hpp"

#include <algorithm>
#include <type_traits>
#include <variant>

#include "events/codec/form_json.hpp"
#include "schema/codes.hpp"

namespace ledger::server {
namespace {

using projections::JsonWriter;

constexpr std::string_view kCommitted = R"({"committed":true})";

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// Some private texts are JSON or a number themselves (written by codec::write_*, or by `decide` as digits).
void write_private_text(JsonWriter& json, std::uint32_t field, const std::string& text) {
  switch (field) {
    case field::kDraftForm:
    case field::kScope:
    case field::kPathSteps:
    case field::kResolvedFeatures: json.raw(text); return;
    case field::kDailyVisits:
      if (all_digits(text)) {
        json.raw(text);
        return;
      }
      break;
    default: break;
  }
  json.value(text);
}

/// Renders whatever lists its fields, without knowing it. Private values have one door, `hidden`.
class FieldWriter {
 public:
  /// `open`: private values are shown. `principals`: so are the ids of those who hold grants.
  FieldWriter(JsonWriter& json, bool open, bool principals = false)
      : json_(json), open_(open), principals_(principals) {}

  template <typename T>
  void field(unsigned /*id*/, std::string_view name, const T& member) {
    // The digest of a credential tells a reader nothing; whoever checks it reads the entry's bytes.
    if (name == "token_digest") return;
    if (name == "principal_id" && !principals_) return;
    json_.key(name);
    write(member);
  }

  void hidden(std::uint32_t number, std::string_view name, const Private& member) {
    if (!member.committed && !member.value) return;
    json_.key(name);
    write_hidden(number, member);
  }

  void write_hidden(std::uint32_t number, const Private& member) {
    if (open_ && member.value) {
      write_private_text(json_, number, *member.value);
    } else {
      json_.raw(kCommitted);
    }
  }

  template <typename G>
  void group(std::string_view name, const G& member) {
    json_.key(name);
    write(member);
  }

  template <typename T>
  void write(const T& value) {
    if constexpr (requires { T::fields(value, *this); }) {
      json_.begin_object();
      T::fields(value, *this);
      json_.end_object();
    } else if constexpr (std::is_enum_v<T>) {
      json_.value(code_of(value));
    } else if constexpr (requires { value.text(); }) {
      json_.value(value.text());
    } else {
      json_.value(value);
    }
  }
  template <typename T>
  void write(const std::optional<T>& value) {
    if (value) {
      write(*value);
    } else {
      json_.raw("null");
    }
  }
  template <typename T>
  void write(const std::vector<T>& values) {
    json_.begin_array();
    for (const T& value : values) write(value);
    json_.end_array();
  }

 private:
  JsonWriter& json_;
  bool open_;
  bool principals_;
};

template <typename T>
const T* payload_as(const Event* event) {
  return event == nullptr ? nullptr : std::get_if<T>(&event->payload);
}

template <typename E>
void member_code(JsonWriter& json, std::string_view name, const std::optional<E>& value) {
  json.key(name);
  if (value) {
    json.value(code_of(*value));
  } else {
    json.raw("null");
  }
}

void member_text(JsonWriter& json, std::string_view name, const std::string& text) {
  json.key(name);
  if (text.empty()) {
    json.raw("null");
  } else {
    json.value(text);
  }
}

/// A subject's form as it was sent: the payload's own members and the confirmation that it had to carry.
void write_form(JsonWriter& json, const SubjectInformation& information, bool open) {
  FieldWriter writer(json, open);
  json.begin_object();
  SubjectInformation::fields(information, writer);
  json.member("confirmed", true);
  json.end_object();
}

/// A filing's form as it was sent: its members stand deeper in the form than in the event.
void write_form(JsonWriter& json, const FilingInformation& information, bool open) {
  FieldWriter writer(json, open);
  json.begin_object();
  writer.field(0, "algorithm_name", information.algorithm_name);
  writer.field(0, "role", information.role);
  writer.field(0, "purpose", information.purpose);
  json.key("basic");
  json.begin_object();
  writer.field(0, "algorithm_type", information.algorithm_type);
  writer.hidden(field::kApplicationField, "application_field", information.application_field);
  writer.hidden(field::kLaunchedOn, "launched_on", information.launched_on);
  writer.group("documents", information.documents);
  json.end_object();
  writer.group("details", information.details);
  json.key("scope");
  const Private& scope = information.scope;
  const Private& service = information.technical_service;
  if ((scope.committed && !(open && scope.value)) || (service.committed && !(open && service.value))) {
    json.raw(kCommitted);
  } else {
    std::string text = scope.value.value_or("{}");
    if (service.value && text.ends_with('}')) {
      text.pop_back();
      text += text.size() > 1 ? R"(,"technical_service":)" : R"("technical_service":)";
      JsonWriter(text).value(*service.value);
      text += '}';
    }
    json.raw(text);
  }
  json.end_object();
}

void write_filing_form(JsonWriter& json, const Event* event, bool open) {
  if (const auto* draft = payload_as<DraftSaved>(event)) {
    FieldWriter(json, open).write_hidden(field::kDraftForm, draft->form);
  } else if (const auto* submitted = payload_as<FilingSubmitted>(event)) {
    write_form(json, submitted->information, open);
  } else if (const auto* changed = payload_as<ChangeSubmitted>(event)) {
    write_form(json, changed->information, open);
  } else {
    json.raw("null");
  }
}

const SubjectInformation* subject_information(const Event* event) {
  if (const auto* submitted = payload_as<SubjectSubmitted>(event)) return &submitted->information;
  if (const auto* changed = payload_as<SubjectChangeSubmitted>(event)) return &changed->information;
  return nullptr;
}

const std::vector<Reason>* reasons_of(const Event* event) {
  if (const auto* e = payload_as<FilingRejected>(event)) return &e->reasons;
  if (const auto* e = payload_as<ChangeRejected>(event)) return &e->reasons;
  if (const auto* e = payload_as<CancellationRejected>(event)) return &e->reasons;
  if (const auto* e = payload_as<SubjectRejected>(event)) return &e->reasons;
  if (const auto* e = payload_as<SubjectChangeRejected>(event)) return &e->reasons;
  return nullptr;
}

/// Reasons as the filer reads them: with the catalogue's title in both languages beside the code.
void write_reasons(JsonWriter& json, const Event* decision, bool open) {
  FieldWriter writer(json, open);
  json.key("reasons");
  json.begin_array();
  if (const std::vector<Reason>* reasons = reasons_of(decision)) {
    for (const Reason& reason : *reasons) {
      json.begin_object();
      Reason::fields(reason, writer);
      if (const schema::RejectionReason* entry = schema::find_rejection_reason(reason.code)) {
        json.key("title");
        json.begin_object();
        json.member("zh", entry->zh);
        json.member("en", entry->en);
        json.end_object();
      }
      json.end_object();
    }
  }
  json.end_array();
}

void write_warnings(JsonWriter& json, bool unchanged) {
  json.key("warnings");
  json.begin_array();
  if (unchanged) {
    json.begin_object();
    json.member("code", "unchanged");
    json.end_object();
  }
  json.end_array();
}

std::optional<std::string> draft_name(const Event* event) {
  const auto* draft = payload_as<DraftSaved>(event);
  if (draft == nullptr || !draft->form.value) return std::nullopt;
  const auto form = codec::parse_filing_form(*draft->form.value);
  return form ? form->algorithm_name : std::nullopt;
}

void write_published(JsonWriter& json, const FilingState& state) {
  json.key("published");
  if (!state.public_record) {
    json.raw("null");
    return;
  }
  json.begin_object();
  member_code(json, "series", state.public_record->series);
  json.member("batch", state.public_record->batch);
  json.key("announced_on");
  FieldWriter(json, false).write(state.public_record->announced_on);
  json.end_object();
}

/// The clock of the attempt under review; none runs before and after.
std::optional<Deadline> review_clock(const FilingParts& parts) {
  const FilingState& state = parts.state;
  const bool waiting = state.status == FilingStatus::submitted || state.status == FilingStatus::in_review;
  if (!waiting || parts.dating == nullptr) return std::nullopt;
  return deadline(*parts.dating->calendar, Date::of(state.submitted_at), kReviewDays, parts.dating->today);
}

/// Members of a duty that was met when `header` was recorded: when, by when it should have been, and whether
/// that was too late.
void write_filed(JsonWriter& json, const Dating* dating, const std::optional<Date>& from, std::uint32_t days,
                 const EventHeader& header) {
  const Date filed_on = Date::of(header.recorded_at);
  write_day(json, "filed_on", filed_on);
  write_deadline(
      json, from && dating != nullptr ? deadline(*dating->calendar, *from, days, filed_on) : std::nullopt,
      "late");
}

/// When the service started, as its filer says: in the last submission, or in the draft while there is none.
Private launched_on(const FilingParts& parts) {
  if (const auto* submitted = payload_as<FilingSubmitted>(parts.submission)) {
    return submitted->information.launched_on;
  }
  if (const auto* changed = payload_as<ChangeSubmitted>(parts.submission))
    return changed->information.launched_on;
  const auto* draft = payload_as<DraftSaved>(parts.form);
  if (draft == nullptr || !draft->form.value) return {};
  const auto form = codec::parse_filing_form(*draft->form.value);
  if (!form || !form->basic || !form->basic->launched_on) return {};
  return Private::of(form->basic->launched_on->text());
}

/// The duty to file once the service is launched, and whether it was kept. The day of the launch is private,
/// so whoever may not see it sees no due date that would tell it.
void write_first_filing(JsonWriter& json, const FilingParts& parts, bool open) {
  json.key("first_filing");
  const Private launched = launched_on(parts);
  if (!launched.committed) {
    json.value(nullptr);
    return;
  }
  json.begin_object();
  json.key("launched_on");
  FieldWriter(json, open).write_hidden(field::kLaunchedOn, launched);
  write_day(json, "filed_on", parts.first_filed_on);
  const auto day = open && launched.value ? Date::parse(*launched.value) : std::nullopt;
  std::optional<Deadline> clock;
  if (day && parts.dating != nullptr) {
    clock = deadline(*parts.dating->calendar, *day, kFirstFilingDays,
                     parts.first_filed_on.value_or(parts.dating->today));
  }
  write_deadline(json, clock, "late");
  json.end_object();
}

}  // namespace

void write_payload(JsonWriter& json, const Payload& payload, Sight sight) {
  FieldWriter writer(json, opens_private(sight), names_principals(sight));
  std::visit([&](const auto& event) { writer.write(event); }, payload);
}

std::string render_cloud_event(const Event& event, std::string_view origin, Sight sight) {
  const EventHeader& header = event.header;
  const std::string position = std::to_string(header.position.value);
  std::string out;
  out.reserve(768);
  JsonWriter json(out);
  json.begin_object();
  json.member("specversion", "1.0");
  json.member("id", std::string(origin) + "/" + position);
  json.member("source", origin);
  json.member("type", name_of(type_of(event.payload)));
  json.member("subject", header.stream.text());
  json.member("time", header.recorded_at.text());
  json.member("sequence", position);
  json.member("datacontenttype", "application/json");
  json.member("streamversion", header.version);
  json.member("actorrole", code_of(header.actor.role));
  if (names_principals(sight) && !header.actor.principal.is_nil()) {
    json.member("actorprincipal", header.actor.principal.text());
  }
  json.member("commandid", header.command_id.text());
  if (header.effective_on) json.member("effectiveon", header.effective_on->text());
  json.key("data");
  write_payload(json, event.payload, sight);
  json.end_object();
  return out;
}

std::optional<std::uint64_t> form_position(const FilingState& state) {
  if (state.draft_is_current && state.draft_position) return state.draft_position;
  return state.submission_position ? state.submission_position : state.draft_position;
}

std::string render_filing(const FilingParts& parts, Sight sight) {
  const FilingState& state = parts.state;
  const bool open = opens_private(sight);
  std::string out;
  out.reserve(4'096);
  JsonWriter json(out);
  json.begin_object();
  json.member("id", state.id.text());
  json.key("subject_id");
  if (state.subject_id.is_nil()) {
    json.raw("null");
  } else {
    json.value(state.subject_id.text());
  }
  json.member("version", state.version);
  json.member("position", state.position);
  json.member("state", code_of(state.status));
  json.member("state_since", state.status_since.text());
  json.member("attempt", state.attempt);
  json.member("rejections", state.rejections);
  const std::optional<std::string> drafted = sight == Sight::own ? draft_name(parts.form) : std::nullopt;
  member_text(json, "algorithm_name", drafted.value_or(state.algorithm_name));
  member_code(json, "algorithm_type", state.algorithm_type);
  member_code(json, "role", state.role);
  json.key("form");
  write_filing_form(json, parts.form, open);
  json.key("resolved_features");
  const auto* submitted = payload_as<FilingSubmitted>(parts.form);
  const auto* change_filed = payload_as<ChangeSubmitted>(parts.form);
  const FilingInformation* information =
      submitted != nullptr ? &submitted->information
                           : (change_filed != nullptr ? &change_filed->information : nullptr);
  if (information != nullptr && information->resolved_features.committed) {
    FieldWriter(json, open).write_hidden(field::kResolvedFeatures, information->resolved_features);
  } else {
    json.raw("[]");
  }
  json.key("submitted_at");
  if (state.attempt > 0) {
    json.value(state.submitted_at.text());
  } else {
    json.raw("null");
  }
  if (names_principals(sight) && !state.reviewer.is_nil()) json.member("reviewer", state.reviewer.text());
  member_text(json, "number", state.number);
  write_published(json, state);
  if (state.public_disclosure) json.member("public_disclosure", state.public_disclosure->text());
  write_deadline(json, review_clock(parts));
  write_first_filing(json, parts, open);
  write_reasons(json, parts.decision, open);
  json.member("change_open", state.change_position.has_value());
  if (const auto* change = payload_as<ChangeSubmitted>(parts.change)) {
    json.key("change");
    json.begin_object();
    json.member("change", change->change);
    json.key("changed_on");
    FieldWriter(json, open).write(change->changed_on);
    write_filed(json, parts.dating, change->changed_on, kChangeDays, parts.change->header);
    json.key("form");
    write_form(json, change->information, open);
    json.end_object();
  }
  if (const auto* request = payload_as<CancellationRequested>(parts.cancellation)) {
    json.key("cancellation_request").begin_object();
    FieldWriter writer(json, open);
    CancellationRequested::fields(*request, writer);
    write_filed(json, parts.dating, request->ended_on, kCancellationDays, parts.cancellation->header);
    json.end_object();
  }
  json.member("displays", state.displays);
  json.member("imported", state.imported);
  write_warnings(json, submitted != nullptr && submitted->unchanged);
  json.end_object();
  return out;
}

void write_filing_item(JsonWriter& json, const FilingState& state,
                       const std::optional<std::string>& draft_name) {
  json.begin_object();
  json.member("id", state.id.text());
  json.key("subject_id");
  if (state.subject_id.is_nil()) {
    json.raw("null");
  } else {
    json.value(state.subject_id.text());
  }
  member_text(json, "algorithm_name", draft_name.value_or(state.algorithm_name));
  member_code(json, "algorithm_type", state.algorithm_type);
  member_code(json, "role", state.role);
  json.member("state", code_of(state.status));
  json.member("state_since", state.status_since.text());
  json.member("attempt", state.attempt);
  json.member("rejections", state.rejections);
  member_text(json, "number", state.number);
  json.member("change_open", state.change_position.has_value());
  json.member("version", state.version);
  json.member("position", state.position);
  json.end_object();
}

void write_draft_item(JsonWriter& json, const FilingState& state, const FilingForm& form) {
  const auto filled = [](const std::optional<std::string>& text) { return text && !text->empty(); };
  const auto chosen = [](const std::optional<std::vector<Uuid>>& ids) { return ids && !ids->empty(); };
  bool basic = filled(form.algorithm_name) && form.role && filled(form.purpose) && form.basic.has_value();
  if (basic) {
    const FilingForm::Basic& part = *form.basic;
    basic = part.algorithm_type && filled(part.application_field) && part.launched_on && part.documents &&
            part.documents->self_assessment_report && part.documents->public_disclosure;
  }
  const auto& details = form.details;
  const bool described = details && filled(details->data) && filled(details->model) &&
                         filled(details->strategy) && filled(details->risk_and_prevention);
  const auto& scope = form.scope;
  const bool supports = form.role == AlgorithmRole::technical_supporter;
  const bool scoped =
      scope && (supports ? filled(scope->technical_service)
                         : chosen(scope->products) || chosen(scope->access_paths) || chosen(scope->features));
  json.begin_object();
  json.member("id", state.id.text());
  json.key("algorithm_name");
  if (filled(form.algorithm_name)) {
    json.value(*form.algorithm_name);
  } else {
    json.raw("null");
  }
  json.member("saved_at", state.draft_saved_at.text());
  json.key("steps");
  json.begin_object();
  json.member("basic", basic);
  json.member("details", described);
  json.member("scope", scoped);
  json.end_object();
  json.member("rejections", state.rejections);
  json.member("version", state.version);
  json.end_object();
}

std::string render_subject(const SubjectParts& parts, Sight sight) {
  const SubjectState& state = parts.state;
  const bool open = opens_private(sight);
  const SubjectInformation* information = subject_information(parts.information);
  std::string out;
  out.reserve(2'048);
  JsonWriter json(out);
  json.begin_object();
  json.member("id", state.id.text());
  json.member("version", state.version);
  json.member("position", state.position);
  json.member("state", code_of(state.status));
  json.member("state_since", state.status_since.text());
  json.member("attempt", state.attempt);
  json.member("rejections", state.rejections);
  json.member("organization_name", state.organization_name);
  json.member("credit_code", state.credit_code);
  json.member("region", state.region);
  json.key("subject_number");
  if (state.subject_number != 0) {
    json.value(state.subject_number);
  } else {
    json.raw("null");
  }
  json.member("registered_at", state.registered_at.text());
  json.key("contact");
  if (const auto* registered = payload_as<SubjectRegistered>(parts.registration)) {
    FieldWriter(json, open).write(registered->contact);
  } else {
    json.raw("null");
  }
  json.key("form");
  if (information != nullptr) {
    write_form(json, *information, open);
  } else {
    json.raw("null");
  }
  if (names_principals(sight) && !state.initial_reviewer.is_nil()) {
    json.member("initial_reviewer", state.initial_reviewer.text());
  }
  write_reasons(json, parts.decision, open);
  json.member("change_open", state.change_position.has_value());
  if (const auto* change = payload_as<SubjectChangeSubmitted>(parts.change)) {
    json.key("change");
    json.begin_object();
    json.member("change", change->change);
    json.key("form");
    write_form(json, change->information, open);
    json.end_object();
  }
  json.member("held", state.held);
  const auto* submitted = payload_as<SubjectSubmitted>(parts.information);
  write_warnings(json, submitted != nullptr && submitted->unchanged);
  json.end_object();
  return out;
}

void write_subject_item(JsonWriter& json, const SubjectState& state) {
  json.begin_object();
  json.member("id", state.id.text());
  json.member("organization_name", state.organization_name);
  json.member("credit_code", state.credit_code);
  json.member("region", state.region);
  json.key("subject_number");
  if (state.subject_number != 0) {
    json.value(state.subject_number);
  } else {
    json.raw("null");
  }
  json.member("state", code_of(state.status));
  json.member("state_since", state.status_since.text());
  json.member("attempt", state.attempt);
  json.member("rejections", state.rejections);
  json.member("change_open", state.change_position.has_value());
  json.member("held", state.held);
  json.member("version", state.version);
  json.member("position", state.position);
  json.end_object();
}

void write_product(JsonWriter& json, const ProductState& product, const OpenText& open, Sight sight) {
  const auto text = [&](std::string_view name, std::uint64_t position, std::uint32_t field) {
    json.key(name);
    const auto value = opens_private(sight) ? open(position, field) : std::nullopt;
    if (value) {
      write_private_text(json, field, *value);
    } else {
      json.raw(kCommitted);
    }
  };
  json.begin_object();
  json.member("id", product.id.text());
  text("name", product.name_position, field::kProductName);
  json.member("form", code_of(product.form));
  json.member("version", product.version);
  json.member("position", product.position);
  json.key("access_paths");
  json.begin_array();
  for (const AccessPathState& path : product.paths) {
    json.begin_object();
    json.member("id", path.id.text());
    text("steps", path.position, field::kPathSteps);
    json.key("features");
    json.begin_array();
    for (const FeatureState& feature : path.features) {
      json.begin_object();
      json.member("id", feature.id.text());
      text("name", feature.position, field::kFeatureName);
      text("description", feature.position, field::kFeatureDescription);
      json.end_object();
    }
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

}  // namespace ledger::server
