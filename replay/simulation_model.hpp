// The course of a made-up history: who does what, when. Discrete events on a queue in simulated time; no
// ledger, no ids, no texts. Whoever carries the steps out (simulate.hpp) may rely on each being legal after
// those before it, so a refusal is a fault of this model. Pure: the same plan gives the same steps.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "events/core/codes.hpp"
#include "events/core/types.hpp"
#include "replay/simulation_parameters.hpp"

namespace ledger::replay {

enum class StepKind : std::uint8_t {
  register_subject,
  submit_subject,
  approve_subject,
  reject_subject,
  change_subject,
  approve_subject_change,
  reject_subject_change,
  lapse_subject,
  add_product,
  add_path,
  add_feature,
  update_feature,
  create_filing,
  save_draft,
  discard_draft,
  submit_filing,
  withdraw_filing,
  start_review,
  reject_filing,
  approve_filing,
  assign_number,
  publish_filing,
  record_display,
  correct_announcement,
  submit_change,
  withdraw_change,
  approve_change,
  reject_change,
  request_cancellation,
  cancel_filing,
  reject_cancellation,
  revoke_filing,
};

/// One thing that somebody does: one event.
struct SimulationStep {
  TimestampUs at;
  StepKind kind{};
  std::uint32_t subject = 0;  ///< subjects count from 0 in the order of their registration plans
  std::uint32_t filing = 0;   ///< filings from 0 likewise; of the steps on filings
  /// Of the product tree: which product, path in it, feature in that, each from 0. Of a review that is
  /// started: in `product`, who starts it.
  std::uint16_t product = 0, path = 0, feature = 0;
  std::uint32_t revision = 0;  ///< of drafts, submissions and changes: another number, other contents
  bool complete = false;       ///< of a draft: nothing is missing
  AlgorithmType type{};
  AlgorithmRole role{};
  Series series{};           ///< of a publication, with
  std::uint32_t batch = 0;   ///< its number
  std::uint64_t chance = 0;  ///< random bits for whatever texts and reasons need
};

struct SimulationPlan {
  std::uint32_t filings = 0;  ///< that many first drafts are saved between `from` and `to`
  std::uint64_t seed = 0;
  TimestampUs from, to;
  SimulationParameters parameters;
};

/// People who decide; each its own principal. A start of review names one of the reviewers.
inline constexpr std::uint16_t kSimulatedReviewers = 6;

/// The most filings of one simulation: a log of about 80 million events.
inline constexpr std::uint32_t kSimulatedFilingsMax = 5'000'000;

/// One thread.
class SimulationModel {
 public:
  /// Takes memory for all filings, about 150 bytes each.
  explicit SimulationModel(const SimulationPlan& plan);
  ~SimulationModel();
  SimulationModel(SimulationModel&&) noexcept;
  SimulationModel& operator=(SimulationModel&&) noexcept;

  /// The next step, never before the last one and never after `to`; nullopt at the end.
  [[nodiscard]] std::optional<SimulationStep> next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// How many steps a plan has: the model run through once.
[[nodiscard]] std::uint64_t count_steps(const SimulationPlan& plan);

}  // namespace ledger::replay
