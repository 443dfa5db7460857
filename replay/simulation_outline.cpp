#include "replay/simulation_outline.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "events/core/limits.hpp"

namespace ledger::replay::outline {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kDayUs = 86'400 * kSecondUs;
constexpr std::uint16_t kFilingsOfSubjectMax = 60;
constexpr unsigned kSubjectRoundsMax = 6;
/// Subjects that register before the end and whose first filing lies behind it come from this many working
/// days.
constexpr double kAheadDays = 60;

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

std::int64_t working(double days) {
  return static_cast<std::int64_t>(std::llround(days * (static_cast<double>(kWorkingDayUs) / 1000))) * 1000;
}

}  // namespace

Outline::Outline(const SimulationPlan& given)
    : plan(given), hours(Date::of(given.from), Date{Date::of(given.to).days + 5 * 366}) {
  begin = hours.worked(plan.from);
  end = hours.worked(plan.to);
  // A span without office hours: people work all the same, at its last moment.
  if (end <= begin) begin = end;
  plan_arrivals();
  plan_announcements();
}

double Outline::season_at(Date day) const {
  const SimulationParameters& p = plan.parameters;
  const double years = (day.days - Date::of(plan.from).days) / 365.25;
  const double growth = std::max(0.05, 1 + p.growth_per_year * years);
  return growth * (1 + p.season * std::sin(2 * std::numbers::pi * (day.days % 365) / 365.0));
}

/// Moments within the span, by the arrival rate of their days.
std::vector<std::int64_t> Outline::moments(std::size_t count, Draws& draws) const {
  std::vector<double> sums;
  std::vector<std::size_t> days;
  double sum = 0;
  for (std::size_t i = 0; i < hours.days(); ++i) {
    const TimestampUs opens = hours.opening(hours.day(i));
    if (opens > plan.to || hours.worked(opens) + kWorkingDayUs <= begin) continue;
    // Days that the span cuts weigh by what it leaves of them.
    const auto last = std::min(end, hours.worked(opens) + kWorkingDayUs);
    const double part =
        static_cast<double>(last - std::max(begin, hours.worked(opens))) / static_cast<double>(kWorkingDayUs);
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

std::int64_t Outline::course_of(const Subject& subject,
                                const std::function<void(std::int64_t, const Entry&)>& each) const {
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

Subject Outline::new_subject(bool idle) const {
  Subject subject;
  Draws draws(plan.seed, 0x5355'0000'0000'0000 + subjects.size());
  subject.supporter = draws.chance(plan.parameters.supporter_share);
  subject.idle = idle;
  subject.draws = draws.state();
  return subject;
}

/// Adds a subject whose first filing is drafted when so much was worked; answers when that comes to be.
std::int64_t Outline::add_subject(std::int64_t drafted) {
  Subject subject = new_subject(false);
  const std::int64_t needed = course_of(subject, [](std::int64_t, const Entry&) {});
  std::int64_t registered = drafted - needed;
  if (registered < begin) {
    if (begin + needed <= end) {
      registered = begin + working(0.2 * Draws(subject.draws ^ 1).unit());
      drafted = registered + needed;
    } else {
      subject.scale = static_cast<float>(static_cast<double>(drafted - begin) / static_cast<double>(needed));
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

void Outline::plan_arrivals() {
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
void Outline::plan_other_subjects(std::size_t new_subjects, Draws& draws) {
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
  const auto ahead = static_cast<std::size_t>(std::min(rate * kAheadDays, static_cast<double>(new_subjects)));
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

void Outline::plan_announcements() {
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

}  // namespace ledger::replay::outline
