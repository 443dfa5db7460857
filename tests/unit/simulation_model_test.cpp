// The made-up course of things: legal in time, true to its parameters, the same for a seed.
#include "replay/simulation_model.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include <catch2/catch.hpp>

#include "events/core/credit_code.hpp"
#include "events/core/decide.hpp"
#include "replay/office_hours.hpp"
#include "replay/simulation_texts.hpp"
#include "schema/codes.hpp"

using namespace ledger;
using namespace ledger::replay;

namespace {

constexpr std::int64_t kDay = std::int64_t{86'400} * 1'000'000;
// 2024-11-26 (a Tuesday) to 2026-11-26, at 17:00 in Asia/Shanghai.
const TimestampUs kTo = *TimestampUs::parse("2026-11-26T09:00:00Z");
const TimestampUs kFrom = *TimestampUs::parse("2024-11-26T09:00:00Z");

SimulationPlan plan_of(std::uint32_t filings, std::uint64_t seed, TimestampUs from = kFrom) {
  return {.filings = filings, .seed = seed, .from = from, .to = kTo, .parameters = {}};
}

std::vector<SimulationStep> steps_of(const SimulationPlan& plan) {
  SimulationModel model(plan);
  std::vector<SimulationStep> steps;
  while (const auto step = model.next()) steps.push_back(*step);
  return steps;
}

double quantile(std::vector<double> values, double p) {
  REQUIRE(!values.empty());
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(p * static_cast<double>(values.size() - 1))];
}

/// What a course of things amounts to.
struct Figures {
  std::vector<double> review, subject_review, rework;  ///< working days
  std::vector<double> clean, rejected_once;  ///< calendar days from the first submission to the list
  std::size_t first_decisions = 0, first_rejections = 0, later_decisions = 0, later_rejections = 0;
  std::size_t subject_decisions = 0, subject_rejections = 0;
};

/// Cases submitted in the last `open` days are left out of the stays: the slow ones of them are still open.
Figures figures_of(const SimulationPlan& plan, double open_days) {
  const OfficeHours hours(Date::of(plan.from), Date{Date::of(plan.to).days + 400});
  struct Case {
    std::int64_t submitted = 0, first = 0, rejected_at = 0;
    unsigned decisions = 0, rejections = 0;
  };
  std::map<std::uint32_t, Case> filings, subjects;
  Figures figures;
  const std::int64_t last = plan.to.value - static_cast<std::int64_t>(open_days * kDay);
  const auto days = [&](std::int64_t from, std::int64_t to) {
    return static_cast<double>(hours.worked({to}) - hours.worked({from})) /
           static_cast<double>(kWorkingDayUs);
  };
  for (const SimulationStep& step : steps_of(plan)) {
    const std::int64_t at = step.at.value;
    if (step.kind < StepKind::add_product) {
      Case& subject = subjects[step.subject];
      if (step.kind == StepKind::submit_subject) subject.submitted = at;
      const bool rejected = step.kind == StepKind::reject_subject;
      if (rejected || step.kind == StepKind::approve_subject) {
        if (subject.submitted < last) figures.subject_review.push_back(days(subject.submitted, at));
        ++figures.subject_decisions;
        figures.subject_rejections += rejected ? 1 : 0;
      }
      continue;
    }
    if (step.kind < StepKind::create_filing) continue;
    Case& filing = filings[step.filing];
    if (step.kind == StepKind::submit_filing) {
      if (filing.first == 0) filing.first = at;
      if (filing.rejected_at != 0 && filing.rejected_at < last)
        figures.rework.push_back(days(filing.rejected_at, at));
      filing.rejected_at = 0;
      filing.submitted = at;
    }
    const bool rejected = step.kind == StepKind::reject_filing;
    if (rejected || step.kind == StepKind::approve_filing) {
      if (filing.submitted < last) figures.review.push_back(days(filing.submitted, at));
      (filing.decisions == 0 ? figures.first_decisions : figures.later_decisions) += 1;
      (filing.decisions == 0 ? figures.first_rejections : figures.later_rejections) += rejected ? 1 : 0;
      ++filing.decisions;
      if (rejected) {
        ++filing.rejections;
        filing.rejected_at = at;
      }
    }
    if (step.kind == StepKind::publish_filing && filing.first < last && filing.rejections < 2) {
      auto& list = filing.rejections == 0 ? figures.clean : figures.rejected_once;
      list.push_back(static_cast<double>(at - filing.first) / static_cast<double>(kDay));
    }
  }
  return figures;
}

double share(std::size_t part, std::size_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

TEST_CASE("steps come in their order within the span, and exactly so many filings begin") {
  for (const std::int64_t days : {1, 2, 9, 60, 730}) {
    for (const std::uint32_t filings : {1U, 5U, 24U, 400U}) {
      const SimulationPlan plan = plan_of(filings, filings + 7, {kTo.value - days * kDay});
      std::int64_t last = plan.from.value;
      std::set<std::uint32_t> begun, registered, qualified;
      for (const SimulationStep& step : steps_of(plan)) {
        REQUIRE(step.at.value >= last);
        REQUIRE(step.at <= plan.to);
        last = step.at.value;
        if (step.kind == StepKind::register_subject) {
          REQUIRE(registered.insert(step.subject).second);
        } else {
          REQUIRE(registered.contains(step.subject));
        }
        if (step.kind == StepKind::approve_subject) qualified.insert(step.subject);
        if (step.kind == StepKind::create_filing) {
          REQUIRE(qualified.contains(step.subject));
          REQUIRE(begun.insert(step.filing).second);
        }
      }
      CHECK(begun.size() == filings);
    }
  }
}

TEST_CASE("the same plan gives the same steps, another seed others") {
  const auto same = [](const SimulationStep& a, const SimulationStep& b) {
    return a.at == b.at && a.kind == b.kind && a.subject == b.subject && a.filing == b.filing &&
           a.revision == b.revision && a.chance == b.chance && a.batch == b.batch;
  };
  const auto one = steps_of(plan_of(300, 1)), again = steps_of(plan_of(300, 1)),
             other = steps_of(plan_of(300, 2));
  CHECK(std::ranges::equal(one, again, same));
  CHECK_FALSE(std::ranges::equal(one, other, same));
  CHECK(count_steps(plan_of(300, 1)) == one.size());
}

TEST_CASE("stage times and rejections are those of the parameters") {
  for (const std::uint64_t seed : {1, 2, 3}) {
    // Fifteen years, of which the last two are left out of the stays.
    const Figures figures = figures_of(plan_of(6'000, seed, {kTo.value - 5'475 * kDay}), 730);
    CHECK(quantile(figures.review, 0.5) == Approx(32).margin(1.5));
    CHECK(quantile(figures.review, 0.9) == Approx(55).margin(3));
    CHECK(quantile(figures.subject_review, 0.5) == Approx(6).margin(0.5));
    CHECK(quantile(figures.subject_review, 0.9) == Approx(12).margin(1));
    CHECK(quantile(figures.rework, 0.5) == Approx(10).margin(1.5));
    CHECK(quantile(figures.rework, 0.9) == Approx(40).margin(8));
    CHECK(share(figures.subject_rejections, figures.subject_decisions) == Approx(0.25).margin(0.03));
    CHECK(share(figures.first_rejections, figures.first_decisions) == Approx(0.30).margin(0.03));
    CHECK(share(figures.later_rejections, figures.later_decisions) == Approx(0.20).margin(0.03));
  }
}

TEST_CASE("a clean case takes two to three months and a little, one with a rejection four to seven") {
  for (const std::uint64_t seed : {1, 2, 3, 4}) {
    const Figures figures = figures_of(plan_of(3'000, seed, {kTo.value - 3'650 * kDay}), 500);
    CHECK(quantile(figures.clean, 0.1) > 50);
    CHECK(quantile(figures.clean, 0.5) > 75);
    CHECK(quantile(figures.clean, 0.5) < 100);
    CHECK(quantile(figures.rejected_once, 0.5) > 4 * 30.4);
    CHECK(quantile(figures.rejected_once, 0.5) < 7 * 30.4);
  }
}

TEST_CASE("work is left open in every stage, also in a small history") {
  for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
    std::map<std::uint32_t, StepKind> filings, subjects;
    for (const SimulationStep& step : steps_of(plan_of(24, seed))) {
      if (step.kind < StepKind::add_product) subjects[step.subject] = step.kind;
      if (step.kind >= StepKind::create_filing) filings[step.filing] = step.kind;
    }
    const auto count = [](const auto& of, std::initializer_list<StepKind> kinds) {
      return std::ranges::count_if(
          of, [&](const auto& one) { return std::ranges::find(kinds, one.second) != kinds.end(); });
    };
    CHECK(count(subjects, {StepKind::register_subject}) > 0);
    CHECK(count(subjects, {StepKind::submit_subject}) > 0);
    CHECK(count(subjects, {StepKind::reject_subject}) > 0);
    CHECK(count(filings, {StepKind::create_filing, StepKind::save_draft}) > 0);
    CHECK(count(filings, {StepKind::submit_filing}) > 0);
    CHECK(count(filings, {StepKind::start_review}) > 0);
    CHECK(count(filings, {StepKind::reject_filing}) > 0);
    CHECK(count(filings, {StepKind::approve_filing}) > 0);
    CHECK(count(filings, {StepKind::assign_number}) > 0);
    CHECK(count(filings, {StepKind::publish_filing, StepKind::record_display}) > 0);
  }
}

TEST_CASE("a history of some size has everything that can happen in it") {
  std::set<StepKind> kinds;
  for (const SimulationStep& step : steps_of(plan_of(5'000, 1))) kinds.insert(step.kind);
  CHECK(kinds.size() == static_cast<std::size_t>(StepKind::revoke_filing) + 1);
}

TEST_CASE("people work in office hours") {
  for (const SimulationStep& step : steps_of(plan_of(500, 3))) {
    if (step.kind == StepKind::lapse_subject) continue;  // the system's own doing
    const Date day = Date::of(step.at);
    const std::int64_t hour = (step.at.value - start_of(day).value) / (std::int64_t{3'600} * 1'000'000);
    REQUIRE(is_weekday(day));
    REQUIRE(hour >= 9);
    REQUIRE(hour <= 18);
  }
}

TEST_CASE("announcements come every sixty-odd days with what was approved ten to forty-five days before") {
  std::map<std::pair<Series, std::uint32_t>, std::int64_t> at;
  std::map<std::uint32_t, std::int64_t> approved;
  for (const SimulationStep& step : steps_of(plan_of(4'000, 5))) {
    if (step.kind == StepKind::approve_filing) approved[step.filing] = step.at.value;
    if (step.kind != StepKind::publish_filing) continue;
    at.try_emplace({step.series, step.batch}, step.at.value);
    REQUIRE(step.at.value - approved.at(step.filing) >= 9 * kDay);
  }
  REQUIRE(at.size() > 16);
  for (const auto& [batch, moment] : at) {
    const auto next = at.find({batch.first, batch.second + 1});
    if (next == at.end()) continue;
    const double days = static_cast<double>(next->second - moment) / static_cast<double>(kDay);
    CHECK(days > 50);
    CHECK(days < 70);
  }
}

TEST_CASE("working time leaves out nights and weekends, and its moments lead back to it") {
  const OfficeHours hours(*Date::parse("2026-01-01"), *Date::parse("2026-12-31"));
  const auto at = [](const char* text) { return *TimestampUs::parse(text); };
  // A Friday at five; one working day later is Monday at five.
  CHECK(hours.after(at("2026-11-20T17:00:00+08:00"), 1) == at("2026-11-23T17:00:00+08:00"));
  CHECK(hours.after(at("2026-11-20T23:00:00+08:00"), 0.5) == at("2026-11-23T13:30:00+08:00"));
  CHECK(hours.after(at("2026-11-23T10:00:00+08:00"), -1) == at("2026-11-20T10:00:00+08:00"));
  CHECK(hours.worked(at("2026-11-21T12:00:00+08:00")) == hours.worked(at("2026-11-23T08:00:00+08:00")));
  CHECK(hours.opening(*Date::parse("2026-11-21")) == at("2026-11-23T09:00:00+08:00"));
  for (std::int64_t worked = 0; worked < 20 * kWorkingDayUs; worked += 7'777'777'000) {
    CHECK(hours.worked(hours.moment(worked)) == worked);
  }
  const Date holiday = *Date::parse("2026-11-23");
  const OfficeHours other(*Date::parse("2026-01-01"), *Date::parse("2026-12-31"),
                          [&](Date day) { return is_weekday(day) && day != holiday; });
  CHECK(other.after(at("2026-11-20T17:00:00+08:00"), 1) == at("2026-11-24T17:00:00+08:00"));
}

TEST_CASE("parameters are read whole or refused with the member that is wrong") {
  const auto read = parse_parameters(R"({"rejected_first": 0.5, "review_median": 20, "batch_days": 30})");
  REQUIRE(read);
  CHECK(read->rejected_first == 0.5);
  CHECK(read->review.median == 20);
  CHECK(read->review.p90 == 55);
  CHECK(parse_parameters("{}"));
  const auto wrong = [](std::string_view json, std::string_view pointer, std::string_view code) {
    const auto refused = parse_parameters(json);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().front().pointer == pointer);
    CHECK(refused.error().front().code == code);
  };
  wrong(R"({"rejected": 0.5})", "/rejected", "unknown_field");
  wrong(R"({"rejected_first": "half"})", "/rejected_first", "wrong_type");
  wrong(R"({"rejected_first": 1.5})", "/rejected_first", "out_of_range");
  wrong(R"({"review_median": 60})", "/review_p90", "out_of_range");
  wrong(R"({"cutoff_days_min": 60})", "/cutoff_days_median", "out_of_range");
  wrong("[]", "", "wrong_type");
  wrong("{", "", "bad_json");
  // Every parameter that is told can be set.
  for (const ParameterFacts& parameter : parameter_facts({})) {
    CHECK(parse_parameters("{\"" + std::string(parameter.name) + "\": " + std::to_string(parameter.value) +
                           "}"));
  }
}

TEST_CASE("what is written is fictitious at a glance, and right in form") {
  std::set<std::string> codes;
  for (std::uint32_t number = 0; number < 200; ++number) {
    const SimulatedSubject subject{number, number * 0x9e3779b97f4a7c15ULL, 0};
    CHECK(simulated_organization(subject).starts_with("示例"));
    CHECK(check_credit_code(simulated_credit_code(subject)));
    CHECK(codes.insert(simulated_credit_code(subject)).second);
    CHECK(schema::find_region(simulated_region(subject))->abolished == 0);
  }
  for (const GivenReason& reason : all_simulated_reasons(true)) {
    CHECK(schema::find_rejection_reason(reason.code) != nullptr);
    CHECK(is_filing_pointer(reason.field));
  }
  for (const GivenReason& reason : all_simulated_reasons(false)) {
    CHECK(schema::find_rejection_reason(reason.code) != nullptr);
    CHECK(is_subject_pointer(reason.field));
  }
}
