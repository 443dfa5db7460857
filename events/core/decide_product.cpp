// The product tree 产品及功能: product, then access path, then feature, strictly in this order; names unique
// among siblings; what a submitted or filed scope names is changed or removed only through a change of the
// filing.
#include <algorithm>

#include "events/core/form_text.hpp"
#include "events/core/guards.hpp"
#include "events/core/limits.hpp"

namespace ledger {
namespace {

/// The entries that the scopes of a subject's submitted and filed filings name.
class ScopeLocks {
 public:
  ScopeLocks(const Lookup& lookup, const Uuid& subject) {
    for (const FilingState& filing : lookup.filings_of(subject)) {
      if (!binds(filing)) continue;
      if (filing.submission_position) add(lookup.frozen_scope(*filing.submission_position));
      if (filing.change_position) add(lookup.frozen_scope(*filing.change_position));
    }
  }
  [[nodiscard]] bool holds(const Uuid& id) const { return std::ranges::find(ids_, id) != ids_.end(); }
  [[nodiscard]] bool holds(const AccessPathState& path) const {
    return holds(path.id) ||
           std::ranges::any_of(path.features, [&](const FeatureState& f) { return holds(f.id); });
  }
  [[nodiscard]] bool holds(const ProductState& product) const {
    return holds(product.id) ||
           std::ranges::any_of(product.paths, [&](const AccessPathState& p) { return holds(p); });
  }

 private:
  static bool binds(const FilingState& filing) {
    switch (filing.status) {
      case FilingStatus::submitted:
      case FilingStatus::in_review:
      case FilingStatus::approved:
      case FilingStatus::numbered:
      case FilingStatus::published: return true;
      default: return false;
    }
  }
  void add(const std::optional<FrozenScope>& scope) {
    if (!scope) return;
    for (const auto* ids :
         {&scope->selectors.products, &scope->selectors.access_paths, &scope->selectors.features}) {
      if (*ids) ids_.insert(ids_.end(), (*ids)->begin(), (*ids)->end());
    }
    ids_.insert(ids_.end(), scope->resolved.begin(), scope->resolved.end());
  }
  std::vector<Uuid> ids_;
};

const AccessPathState* path_of(const ProductState& product, const Uuid& id) {
  const auto found = std::ranges::find(product.paths, id, &AccessPathState::id);
  return found == product.paths.end() ? nullptr : &*found;
}

const FeatureState* feature_of(const AccessPathState& path, const Uuid& id) {
  const auto found = std::ranges::find(path.features, id, &FeatureState::id);
  return found == path.features.end() ? nullptr : &*found;
}

std::unexpected<Refusal> taken(std::string pointer) {
  Refusal refusal{
      .code = "name_taken", .errors = {}, .state = "present", .detail = "names are unique among siblings"};
  refusal.errors.push_back({std::move(pointer), "name_taken", "a sibling has it"});
  return std::unexpected(std::move(refusal));
}

std::unexpected<Refusal> locked() {
  return std::unexpected(Refusal{.code = "scope_locked",
                                 .errors = {},
                                 .state = "present",
                                 .detail = "a submitted or filed scope names it: change the filing"});
}

bool product_name_taken(const Lookup& lookup, const Uuid& subject, const std::string& name, const Uuid& but) {
  return std::ranges::any_of(lookup.products_of(subject), [&](const Found<ProductState>& product) {
    return product->id != but && lookup.private_text(product->name_position, field::kProductName) == name;
  });
}

bool steps_taken(const Lookup& lookup, const ProductState& product, const std::string& steps,
                 const Uuid& but) {
  return std::ranges::any_of(product.paths, [&](const AccessPathState& path) {
    return path.id != but && lookup.private_text(path.position, field::kPathSteps) == steps;
  });
}

bool feature_name_taken(const Lookup& lookup, const AccessPathState& path, const std::string& name,
                        const Uuid& but) {
  return std::ranges::any_of(path.features, [&](const FeatureState& feature) {
    return feature.id != but && lookup.private_text(feature.position, field::kFeatureName) == name;
  });
}

std::vector<FieldError> check_steps(const std::vector<std::string>& steps) {
  std::vector<FieldError> errors;
  if (steps.empty()) errors.push_back({"/steps", "required", "at least one navigation step"});
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (is_blank(steps[i]))
      errors.push_back({"/steps/" + std::to_string(i), "too_short", "a step has a name"});
  }
  return errors;
}

/// The tree is full: no pointer, since no field of the request is wrong.
std::unexpected<Refusal> full(const char* what) {
  return refuse_fields({{"", "too_many_items", what}});
}

std::size_t count_features(const ProductState& product) {
  std::size_t count = 0;
  for (const AccessPathState& path : product.paths) count += path.features.size();
  return count;
}

template <typename P>
Decided on_product(const ProductState& product, P payload, const Uuid& acted_on) {
  Decision decision = decided(StreamKind::product, product.id, std::move(payload));
  decision.id = acted_on;
  return decision;
}

}  // namespace

Decided decide_on(const AddProduct& command, const Lookup& lookup, const Context& context) {
  if (auto hindered = hinder_filer(lookup, command.subject_id)) return std::unexpected(*std::move(hindered));
  if (is_blank(command.name)) return refuse_fields({{"/name", "required", "a product has a name"}});
  if (lookup.products_of(command.subject_id).size() >= limits::kProductsMax)
    return full("a subject has 200 products");
  if (product_name_taken(lookup, command.subject_id, command.name, {})) return taken("/name");
  return decided(StreamKind::product, context.new_id,
                 ProductAdded{command.subject_id, command.form, Private::of(command.name)});
}

Decided decide_on(const UpdateProduct& command, const Lookup& lookup, const Context&) {
  const auto product = lookup.product(command.product_id);
  if (auto hindered = hinder_filer(lookup, product->subject_id)) return std::unexpected(*std::move(hindered));
  if (command.name && is_blank(*command.name))
    return refuse_fields({{"/name", "too_short", "a product has a name"}});
  if (ScopeLocks(lookup, product->subject_id).holds(*product)) return locked();
  auto name = command.name;
  if (!name) name = lookup.private_text(product->name_position, field::kProductName);
  if (!name) return refuse_fields({{"/name", "required", "the name was erased: give one"}});
  if (product_name_taken(lookup, product->subject_id, *name, product->id)) return taken("/name");
  return on_product(*product, ProductUpdated{command.form.value_or(product->form), Private::of(*name)},
                    product->id);
}

Decided decide_on(const RemoveProduct& command, const Lookup& lookup, const Context&) {
  const auto product = lookup.product(command.product_id);
  if (auto hindered = hinder_filer(lookup, product->subject_id)) return std::unexpected(*std::move(hindered));
  if (ScopeLocks(lookup, product->subject_id).holds(*product)) return locked();
  return on_product(*product, ProductRemoved{}, product->id);
}

Decided decide_on(const AddAccessPath& command, const Lookup& lookup, const Context& context) {
  const auto product = lookup.product(command.product_id);
  if (auto hindered = hinder_filer(lookup, product->subject_id)) return std::unexpected(*std::move(hindered));
  if (auto errors = check_steps(command.steps); !errors.empty()) return refuse_fields(std::move(errors));
  if (product->paths.size() >= limits::kPathsMax) return full("a product has 100 access paths");
  std::string steps = texts_text(command.steps);
  if (steps_taken(lookup, *product, steps, {})) return taken("/steps");
  return on_product(*product, AccessPathAdded{context.new_id, Private::of(std::move(steps))}, context.new_id);
}

Decided decide_on(const UpdateAccessPath& command, const Lookup& lookup, const Context&) {
  const auto product = lookup.product(command.product_id);
  const AccessPathState* path = path_of(*product, command.path_id);
  if (path == nullptr) return refuse("not_found");
  if (auto hindered = hinder_filer(lookup, product->subject_id)) return std::unexpected(*std::move(hindered));
  if (auto errors = check_steps(command.steps); !errors.empty()) return refuse_fields(std::move(errors));
  if (ScopeLocks(lookup, product->subject_id).holds(*path)) return locked();
  std::string steps = texts_text(command.steps);
  if (steps_taken(lookup, *product, steps, path->id)) return taken("/steps");
  return on_product(*product, AccessPathUpdated{path->id, Private::of(std::move(steps))}, path->id);
}

Decided decide_on(const RemoveAccessPath& command, const Lookup& lookup, const Context&) {
  const auto product = lookup.product(command.product_id);
  const AccessPathState* path = path_of(*product, command.path_id);
  if (path == nullptr) return refuse("not_found");
  if (auto hindered = hinder_filer(lookup, product->subject_id)) return std::unexpected(*std::move(hindered));
  if (ScopeLocks(lookup, product->subject_id).holds(*path)) return locked();
  return on_product(*product, AccessPathRemoved{path->id}, path->id);
}

Decided decide_on(const AddFeature& command, const Lookup& lookup, const Context& context) {
  const auto product = lookup.product(command.product_id);
  const AccessPathState* path = path_of(*product, command.path_id);
  if (path == nullptr) return refuse("not_found");
  if (auto hindered = hinder_filer(lookup, product->subject_id)) return std::unexpected(*std::move(hindered));
  if (is_blank(command.name)) return refuse_fields({{"/name", "required", "a feature has a name"}});
  if (count_features(*product) >= limits::kFeaturesMax) return full("a product has 1,000 features");
  if (feature_name_taken(lookup, *path, command.name, {})) return taken("/name");
  return on_product(
      *product,
      FeatureAdded{path->id, context.new_id, Private::of(command.name), Private::of(command.description)},
      context.new_id);
}

Decided decide_on(const UpdateFeature& command, const Lookup& lookup, const Context&) {
  const auto product = lookup.product(command.product_id);
  const AccessPathState* path = path_of(*product, command.path_id);
  const FeatureState* feature = path == nullptr ? nullptr : feature_of(*path, command.feature_id);
  if (feature == nullptr) return refuse("not_found");
  if (auto hindered = hinder_filer(lookup, product->subject_id)) return std::unexpected(*std::move(hindered));
  if (command.name && is_blank(*command.name))
    return refuse_fields({{"/name", "too_short", "a feature has a name"}});
  if (ScopeLocks(lookup, product->subject_id).holds(feature->id)) return locked();
  auto name = command.name;
  if (!name) name = lookup.private_text(feature->position, field::kFeatureName);
  if (!name) return refuse_fields({{"/name", "required", "the name was erased: give one"}});
  auto description = command.description;
  if (!description) description = lookup.private_text(feature->position, field::kFeatureDescription);
  if (feature_name_taken(lookup, *path, *name, feature->id)) return taken("/name");
  return on_product(
      *product,
      FeatureUpdated{path->id, feature->id, Private::of(*name), Private::of(std::move(description))},
      feature->id);
}

Decided decide_on(const RemoveFeature& command, const Lookup& lookup, const Context&) {
  const auto product = lookup.product(command.product_id);
  const AccessPathState* path = path_of(*product, command.path_id);
  const FeatureState* feature = path == nullptr ? nullptr : feature_of(*path, command.feature_id);
  if (feature == nullptr) return refuse("not_found");
  if (auto hindered = hinder_filer(lookup, product->subject_id)) return std::unexpected(*std::move(hindered));
  if (ScopeLocks(lookup, product->subject_id).holds(feature->id)) return locked();
  return on_product(*product, FeatureRemoved{path->id, feature->id}, feature->id);
}

}  // namespace ledger
