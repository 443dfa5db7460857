// What a form must hold to be submitted, and where its fields are.
#include <algorithm>
#include <array>

#include "events/core/form_text.hpp"
#include "events/core/guards.hpp"
#include "events/core/limits.hpp"
#include "schema/codes.hpp"

namespace ledger {
namespace {

constexpr auto kFilingPointers = std::to_array<std::string_view>({
    "/algorithm_name",
    "/role",
    "/purpose",
    "/basic",
    "/basic/algorithm_type",
    "/basic/application_field",
    "/basic/launched_on",
    "/basic/documents",
    "/basic/documents/self_assessment_report",
    "/basic/documents/public_disclosure",
    "/details",
    "/details/data",
    "/details/model",
    "/details/strategy",
    "/details/risk_and_prevention",
    "/scope",
    "/scope/products",
    "/scope/access_paths",
    "/scope/features",
    "/scope/technical_service",
});

constexpr auto kSubjectPointers = std::to_array<std::string_view>({
    "/organization_name",
    "/credit_code",
    "/region",
    "/website_name",
    "/website_domain",
    "/daily_visits",
    "/basic_information",
    "/basic_information/kind",
    "/basic_information/registered_address",
    "/basic_information/industry",
    "/certificate",
    "/certificate/kind",
    "/certificate/number",
    "/legal_representative",
    "/legal_representative/name",
    "/legal_representative/id_number",
    "/legal_representative/phone",
    "/legal_representative/email",
    "/safety_officer",
    "/safety_officer/name",
    "/safety_officer/position",
    "/safety_officer/phone",
    "/safety_officer/email",
    "/documents",
    "/documents/commitment_letter",
    "/documents/responsibility_statement",
    "/confirmed",
});

/// The features that a scope selects, in tree order, each once; errors for what the subject does not have.
class ScopeResolver {
 public:
  ScopeResolver(const Lookup& lookup, const Uuid& subject) : products_(lookup.products_of(subject)) {}

  std::vector<Uuid> resolve(const FilingForm::Scope& scope, const std::string& pointer,
                            std::vector<FieldError>& errors) {
    check(scope.products, pointer + "/products", errors,
          [](const ProductState& p, const Uuid& id) { return p.id == id; });
    check(scope.access_paths, pointer + "/access_paths", errors, [](const ProductState& p, const Uuid& id) {
      return std::ranges::find(p.paths, id, &AccessPathState::id) != p.paths.end();
    });
    check(scope.features, pointer + "/features", errors, [](const ProductState& p, const Uuid& id) {
      return std::ranges::any_of(p.paths, [&](const AccessPathState& path) {
        return std::ranges::find(path.features, id, &FeatureState::id) != path.features.end();
      });
    });
    std::vector<Uuid> resolved;
    for (const Found<ProductState>& product : products_) {
      const bool whole_product = names(scope.products, product->id);
      for (const AccessPathState& path : product->paths) {
        const bool whole_path = whole_product || names(scope.access_paths, path.id);
        for (const FeatureState& feature : path.features) {
          if (whole_path || names(scope.features, feature.id)) resolved.push_back(feature.id);
        }
      }
    }
    return resolved;
  }

 private:
  using Ids = std::optional<std::vector<Uuid>>;
  static bool names(const Ids& ids, const Uuid& id) {
    return ids && std::ranges::find(*ids, id) != ids->end();
  }

  template <typename Has>
  void check(const Ids& ids, const std::string& pointer, std::vector<FieldError>& errors, Has has) {
    if (!ids) return;
    for (std::size_t i = 0; i < ids->size(); ++i) {
      const bool known =
          std::ranges::any_of(products_, [&](const Found<ProductState>& p) { return has(*p, (*ids)[i]); });
      if (!known) {
        errors.push_back(
            {pointer + "/" + std::to_string(i), "scope_unknown", "not in the subject's product tree"});
      }
    }
  }

  std::vector<Found<ProductState>> products_;
};

bool any_selected(const FilingForm::Scope& scope) {
  for (const auto* ids : {&scope.products, &scope.access_paths, &scope.features}) {
    if (*ids && !(*ids)->empty()) return true;
  }
  return false;
}

}  // namespace

bool is_filing_pointer(std::string_view pointer) {
  if (pointer.empty()) return true;  // the whole form
  // Elements of the selector lists are fields too: /scope/features/3.
  const auto last = pointer.rfind('/');
  if (last != std::string_view::npos && last + 1 < pointer.size() && pointer.starts_with("/scope/")) {
    const std::string_view index = pointer.substr(last + 1);
    const std::string_view list = pointer.substr(0, last);
    const bool is_list =
        list == "/scope/products" || list == "/scope/access_paths" || list == "/scope/features";
    const bool is_index =
        index.size() <= 4 && std::ranges::all_of(index, [](char c) { return c >= '0' && c <= '9'; });
    if (is_list && is_index) return true;
  }
  return std::ranges::find(kFilingPointers, pointer) != kFilingPointers.end();
}

bool is_subject_pointer(std::string_view pointer) {
  return pointer.empty() || std::ranges::find(kSubjectPointers, pointer) != kSubjectPointers.end();
}

std::expected<FilingInformation, std::vector<FieldError>> check_filing_form(const FilingForm& form,
                                                                            const Lookup& lookup,
                                                                            const Uuid& subject,
                                                                            std::string_view prefix) {
  std::vector<FieldError> errors;
  const std::string at(prefix);
  const auto missing = [&](const char* pointer, const char* detail = "needed for submission") {
    errors.push_back({at + pointer, "required", detail});
  };
  const FilingForm::Basic basic = form.basic.value_or(FilingForm::Basic{});
  const FilingForm::Documents documents = basic.documents.value_or(FilingForm::Documents{});
  const FilingForm::Details details = form.details.value_or(FilingForm::Details{});
  const FilingForm::Scope scope = form.scope.value_or(FilingForm::Scope{});

  if (blank(form.algorithm_name)) missing("/algorithm_name");
  if (!form.role) missing("/role");
  if (blank(form.purpose)) missing("/purpose");
  if (!basic.algorithm_type) missing("/basic/algorithm_type");
  if (blank(basic.application_field)) missing("/basic/application_field");
  if (!basic.launched_on) missing("/basic/launched_on");
  if (!documents.self_assessment_report) {
    missing("/basic/documents/self_assessment_report", "《算法安全自评估报告》");
  }
  if (!documents.public_disclosure) missing("/basic/documents/public_disclosure", "《拟公示内容》");
  check_document(errors, lookup, subject, documents.self_assessment_report,
                 at + "/basic/documents/self_assessment_report");
  check_document(errors, lookup, subject, documents.public_disclosure,
                 at + "/basic/documents/public_disclosure");
  if (blank(details.data)) missing("/details/data");
  if (blank(details.model)) missing("/details/model");
  if (blank(details.strategy)) missing("/details/strategy");
  if (blank(details.risk_and_prevention)) missing("/details/risk_and_prevention");

  std::vector<Uuid> resolved;
  if (form.role == AlgorithmRole::technical_supporter) {
    if (any_selected(scope)) {
      errors.push_back({at + "/scope", "scope_forbidden", "a technical supporter lists no product"});
    }
    if (blank(scope.technical_service)) {
      errors.push_back({at + "/scope/technical_service", "technical_service_missing",
                        "a technical supporter states its technical service"});
    }
  } else {
    if (!blank(scope.technical_service)) {
      errors.push_back({at + "/scope/technical_service", "technical_service_forbidden",
                        "a provider lists features instead"});
    }
    const std::size_t before = errors.size();
    resolved = ScopeResolver(lookup, subject).resolve(scope, at + "/scope", errors);
    if (resolved.empty() && errors.size() == before) {
      errors.push_back({at + "/scope", "scope_empty", "a provider names at least one feature"});
    }
    if (resolved.size() > limits::kResolvedFeaturesMax) {
      errors.push_back({at + "/scope", "too_many_features", "at most 1,000"});
    }
  }
  if (!errors.empty()) return std::unexpected(std::move(errors));

  FilingInformation out;
  out.algorithm_name = *form.algorithm_name;
  out.algorithm_type = *basic.algorithm_type;
  out.role = *form.role;
  out.purpose = *form.purpose;
  out.application_field = Private::of(basic.application_field);
  out.launched_on = Private::of(basic.launched_on->text());
  out.documents.self_assessment_report = Private::of(documents.self_assessment_report->text());
  out.documents.public_disclosure = Private::of(documents.public_disclosure->text());
  out.details.data = Private::of(details.data);
  out.details.model = Private::of(details.model);
  out.details.strategy = Private::of(details.strategy);
  out.details.risk_and_prevention = Private::of(details.risk_and_prevention);
  out.scope = Private::of(scope_text(scope));
  out.technical_service = Private::of(scope.technical_service);
  out.resolved_features = Private::of(ids_text(resolved));
  return out;
}

std::optional<std::string> products_text(const Lookup& lookup, const Uuid& subject,
                                         const FrozenScope& scope) {
  std::string out;
  for (const Found<ProductState>& product : lookup.products_of(subject)) {
    const bool named = std::ranges::any_of(product->paths, [&](const AccessPathState& path) {
      return std::ranges::any_of(path.features, [&](const FeatureState& feature) {
        return std::ranges::find(scope.resolved, feature.id) != scope.resolved.end();
      });
    });
    if (!named) continue;
    const auto name = lookup.private_text(product->name_position, field::kProductName);
    if (!name) return std::nullopt;
    if (!out.empty()) out += "、";
    out += *name;
    if (const auto* form = schema::find_code(schema::product_forms(), code_of(product->form))) {
      out += "（" + std::string(form->zh) + "）";
    }
  }
  return out.empty() ? "--" : out;
}

}  // namespace ledger
