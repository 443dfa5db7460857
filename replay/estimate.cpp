#include "replay/estimate.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace ledger::replay {
namespace {

using projections::Stage;
using projections::StageOutcome;

constexpr double kHoursADay = 24;
constexpr double kUsAnHour = 3.6e9;
/// A century: whatever lasts longer counts as this long.
constexpr double kHoursMax = 24.0 * 366 * 100;
/// Attempts from this one on are taken together.
constexpr std::uint32_t kAttemptsApart = 3;
/// A stage given the time already spent there: fewer visits that lasted longer say too little.
constexpr std::size_t kAtRiskMin = 15;
/// Curves kept; a caller who asks for ever new regions must not grow this without end.
constexpr std::size_t kCurvesMax = 20'000;
/// More stages than this, and a walk counts as one that never arrives.
constexpr int kStepsMax = 100;
/// Where fewer walks than one in this many arrive, their quantiles mean nothing.
constexpr unsigned kArrivalsShare = 40;

std::size_t index_of(Stage stage) {
  return static_cast<std::size_t>(stage) - 1;
}

double hours_between(TimestampUs from, TimestampUs to) {
  return std::clamp(static_cast<double>(to.value - from.value) / kUsAnHour, 0.0, kHoursMax);
}

Holder holder_of(Stage stage) {
  return stage == Stage::drafting || stage == Stage::rework ? Holder::filer : Holder::office;
}

/// A region as its digits, so that a province is a division away; 0 where unknown.
std::uint32_t region_number(const std::array<char, 6>& region) {
  std::uint32_t number = 0;
  for (const char digit : region) {
    if (digit < '0' || digit > '9') {
      number *= 10;
    } else {
      number = number * 10 + static_cast<std::uint32_t>(digit - '0');
    }
  }
  return number;
}

std::uint32_t number_in(const std::string& digits) {
  std::uint32_t number = 0;
  for (const char digit : digits) number = number * 10 + static_cast<std::uint32_t>(digit - '0');
  return number;
}

/// From the closest likeness to none: each gives way to the next where it has too few finished visits.
struct Likeness {
  bool type, region, province, role;
  enum class Attempt : std::uint8_t { same, later, any } attempt;
};
constexpr auto kLikenesses = std::to_array<Likeness>({
    {true, true, false, true, Likeness::Attempt::same},
    {true, false, true, true, Likeness::Attempt::same},
    {true, false, false, true, Likeness::Attempt::same},
    {true, false, false, false, Likeness::Attempt::same},
    {false, false, false, false, Likeness::Attempt::same},
    {false, false, false, false, Likeness::Attempt::later},
    {false, false, false, false, Likeness::Attempt::any},
});

/// nullopt where the case does not know what this likeness asks for.
std::optional<EstimateStratum> stratum_of(const Likeness& like, const EstimateCase& of,
                                          std::uint32_t attempt) {
  EstimateStratum stratum;
  if (like.type) {
    if (!of.type) return std::nullopt;
    stratum.type = of.type;
  }
  if (like.role) {
    if (!of.role) return std::nullopt;
    stratum.role = of.role;
  }
  if (like.region || like.province) {
    const std::size_t digits = like.region ? 6 : 2;
    const std::string_view known(of.region.data(), digits);
    if (known.find('\0') != std::string_view::npos || known.find_first_not_of("0123456789") < digits)
      return std::nullopt;
    stratum.region = known;
  }
  if (like.attempt == Likeness::Attempt::same) {
    stratum.attempt_from = attempt;
    stratum.attempt_to = attempt < kAttemptsApart ? attempt : 0;
  } else if (like.attempt == Likeness::Attempt::later) {
    if (attempt < 2) return std::nullopt;
    stratum.attempt_from = 2;
  }
  return stratum;
}

double quantile(const std::vector<double>& sorted, double p) {
  const double at = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

WayOut way_of(StageOutcome outcome) {
  switch (outcome) {
    case StageOutcome::submitted:
    case StageOutcome::started:
    case StageOutcome::approved:
    case StageOutcome::numbered:
    case StageOutcome::published: return WayOut::onward;
    case StageOutcome::rejected:
    case StageOutcome::withdrawn: return WayOut::back;
    default: return WayOut::out;
  }
}

bool decision_ahead(Stage stage) {
  return stage == Stage::drafting || stage == Stage::queued || stage == Stage::review ||
         stage == Stage::rework;
}

struct EstimateTables::Row {
  std::uint32_t hours = 0;
  std::uint32_t region = 0;
  std::uint32_t attempt = 0;
  std::uint8_t way = 0;             // kOpen or a WayOut
  std::uint8_t type = 0, role = 0;  // 0: none
  static constexpr std::uint8_t kOpen = 0xFF;

  [[nodiscard]] bool is_like(const EstimateStratum& stratum, std::uint32_t region_digits) const {
    return attempt >= stratum.attempt_from && (stratum.attempt_to == 0 || attempt <= stratum.attempt_to) &&
           (!stratum.type || type == static_cast<std::uint8_t>(*stratum.type)) &&
           (!stratum.role || role == static_cast<std::uint8_t>(*stratum.role)) &&
           (stratum.region.empty() ||
            (stratum.region.size() == 2 ? region / 10'000 : region) == region_digits);
  }
};

struct EstimateTables::Key {
  Stage stage{};
  std::uint8_t type = 0, role = 0;
  std::uint32_t region = 0, region_digits = 0, attempt_from = 0, attempt_to = 0;
  auto operator<=>(const Key&) const = default;
};

struct EstimateTables::Basis {
  std::shared_ptr<const DurationCurve> curve;
  EstimateStratum stratum;
};

EstimateTables::EstimateTables(std::span<const StageSample> samples, TimestampUs now)
    : EstimateTables(
          [samples](const auto& each) {
            for (const StageSample& sample : samples) each(sample);
          },
          now) {}

/// Gathers what waits or waited for publication, and finds out what the cut-offs look at.
class EstimateTables::CalendarMaker {
 public:
  void add(const StageSample& sample) {
    if (sample.stage == Stage::numbering) {
      if (sample.outcome == StageOutcome::numbered) approved_at_[sample.stream.id] = sample.entered_at;
    } else if (sample.stage == Stage::publication) {
      if (sample.outcome && *sample.outcome != StageOutcome::published) return;
      waits_.push_back({sample.stream.id,
                        {sample.entered_at, sample.left_at},
                        sample.type == AlgorithmType::generation_synthesis});
    }
  }

  void make(EstimateTables& tables) const {
    Calendars by_number = calendars(false);
    Calendars by_approval = calendars(true);
    tables.by_approval_ = misplaced(by_approval) < misplaced(by_number);
    tables.calendars_ = std::move(tables.by_approval_ ? by_approval : by_number);
    tables.series_apart_ = apart(tables.calendars_);
    if (!waits_.empty()) {
      tables.synthesis_share_ = static_cast<double>(std::ranges::count(waits_, true, &Wait::synthesis)) /
                                static_cast<double>(waits_.size());
    }
  }

 private:
  struct Wait {
    Uuid filing;
    Announceable of;  // ready with its number
    bool synthesis = false;
  };

  [[nodiscard]] Calendars calendars(bool by_approval) const {
    std::vector<Announceable> all;
    std::vector<Announceable> synthesis;
    std::vector<Announceable> others;
    for (const Wait& wait : waits_) {
      Announceable of = wait.of;
      if (by_approval) {
        if (const auto known = approved_at_.find(wait.filing); known != approved_at_.end())
          of.ready_at = known->second;
      }
      all.push_back(of);
      (wait.synthesis ? synthesis : others).push_back(of);
    }
    return {std::make_unique<const BatchCalendar>(std::move(all)),
            std::make_unique<const BatchCalendar>(std::move(synthesis)),
            std::make_unique<const BatchCalendar>(std::move(others))};
  }
  static std::size_t misplaced(const Calendars& calendars) {
    return calendars.synthesis->misplaced() + calendars.others->misplaced();
  }
  /// Two series of announcements are two calendars, unless they come out on the same days.
  static bool apart(const Calendars& calendars) {
    const auto days = [](const BatchCalendar& calendar) {
      std::vector<std::int32_t> all;
      for (const TimestampUs at : calendar.dates()) all.push_back(Date::of(at).days);
      return all;
    };
    const std::vector<std::int32_t> one = days(*calendars.synthesis);
    const std::vector<std::int32_t> other = days(*calendars.others);
    std::vector<std::int32_t> both;
    std::ranges::set_intersection(one, other, std::back_inserter(both));
    return !one.empty() && !other.empty() && 2 * both.size() <= std::min(one.size(), other.size());
  }

  std::unordered_map<Uuid, TimestampUs> approved_at_;
  std::vector<Wait> waits_;
};

EstimateTables::EstimateTables(const Source& samples, TimestampUs now) : measured_at_(now) {
  CalendarMaker calendars;
  samples([&](const StageSample& sample) {
    if (sample.stream.kind != StreamKind::filing || index_of(sample.stage) >= rows_.size()) return;
    const double hours = std::round(hours_between(sample.entered_at, sample.left_at.value_or(now)));
    Row row;
    row.hours = static_cast<std::uint32_t>(hours);
    row.region = region_number(sample.region);
    row.attempt = sample.attempt;
    row.way = sample.outcome ? static_cast<std::uint8_t>(way_of(*sample.outcome)) : Row::kOpen;
    row.type = sample.type ? static_cast<std::uint8_t>(*sample.type) : 0;
    row.role = sample.role ? static_cast<std::uint8_t>(*sample.role) : 0;
    rows_[index_of(sample.stage)].push_back(row);
    calendars.add(sample);
  });
  for (std::vector<Row>& rows : rows_) std::ranges::sort(rows, {}, &Row::hours);
  calendars.make(*this);
}

EstimateTables::~EstimateTables() = default;

std::size_t EstimateTables::finished_reviews() const {
  return static_cast<std::size_t>(std::ranges::count_if(rows_[index_of(Stage::review)], [](const Row& row) {
    return row.way == static_cast<std::uint8_t>(WayOut::onward) ||
           row.way == static_cast<std::uint8_t>(WayOut::back);
  }));
}

std::size_t EstimateTables::batches() const {
  return calendars_.all->batches();
}

std::optional<NoEstimate> EstimateTables::lack() const {
  if (const std::size_t reviews = finished_reviews(); reviews < kReviewsMin)
    return NoEstimate{NoEstimate::Lack::reviews, Stage::review, reviews, kReviewsMin};
  if (batches() < kBatchesMin)
    return NoEstimate{NoEstimate::Lack::batches, Stage::publication, batches(), kBatchesMin};
  return std::nullopt;
}

std::optional<NoEstimate> EstimateTables::lack(std::optional<AlgorithmType> type) const {
  if (auto lacking = lack()) return lacking;
  if (!series_apart_) return std::nullopt;
  const std::size_t known = type ? calendar(*type).batches()
                                 : std::min(calendars_.synthesis->batches(), calendars_.others->batches());
  if (known >= kBatchesMin) return std::nullopt;
  return NoEstimate{NoEstimate::Lack::batches, Stage::publication, known, kBatchesMin};
}

const BatchCalendar& EstimateTables::calendar(AlgorithmType type) const {
  if (!series_apart_) return *calendars_.all;
  return type == AlgorithmType::generation_synthesis ? *calendars_.synthesis : *calendars_.others;
}

std::shared_ptr<const DurationCurve> EstimateTables::curve(Stage stage,
                                                           const EstimateStratum& stratum) const {
  const std::uint32_t region = number_in(stratum.region);
  const Key key{stage,
                static_cast<std::uint8_t>(stratum.type ? static_cast<std::uint8_t>(*stratum.type) : 0),
                static_cast<std::uint8_t>(stratum.role ? static_cast<std::uint8_t>(*stratum.role) : 0),
                region,
                static_cast<std::uint32_t>(stratum.region.size()),
                stratum.attempt_from,
                stratum.attempt_to};
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = curves_.find(key); known != curves_.end()) return known->second;
  }
  // Outside the lock: two callers may build the same curve, and both are right.
  std::vector<DurationRow> rows;
  std::size_t finished = 0;
  for (const Row& row : rows_[index_of(stage)]) {
    if (!row.is_like(stratum, region)) continue;
    rows.push_back(
        {row.hours, row.way == Row::kOpen ? std::nullopt : std::optional(static_cast<WayOut>(row.way))});
    if (row.way != Row::kOpen) ++finished;
  }
  std::shared_ptr<const DurationCurve> built;
  if (finished >= kStratumMin || stratum.pooled())
    built = std::make_shared<const DurationCurve>(rows, holder_of(stage));
  const std::lock_guard lock(mutex_);
  if (curves_.size() >= kCurvesMax) curves_.clear();
  curves_.emplace(key, built);
  return built;
}

EstimateTables::Basis EstimateTables::basis(const EstimateCase& of, Stage stage, std::uint32_t attempt,
                                            double elapsed) const {
  for (const Likeness& like : kLikenesses) {
    const auto stratum = stratum_of(like, of, attempt);
    if (!stratum) continue;
    auto found = curve(stage, *stratum);
    if (!found) continue;
    if (!stratum->pooled() && elapsed > 0 && found->at_risk_beyond(elapsed) < kAtRiskMin) continue;
    return {std::move(found), *stratum};
  }
  return {curve(stage, EstimateStratum{}), EstimateStratum{}};
}

/// Walks of one case, with what they need looked up once.
class EstimateTables::Walker {
 public:
  Walker(const EstimateTables& tables, const EstimateCase& of, TimestampUs now,
         const EstimateOptions& options)
      : tables_(tables),
        of_(of),
        options_(options),
        elapsed_(hours_between(of.entered_at, now)),
        approved_(-hours_between(of.approved_at.value_or(of.entered_at), now)),
        current_(tables.basis(of, of.stage, attempt_class(of.attempt), elapsed_)),
        batches_(tables.calendar(of.type.value_or(AlgorithmType::personalized_push)), now),
        synthesis_batches_(tables.calendar(of.type.value_or(AlgorithmType::generation_synthesis)), now),
        draws_(Draws::seed_of(of.stream, options.position)) {
    const auto publications = tables.curve(Stage::publication, EstimateStratum{});
    if (publications->finished() > 0) {
      taken_out_ = static_cast<double>(publications->finished(WayOut::out)) /
                   static_cast<double>(publications->finished());
    }
  }

  struct Arrival {
    std::optional<double> hours;  ///< nullopt: never
    bool rejected = false;
  };

  /// One walk; stops with `lacking()` at a stage without history.
  Arrival walk() {
    Arrival arrival;
    Stage stage = of_.stage;
    std::uint32_t attempt = attempt_class(of_.attempt);
    bool force = options_.rejected_once_more;
    double at = 0;
    double spent = elapsed_;
    double approved = approved_;
    for (int step = 0; step < kStepsMax; ++step) {
      if (stage == Stage::publication) {
        if (taken_out_ > 0 && draws_.uniform() < taken_out_) return arrival;
        const double numbered = at - spent;
        // What is not known to belong to a series belongs to either, as often as they have had filings.
        const bool synthesis = draws_.uniform() < tables_.synthesis_share_;
        arrival.hours = (synthesis ? synthesis_batches_ : batches_)
                            .publication(draws_, tables_.by_approval_ ? approved : numbered, numbered);
        return arrival;
      }
      const DurationCurve* curve = step == 0 ? current_.curve.get() : later(stage, attempt);
      if (curve->finished() < kStageMin) {
        lacking_ = NoEstimate{NoEstimate::Lack::stage, stage, curve->finished(), kStageMin};
        return arrival;
      }
      const bool forced = force && stage == Stage::review;
      const auto end = forced ? curve->draw(draws_, spent, WayOut::back) : curve->draw(draws_, spent);
      if (forced) force = false;
      if (!end || end->way == WayOut::out) return arrival;
      at += end->hours;
      spent = 0;
      if (stage == Stage::review) approved = at;
      if (end->way == WayOut::onward) {
        stage = stage == Stage::drafting || stage == Stage::rework ? Stage::queued
                : stage == Stage::queued                           ? Stage::review
                : stage == Stage::review                           ? Stage::numbering
                                                                   : Stage::publication;
      } else {
        if (stage == Stage::review) arrival.rejected = true;
        stage = stage == Stage::review ? Stage::rework : Stage::drafting;
        attempt = std::min(attempt + 1, kAttemptsApart);
      }
    }
    return arrival;
  }

  [[nodiscard]] const std::optional<NoEstimate>& lacking() const { return lacking_; }

  [[nodiscard]] std::vector<StageBasis> basis() const {
    std::vector<StageBasis> all;
    const auto add = [&](Stage stage, std::uint32_t attempt, const Basis& basis) {
      all.push_back({stage, attempt, basis.curve->visits(), basis.curve->finished(), basis.stratum});
    };
    add(of_.stage, attempt_class(of_.attempt), current_);
    for (std::size_t stage = 0; stage < later_.size(); ++stage) {
      for (std::uint32_t attempt = 1; attempt <= kAttemptsApart; ++attempt) {
        const Basis& basis = later_[stage][attempt - 1];
        if (basis.curve) add(static_cast<Stage>(stage + 1), attempt, basis);
      }
    }
    if (of_.stage != Stage::publication)
      add(Stage::publication, attempt_class(of_.attempt),
          {tables_.curve(Stage::publication, EstimateStratum{}), EstimateStratum{}});
    return all;
  }

 private:
  static std::uint32_t attempt_class(std::uint32_t attempt) {
    return std::clamp(attempt, std::uint32_t{1}, kAttemptsApart);
  }
  const DurationCurve* later(Stage stage, std::uint32_t attempt) {
    Basis& basis = later_[index_of(stage)][attempt - 1];
    if (!basis.curve) basis = tables_.basis(of_, stage, attempt, 0);
    return basis.curve.get();
  }

  const EstimateTables& tables_;
  const EstimateCase& of_;
  const EstimateOptions& options_;
  const double elapsed_;
  const double approved_;  // hours from now; of filings that are
  const Basis current_;
  const BatchCalendar::View batches_, synthesis_batches_;  // the same where the series is known
  Draws draws_;
  double taken_out_ = 0;
  std::array<std::array<Basis, kAttemptsApart>, 6> later_;
  std::optional<NoEstimate> lacking_;
};

std::expected<Estimate, NoEstimate> EstimateTables::estimate(const EstimateCase& of, TimestampUs now,
                                                             const EstimateOptions& options) const {
  if (auto lacking = lack(of.type)) return std::unexpected(*lacking);
  Walker walker(*this, of, now, options);
  std::vector<double> arrivals;
  arrivals.reserve(options.walks);
  unsigned rejected = 0;
  for (unsigned i = 0; i < options.walks; ++i) {
    const auto arrival = walker.walk();
    if (walker.lacking()) return std::unexpected(*walker.lacking());
    if (arrival.hours) arrivals.push_back(*arrival.hours / kHoursADay);
    if (arrival.rejected) ++rejected;
  }
  const auto walks = static_cast<double>(options.walks);
  Estimate estimate;
  estimate.elapsed_days = static_cast<double>(now.value - of.entered_at.value) / kUsAnHour / kHoursADay;
  estimate.rejection_probability = rejected / walks;
  estimate.never_probability = 1 - static_cast<double>(arrivals.size()) / walks;
  estimate.basis = walker.basis();
  estimate.batches = of.type ? calendar(*of.type).batches() : batches();
  if (arrivals.size() * kArrivalsShare >= options.walks) {
    std::ranges::sort(arrivals);
    estimate.days = EstimateDays{.p10 = quantile(arrivals, 0.1),
                                 .p50 = quantile(arrivals, 0.5),
                                 .p80 = quantile(arrivals, 0.8),
                                 .p90 = quantile(arrivals, 0.9),
                                 .p95 = quantile(arrivals, 0.95)};
  }
  return estimate;
}

}  // namespace ledger::replay
