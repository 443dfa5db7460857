// What a simulated history is made of before its course begins: who registers and files when, and when lists
// are announced. Private to the model.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <numbers>
#include <utility>
#include <vector>

#include "replay/office_hours.hpp"
#include "replay/simulation_model.hpp"

namespace ledger::replay::outline {

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

/// Stages in which something is left open at the end, also in a small history.
enum class Held : std::uint8_t { none, drafting, queued, review, rework, numbering, publication };
enum class HeldSubject : std::uint8_t { none, registration, review, rework };

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

/// One thread.
struct Outline {
  explicit Outline(const SimulationPlan& given);

  /// What a subject does until its first filing, as working time since its registration; `each` is told.
  /// Answers when it is ready for that filing.
  std::int64_t course_of(const Subject& subject,
                         const std::function<void(std::int64_t worked, const Entry& entry)>& each) const;

  SimulationPlan plan;
  OfficeHours hours;
  std::int64_t begin = 0, end = 0;  ///< of the span, in working time
  std::vector<Subject> subjects;
  std::vector<Filing> filings;
  std::vector<std::pair<std::int64_t, std::uint32_t>> drafts, registrations;  ///< in working time, ascending
  std::vector<Announcement> announcements;                                    ///< ascending

 private:
  [[nodiscard]] double season_at(Date day) const;
  [[nodiscard]] std::vector<std::int64_t> moments(std::size_t count, Draws& draws) const;
  [[nodiscard]] Subject new_subject(bool idle) const;
  std::int64_t add_subject(std::int64_t drafted);
  void plan_arrivals();
  void plan_other_subjects(std::size_t new_subjects, Draws& draws);
  void plan_announcements();
};

}  // namespace ledger::replay::outline
