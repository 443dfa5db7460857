// An estimate as it is answered: as JSON (DESIGN section 9 and more), and as a sentence in Chinese and
// English that a filer can read. Pure; any thread. The method: docs/estimation.md.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "replay/estimate.hpp"
#include "replay/stage_index.hpp"

namespace ledger::server {

/// What one answer is about.
struct EstimateAnswer {
  std::optional<Uuid> filing;  ///< nullopt: a hypothetical one
  replay::EstimateCase of;     ///< meaningful where the filing is under way
  /// How and when it ended, where nothing is left to estimate. No outcome: an imported record, published
  /// before it was recorded.
  struct Ended {
    std::optional<projections::StageOutcome> outcome;
    std::optional<TimestampUs> at;
  };
  std::optional<Ended> ended;
  replay::Moment moment;                  ///< asked of; days count from its time
  std::uint64_t statistics_position = 0;  ///< of the samples
  bool rejected_once_more = false;
  std::expected<replay::Estimate, replay::NoEstimate> estimate = std::unexpected(replay::NoEstimate{});
};

/// `{"id","status","stage","attempt","elapsed_days","days","dates","rejection_probability",...}`; see
/// schema/openapi.yaml, `Estimate`. Days have six decimals; dates are those of Asia/Shanghai.
[[nodiscard]] std::string render_estimate(const EstimateAnswer& answer);

struct EstimateSentence {
  std::string zh, en;
};
[[nodiscard]] EstimateSentence estimate_sentence(const EstimateAnswer& answer);

/// Several lines for people: both sentences, the quantiles, and what they stand on.
[[nodiscard]] std::string describe_estimate(const EstimateAnswer& answer);

/// What is lacking, in a sentence.
[[nodiscard]] EstimateSentence lacking_sentence(const replay::NoEstimate& lacking);

/// Of an answer that everybody may see: no stage may stand on fewer than 30 finished visits.
void make_public(EstimateAnswer& answer);

}  // namespace ledger::server
