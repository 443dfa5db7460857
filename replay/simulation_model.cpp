#include "replay/simulation_model.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <queue>
#include <stdexcept>
#include <vector>

#include "events/core/limits.hpp"
#include "replay/office_hours.hpp"

namespace ledger::replay {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kDayUs = 86'400 * kSecondUs;
constexpr double kWorkingDaysOfYear = 250;
/// A registration that is never used lapses after this long; `serve --lapse-days` has the same default.
constexpr std::int64_t kLapseUs = 90 * kDayUs;
constexpr std::uint16_t kFilingsOfSubjectMax = 60;
constexpr unsigned kSubjectRoundsMax = 6;
/// Subjects that register before the end and whose first filing lies behind it come from this many working
/// days.
constexpr double kAheadDays = 60;

/// How much the rejection of a type differs from that of all; 1 on the whole.
constexpr std::array<double, 7> kTypeFactor = {1, 1.1, 0.95, 0.9, 0.9, 1, 0.95};

/// SplitMix64 (Steele, Lea, Flood 2014): one word of state, so that each filing has its own.
class Draws {
 public:
  explicit Draws(std::uint64_t state) : state_(state) {}
  Draws(std::uint64_t seed, std::uint64_t stream) : state_(mixed(seed ^ mixed(stream))) {}
  [[nodiscard]] std::uint64_t state() const { return state_; }
  std::uint64_t bits() { return mixed(state_ += 0x9e3779b97f4a7c15); }
  /// Above 0, below 1.
  double unit() { return (static_cast<double>(bits() >> 11) + 0.5) * 0x1p-53; }
  bool chance(double p) { return unit() < p; }
  std::uint64_t below(std::uint64_t n) { return static_cast<std::uint64_t>(unit() * static_cast<double>(n)); }
  /// Exponential with this mean.
  double wait(double mean) { return -std::log(unit()) * mean; }
  double stay(const StayParameters& stay) {
    const double normal =
        std::sqrt(-2 * std::log(unit())) * std::cos(2 * std::numbers::pi * unit());  // Box and Muller 1958
    constexpr double kP90 = 1.2815515655446004;
    return stay.median * std::exp(std::log(stay.p90 / stay.median) / kP90 * normal);
  }

 private:
  static std::uint64_t mixed(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint64_t state_;
};

/// What happens in the queue besides the steps that are told.
enum class Internal : std::uint8_t { decide_filing = 200, decide_change, decide_cancellation };
constexpr std::uint8_t kind_of(StepKind kind) {
  return static_cast<std::uint8_t>(kind);
}
constexpr std::uint8_t kind_of(Internal kind) {
  return static_cast<std::uint8_t>(kind);
}

struct Due {
  std::int64_t at = 0;
  std::uint64_t order = 0;  ///< of things at the same moment, the first one asked for comes first
  std::uint32_t index = 0;  ///< of the filing or subject
  std::uint8_t kind = 0;
  std::uint8_t flag = 0;
  std::uint16_t product = 0, path = 0, feature = 0;
  bool operator>(const Due& other) const { return at != other.at ? at > other.at : order > other.order; }
};

/// Stages in which something is left open at the end, also in a small history.
enum class Held : std::uint8_t { none, drafting, queued, review, rework, numbering, publication };
enum class HeldSubject : std::uint8_t { none, registration, review, rework };

struct HeldPlan {
  Held stage;
  double lead;  ///< working days before the end at which the first draft is saved
};
constexpr std::array<HeldPlan, 6> kHeld = {{{Held::drafting, 8},
                                            {Held::queued, 16},
                                            {Held::review, 40},
                                            {Held::rework, 62},
                                            {Held::numbering, 38},
                                            {Held::publication, 45}}};

struct Subject {
  std::uint64_t draws = 0;
  std::int64_t registered_at = 0, ready_at = 0;
  float scale = 1;  ///< of its stays, below 1 where the span has no room for them
  std::uint16_t filings = 0;
  std::uint16_t revision = 0;
  bool supporter = false, idle = false, qualified = false, change_open = false;
  HeldSubject held = HeldSubject::none;
};

enum class At : std::uint8_t {
  none,
  draft,
  submitted,
  in_review,
  rejected,
  approved,
  numbered,
  published,
  ended
};

struct Filing {
  std::uint64_t draws = 0;
  std::int64_t drafted_at = 0, approved_at = 0;
  std::uint32_t subject = 0;
  std::uint32_t revision = 0;
  std::uint16_t reviewer = 0, round = 0;
  std::uint8_t submissions = 0;  ///< steps of an earlier submission do not count any more
  At at = At::none;
  AlgorithmType type{};
  AlgorithmRole role{};
  Held held = Held::none;
  bool change_open = false, cancellation_open = false;
};

struct Announcement {
  std::int64_t at = 0, cutoff = 0;
  std::uint32_t batch = 0;
  Series series{};
};

/// The product tree of a subject, in the order in which it is added.
struct Entry {
  StepKind kind;
  std::uint16_t product, path, feature;
};

std::vector<Entry> tree_of(Draws& draws) {
  std::vector<Entry> tree;
  const auto products = static_cast<std::uint16_t>(1 + draws.below(3));
  for (std::uint16_t product = 0; product < products; ++product) {
    tree.push_back({StepKind::add_product, product, 0, 0});
    const auto paths = static_cast<std::uint16_t>(1 + draws.below(2));
    for (std::uint16_t path = 0; path < paths; ++path) {
      tree.push_back({StepKind::add_path, product, path, 0});
      const auto features = static_cast<std::uint16_t>(1 + draws.below(3));
      for (std::uint16_t feature = 0; feature < features; ++feature) {
        tree.push_back({StepKind::add_feature, product, path, feature});
        if (draws.chance(0.1)) tree.push_back({StepKind::update_feature, product, path, feature});
      }
    }
  }
  return tree;
}

}  // namespace

struct SimulationModel::Impl {
  explicit Impl(const SimulationPlan& given)
      : plan(given), hours(Date::of(given.from), Date{Date::of(given.to).days + 5 * 366}) {
    begin = hours.worked(plan.from);
    end = hours.worked(plan.to);
    if (end <= begin) {
      // A span without office hours: people work all the same, at its last moment.
      begin = end = hours.worked(plan.to);
    }
    plan_arrivals();
    plan_announcements();
  }

  // ---- the plan

  [[nodiscard]] double season_at(Date day) const {
    const SimulationParameters& p = plan.parameters;
    const double years = (day.days - Date::of(plan.from).days) / 365.25;
    const double growth = std::max(0.05, 1 + p.growth_per_year * years);
    return growth * (1 + p.season * std::sin(2 * std::numbers::pi * (day.days % 365) / 365.0));
  }

  /// Moments within the span, by the arrival rate of their days.
  [[nodiscard]] std::vector<std::int64_t> moments(std::size_t count, Draws& draws) const {
    std::vector<double> sums;
    std::vector<std::size_t> days;
    double sum = 0;
    for (std::size_t i = 0; i < hours.days(); ++i) {
      const TimestampUs opens = hours.opening(hours.day(i));
      if (opens > plan.to || hours.worked(opens) + kWorkingDayUs <= begin) continue;
      // Days that the span cuts weigh by what it leaves of them.
      const auto last = std::min(end, hours.worked(opens) + kWorkingDayUs);
      const double part = static_cast<double>(last - std::max(begin, hours.worked(opens))) /
                          static_cast<double>(kWorkingDayUs);
      if (part <= 0) continue;
      sums.push_back(sum += season_at(hours.day(i)) * part);
      days.push_back(i);
    }
    std::vector<std::int64_t> found;
    found.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      const double at = draws.unit() * sum;
      const auto day = static_cast<std::size_t>(std::ranges::upper_bound(sums, at) - sums.begin());
      const double within = draws.unit();
      if (day >= days.size()) {
        found.push_back(end);
        continue;
      }
      const std::int64_t opens = hours.worked(hours.opening(hours.day(days[day])));
      const std::int64_t from = std::max(begin, opens), to = std::min(end, opens + kWorkingDayUs);
      found.push_back(from + static_cast<std::int64_t>(within * static_cast<double>(to - from)));
    }
    std::ranges::sort(found);
    return found;
  }

  static std::int64_t working(double days) {
    return static_cast<std::int64_t>(std::llround(days * (static_cast<double>(kWorkingDayUs) / 1000))) * 1000;
  }

  /// What a subject does until its first filing, as working time since its registration; `each` is told.
  template <typename Each>
  [[nodiscard]] std::int64_t course_of(const Subject& subject, const Each& each) const {
    const SimulationParameters& p = plan.parameters;
    Draws draws(subject.draws);
    std::int64_t at = 0;
    const auto pass = [&](double days) { at += working(days * subject.scale); };
    pass(draws.stay(p.registration));
    for (unsigned round = 1;; ++round) {
      each(at, Entry{StepKind::submit_subject, 0, 0, 0});
      pass(draws.stay(p.subject_review));
      if (round == kSubjectRoundsMax || !draws.chance(p.subject_rejected)) break;
      each(at, Entry{StepKind::reject_subject, 0, 0, 0});
      pass(draws.stay(p.subject_rework));
    }
    each(at, Entry{StepKind::approve_subject, 0, 0, 0});
    pass(0.05 + 0.5 * draws.unit());
    if (!subject.supporter) {
      for (const Entry& entry : tree_of(draws)) {
        each(at, entry);
        pass(0.002 + 0.01 * draws.unit());
      }
    }
    pass(0.1 + 2 * draws.unit());
    return at;
  }

  Subject new_subject(bool idle) {
    Subject subject;
    Draws draws(plan.seed, 0x5355'0000'0000'0000 + subjects.size());
    subject.supporter = draws.chance(plan.parameters.supporter_share);
    subject.idle = idle;
    subject.draws = draws.state();
    return subject;
  }

  /// Adds a subject whose first filing is drafted when so much was worked; answers when that comes to be.
  std::int64_t add_subject(std::int64_t drafted) {
    Subject subject = new_subject(false);
    const std::int64_t needed = course_of(subject, [](std::int64_t, const Entry&) {});
    std::int64_t registered = drafted - needed;
    if (registered < begin) {
      if (begin + needed <= end) {
        registered = begin + working(0.2 * Draws(subject.draws ^ 1).unit());
        drafted = registered + needed;
      } else {
        subject.scale =
            static_cast<float>(static_cast<double>(drafted - begin) / static_cast<double>(needed));
        registered = begin;
        drafted = registered + course_of(subject, [](std::int64_t, const Entry&) {});
      }
    }
    drafted = std::min(drafted, std::max(end, registered));
    subject.registered_at = registered;
    subject.ready_at = drafted;
    subjects.push_back(subject);
    return drafted;
  }

  void plan_arrivals() {
    const SimulationParameters& p = plan.parameters;
    Draws draws(plan.seed, 1);
    std::vector<std::int64_t> arrivals = moments(plan.filings, draws);
    std::vector<Held> held(arrivals.size(), Held::none);
    std::vector<std::pair<std::int64_t, Held>> all;
    std::size_t i = 0;
    if (arrivals.size() >= 4 * kHeld.size()) {
      for (const HeldPlan& one : kHeld) {
        // There must be room for a subject's own course before.
        const std::int64_t at = end - working(one.lead);
        if (at - working(25) > begin) all.emplace_back(at, one.stage);
      }
      i = all.size();
    }
    for (; i < arrivals.size(); ++i) all.emplace_back(arrivals[i], Held::none);
    std::ranges::sort(all);

    filings.reserve(all.size());
    std::size_t new_subjects = 0;
    for (const auto& [at, stage] : all) {
      Filing filing;
      filing.drafted_at = at;
      filing.held = stage;
      std::optional<std::uint32_t> chosen;
      if (!draws.chance(p.new_subject_chance)) {
        for (int tries = 0; tries < 8 && !chosen && !subjects.empty(); ++tries) {
          const auto one = static_cast<std::uint32_t>(draws.below(subjects.size()));
          if (subjects[one].ready_at <= at && subjects[one].filings < kFilingsOfSubjectMax) chosen = one;
        }
      }
      if (!chosen) {
        filing.drafted_at = add_subject(at);
        chosen = static_cast<std::uint32_t>(subjects.size() - 1);
        ++new_subjects;
      }
      filing.subject = *chosen;
      ++subjects[*chosen].filings;
      filings.push_back(filing);
    }
    plan_other_subjects(new_subjects, draws);
    for (std::uint32_t index = 0; index < filings.size(); ++index) {
      filings[index].draws = Draws(plan.seed, 0x4649'0000'0000'0000 + index).state();
      drafts.emplace_back(filings[index].drafted_at, index);
    }
    for (std::uint32_t index = 0; index < subjects.size(); ++index) {
      if (subjects[index].registered_at <= end)
        registrations.emplace_back(subjects[index].registered_at, index);
    }
    std::ranges::sort(drafts);
    std::ranges::sort(registrations);
  }

  /// Subjects that never file, those whose first filing lies behind the end, and one in each of their stages.
  void plan_other_subjects(std::size_t new_subjects, Draws& draws) {
    const SimulationParameters& p = plan.parameters;
    const auto idle =
        static_cast<std::size_t>(std::llround(static_cast<double>(new_subjects) * p.idle_subject_share));
    for (const std::int64_t at : moments(idle, draws)) {
      Subject subject = new_subject(true);
      subject.registered_at = at;
      subjects.push_back(subject);
    }
    const double days = static_cast<double>(std::max<std::int64_t>(end - begin, 1)) / kWorkingDayUs;
    const double rate = std::min(static_cast<double>(new_subjects) / days, static_cast<double>(new_subjects));
    const auto ahead =
        static_cast<std::size_t>(std::min(rate * kAheadDays, static_cast<double>(new_subjects)));
    for (std::size_t i = 0; i < ahead; ++i) {
      Subject subject = new_subject(false);
      const std::int64_t drafted = end + 1000 + working(kAheadDays * draws.unit());
      subject.registered_at = drafted - course_of(subject, [](std::int64_t, const Entry&) {});
      subject.ready_at = drafted;
      if (subject.registered_at >= begin && subject.registered_at <= end) subjects.push_back(subject);
    }
    if (plan.filings < 4 * kHeld.size() || end - begin < working(12)) return;
    for (const HeldSubject stage : {HeldSubject::registration, HeldSubject::review, HeldSubject::rework}) {
      Subject subject = new_subject(true);
      subject.held = stage;
      subject.registered_at = end - working(8);
      subjects.push_back(subject);
    }
  }

  void plan_announcements() {
    const SimulationParameters& p = plan.parameters;
    Draws draws(plan.seed, 2);
    for (const Series series : {Series::algorithm, Series::deep_synthesis}) {
      double day = Date::of(plan.from).days + p.batch_days * (0.5 + draws.unit());
      for (std::uint32_t batch = 1; day <= Date::of(plan.to).days && batch <= limits::kBatchMax; ++batch) {
        const double spread = p.cutoff_days_max - p.cutoff_days_min;
        const double middle = p.cutoff_days_median - p.cutoff_days_min;
        // Half of the cut-offs lie closer than the median, all between the bounds.
        const double power = middle > 0 && spread > middle ? std::log(middle / spread) / std::log(0.5) : 1;
        const double ahead = p.cutoff_days_min + spread * std::pow(draws.unit(), power);
        const TimestampUs at{hours.opening({static_cast<std::int32_t>(day)}).value + 3600 * kSecondUs};
        announcements.push_back(
            {at.value, at.value - static_cast<std::int64_t>(ahead * kDayUs), batch, series});
        day += std::max(1.0, p.batch_days * (0.9 + 0.2 * draws.unit()));
      }
    }
    std::ranges::sort(announcements, {}, &Announcement::at);
  }

  // ---- the course

  void at(std::int64_t moment, std::uint8_t kind, std::uint32_t index, std::uint8_t flag = 0,
          std::uint16_t product = 0, std::uint16_t path = 0, std::uint16_t feature = 0) {
    if (moment > plan.to.value) return;
    queue.push({moment, next_order++, index, kind, flag, product, path, feature});
  }
  /// So many working days from now.
  void in(double days, std::uint8_t kind, std::uint32_t index, std::uint8_t flag = 0,
          std::uint16_t product = 0) {
    at(std::max(now, hours.after({now}, days).value), kind, index, flag, product);
  }

  std::optional<SimulationStep> next() {
    while (true) {
      const std::int64_t registration = next_registration < registrations.size()
                                            ? hours.moment(registrations[next_registration].first).value
                                            : kNever;
      const std::int64_t draft =
          next_draft < drafts.size() ? hours.moment(drafts[next_draft].first).value : kNever;
      const std::int64_t batch =
          next_announcement < announcements.size() ? announcements[next_announcement].at : kNever;
      const std::int64_t queued = queue.empty() ? kNever : queue.top().at;
      const std::int64_t first = std::min({registration, draft, batch, queued});
      if (first == kNever || first > std::max(plan.to.value, now)) {
        // What office hours put behind the end of a short span happens at its last moment.
        if (registration == kNever && draft == kNever) return std::nullopt;
      }
      now = std::clamp(std::max(now, first), plan.from.value, plan.to.value);
      std::optional<SimulationStep> step;
      if (queued == first && queued != kNever) {
        const Due due = queue.top();
        queue.pop();
        step = due.kind <= kind_of(StepKind::update_feature) ? subject_step(due) : filing_step(due);
      } else if (registration == first) {
        step = registered(registrations[next_registration++].second);
      } else if (draft == first) {
        step = drafted(drafts[next_draft++].second);
      } else {
        announce(announcements[next_announcement++]);
      }
      if (step) return step;
    }
  }

  [[nodiscard]] SimulationStep step_of(StepKind kind, std::uint32_t subject, std::uint64_t chance) const {
    SimulationStep step;
    step.at = {now};
    step.kind = kind;
    step.subject = subject;
    step.chance = chance;
    return step;
  }

  SimulationStep registered(std::uint32_t index) {
    Subject& subject = subjects[index];
    const SimulationParameters& p = plan.parameters;
    Draws draws(subject.draws ^ 2);
    const std::int64_t start = hours.worked({now});
    const bool unused = subject.idle && subject.held == HeldSubject::none && draws.chance(0.4);
    const bool gives_up = subject.idle && draws.chance(0.5);
    if (unused) {
      at(now + kLapseUs, kind_of(StepKind::lapse_subject), index);
    } else if (subject.held == HeldSubject::none) {
      bool stopped = false;
      (void)course_of(subject, [&](std::int64_t worked, const Entry& entry) {
        if (!stopped) {
          at(std::max(now, hours.moment(start + worked).value), kind_of(entry.kind), index, 0, entry.product,
             entry.path, entry.feature);
        }
        stopped = stopped || (gives_up && entry.kind == StepKind::reject_subject);
      });
      if (p.subject_change_per_year > 0)
        in(40 + draws.wait(kWorkingDaysOfYear / p.subject_change_per_year), kind_of(StepKind::change_subject),
           index);
    } else if (subject.held != HeldSubject::registration) {
      in(2, kind_of(StepKind::submit_subject), index);
      if (subject.held == HeldSubject::rework) in(5, kind_of(StepKind::reject_subject), index);
    }
    return step_of(StepKind::register_subject, index, draws.bits());
  }

  std::optional<SimulationStep> subject_step(const Due& due) {
    Subject& subject = subjects[due.index];
    const SimulationParameters& p = plan.parameters;
    const auto kind = static_cast<StepKind>(due.kind);
    // A stream of its own for each step: courses are planned before others' steps are known.
    Draws draws(subject.draws ^ (0x1000 + next_order + due.order));
    SimulationStep step = step_of(kind, due.index, draws.bits());
    step.product = due.product;
    step.path = due.path;
    step.feature = due.feature;
    step.revision = subject.revision;
    if (kind == StepKind::approve_subject) {
      subject.qualified = true;
    } else if (kind == StepKind::reject_subject) {
      ++subject.revision;
    } else if (kind == StepKind::change_subject) {
      if (!subject.qualified || subject.change_open) return std::nullopt;
      subject.change_open = true;
      step.revision = ++subject.revision;
      const bool approved = draws.chance(0.9);
      in(draws.stay(p.subject_review),
         kind_of(approved ? StepKind::approve_subject_change : StepKind::reject_subject_change), due.index);
    } else if (kind == StepKind::approve_subject_change || kind == StepKind::reject_subject_change) {
      subject.change_open = false;
      if (p.subject_change_per_year > 0)
        in(draws.wait(kWorkingDaysOfYear / p.subject_change_per_year), kind_of(StepKind::change_subject),
           due.index);
    }
    return step;
  }

  [[nodiscard]] SimulationStep step_of(StepKind kind, std::uint32_t index, const Filing& filing,
                                       Draws& draws) const {
    SimulationStep step = step_of(kind, filing.subject, draws.bits());
    step.filing = index;
    step.type = filing.type;
    step.role = filing.role;
    step.revision = filing.revision;
    step.product = filing.reviewer;
    return step;
  }

  SimulationStep drafted(std::uint32_t index) {
    Filing& filing = filings[index];
    const SimulationParameters& p = plan.parameters;
    Draws draws(filing.draws);
    filing.at = At::draft;
    choose_type(filing, draws);
    const bool held = filing.held != Held::none;
    // Geometric, so that its mean is the parameter.
    unsigned saves = 1;
    while (saves < 12 && draws.chance(1 - 1 / p.draft_saves)) ++saves;
    const double days = held ? 2 : draws.stay(p.drafting);
    const bool left = filing.held == Held::drafting || (!held && draws.chance(p.never_submitted));
    for (unsigned i = 1; i < saves; ++i)
      in(days * i / saves, kind_of(StepKind::save_draft), index, !left && i + 1 == saves);
    if (!left) {
      in(days, kind_of(StepKind::submit_filing), index);
    } else if (!held && draws.chance(0.5)) {
      in(days + draws.stay(p.rework), kind_of(StepKind::discard_draft), index);
    }
    SimulationStep step = step_of(StepKind::create_filing, index, filing, draws);
    step.complete = !left && saves == 1;
    filing.draws = draws.state();
    return step;
  }

  void choose_type(Filing& filing, Draws& draws) const {
    const bool supporter = subjects[filing.subject].supporter;
    filing.role = supporter ? AlgorithmRole::technical_supporter : AlgorithmRole::provider;
    const double at = draws.unit();
    constexpr std::array<double, 6> kProvider = {0.45, 0.67, 0.76, 0.86, 0.92, 1};
    constexpr std::array<double, 6> kSupporter = {0.85, 0.9, 0.92, 0.96, 0.98, 1};
    const auto& shares = supporter ? kSupporter : kProvider;
    filing.type = static_cast<AlgorithmType>(1 + (std::ranges::upper_bound(shares, at) - shares.begin()));
  }

  void submitted(Filing& filing, std::uint32_t index, Draws& draws) {
    const SimulationParameters& p = plan.parameters;
    filing.at = At::submitted;
    const auto submission = ++filing.submissions;
    const bool held = filing.held != Held::none;
    const double days = held ? (filing.held == Held::rework ? 20 : 32) : draws.stay(p.review);
    const double share = held ? 0.3 : std::min(0.95, p.queued_share * (0.5 + draws.unit()));
    if (!held && draws.chance(p.withdrawn)) {
      in(days * share * draws.unit(), kind_of(StepKind::withdraw_filing), index, submission);
      return;
    }
    if (filing.held == Held::queued) return;
    const auto reviewer = static_cast<std::uint16_t>(draws.below(kSimulatedReviewers));
    in(days * share, kind_of(StepKind::start_review), index, submission, reviewer);
    if (filing.held == Held::review) return;
    if (!held && draws.chance(p.takeover)) {
      const auto other = static_cast<std::uint16_t>((reviewer + 1) % kSimulatedReviewers);
      in(days * (share + (1 - share) * draws.unit()), kind_of(StepKind::start_review), index, submission,
         other);
    }
    in(days, kind_of(Internal::decide_filing), index, submission);
  }

  SimulationStep decided(Filing& filing, std::uint32_t index, Draws& draws) {
    const SimulationParameters& p = plan.parameters;
    const bool held = filing.held != Held::none;
    const double chance = (filing.round == 0 ? p.rejected_first : p.rejected_later) *
                          kTypeFactor[static_cast<std::size_t>(filing.type)];
    ++filing.round;
    if (held ? filing.held != Held::rework : !draws.chance(chance)) {
      filing.at = At::approved;
      filing.approved_at = now;
      if (filing.held != Held::numbering)
        in(held ? 2 : std::min(draws.stay(p.numbering), 8.0), kind_of(StepKind::assign_number), index);
      return step_of(StepKind::approve_filing, index, filing, draws);
    }
    filing.at = At::rejected;
    SimulationStep step = step_of(StepKind::reject_filing, index, filing, draws);
    if (held) return step;
    const double days = draws.stay(p.rework);
    if (draws.chance(p.abandoned)) {
      if (draws.chance(0.5)) {
        in(days, kind_of(StepKind::save_draft), index);
        in(2 * days, kind_of(StepKind::discard_draft), index);
      }
      return step;
    }
    if (draws.chance(0.4)) in(days * (0.3 + 0.5 * draws.unit()), kind_of(StepKind::save_draft), index);
    in(days * 0.95, kind_of(StepKind::save_draft), index, 1);
    in(days, kind_of(StepKind::submit_filing), index);
    return step;
  }

  void published(std::uint32_t index, Draws& draws) {
    const SimulationParameters& p = plan.parameters;
    if (draws.chance(p.displayed)) in(draws.stay(p.display), kind_of(StepKind::record_display), index);
    if (draws.chance(p.corrected)) in(draws.stay({10, 40}), kind_of(StepKind::correct_announcement), index);
    change_later(index, draws);
    if (p.cancellation_per_year > 0)
      in(draws.wait(kWorkingDaysOfYear / p.cancellation_per_year), kind_of(StepKind::request_cancellation),
         index);
    if (p.revocation_per_year > 0)
      in(draws.wait(kWorkingDaysOfYear / p.revocation_per_year), kind_of(StepKind::revoke_filing), index);
  }

  void change_later(std::uint32_t index, Draws& draws) {
    const double rate = plan.parameters.change_per_year;
    if (rate > 0) in(5 + draws.wait(kWorkingDaysOfYear / rate), kind_of(StepKind::submit_change), index);
  }

  std::optional<SimulationStep> filing_step(const Due& due) {
    Filing& filing = filings[due.index];
    Draws draws(filing.draws);
    auto step = filing_step(due, filing, draws);
    filing.draws = draws.state();
    return step;
  }

  std::optional<SimulationStep> filing_step(const Due& due, Filing& filing, Draws& draws) {
    const std::uint32_t index = due.index;
    const SimulationParameters& p = plan.parameters;
    const auto told = [&](StepKind kind) { return std::optional(step_of(kind, index, filing, draws)); };
    switch (due.kind) {
      case kind_of(StepKind::save_draft): {
        if (filing.at != At::draft && filing.at != At::rejected) return std::nullopt;
        filing.at = At::draft;
        // Some come back as they were.
        if (!draws.chance(0.02)) ++filing.revision;
        auto step = told(StepKind::save_draft);
        step->complete = due.flag != 0 || filing.submissions > 0;
        return step;
      }
      case kind_of(StepKind::discard_draft):
        if (filing.at != At::draft) return std::nullopt;
        filing.at = At::ended;
        return told(StepKind::discard_draft);
      case kind_of(StepKind::submit_filing):
        if (filing.at != At::draft) return std::nullopt;
        submitted(filing, index, draws);
        return told(StepKind::submit_filing);
      case kind_of(StepKind::withdraw_filing):
        if (filing.at != At::submitted || due.flag != filing.submissions) return std::nullopt;
        filing.at = At::draft;
        in(draws.stay(p.drafting), kind_of(StepKind::submit_filing), index);
        return told(StepKind::withdraw_filing);
      case kind_of(StepKind::start_review):
        if (due.flag != filing.submissions || (filing.at != At::submitted && filing.at != At::in_review))
          return std::nullopt;
        filing.at = At::in_review;
        filing.reviewer = due.product;
        return told(StepKind::start_review);
      case kind_of(Internal::decide_filing):
        if (due.flag != filing.submissions || filing.at != At::in_review) return std::nullopt;
        return decided(filing, index, draws);
      case kind_of(StepKind::assign_number):
        if (filing.at != At::approved) return std::nullopt;
        filing.at = At::numbered;
        if (filing.held != Held::publication) waiting.push_back(index);
        return told(StepKind::assign_number);
      case kind_of(StepKind::publish_filing): {
        if (filing.at != At::numbered) return std::nullopt;
        filing.at = At::published;
        published(index, draws);
        auto step = told(StepKind::publish_filing);
        step->series = series_of(filing);
        step->batch = due.path;
        return step;
      }
      default: return published_step(due, filing, draws);
    }
  }

  /// What happens to a filing that is published.
  std::optional<SimulationStep> published_step(const Due& due, Filing& filing, Draws& draws) {
    const std::uint32_t index = due.index;
    const SimulationParameters& p = plan.parameters;
    const auto told = [&](StepKind kind) { return std::optional(step_of(kind, index, filing, draws)); };
    if (filing.at != At::published) return std::nullopt;
    switch (due.kind) {
      case kind_of(StepKind::submit_change): {
        if (filing.cancellation_open) return std::nullopt;
        filing.change_open = true;
        ++filing.revision;
        const double days = draws.stay(p.change_review);
        if (draws.chance(p.change_withdrawn)) {
          in(days * draws.unit(), kind_of(StepKind::withdraw_change), index);
        } else {
          in(days, kind_of(Internal::decide_change), index);
        }
        return told(StepKind::submit_change);
      }
      case kind_of(StepKind::withdraw_change):
        filing.change_open = false;
        change_later(index, draws);
        return told(StepKind::withdraw_change);
      case kind_of(Internal::decide_change):
        filing.change_open = false;
        change_later(index, draws);
        return told(draws.chance(p.change_rejected) ? StepKind::reject_change : StepKind::approve_change);
      case kind_of(StepKind::request_cancellation):
        if (filing.change_open) {  // once that is decided
          in(5, kind_of(StepKind::request_cancellation), index);
          return std::nullopt;
        }
        filing.cancellation_open = true;
        in(draws.stay(p.cancellation_review), kind_of(Internal::decide_cancellation), index);
        return told(StepKind::request_cancellation);
      case kind_of(Internal::decide_cancellation):
        filing.cancellation_open = false;
        if (draws.chance(p.cancellation_rejected)) {
          change_later(index, draws);
          return told(StepKind::reject_cancellation);
        }
        filing.at = At::ended;
        return told(StepKind::cancel_filing);
      case kind_of(StepKind::revoke_filing): filing.at = At::ended; return told(StepKind::revoke_filing);
      case kind_of(StepKind::record_display): return told(StepKind::record_display);
      case kind_of(StepKind::correct_announcement): return told(StepKind::correct_announcement);
      default: throw std::logic_error("a step that the simulation does not know");
    }
  }

  static Series series_of(const Filing& filing) {
    return filing.type == AlgorithmType::generation_synthesis ? Series::deep_synthesis : Series::algorithm;
  }

  /// Publishes what was approved before the cut-off, one after the other, all on the same day.
  void announce(const Announcement& announcement) {
    std::vector<std::uint32_t> chosen, others;
    for (const std::uint32_t index : waiting) {
      const Filing& filing = filings[index];
      const bool in_list =
          series_of(filing) == announcement.series && filing.approved_at <= announcement.cutoff;
      (in_list ? chosen : others).push_back(index);
    }
    waiting = std::move(others);
    if (chosen.empty()) return;
    const std::int64_t apart = std::min<std::int64_t>(
        20 * kSecondUs, 4 * 3600 * kSecondUs / static_cast<std::int64_t>(chosen.size()));
    std::int64_t moment = announcement.at;
    for (const std::uint32_t index : chosen) {
      at(moment, kind_of(StepKind::publish_filing), index, 0, 0,
         static_cast<std::uint16_t>(announcement.batch));
      moment += apart;
    }
  }

  static constexpr std::int64_t kNever = INT64_MAX;

  SimulationPlan plan;
  OfficeHours hours;
  std::int64_t begin = 0, end = 0;  ///< of the span, in working time
  std::vector<Subject> subjects;
  std::vector<Filing> filings;
  std::vector<std::pair<std::int64_t, std::uint32_t>> drafts, registrations;  ///< in working time
  std::size_t next_draft = 0, next_registration = 0;
  std::vector<Announcement> announcements;
  std::size_t next_announcement = 0;
  std::vector<std::uint32_t> waiting;  ///< numbered, for the next announcement
  std::priority_queue<Due, std::vector<Due>, std::greater<>> queue;
  std::uint64_t next_order = 0;
  std::int64_t now = 0;
};

SimulationModel::SimulationModel(const SimulationPlan& plan) : impl_(std::make_unique<Impl>(plan)) {}
SimulationModel::~SimulationModel() = default;
SimulationModel::SimulationModel(SimulationModel&&) noexcept = default;
SimulationModel& SimulationModel::operator=(SimulationModel&&) noexcept = default;

std::optional<SimulationStep> SimulationModel::next() {
  return impl_->next();
}

std::uint64_t count_steps(const SimulationPlan& plan) {
  SimulationModel model(plan);
  std::uint64_t steps = 0;
  while (model.next()) ++steps;
  return steps;
}

}  // namespace ledger::replay
