#include "replay/simulation_parameters.hpp"

#include <array>
#include <cmath>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "events/codec/json_reader.hpp"
#include "events/core/text.hpp"

namespace ledger::replay {
namespace {

struct Row {
  std::string_view name;
  double min, max;
  double& (*of)(SimulationParameters&);
};

#define PARAMETER(name, field, min, max)                                         \
  Row {                                                                          \
#name, min, max, [](SimulationParameters & p) -> double& { return p.field; } \
  }
#define STAY(name) \
  PARAMETER(name##_median, name.median, 0.01, 500), PARAMETER(name##_p90, name.p90, 0.01, 2'000)
#define CHANCE(name) PARAMETER(name, name, 0, 1)

constexpr std::array kRows = {
    PARAMETER(growth_per_year, growth_per_year, -0.5, 5),
    PARAMETER(season, season, 0, 0.9),
    PARAMETER(new_subject_chance, new_subject_chance, 0.01, 1),
    CHANCE(idle_subject_share),
    CHANCE(supporter_share),
    STAY(registration),
    STAY(subject_review),
    CHANCE(subject_rejected),
    STAY(subject_rework),
    PARAMETER(subject_change_per_year, subject_change_per_year, 0, 10),
    STAY(drafting),
    PARAMETER(draft_saves, draft_saves, 1, 20),
    CHANCE(never_submitted),
    STAY(review),
    PARAMETER(queued_share, queued_share, 0.05, 0.95),
    CHANCE(withdrawn),
    CHANCE(takeover),
    CHANCE(rejected_first),
    CHANCE(rejected_later),
    STAY(rework),
    CHANCE(abandoned),
    STAY(numbering),
    PARAMETER(batch_days, batch_days, 1, 1'000),
    PARAMETER(cutoff_days_min, cutoff_days_min, 0, 500),
    PARAMETER(cutoff_days_median, cutoff_days_median, 0, 500),
    PARAMETER(cutoff_days_max, cutoff_days_max, 0, 500),
    CHANCE(displayed),
    STAY(display),
    CHANCE(corrected),
    PARAMETER(change_per_year, change_per_year, 0, 10),
    STAY(change_review),
    CHANCE(change_rejected),
    CHANCE(change_withdrawn),
    PARAMETER(cancellation_per_year, cancellation_per_year, 0, 10),
    STAY(cancellation_review),
    CHANCE(cancellation_rejected),
    PARAMETER(revocation_per_year, revocation_per_year, 0, 10),
};

#undef CHANCE
#undef STAY
#undef PARAMETER

/// What no single range tells.
void check_together(SimulationParameters& parameters, std::vector<FieldError>& errors) {
  constexpr std::string_view kMedian = "_median";
  for (std::size_t i = 0; i + 1 < kRows.size(); ++i) {
    const std::string_view name = kRows[i].name;
    if (!name.ends_with(kMedian) || !kRows[i + 1].name.ends_with("_p90")) continue;
    if (kRows[i + 1].of(parameters) < kRows[i].of(parameters)) {
      errors.push_back({"/" + std::string(kRows[i + 1].name), "out_of_range",
                        "nine of ten stays are not shorter than one of two"});
    }
  }
  if (parameters.cutoff_days_median < parameters.cutoff_days_min ||
      parameters.cutoff_days_max < parameters.cutoff_days_median) {
    errors.push_back({"/cutoff_days_median", "out_of_range", "lies between cutoff_days_min and _max"});
  }
}

}  // namespace

std::vector<ParameterFacts> parameter_facts(const SimulationParameters& parameters) {
  SimulationParameters copy = parameters;
  std::vector<ParameterFacts> facts;
  for (const Row& row : kRows) facts.push_back({row.name, row.of(copy), row.min, row.max});
  return facts;
}

std::expected<SimulationParameters, std::vector<FieldError>> parse_parameters(std::string_view json) {
  auto document = codec::parse_json(json);
  if (!document) return std::unexpected(std::vector{std::move(document.error())});
  const boost::json::object* object = document->root().if_object();
  if (object == nullptr) {
    return std::unexpected(std::vector{FieldError{"", "wrong_type", "an object of parameters"}});
  }
  SimulationParameters parameters;
  std::vector<FieldError> errors;
  for (const auto& [key, value] : *object) {
    const std::string_view name(key.data(), key.size());
    const std::string pointer = codec::child_pointer("", name);
    const Row* found = nullptr;
    for (const Row& row : kRows) {
      if (row.name == name) found = &row;
    }
    if (found == nullptr) {
      errors.push_back({pointer, "unknown_field", "no such parameter"});
      continue;
    }
    if (!value.is_number()) {
      errors.push_back({pointer, "wrong_type", "a number"});
      continue;
    }
    const double number = value.to_number<double>();
    if (!(number >= found->min && number <= found->max)) {
      errors.push_back({pointer, "out_of_range", "outside what the parameter allows"});
      continue;
    }
    found->of(parameters) = number;
  }
  check_together(parameters, errors);
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return parameters;
}

}  // namespace ledger::replay
