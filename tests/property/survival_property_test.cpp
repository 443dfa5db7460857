// What must hold of any samples at all; a seed that fails is printed and can be given again.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "replay/stage_index.hpp"
#include "tests/support/random_history.hpp"

using namespace ledger;
using namespace ledger::test;
using namespace ledger::replay;
using projections::Stage;
using projections::Visit;

namespace {

std::uint64_t seed() {
  if (const char* given = std::getenv("LEDGER_SEED")) return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

std::vector<Spell> random_spells(std::mt19937_64& random, bool censored) {
  std::vector<Spell> spells(random() % 200);
  const std::uint64_t lengths = 1 + random() % 300;  // few lengths: many ties
  const std::uint64_t outcomes = 1 + random() % 5;
  for (Spell& spell : spells) {
    spell.length = static_cast<Microdays>(random() % lengths);
    const bool open = censored && random() % 3 == 0;
    spell.outcome = open ? OutcomeNumber{0} : static_cast<OutcomeNumber>(1 + random() % outcomes);
  }
  return spells;
}

/// The stays as of a position, told by the meaning of the events alone.
std::vector<StageSample> told(const std::vector<Event>& history, std::uint64_t position) {
  MapLookup states;
  std::map<StreamId, std::vector<Visit>> visits;
  std::vector<StageSample> samples;
  for (std::uint64_t i = 0; i <= position && i < history.size(); ++i) {
    const Event& event = history[i];
    const StreamId& stream = event.header.stream;
    if (stream.kind == StreamKind::subject)
      states.subjects[stream.id] = evolve(states.subjects[stream.id], event);
    if (stream.kind == StreamKind::filing)
      states.filings[stream.id] = evolve(states.filings[stream.id], event);
    auto& of_stream = visits[stream];
    const std::size_t before = of_stream.size();
    advance(of_stream, event);
    if (of_stream.size() == before) continue;
    StageSample sample;
    sample.stream = stream;
    sample.stage = of_stream.back().stage;
    sample.attempt = of_stream.back().attempt;
    sample.entered_at = event.header.recorded_at;
    sample.entered_position = i;
    Uuid subject = stream.id;
    if (stream.kind == StreamKind::filing) {
      sample.type = states.filings[stream.id].algorithm_type;
      sample.role = states.filings[stream.id].role;
      subject = states.filings[stream.id].subject_id;
    }
    if (states.subjects.contains(subject))
      std::ranges::copy(states.subjects[subject].region, sample.region.begin());
    samples.push_back(sample);
  }
  for (StageSample& sample : samples) {
    for (const Visit& visit : visits[sample.stream]) {
      if (visit.entered_position != sample.entered_position || !visit.left_at) continue;
      sample.left_at = visit.left_at;
      sample.left_position = visit.left_position;
      sample.outcome = visit.outcome;
    }
  }
  return samples;
}

bool in_stratum(const StageSample& sample, const Stratum& stratum) {
  const std::string_view region(sample.region.data(), sample.region[0] == 0 ? 0 : sample.region.size());
  return sample.stage == stratum.stage && sample.attempt >= stratum.attempt_min &&
         sample.attempt <= stratum.attempt_max && region.starts_with(stratum.region) &&
         (!stratum.type || sample.type == stratum.type) && (!stratum.role || sample.role == stratum.role) &&
         (!stratum.kind || sample.stream.kind == *stratum.kind);
}

std::vector<Spell> spells_of(const std::vector<StageSample>& samples, const Stratum& stratum,
                             TimestampUs at) {
  std::vector<Spell> spells;
  for (const StageSample& sample : samples) {
    if (!in_stratum(sample, stratum)) continue;
    spells.push_back({microdays_between(sample.entered_at, sample.left_at.value_or(at)),
                      sample.outcome ? static_cast<OutcomeNumber>(*sample.outcome) : OutcomeNumber{0}});
  }
  return spells;
}

/// As pairs in order, for a comparison that leaves the order of equal lengths open.
std::multiset<std::pair<Microdays, OutcomeNumber>> content(const std::vector<Spell>& spells) {
  std::multiset<std::pair<Microdays, OutcomeNumber>> all;
  for (const Spell& spell : spells) all.emplace(spell.length, spell.outcome);
  return all;
}

}  // namespace

TEST_CASE("without censoring the estimate is the empirical survival") {
  const std::uint64_t used = seed();
  INFO("LEDGER_SEED=" << used);
  std::mt19937_64 random(used);
  for (int round = 0; round < 200; ++round) {
    const std::vector<Spell> spells = random_spells(random, false);
    const Survival found = survival_of(spells);
    CHECK(found.events == spells.size());
    std::set<Microdays> times;
    for (const Spell& spell : spells) times.insert(spell.length);
    REQUIRE(found.curve.size() == times.size());
    for (const SurvivalPoint& point : found.curve) {
      const auto longer = std::ranges::count_if(spells, [&](const Spell& s) { return s.length > point.at; });
      const auto there = std::ranges::count_if(spells, [&](const Spell& s) { return s.length >= point.at; });
      CHECK(point.survival ==
            Approx(static_cast<double>(longer) / static_cast<double>(spells.size())).margin(1e-12));
      CHECK(point.at_risk == static_cast<std::uint64_t>(there));
    }
  }
}

TEST_CASE("incidences and survival sum to one at every event time, and intervals hold the curve") {
  const std::uint64_t used = seed();
  INFO("LEDGER_SEED=" << used);
  std::mt19937_64 random(used);
  for (int round = 0; round < 200; ++round) {
    const Survival found = survival_of(random_spells(random, true));
    std::uint64_t events = 0;
    for (const Incidence& incidence : found.incidence) events += incidence.events;
    CHECK(events == found.events);
    double before = 1;
    for (const SurvivalPoint& point : found.curve) {
      double sum = point.survival;
      for (const Incidence& incidence : found.incidence) {
        double probability = 0;
        for (const IncidencePoint& at : incidence.points) {
          if (at.at <= point.at) probability = at.probability;
        }
        sum += probability;
      }
      CHECK(sum == Approx(1).margin(1e-12));
      CHECK(point.survival < before);
      before = point.survival;
      if (!point.bounded()) {
        CHECK(point.survival == 0);
        continue;
      }
      CHECK(point.lower <= point.survival);
      CHECK(point.survival <= point.upper);
      CHECK(point.upper <= 1);
    }
  }
}

TEST_CASE("an index that grew with the history equals one built anew, at any position") {
  const std::uint64_t used = seed();
  INFO("LEDGER_SEED=" << used);
  std::mt19937_64 random(used);
  // A history may come to a stand early, all subjects closed: it is compared too, but does not count.
  int compared = 0;
  for (int round = 0; compared < 3; ++round) {
    CAPTURE(round);
    REQUIRE(round < 10);
    FoldedViews ledger;
    RandomHistory history(ledger, used + static_cast<std::uint64_t>(round));
    StageIndex grown;
    for (int step = 0; step < 900; ++step) {
      ledger.pass(static_cast<std::int64_t>(random() % 40'000'000'000));
      history.step();
      if (!ledger.history.empty() && random() % 20 == 0)
        grown.catch_up(ledger.views(), ledger.models.timeline, ledger.history.size());
    }
    grown.catch_up(ledger.views(), ledger.models.timeline, ledger.history.size());
    StageIndex anew;
    anew.catch_up(ledger.views(), ledger.models.timeline, ledger.history.size());
    CHECK(grown.size() == ledger.history.size());
    if (grown.samples() > 30) ++compared;

    for (int look = 0; look < 25; ++look) {
      const std::uint64_t position = look == 0 ? ledger.position() : random() % ledger.history.size();
      CAPTURE(position);
      const std::vector<StageSample> expected = told(ledger.history, position);
      REQUIRE(anew.samples_at(position) == expected);
      REQUIRE(grown.samples_at(position) == expected);
      const Moment moment{position, ledger.history[position].header.recorded_at};
      for (const Stage stage : projections::all_stages()) {
        Stratum stratum{.stage = stage};
        if (random() % 2 == 0) stratum.attempt_min = 1 + static_cast<std::uint32_t>(random() % 3);
        if (random() % 3 == 0) stratum.attempt_max = stratum.attempt_min;
        if (random() % 3 == 0)
          stratum.region = std::vector<std::string>{"11", "1101", "110108", "44"}[random() % 4];
        if (random() % 3 == 0)
          stratum.type = from_number<AlgorithmType>(1 + static_cast<unsigned>(random() % 6));
        if (random() % 4 == 0)
          stratum.role = from_number<AlgorithmRole>(1 + static_cast<unsigned>(random() % 2));
        if (random() % 3 == 0) stratum.kind = random() % 2 == 0 ? StreamKind::filing : StreamKind::subject;
        const std::vector<Spell> spells = grown.spells(stratum, moment);
        CHECK(std::ranges::is_sorted(spells, {}, &Spell::length));
        CHECK(content(spells) == content(spells_of(expected, stratum, moment.at)));
        CHECK(content(anew.spells(stratum, moment)) == content(spells));
        std::vector<StageSample> of_stage;
        grown.for_each(stage, position, [&](const StageSample& sample) { of_stage.push_back(sample); });
        CHECK(of_stage.size() ==
              static_cast<std::size_t>(std::ranges::count(expected, stage, &StageSample::stage)));
      }
    }
    CHECK((ledger.dump() == ledger.rebuilt()));
  }
}
