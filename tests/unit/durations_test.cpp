// Survival statistics as they are answered, drawn and kept: exact texts, and what the public is not told.
#include "server/read/durations.hpp"

#include <algorithm>
#include <map>

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "server/read/body_cache.hpp"
#include "server/read/durations_svg.hpp"

using namespace ledger;
using namespace ledger::server;
using projections::Stage;
using projections::StageOutcome;
using replay::Spell;
using replay::StageSample;

namespace {

std::vector<Spell> spells(std::initializer_list<std::pair<StageOutcome, int>> outcomes) {
  std::vector<Spell> all;
  for (const auto& [outcome, count] : outcomes) {
    for (int i = 0; i < count; ++i) {
      all.push_back({static_cast<replay::Microdays>(1 + all.size()) * 1'000'000,
                     static_cast<replay::OutcomeNumber>(outcome)});
    }
  }
  return all;
}

/// How many of each outcome's code there are after what the public may see was made of them.
std::map<std::string, int> told(std::vector<Spell> all) {
  REQUIRE(make_public(all));
  std::map<std::string, int> counts;
  for (const Spell& spell : all)
    ++counts[spell.outcome == 0 ? "open" : std::string(outcome_code(spell.outcome))];
  return counts;
}

constexpr StageOutcome kOpen{};
using Counts = std::map<std::string, int>;

std::string days_of(replay::Microdays microdays) {
  std::string text;
  append_days(text, microdays);
  return text;
}

}  // namespace

TEST_CASE("an answer has the members and digits of the contract") {
  const replay::Survival survival =
      replay::survival_of({{21'500'000, static_cast<replay::OutcomeNumber>(StageOutcome::rejected)},
                           {30'062'500, static_cast<replay::OutcomeNumber>(StageOutcome::approved)},
                           {40'000'000, 0}});
  CHECK(render_durations({Stage::review, survival, 8101, false}) ==
        R"({"stage":"review","samples":3,"events":2,"unit":"days","curve":[)"
        R"({"days":21.500000,"survival":0.6666666667,"lower":0.2995071304,"upper":1,"at_risk":3},)"
        R"({"days":30.062500,"survival":0.3333333333,"lower":0.0672783909,"upper":1,"at_risk":2}],)"
        R"("incidence":{"rejected":[{"days":21.500000,"probability":0.3333333333}],)"
        R"("approved":[{"days":30.062500,"probability":0.3333333333}]},"position":8101})");
  CHECK(render_durations({Stage::rework, replay::Survival{}, 7, false}) ==
        R"({"stage":"rework","samples":0,"events":0,"unit":"days","curve":[],"incidence":{},"position":7})");
  CHECK(
      render_durations({Stage::rework, std::nullopt, 7, false}) ==
      R"({"stage":"rework","samples":null,"events":null,"unit":"days","curve":[],"incidence":{},"position":7,)"
      R"("suppressed":true,"minimum":30})");
  CHECK(render_durations({Stage::queued, replay::survival_of({{1, 3}}), 0, false}) ==
        R"({"stage":"queued","samples":1,"events":1,"unit":"days","curve":[)"
        R"({"days":0.000001,"survival":0,"lower":null,"upper":null,"at_risk":1}],)"
        R"("incidence":{"started":[{"days":0.000001,"probability":1}]},"position":0})");
}

TEST_CASE("of a made-up history the answer and the drawing say so") {
  CHECK(render_durations({Stage::rework, replay::Survival{}, 7, true})
            .starts_with(R"({"simulated":true,"stage":"rework",)"));
  const Durations drawn{Stage::queued, replay::survival_of({{1, 3}}), 0, true};
  CHECK(draw_durations(drawn).find("simulated") != std::string::npos);
}

TEST_CASE("days have six decimals, whatever their size") {
  CHECK(days_of(0) == "0.000000");
  CHECK(days_of(1) == "0.000001");
  CHECK(days_of(999'999) == "0.999999");
  CHECK(days_of(12'500'000) == "12.500000");
  CHECK(days_of(4'000'000'000'001) == "4000000.000001");
}

TEST_CASE("a sample is one line of the CSV, open ones censored at the moment asked for") {
  StageSample sample;
  sample.stage = Stage::review;
  sample.attempt = 2;
  sample.entered_at = {1'700'000'000'000'000};
  sample.type = AlgorithmType::dispatch_decision;
  std::ranges::copy(std::string_view("110108"), sample.region.begin());
  const TimestampUs now{sample.entered_at.value + std::int64_t{86'400} * 3'250'000};
  std::string text;
  append_sample(text, sample, now);
  CHECK(text == "review,2,3.250000,0,,dispatch_decision,110108\n");
  sample.left_at = TimestampUs{sample.entered_at.value + std::int64_t{86'400} * 1'000'000};
  sample.outcome = StageOutcome::approved;
  sample.type.reset();
  sample.region = {};
  text.clear();
  append_sample(text, sample, now);
  CHECK(text == "review,2,1.000000,1,approved,,\n");
  CHECK(std::ranges::count(kSampleColumns, ',') == std::ranges::count(text, ','));
}

TEST_CASE("the public is told nothing of fewer than 30 ended stays") {
  for (auto few : {spells({}), spells({{StageOutcome::approved, 29}}),
                   spells({{StageOutcome::approved, 29}, {kOpen, 500}}),
                   spells({{StageOutcome::approved, 15}, {StageOutcome::rejected, 14}})}) {
    const std::vector<Spell> before = few;
    CHECK_FALSE(make_public(few));
    CHECK(few == before);
  }
  CHECK(told(spells({{StageOutcome::approved, 30}, {kOpen, 1}})) == Counts{{"approved", 30}, {"open", 1}});
}

TEST_CASE("rare outcomes are told together, and never as the difference of what else is told") {
  const auto approved = StageOutcome::approved, rejected = StageOutcome::rejected,
             cancelled = StageOutcome::cancelled, revoked = StageOutcome::revoked;
  CHECK(told(spells({{approved, 100}, {rejected, 30}})) == Counts{{"approved", 100}, {"rejected", 30}});
  CHECK(told(spells({{approved, 100}, {rejected, 29}})) == Counts{{"other", 129}});
  CHECK(told(spells({{approved, 100}, {rejected, 40}, {revoked, 1}})) ==
        Counts{{"approved", 100}, {"other", 41}});
  CHECK(told(spells({{approved, 100}, {cancelled, 16}, {revoked, 14}})) ==
        Counts{{"approved", 100}, {"other", 30}});
  CHECK(told(spells({{approved, 100}, {cancelled, 15}, {revoked, 14}})) == Counts{{"other", 129}});
}

TEST_CASE("a drawing shows as many steps as fit, and says why it shows none") {
  std::vector<Spell> many;
  for (int i = 1; i <= 100'000; ++i) many.push_back({i * 1'000, 6});
  const std::string drawn =
      draw_durations({Stage::review, replay::survival_of_sorted(many), 1'234'567, false});
  CHECK(drawn.starts_with("<svg "));
  CHECK(drawn.ends_with("</svg>\n"));
  CHECK(drawn.size() < 60'000);
  CHECK(drawn.find("100,000 stays") != drawn.npos);
  CHECK(drawn.find("median 50.0") != drawn.npos);
  CHECK(drawn.find("1,234,567") != drawn.npos);
  CHECK(drawn.find("nan") == drawn.npos);

  CHECK(draw_durations({Stage::review, std::nullopt, 1, false}).find("Fewer than 30") != std::string::npos);
  CHECK(draw_durations({Stage::review, replay::Survival{}, 1, false}).find("No stay has ended") !=
        std::string::npos);
  // One stay of no length, and one that took an instant.
  for (const replay::Microdays length : {0, 1}) {
    const std::string one = draw_durations({Stage::queued, replay::survival_of({{length, 3}}), 1, false});
    CHECK(one.find("class=\"curve\"") != one.npos);
    CHECK(one.find("nan") == one.npos);
    CHECK(one.find("inf") == one.npos);
  }
}

TEST_CASE("kept bodies stay within their bound, the last used ones longest") {
  BodyCache cache(3'000);
  const auto body = [](char c) { return std::make_shared<const std::string>(600, c); };
  cache.put("a", body('a'));
  cache.put("b", body('b'));
  cache.put("c", body('c'));
  REQUIRE(cache.find("a"));
  cache.put("d", body('d'));
  CHECK(cache.find("a"));
  CHECK_FALSE(cache.find("b"));
  CHECK(*cache.find("c") == std::string(600, 'c'));
  CHECK(cache.bytes() <= 3'000);
  cache.put("huge", std::make_shared<const std::string>(4'000, 'h'));
  CHECK_FALSE(cache.find("huge"));
  CHECK(cache.find("d"));
  cache.put("d", body('x'));
  CHECK(*cache.find("d") == std::string(600, 'd'));
}
