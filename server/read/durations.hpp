// Survival statistics as they are answered: DESIGN section 9 as JSON, and what of them everybody may see.
// Pure; any thread. The method: docs/statistics.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replay/stage_index.hpp"

namespace ledger::server {

/// Ended stays that a public figure stands on at least; below it says nothing but that.
inline constexpr std::uint64_t kPublicCellMin = 30;

/// Outcomes too rare to be told apart in public, taken together; no number of a StageOutcome.
inline constexpr replay::OutcomeNumber kOtherOutcomes = replay::kOutcomeNumberMax;

/// `approved`, ...; `other` for kOtherOutcomes.
[[nodiscard]] std::string_view outcome_code(replay::OutcomeNumber outcome);

/// The stays as a public statistic may count them: outcomes of fewer than kPublicCellMin ends, with as many
/// more of the rarest as it takes for them not to be the difference of what is shown, are one outcome,
/// `other`. False, and nothing changed, where fewer stays than that have ended at all.
[[nodiscard]] bool make_public(std::vector<replay::Spell>& spells);

/// What one answer says.
struct Durations {
  projections::Stage stage{};
  std::optional<replay::Survival> survival;  ///< nullopt: suppressed
  std::uint64_t position = 0;
  bool simulated = false;  ///< the ledger's history is made up, and the answer says so
};

/// `{"stage","samples","events","unit":"days","curve":[{"days","survival","lower","upper","at_risk"}],
/// "incidence":{"<outcome>":[{"days","probability"}]},"position"}`. Days have six decimals, probabilities at
/// most ten; `lower` and `upper` are null where the curve has reached 0. A suppressed answer has null for
/// `samples` and `events`, an empty curve, and `"suppressed":true,"minimum":30` behind. `"simulated":true`
/// stands in front where it is due: such an answer is long, and not to be copied to be marked.
[[nodiscard]] std::string render_durations(const Durations& durations);

/// One sample as a line of the CSV whose header is kSampleColumns: `event` is 1 for any outcome, a stay that
/// is open is 0, as long as until `censored_at`. No value can hold a comma or a quote.
inline constexpr std::string_view kSampleColumns = "stage,attempt,days,event,outcome,type,region\n";
void append_sample(std::string& out, const replay::StageSample& sample, TimestampUs censored_at);

/// Days with six decimals, such as `12.500000`, as they stand in the JSON and in the CSV.
void append_days(std::string& out, replay::Microdays microdays);

}  // namespace ledger::server
