#include "replay/simulate.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <stdexcept>
#include <vector>

#include "events/store/simulation.hpp"
#include "projections/json_writer.hpp"
#include "replay/simulation_texts.hpp"

namespace ledger::replay {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kProgressEvents = 512;
constexpr std::size_t kInitialReviewers = 3;
constexpr std::size_t kRegistrars = 2;
constexpr std::int64_t kDayUs = std::int64_t{86'400} * 1'000'000;

std::unexpected<SimulateFault> fault(SimulateFault::Kind kind, std::string detail) {
  return std::unexpected(SimulateFault{kind, std::move(detail), store::EngineFailure::storage});
}

/// Whether every event is one that `init` appends, none of them by anybody's hand.
bool is_fresh(const store::Snapshot& snapshot) {
  if (snapshot.lookup().ledger().version != snapshot.size()) return false;
  for (std::uint64_t at = 0; at < snapshot.size(); ++at) {
    const auto read = snapshot.event(at, false);
    if (!read || read->event.header.actor.role != Role::operator_) return false;
    const EventType type = type_of(read->event.payload);
    if (type != type_number<LedgerCreated>() && type != type_number<AccessGranted>() &&
        type != type_number<CalendarPublished>())
      return false;
  }
  return true;
}

/// All that the history follows from besides seed and origin, as one text.
std::string canonical(const SimulationPlan& plan) {
  std::string text;
  projections::JsonWriter json(text);
  json.begin_object();
  json.member("filings", std::uint64_t{plan.filings});
  json.member("from", plan.from.text());
  json.member("to", plan.to.text());
  for (const ParameterFacts& parameter : parameter_facts(plan.parameters)) {
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), parameter.value).ptr;
    json.member_raw(parameter.name, {digits.data(), end});
  }
  json.end_object();
  return text;
}

/// Carries out steps: knows the ids that the ledger gave, and what people write.
class Scribe {
 public:
  Scribe(store::Simulation& ledger, const SimulationPlan& plan) : ledger_(ledger) {
    (void)must(SimulateLedger{plan.seed, canonical(plan)}, store::Trusted{}, plan.from);
    for (auto& one : initial_reviewers_) one = staff(Role::initial_reviewer, "模拟初审员", plan.from);
    for (auto& one : reviewers_) one = staff(Role::reviewer, "模拟复审员", plan.from);
    for (auto& one : registrars_) one = staff(Role::registrar, "模拟登记员", plan.from);
    supervisor_ = staff(Role::supervisor, "模拟监管员", plan.from);
    (void)staff(Role::auditor, "模拟审计员", plan.from);
  }

  void carry_out(const SimulationStep& step) {
    step_ = &step;
    if (step.kind <= StepKind::lapse_subject) {
      on_subject(step);
    } else if (step.kind <= StepKind::update_feature) {
      on_tree(step);
    } else {
      on_filing(step);
    }
    step_ = nullptr;
  }

  [[nodiscard]] std::uint64_t subjects() const { return registered_; }
  [[nodiscard]] std::uint64_t filings() const { return begun_; }
  /// Why the ledger took no more; empty: it did.
  [[nodiscard]] const std::string& failure() const { return failure_; }

 private:
  struct Path {
    Uuid id;
    std::vector<Uuid> features;
  };
  struct Product {
    Uuid id;
    std::vector<Path> paths;
  };
  struct Subject {
    Uuid id;
    store::Granted filer;
    SimulatedSubject is;
    std::uint64_t version = 0;
    SubjectForm::Documents letters;
    FilingForm::Documents reports;
    std::vector<Product> products;
  };
  struct Filing {
    Uuid id;
    std::uint64_t version = 0;
    std::uint64_t bits = 0;
    Date launched_on;
  };
  using Caller = std::variant<store::Anonymous, store::Trusted, store::Granted>;

  store::Accepted must(Command command, const Caller& caller, TimestampUs at,
                       std::optional<std::uint64_t> version = {}) {
    store::Submission submission;
    submission.command = std::move(command);
    submission.caller = caller;
    if (version) submission.expected = store::ExpectedVersion{false, {*version}};
    submission.correlation_id = correlation(at);
    store::Outcome outcome = ledger_.run(submission, at);
    if (outcome) return std::move(*outcome);
    const Refusal& refusal = outcome.error();
    if (refusal.code == "storage_full" || refusal.code == "signing_stopped") {
      failure_ = refusal.code;
      return {};
    }
    std::string why = "the simulation did what the ledger refuses: " + std::string(refusal.code);
    if (step_ != nullptr) why += ", step " + std::to_string(static_cast<int>(step_->kind));
    if (!refusal.errors.empty())
      why += ", " + refusal.errors.front().pointer + " " + refusal.errors.front().code;
    throw std::logic_error(why + ": " + refusal.detail);
  }

  /// As a request of the API would have one: UUIDv7, told apart by a counter.
  Uuid correlation(TimestampUs at) {
    Uuid id;
    put_be(static_cast<std::uint64_t>(at.value / 1000) << 16, id.bytes.data());
    put_be(++commands_, id.bytes.data() + 8);
    id.bytes[6] = 0x70;
    id.bytes[8] = 0x80;
    return id;
  }

  store::Granted staff(Role role, std::string_view name, TimestampUs at) {
    const std::string full = std::string(name) + std::to_string(++people_);
    const auto accepted = must(GrantAccess{full, role, {}, {}}, store::Trusted{}, at);
    return {accepted.grant_id.value_or(Uuid{})};
  }

  Digest upload(const Subject& subject, std::string_view title) {
    std::string content(title);
    content += simulated_organization(subject.is);
    content += "。本文件为模拟数据，内容均属虚构。";
    return ledger_.upload(subject.id, std::move(content));
  }

  void on_subject(const SimulationStep& step) {
    if (subjects_.size() <= step.subject) subjects_.resize(step.subject + 1);
    Subject& subject = subjects_[step.subject];
    const store::Granted initial = initial_reviewers_[step.subject % initial_reviewers_.size()];
    const auto act = [&](Command command, const Caller& caller, bool bound) {
      const auto accepted =
          must(std::move(command), caller, step.at, bound ? std::optional(subject.version) : std::nullopt);
      subject.version = accepted.version;
      return accepted;
    };
    if (step.kind == StepKind::register_subject) {
      subject.is = {step.subject, step.chance, 0};
      const auto accepted = act(simulated_registration(subject.is), store::Anonymous{}, false);
      subject.id = accepted.id;
      subject.filer = {accepted.grant_id.value_or(Uuid{})};
      ++registered_;
      return;
    }
    if (step.kind == StepKind::submit_subject || step.kind == StepKind::change_subject) {
      subject.is.revision = step.revision;
      if (!subject.letters.commitment_letter) {
        subject.letters = {upload(subject, "《算法备案承诺书》"),
                           upload(subject, "《落实算法安全主体责任基本情况》")};
      }
    }
    switch (step.kind) {
      case StepKind::submit_subject:
        act(SubmitSubject{subject.id, simulated_subject_form(subject.is, subject.letters)}, subject.filer,
            false);
        break;
      case StepKind::approve_subject: act(ApproveSubject{subject.id}, initial, true); break;
      case StepKind::reject_subject:
        act(RejectSubject{subject.id, simulated_subject_reasons(step.chance)}, initial, true);
        break;
      case StepKind::change_subject:
        act(ChangeSubject{subject.id, simulated_subject_form(subject.is, subject.letters)}, subject.filer,
            false);
        break;
      case StepKind::approve_subject_change: act(ApproveSubjectChange{subject.id}, initial, true); break;
      case StepKind::reject_subject_change:
        act(RejectSubjectChange{subject.id, simulated_subject_reasons(step.chance)}, initial, true);
        break;
      default: act(LapseSubject{subject.id}, store::Trusted{Role::system}, false); break;
    }
  }

  void on_tree(const SimulationStep& step) {
    Subject& subject = subjects_[step.subject];
    const auto act = [&](Command command) { return must(std::move(command), subject.filer, step.at).id; };
    if (step.kind == StepKind::add_product) {
      const auto form = static_cast<ProductForm>(1 + step.chance % 3);
      subject.products.push_back(
          {act(AddProduct{subject.id, simulated_product(subject.is, step.product), form}), {}});
      return;
    }
    Product& product = subject.products[step.product];
    if (step.kind == StepKind::add_path) {
      product.paths.push_back({act(AddAccessPath{product.id, simulated_path(step.product, step.path)}), {}});
      return;
    }
    Path& path = product.paths[step.path];
    const std::string name = simulated_feature(step.product, step.path, step.feature);
    if (step.kind == StepKind::add_feature) {
      path.features.push_back(act(AddFeature{product.id, path.id, name, name + "的说明"}));
    } else {
      act(UpdateFeature{product.id, path.id, path.features[step.feature], {}, name + "的说明，已完善"});
    }
  }

  [[nodiscard]] static FilingForm::Scope scope_of(const Subject& subject, std::uint64_t bits) {
    FilingForm::Scope scope;
    scope.products.emplace();
    scope.access_paths.emplace();
    scope.features.emplace();
    if (subject.products.empty()) return scope;
    const Product& product = subject.products[(bits >> 4) % subject.products.size()];
    const Path& path = product.paths[(bits >> 8) % product.paths.size()];
    switch (bits % 3) {
      case 0: scope.products->push_back(product.id); break;
      case 1: scope.access_paths->push_back(path.id); break;
      default: scope.features->push_back(path.features[(bits >> 16) % path.features.size()]); break;
    }
    return scope;
  }

  FilingForm form_of(Subject& subject, const Filing& filing, const SimulationStep& step, bool complete) {
    if (complete && !subject.reports.public_disclosure) {
      subject.reports = {upload(subject, "《算法安全自评估报告》"), upload(subject, "《拟公示内容》")};
    }
    const SimulatedFiling is{.number = step.filing,
                             .bits = filing.bits,
                             .revision = step.revision,
                             .type = step.type,
                             .role = step.role,
                             .launched_on = filing.launched_on};
    return simulated_filing_form(is, complete, subject.reports, scope_of(subject, filing.bits));
  }

  void on_filing(const SimulationStep& step) {
    if (filings_.size() <= step.filing) filings_.resize(step.filing + 1);
    Subject& subject = subjects_[step.subject];
    Filing& filing = filings_[step.filing];
    const store::Granted reviewer = reviewers_[step.product % reviewers_.size()];
    const store::Granted registrar = registrars_[step.filing % registrars_.size()];
    const auto act = [&](Command command, const store::Granted& caller, bool bound = false) {
      if (!failure_.empty()) return store::Accepted{};
      auto accepted =
          must(std::move(command), caller, step.at, bound ? std::optional(filing.version) : std::nullopt);
      filing.version = accepted.version;
      return accepted;
    };
    const Date today = Date::of(step.at);
    switch (step.kind) {
      case StepKind::create_filing:
        filing.bits = step.chance;
        filing.launched_on = {today.days - 10 + static_cast<std::int32_t>(step.chance % 40)};
        filing.id =
            act(CreateFiling{subject.id, form_of(subject, filing, step, step.complete)}, subject.filer).id;
        ++begun_;
        break;
      case StepKind::save_draft:
        act(SaveDraft{filing.id, form_of(subject, filing, step, step.complete)}, subject.filer);
        break;
      case StepKind::discard_draft: act(DiscardDraft{filing.id}, subject.filer); break;
      case StepKind::submit_filing: act(SubmitFiling{filing.id, true}, subject.filer); break;
      case StepKind::withdraw_filing: act(WithdrawFiling{filing.id}, subject.filer); break;
      case StepKind::start_review: act(StartReview{filing.id}, reviewer); break;
      case StepKind::reject_filing:
        act(RejectFiling{filing.id, simulated_filing_reasons(step.chance)}, reviewer, true);
        break;
      case StepKind::approve_filing: act(ApproveFiling{filing.id}, reviewer, true); break;
      case StepKind::assign_number: act(AssignNumber{filing.id}, registrar, true); break;
      case StepKind::publish_filing:
        act(PublishFiling{filing.id, step.series, step.batch, today}, registrar, true);
        break;
      default: on_published(step, subject, filing, act); break;
    }
  }

  template <typename Act>
  void on_published(const SimulationStep& step, Subject& subject, Filing& filing, const Act& act) {
    const store::Granted reviewer = reviewers_[step.product % reviewers_.size()];
    const Date today = Date::of(step.at);
    const Date lately{today.days - static_cast<std::int32_t>(step.chance % 12)};
    switch (step.kind) {
      case StepKind::record_display:
        act(RecordDisplay{filing.id, static_cast<DisplayChannel>(1 + step.chance % 4), "关于 > 算法备案"},
            subject.filer);
        break;
      case StepKind::correct_announcement: {
        RecordCorrection record;
        record.remark = "更正：表述已规范。";
        act(CorrectAnnouncement{filing.id, std::move(record), "模拟更正"},
            registrars_[step.filing % registrars_.size()]);
        break;
      }
      case StepKind::submit_change:
        act(SubmitChange{filing.id, form_of(subject, filing, step, true), lately}, subject.filer);
        break;
      case StepKind::withdraw_change: act(WithdrawChange{filing.id}, subject.filer); break;
      case StepKind::approve_change: act(ApproveChange{filing.id}, reviewer, true); break;
      case StepKind::reject_change:
        act(RejectChange{filing.id, simulated_filing_reasons(step.chance)}, reviewer, true);
        break;
      case StepKind::request_cancellation:
        act(RequestCancellation{filing.id, lately, "产品下线（模拟）"}, subject.filer);
        break;
      case StepKind::cancel_filing: act(CancelFiling{filing.id, {}, {}, {}}, reviewer); break;
      case StepKind::reject_cancellation:
        act(RejectCancellation{filing.id, simulated_filing_reasons(step.chance)}, reviewer);
        break;
      case StepKind::revoke_filing:
        act(RevokeFiling{filing.id, "violation", "算法服务违反规定（模拟）"}, supervisor_);
        break;
      default: throw std::logic_error("a step that the simulation does not know");
    }
  }

  store::Simulation& ledger_;
  std::array<store::Granted, kInitialReviewers> initial_reviewers_;
  std::array<store::Granted, kSimulatedReviewers> reviewers_;
  std::array<store::Granted, kRegistrars> registrars_;
  store::Granted supervisor_;
  std::vector<Subject> subjects_;
  std::vector<Filing> filings_;
  const SimulationStep* step_ = nullptr;
  std::uint64_t commands_ = 0, registered_ = 0, begun_ = 0;
  unsigned people_ = 0;
  std::string failure_;
};

std::expected<SimulationPlan, SimulateFault> plan_of(const SimulateOptions& options,
                                                     const store::Engine& engine) {
  using Kind = SimulateFault::Kind;
  const TimestampUs last = engine.last_recorded();
  if (!is_fresh(engine.snapshot())) {
    return fault(Kind::used, "the ledger has a history: only one fresh from init is simulated");
  }
  SimulationPlan plan{.filings = options.filings,
                      .seed = options.seed,
                      .from = options.from.value_or(last),
                      .to = options.to.value_or(options.now),
                      .parameters = options.parameters};
  if (options.from_day == Date::of(last)) plan.from = std::max(plan.from, last);
  if (plan.from < last) {
    return fault(Kind::from, plan.from.text() + " lies before the ledger's last entry, " + last.text());
  }
  if (plan.to > options.now) return fault(Kind::to, plan.to.text() + " lies in the future");
  if (plan.to.value - plan.from.value < kDayUs) {
    return fault(Kind::to, plan.to.text() + " is not a day after the start of the history, " +
                               plan.from.text() + ": make the ledger with init --at some time ago");
  }
  return plan;
}

}  // namespace

std::expected<SimulateReport, SimulateFault> simulate(const SimulateOptions& options,
                                                      std::span<store::Projection* const> projections) {
  if (options.filings == 0 || options.filings > kSimulatedFilingsMax) {
    return fault(SimulateFault::Kind::filings,
                 "a history has 1 to " + std::to_string(kSimulatedFilingsMax) + " filings");
  }
  store::EngineOptions opened = options.engine;
  opened.batch_commands_max = std::max<std::size_t>(options.batch_events, 1);
  opened.states_max = std::max<std::size_t>(opened.states_max, 65'536);
  auto ledger = store::Simulation::open(std::move(opened), projections, options.seed);
  if (!ledger) {
    return std::unexpected(
        SimulateFault{SimulateFault::Kind::engine, ledger.error().detail, ledger.error().kind});
  }
  store::Simulation& history = **ledger;
  const auto plan = plan_of(options, history.engine());
  if (!plan) return std::unexpected(plan.error());

  const auto begun = Clock::now();
  const std::uint64_t before = history.size();
  SimulateReport report{.from = plan->from, .to = plan->to};
  const std::uint64_t total = options.on_progress ? count_steps(*plan) : 0;
  SimulationModel model(*plan);
  Scribe scribe(history, *plan);
  std::uint64_t done = 0;
  while (const auto step = model.next()) {
    scribe.carry_out(*step);
    if (!scribe.failure().empty()) break;
    if (++done % kProgressEvents != 0) continue;
    if (options.on_progress) options.on_progress(done, total);
    if (options.should_stop && options.should_stop()) {
      report.stopped = true;
      break;
    }
  }
  const std::string_view refused = history.flush();
  if (!refused.empty() || !scribe.failure().empty()) {
    return fault(SimulateFault::Kind::engine, refused.empty() ? scribe.failure() : std::string(refused));
  }
  if (options.on_progress) options.on_progress(done, total);
  report.events = history.size() - before;
  report.filings = scribe.filings();
  report.subjects = scribe.subjects();
  if (report.stopped) report.to = history.last_recorded();
  report.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  return report;
}

SimulateReport make_simulated_ledger(const SimulatedLedgerOptions& options,
                                     std::span<store::Projection* const> projections) {
  const auto created = store::Engine::create({.data = options.directory / "data",
                                              .master_key = {},
                                              .origin = "simulated.example/ledger",
                                              .number_prefix = "演示备",
                                              .at = TimestampUs{options.now.value - 730 * kDayUs}});
  if (!created) throw std::runtime_error("simulate: " + created.error().detail);
  SimulateOptions simulation;
  simulation.engine.data = options.directory / "data";
  simulation.filings = options.filings;
  simulation.seed = options.seed;
  simulation.now = options.now;
  simulation.on_progress = options.on_progress;
  const auto report = simulate(simulation, projections);
  if (!report) throw std::runtime_error("simulate: " + report.error().detail);
  return *report;
}

}  // namespace ledger::replay
