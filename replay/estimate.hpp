// How long until a filing is published? A semi-Markov walk: from the stage that the filing is in, given how
// long it has been there, through the stages to come, each as long and with such an end as comparable visits
// had, to the batch that it gets into. Many walks make a distribution, and quantiles of it the answer.
//
// Pure: the same samples, filing and moment give the same answer. Method and limits: docs/estimation.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "replay/batch_calendar.hpp"
#include "replay/duration_curve.hpp"
#include "replay/stage_sample.hpp"

namespace ledger::replay {

/// Fewer finished reviews than this are no history (DESIGN section 9).
inline constexpr std::size_t kReviewsMin = 30;
/// A stratum with fewer finished visits gives way to a wider one (DESIGN section 9).
inline constexpr std::size_t kStratumMin = 30;
/// A stage that a filing may still come through and that fewer visits of have ended is no history either.
inline constexpr std::size_t kStageMin = 5;
inline constexpr unsigned kWalks = 4'000;

/// What is estimated: a filing, or one like it.
struct EstimateCase {
  StreamId stream;  ///< seeds the walks; nil for a hypothetical filing
  projections::Stage stage{};
  std::uint32_t attempt = 1;
  TimestampUs entered_at;  ///< of the stage
  /// Of a filing that waits for its publication: when it was approved. nullopt: when the stage began.
  std::optional<TimestampUs> approved_at;
  std::optional<AlgorithmType> type;
  std::optional<AlgorithmRole> role;
  std::array<char, 6> region{};  ///< zeros: not known; 2 or 4 digits and zeros: no more is known
};

/// Which visits were taken for comparable. Absent members did not matter.
struct EstimateStratum {
  std::optional<AlgorithmType> type;
  std::string region;  ///< 6 digits, or 2 of the province; empty: any
  std::optional<AlgorithmRole> role;
  std::uint32_t attempt_from = 1;  ///< the least attempt
  std::uint32_t attempt_to = 0;    ///< the greatest; 0: without bound
  /// Every visit of the stage, whatever the filing.
  [[nodiscard]] bool pooled() const {
    return !type && region.empty() && !role && attempt_from == 1 && attempt_to == 0;
  }
  bool operator==(const EstimateStratum&) const = default;
};

/// What one stage of the walks was drawn from.
struct StageBasis {
  projections::Stage stage{};
  std::uint32_t attempt = 1;  ///< 3 stands for the third and any later
  std::size_t visits = 0;     ///< open ones included
  std::size_t finished = 0;
  EstimateStratum stratum;
};

struct EstimateDays {
  double p10 = 0, p50 = 0, p80 = 0, p90 = 0, p95 = 0;  ///< from now
};

struct Estimate {
  double elapsed_days = 0;  ///< in the stage
  /// Until the publication, of those walks that come to one; nullopt where fewer than one in forty do.
  std::optional<EstimateDays> days;
  double rejection_probability = 0;  ///< at least one more
  double never_probability = 0;      ///< ends, or rests for ever, without a publication
  std::vector<StageBasis> basis;     ///< the current stage first, then in the order of the stages
  std::size_t batches = 0;           ///< announcement batches known
};

/// Why there is none.
struct NoEstimate {
  enum class Lack : std::uint8_t { reviews, batches, stage } lack = Lack::reviews;
  projections::Stage stage{};  ///< which, for `stage`
  std::optional<std::size_t> found =
      0;  ///< nullopt: fewer than needed, and not everybody's business how many
  std::size_t needed = 0;
};

struct EstimateOptions {
  bool rejected_once_more = false;  ///< the next decision is a rejection, whatever its chance
  unsigned walks = kWalks;          ///< at least 40
  std::uint64_t position = 0;       ///< seeds the walks
};

/// Whether an answer for `rejected_once_more` makes sense: a decision is still to come.
[[nodiscard]] bool decision_ahead(projections::Stage stage);

/// The samples of one position, put in the order in which estimates ask for them. Building reads every
/// sample once; an estimate builds the curves that it needs and that nobody asked for before. Any thread.
class EstimateTables {
 public:
  /// Hands every sample to the function that it is given.
  using Source = std::function<void(const std::function<void(const StageSample&)>&)>;
  /// The samples may hold visits of subjects: they are passed over. None is kept.
  EstimateTables(const Source& samples, TimestampUs now);
  EstimateTables(std::span<const StageSample> samples, TimestampUs now);
  ~EstimateTables();
  EstimateTables(const EstimateTables&) = delete;
  EstimateTables& operator=(const EstimateTables&) = delete;

  /// The moment that open visits were measured at.
  [[nodiscard]] TimestampUs measured_at() const { return measured_at_; }
  [[nodiscard]] std::size_t finished_reviews() const;
  [[nodiscard]] std::size_t batches() const;
  /// Whether any estimate is to be had: what lacks otherwise.
  [[nodiscard]] std::optional<NoEstimate> lack() const;
  /// The same of one type, whose announcements may be a series of their own.
  [[nodiscard]] std::optional<NoEstimate> lack(std::optional<AlgorithmType> type) const;

  /// `now` is not before `measured_at()` and not before the case entered its stage. The stage is one of a
  /// filing.
  [[nodiscard]] std::expected<Estimate, NoEstimate> estimate(const EstimateCase& of, TimestampUs now,
                                                             const EstimateOptions& options = {}) const;

 private:
  struct Row;
  struct Key;
  struct Basis;
  class Walker;
  class CalendarMaker;
  [[nodiscard]] std::shared_ptr<const DurationCurve> curve(projections::Stage stage,
                                                           const EstimateStratum& stratum) const;
  [[nodiscard]] Basis basis(const EstimateCase& of, projections::Stage stage, std::uint32_t attempt,
                            double elapsed) const;
  [[nodiscard]] const BatchCalendar& calendar(AlgorithmType type) const;

  TimestampUs measured_at_;
  std::array<std::vector<Row>, 6> rows_;  // by stage, ascending by hours
  struct Calendars {
    std::unique_ptr<const BatchCalendar> all, synthesis, others;
  };
  Calendars calendars_;
  bool by_approval_ = false;    // what the cut-offs look at; else the number
  bool series_apart_ = false;   // the two series come out on days of their own
  double synthesis_share_ = 0;  // of what is announced
  mutable std::mutex mutex_;
  mutable std::map<Key, std::shared_ptr<const DurationCurve>> curves_;  // null: too few
};

/// Whether an outcome of a stage leads on, back or out of the way to publication.
[[nodiscard]] WayOut way_of(projections::StageOutcome outcome);

}  // namespace ledger::replay
