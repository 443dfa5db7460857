#include "events/codec/form_json.hpp"

#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "events/codec/json_reader.hpp"
#include "events/core/limits.hpp"

namespace ledger::codec {
namespace {

namespace json = boost::json;

constexpr TextRule kName{.max = limits::kNameCharactersMax};
constexpr TextRule kShortText{.max = limits::kShortTextCharactersMax};
constexpr TextRule kPurpose{.max = limits::kPurposeCharactersMax, .lines = true};
constexpr TextRule kDetails{.max = limits::kDetailsCharactersMax, .lines = true};
constexpr TextRule kTechnicalService{.max = limits::kTechnicalServiceCharactersMax, .lines = true};
constexpr TextRule kDomain{.max = limits::kDomainCharactersMax};
constexpr TextRule kAddress{.max = limits::kAddressCharactersMax};
constexpr TextRule kCertificateNumber{.max = limits::kCertificateNumberCharactersMax};
constexpr TextRule kIdNumber{.max = limits::kIdNumberCharactersMax};
constexpr TextRule kPhone{.max = limits::kPhoneCharactersMax};
constexpr TextRule kEmail{.max = limits::kEmailCharactersMax};
constexpr IntegerRule kDailyVisits{.max = limits::kDailyVisitsMax};

// Each form lists its members once, in the order of DESIGN section 8: `visit` reads or writes them. A code of
// wrong length gets the more telling error of `decide`, so credit code and region are only bounded here.

void members(auto& form, auto& visit, const FilingForm::Documents*) {
  visit.digest("self_assessment_report", form.self_assessment_report);
  visit.digest("public_disclosure", form.public_disclosure);
}

void members(auto& form, auto& visit, const FilingForm::Basic*) {
  visit.code("algorithm_type", form.algorithm_type);
  visit.text("application_field", kShortText, form.application_field);
  visit.date("launched_on", form.launched_on);
  visit.part("documents", form.documents);
}

void members(auto& form, auto& visit, const FilingForm::Details*) {
  visit.text("data", kDetails, form.data);
  visit.text("model", kDetails, form.model);
  visit.text("strategy", kDetails, form.strategy);
  visit.text("risk_and_prevention", kDetails, form.risk_and_prevention);
}

void members(auto& form, auto& visit, const FilingForm::Scope*) {
  visit.ids("products", form.products);
  visit.ids("access_paths", form.access_paths);
  visit.ids("features", form.features);
  visit.text("technical_service", kTechnicalService, form.technical_service);
}

void members(auto& form, auto& visit, const FilingForm*) {
  visit.text("algorithm_name", kName, form.algorithm_name);
  visit.code("role", form.role);
  visit.text("purpose", kPurpose, form.purpose);
  visit.part("basic", form.basic);
  visit.part("details", form.details);
  visit.part("scope", form.scope);
}

void members(auto& form, auto& visit, const SubjectForm::BasicInformation*) {
  visit.text("kind", kShortText, form.kind);
  visit.text("registered_address", kAddress, form.registered_address);
  visit.text("industry", kShortText, form.industry);
}

void members(auto& form, auto& visit, const SubjectForm::Certificate*) {
  visit.text("kind", kShortText, form.kind);
  visit.text("number", kCertificateNumber, form.number);
}

/// 法定代表人 and 算法安全责任人 share a type but not all members.
struct LegalRepresentativeShape {};
struct SafetyOfficerShape {};

void members(auto& form, auto& visit, const LegalRepresentativeShape*) {
  visit.text("name", kName, form.name);
  visit.text("id_number", kIdNumber, form.id_number);
  visit.text("phone", kPhone, form.phone);
  visit.text("email", kEmail, form.email);
}

void members(auto& form, auto& visit, const SafetyOfficerShape*) {
  visit.text("name", kName, form.name);
  visit.text("position", kShortText, form.position);
  visit.text("phone", kPhone, form.phone);
  visit.text("email", kEmail, form.email);
}

void members(auto& form, auto& visit, const SubjectForm::Documents*) {
  visit.digest("commitment_letter", form.commitment_letter);
  visit.digest("responsibility_statement", form.responsibility_statement);
}

void members(auto& form, auto& visit, const SubjectForm*) {
  visit.text("organization_name", kName, form.organization_name);
  visit.text("credit_code", kShortText, form.credit_code);
  visit.text("region", kShortText, form.region);
  visit.text("website_name", kName, form.website_name);
  visit.text("website_domain", kDomain, form.website_domain);
  visit.integer("daily_visits", kDailyVisits, form.daily_visits);
  visit.part("basic_information", form.basic_information);
  visit.part("certificate", form.certificate);
  visit.template part<LegalRepresentativeShape>("legal_representative", form.legal_representative);
  visit.template part<SafetyOfficerShape>("safety_officer", form.safety_officer);
  visit.part("documents", form.documents);
  visit.boolean("confirmed", form.confirmed);
}

void members(auto& form, auto& visit, const ContactForm*) {
  visit.text("name", kName, form.name);
  visit.text("phone", kPhone, form.phone);
  visit.text("email", kEmail, form.email);
}

class Reading {
 public:
  explicit Reading(ObjectReader& reader) : reader_(reader) {}
  void text(const char* name, const TextRule& rule, std::optional<std::string>& out) {
    reader_.text(name, rule, out);
  }
  template <class E>
  void code(const char* name, std::optional<E>& out) {
    reader_.code(name, out);
  }
  void date(const char* name, std::optional<Date>& out) { reader_.date(name, out); }
  void digest(const char* name, std::optional<Digest>& out) { reader_.digest(name, out); }
  void integer(const char* name, const IntegerRule& rule, std::optional<std::uint64_t>& out) {
    reader_.integer(name, rule, out);
  }
  void boolean(const char* name, std::optional<bool>& out) { reader_.boolean(name, out); }
  void ids(const char* name, std::optional<std::vector<Uuid>>& out) {
    reader_.uuids(name, limits::kScopeIdsMax, out);
  }
  template <class Shape = void, class Part>
  void part(const char* name, std::optional<Part>& out) {
    auto nested = reader_.object(name);
    if (nested) read<std::conditional_t<std::is_void_v<Shape>, Part, Shape>>(*nested, out.emplace());
  }

  template <class Shape, class Form>
  static void read(ObjectReader& reader, Form& out) {
    Reading visit(reader);
    members(out, visit, static_cast<const Shape*>(nullptr));
    reader.finish();
  }

 private:
  ObjectReader& reader_;
};

class Writing {
 public:
  void text(const char* name, const TextRule&, const std::optional<std::string>& value) {
    if (value) out_.emplace(name, *value);
  }
  template <class E>
  void code(const char* name, const std::optional<E>& value) {
    if (!value) return;
    const std::string_view text = code_of(*value);
    out_.emplace(name, json::string_view(text.data(), text.size()));
  }
  void date(const char* name, const std::optional<Date>& value) {
    if (value) out_.emplace(name, value->text());
  }
  void digest(const char* name, const std::optional<Digest>& value) {
    if (value) out_.emplace(name, value->text());
  }
  void integer(const char* name, const IntegerRule&, const std::optional<std::uint64_t>& value) {
    if (value) out_.emplace(name, *value);
  }
  void boolean(const char* name, const std::optional<bool>& value) {
    if (value) out_.emplace(name, *value);
  }
  void ids(const char* name, const std::optional<std::vector<Uuid>>& value) {
    if (value) out_.emplace(name, array_of(*value));
  }
  template <class Shape = void, class Part>
  void part(const char* name, const std::optional<Part>& value) {
    if (value) out_.emplace(name, write<std::conditional_t<std::is_void_v<Shape>, Part, Shape>>(*value));
  }

  template <class Shape, class Form>
  static json::value write(const Form& form) {
    Writing visit;
    members(form, visit, static_cast<const Shape*>(nullptr));
    return std::move(visit.out_);
  }

  static json::array array_of(const std::vector<Uuid>& ids) {
    json::array array;
    array.reserve(ids.size());
    for (const Uuid& id : ids) array.emplace_back(id.text());
    return array;
  }

 private:
  json::object out_;
};

template <class Form>
Form read_form(const json::value& value, const std::string& pointer, std::vector<FieldError>& errors,
               Origin origin) {
  Form form;
  ObjectReader reader(value, pointer, errors, origin);
  Reading::read<Form>(reader, form);
  return form;
}

template <class Form>
std::optional<Form> parse_stored(std::string_view text) {
  const auto document = parse_json(text);
  if (!document) return std::nullopt;
  std::vector<FieldError> errors;
  Form form = read_form<Form>(document->root(), "", errors, Origin::stored);
  if (!errors.empty()) return std::nullopt;
  return form;
}

/// Converts each text of a JSON array; nullopt when there is no array, or an element that is no text or not
/// right.
template <class T, class Convert>
std::optional<std::vector<T>> parse_array(std::string_view text, Convert convert) {
  const auto document = parse_json(text);
  if (!document) return std::nullopt;
  const json::array* array = document->root().if_array();
  if (array == nullptr) return std::nullopt;
  std::vector<T> out;
  out.reserve(array->size());
  for (const json::value& element : *array) {
    const json::string* member = element.if_string();
    if (member == nullptr) return std::nullopt;
    std::optional<T> value = convert(std::string_view(member->data(), member->size()));
    if (!value) return std::nullopt;
    out.push_back(std::move(*value));
  }
  return out;
}

}  // namespace

FilingForm read_filing_form(const json::value& value, const std::string& pointer,
                            std::vector<FieldError>& errors) {
  return read_form<FilingForm>(value, pointer, errors, Origin::received);
}
SubjectForm read_subject_form(const json::value& value, const std::string& pointer,
                              std::vector<FieldError>& errors) {
  return read_form<SubjectForm>(value, pointer, errors, Origin::received);
}
ContactForm read_contact_form(const json::value& value, const std::string& pointer,
                              std::vector<FieldError>& errors) {
  return read_form<ContactForm>(value, pointer, errors, Origin::received);
}

json::value to_json(const FilingForm& form) {
  return Writing::write<FilingForm>(form);
}
json::value to_json(const FilingForm::Scope& scope) {
  return Writing::write<FilingForm::Scope>(scope);
}
json::value to_json(const SubjectForm& form) {
  return Writing::write<SubjectForm>(form);
}
json::value to_json(const ContactForm& form) {
  return Writing::write<ContactForm>(form);
}

std::optional<FilingForm> parse_filing_form(std::string_view text) {
  return parse_stored<FilingForm>(text);
}
std::optional<FilingForm::Scope> parse_scope(std::string_view text) {
  return parse_stored<FilingForm::Scope>(text);
}

std::optional<std::vector<Uuid>> parse_ids(std::string_view text) {
  return parse_array<Uuid>(text, [](std::string_view id) { return Uuid::parse(id); });
}

std::optional<std::vector<std::string>> parse_texts(std::string_view text) {
  return parse_array<std::string>(text,
                                  [](std::string_view step) { return std::optional(std::string(step)); });
}

}  // namespace ledger::codec
