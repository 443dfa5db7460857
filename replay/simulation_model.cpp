#include "replay/simulation_model.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <queue>
#include <stdexcept>
#include <vector>

#include "replay/simulation_outline.hpp"

namespace ledger::replay {
namespace {

using namespace outline;

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kDayUs = 86'400 * kSecondUs;
constexpr double kWorkingDaysOfYear = 250;
/// A registration that is never used lapses after this long; `serve --lapse-after-days` has the same default.
constexpr std::int64_t kLapseUs = 90 * kDayUs;

/// How much the rejection of a type differs from that of all; 1 on the whole.
constexpr std::array<double, 7> kTypeFactor = {1, 1.1, 0.95, 0.9, 0.9, 1, 0.95};

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

}  // namespace

/// The course: what is due next, as what happened so far made it due.
struct SimulationModel::Impl : Outline {
  using Outline::Outline;

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

  std::size_t next_draft = 0, next_registration = 0, next_announcement = 0;
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
