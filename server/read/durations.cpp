#include "server/read/durations.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

namespace ledger::server {
namespace {

using replay::Microdays;
using replay::OutcomeNumber;
using replay::Spell;
using replay::Survival;

/// Appends to memory that is known to suffice: an answer has a hundred thousand points, and most of the time
/// that it takes is this.
class Digits {
 public:
  explicit Digits(char* at) : at_(at) {}
  [[nodiscard]] char* end() const { return at_; }

  void text(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void number(std::uint64_t number) { at_ = std::to_chars(at_, at_ + kNumberMax, number).ptr; }
  void days(Microdays microdays) {
    constexpr std::uint64_t kDay = 1'000'000;
    const auto all = static_cast<std::uint64_t>(std::max<Microdays>(microdays, 0));
    number(all / kDay);
    *at_++ = '.';
    const std::uint64_t rest = all % kDay;
    pair(rest / 10'000);
    pair(rest / 100 % 100);
    pair(rest % 100);
  }
  /// From 0 to 1 with at most ten decimals, without trailing zeros: to be compared to 1e-9.
  void probability(double value) {
    constexpr std::uint64_t kOne = 10'000'000'000;
    const auto units = static_cast<std::uint64_t>(std::max(value, 0.0) * static_cast<double>(kOne) + 0.5);
    if (units == 0 || units >= kOne) {
      *at_++ = units == 0 ? '0' : '1';
      return;
    }
    text("0.");
    pair(units / 100'000'000);
    const auto rest = static_cast<std::uint32_t>(units % 100'000'000);
    pair(rest / 1'000'000);
    pair(rest / 10'000 % 100);
    pair(rest / 100 % 100);
    pair(rest % 100);
    while (at_[-1] == '0') --at_;
  }

  static constexpr std::size_t kNumberMax = 20;

 private:
  /// Two digits of a number below 100.
  void pair(std::uint64_t number) {
    static constexpr auto kPairs = [] {
      std::array<char, 200> pairs{};
      for (std::size_t i = 0; i < 100; ++i) {
        pairs[2 * i] = static_cast<char>('0' + i / 10);
        pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
      }
      return pairs;
    }();
    std::memcpy(at_, kPairs.data() + 2 * number, 2);
    at_ += 2;
  }
  char* at_;
};

/// The longest that each part can become.
constexpr std::size_t kFrameBytes = 256, kOutcomeBytes = 48, kPointBytes = 152, kIncidencePointBytes = 72;

void put_curve(Digits& out, const Survival& survival) {
  bool first = true;
  for (const replay::SurvivalPoint& point : survival.curve) {
    out.text(first ? R"({"days":)" : R"(,{"days":)");
    first = false;
    out.days(point.at);
    out.text(R"(,"survival":)");
    out.probability(point.survival);
    if (point.bounded()) {
      out.text(R"(,"lower":)");
      out.probability(point.lower);
      out.text(R"(,"upper":)");
      out.probability(point.upper);
    } else {
      out.text(R"(,"lower":null,"upper":null)");
    }
    out.text(R"(,"at_risk":)");
    out.number(point.at_risk);
    out.text("}");
  }
}

void put_incidence(Digits& out, const Survival& survival) {
  bool first_outcome = true;
  for (const replay::Incidence& incidence : survival.incidence) {
    out.text(first_outcome ? "\"" : ",\"");
    first_outcome = false;
    out.text(outcome_code(incidence.outcome));
    out.text("\":[");
    bool first = true;
    for (const replay::IncidencePoint& point : incidence.points) {
      out.text(first ? R"({"days":)" : R"(,{"days":)");
      first = false;
      out.days(point.at);
      out.text(R"(,"probability":)");
      out.probability(point.probability);
      out.text("}");
    }
    out.text("]");
  }
}

void put_durations(Digits& out, const Durations& durations, const Survival& survival) {
  out.text(durations.simulated ? R"({"simulated":true,"stage":")" : R"({"stage":")");
  out.text(projections::code_of(durations.stage));
  if (durations.survival) {
    out.text(R"(","samples":)");
    out.number(survival.samples);
    out.text(R"(,"events":)");
    out.number(survival.events);
  } else {
    out.text(R"(","samples":null,"events":null)");
  }
  out.text(R"(,"unit":"days","curve":[)");
  put_curve(out, survival);
  out.text(R"(],"incidence":{)");
  put_incidence(out, survival);
  out.text(R"(},"position":)");
  out.number(durations.position);
  if (!durations.survival) {
    out.text(R"(,"suppressed":true,"minimum":)");
    out.number(kPublicCellMin);
  }
  out.text("}");
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
  std::ranges::sort(rarest_first, {},
                    [&](OutcomeNumber outcome) { return std::pair(ends[outcome], outcome); });
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
  out += ',' + std::to_string(sample.attempt) + ',';
  append_days(out, replay::microdays_between(sample.entered_at, sample.left_at.value_or(censored_at)));
  out += sample.outcome ? ",1," : ",0,";
  if (sample.outcome) out += projections::code_of(*sample.outcome);
  out += ',';
  if (sample.type) out += code_of(*sample.type);
  out += ',';
  if (sample.region[0] != 0) out.append(sample.region.data(), sample.region.size());
  out += '\n';
}

void append_days(std::string& out, Microdays microdays) {
  char text[Digits::kNumberMax + 8];
  Digits digits(text);
  digits.days(microdays);
  out.append(text, digits.end());
}

std::string render_durations(const Durations& durations) {
  const Survival none;
  const Survival& survival = durations.survival ? *durations.survival : none;
  std::size_t bytes_max = kFrameBytes + survival.curve.size() * kPointBytes;
  for (const replay::Incidence& incidence : survival.incidence)
    bytes_max += kOutcomeBytes + incidence.points.size() * kIncidencePointBytes;
  std::string out;
  out.resize_and_overwrite(bytes_max, [&](char* begin, std::size_t) {
    Digits digits(begin);
    put_durations(digits, durations, survival);
    return static_cast<std::size_t>(digits.end() - begin);
  });
  // What of it was never written takes no memory either, where it is much: the kernel gives pages as they are
  // touched.
  return out;
}

}  // namespace ledger::server
