// What a simulated history is like: rates, chances and stage times. docs/simulation.md explains each and
// gives the reasons for the defaults.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/refusal.hpp"

namespace ledger::replay {

/// A stay of lognormal length, in working days.
struct StayParameters {
  double median = 0, p90 = 0;
};

struct SimulationParameters {
  // Arrivals.
  double growth_per_year = 0.3;      ///< of the arrival rate, relative to the first day's
  double season = 0.25;              ///< how far the rate swings within a year, 0 to 0.9
  double new_subject_chance = 0.4;   ///< that a filing is the first one of a new subject
  double idle_subject_share = 0.08;  ///< subjects that never file, relative to those that do
  double supporter_share = 0.2;      ///< subjects that support others technically

  // Subjects.
  StayParameters registration{2, 8};
  StayParameters subject_review{6, 12};
  double subject_rejected = 0.25;
  StayParameters subject_rework{5, 15};
  double subject_change_per_year = 0.06;

  // Filings up to their publication.
  StayParameters drafting{3, 12};
  double draft_saves = 2.5;  ///< mean number of saves before a submission
  double never_submitted = 0.04;
  StayParameters review{32, 55};  ///< from submission to decision, queue included
  double queued_share = 0.35;     ///< mean share of it that is spent in the queue
  double withdrawn = 0.02;
  double takeover = 0.03;
  double rejected_first = 0.30, rejected_later = 0.20;
  StayParameters rework{10, 40};
  double abandoned = 0.03;  ///< in each round of rework
  StayParameters numbering{2, 5};
  double batch_days = 60;  ///< calendar days from one announcement to the next, give or take a tenth
  double cutoff_days_min = 10, cutoff_days_median = 12, cutoff_days_max = 45;  ///< before the announcement

  // Filings that are published.
  double displayed = 0.85;
  StayParameters display{3, 10};
  double corrected = 0.01;
  double change_per_year = 0.15;
  StayParameters change_review{15, 28};
  double change_rejected = 0.15, change_withdrawn = 0.05;
  double cancellation_per_year = 0.06;
  StayParameters cancellation_review{8, 16};
  double cancellation_rejected = 0.05;
  double revocation_per_year = 0.004;
};

/// One parameter as a document shows it.
struct ParameterFacts {
  std::string_view name;
  double value = 0, min = 0, max = 0;
};
/// All of them with their values in `parameters`, in the order of the document.
[[nodiscard]] std::vector<ParameterFacts> parameter_facts(const SimulationParameters& parameters);

/// Reads a JSON object of some of the parameters; the others keep their defaults. Errors name the member:
/// unknown_field, wrong_type, out_of_range, and those of codec::parse_json.
[[nodiscard]] std::expected<SimulationParameters, std::vector<FieldError>> parse_parameters(
    std::string_view json);

}  // namespace ledger::replay
