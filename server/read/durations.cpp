#include "server/read/durations.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace ledger::server {
namespace {

using replay::OutcomeNumber;
using replay::Spell;
using replay::Survival;

/// Digits of a probability: what is compared to 1e-9 elsewhere must not be rounded to it here.
constexpr std::int64_t kProbabilityUnit = 1'000'000'000'000;

void append_number(std::string& out, std::uint64_t number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

/// From 0 to 1, at most twelve decimals, without trailing zeros.
void append_probability(std::string& out, double value) {
  const std::int64_t units = std::llround(value * static_cast<double>(kProbabilityUnit));
  if (units <= 0) {
    out += '0';
  } else if (units >= kProbabilityUnit) {
    out += '1';
  } else {
    // The unit in front keeps the zeros behind the point; its own digit becomes the point.
    char digits[24] = "0";
    char* end = std::to_chars(digits + 1, digits + sizeof digits, units + kProbabilityUnit).ptr;
    digits[1] = '.';
    while (end[-1] == '0') --end;
    out.append(digits, end);
  }
}

void append_curve(std::string& out, const Survival& survival) {
  for (const replay::SurvivalPoint& point : survival.curve) {
    out += out.back() == '[' ? R"({"days":)" : R"(,{"days":)";
    append_days(out, point.at);
    out += R"(,"survival":)";
    append_probability(out, point.survival);
    if (point.bounded()) {
      out += R"(,"lower":)";
      append_probability(out, point.lower);
      out += R"(,"upper":)";
      append_probability(out, point.upper);
    } else {
      out += R"(,"lower":null,"upper":null)";
    }
    out += R"(,"at_risk":)";
    append_number(out, point.at_risk);
    out += '}';
  }
}

void append_incidence(std::string& out, const Survival& survival) {
  for (const replay::Incidence& incidence : survival.incidence) {
    out += out.back() == '{' ? "\"" : ",\"";
    out += outcome_code(incidence.outcome);
    out += "\":[";
    for (const replay::IncidencePoint& point : incidence.points) {
      out += out.back() == '[' ? R"({"days":)" : R"(,{"days":)";
      append_days(out, point.at);
      out += R"(,"probability":)";
      append_probability(out, point.probability);
      out += '}';
    }
    out += ']';
  }
}

}  // namespace

std::string_view outcome_code(OutcomeNumber outcome) {
  return outcome == kOtherOutcomes ? std::string_view("other")
                                   : projections::code_of(replay::stage_outcome(outcome));
}

bool make_public(std::vector<Spell>& spells) {
  std::array<std::uint64_t, replay::kOutcomeNumberMax + 1> ends{};
  std::uint64_t ended = 0;
  for (const Spell& spell : spells) {
    if (spell.outcome == 0) continue;
    ++ends[spell.outcome];
    ++ended;
  }
  if (ended < kPublicCellMin) return false;
  std::vector<OutcomeNumber> rarest_first;
  for (OutcomeNumber outcome = 1; outcome <= replay::kOutcomeNumberMax; ++outcome) {
    if (ends[outcome] > 0) rarest_first.push_back(outcome);
  }
  std::ranges::sort(rarest_first, {}, [&](OutcomeNumber outcome) { return std::pair(ends[outcome], outcome); });
  std::array<bool, replay::kOutcomeNumberMax + 1> taken_together{};
  std::uint64_t together = 0;
  for (const OutcomeNumber outcome : rarest_first) {
    const bool too_few_together = together > 0 && together < kPublicCellMin;
    if (ends[outcome] >= kPublicCellMin && !too_few_together) break;
    taken_together[outcome] = true;
    together += ends[outcome];
  }
  for (Spell& spell : spells) {
    if (taken_together[spell.outcome]) spell.outcome = kOtherOutcomes;
  }
  return true;
}

void append_sample(std::string& out, const replay::StageSample& sample, TimestampUs censored_at) {
  out += projections::code_of(sample.stage);
  out += ',';
  append_number(out, sample.attempt);
  out += ',';
  append_days(out, replay::microdays_between(sample.entered_at, sample.left_at.value_or(censored_at)));
  out += sample.outcome ? ",1," : ",0,";
  if (sample.outcome) out += projections::code_of(*sample.outcome);
  out += ',';
  if (sample.type) out += code_of(*sample.type);
  out += ',';
  if (sample.region[0] != 0) out.append(sample.region.data(), sample.region.size());
  out += '\n';
}

void append_days(std::string& out, replay::Microdays microdays) {
  constexpr std::uint64_t kDay = 1'000'000;
  const auto all = static_cast<std::uint64_t>(std::max<replay::Microdays>(microdays, 0));
  append_number(out, all / kDay);
  char digits[24];
  std::to_chars(digits, digits + sizeof digits, all % kDay + kDay);
  digits[0] = '.';
  out.append(digits, 7);
}

std::string render_durations(const Durations& durations) {
  std::string out;
  const Survival none;
  const Survival& survival = durations.survival ? *durations.survival : none;
  // About the length of a point of each kind.
  out.reserve(256 + survival.curve.size() * 112 + survival.events * 52);
  out += R"({"stage":")";
  out += projections::code_of(durations.stage);
  if (durations.survival) {
    out += R"(","samples":)";
    append_number(out, survival.samples);
    out += R"(,"events":)";
    append_number(out, survival.events);
  } else {
    out += R"(","samples":null,"events":null)";
  }
  out += R"(,"unit":"days","curve":[)";
  append_curve(out, survival);
  out += R"(],"incidence":{)";
  append_incidence(out, survival);
  out += R"(},"position":)";
  append_number(out, durations.position);
  if (!durations.survival) {
    out += R"(,"suppressed":true,"minimum":)";
    append_number(out, kPublicCellMin);
  }
  out += '}';
  return out;
}

}  // namespace ledger::server
