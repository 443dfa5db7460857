// Against published data, whose estimates everybody can look up, with the digits that R's survfit() prints.
#include "replay/survival.hpp"

#include <algorithm>
#include <cmath>

#include <catch2/catch.hpp>

using namespace ledger;
using namespace ledger::replay;

namespace {

constexpr Microdays kDay = 1'000'000;

/// Lengths in days; 0 after the colon of a pair: censored.
std::vector<Spell> days(std::initializer_list<std::pair<int, int>> stays) {
  std::vector<Spell> spells;
  for (const auto& [length, outcome] : stays) {
    spells.push_back({length * kDay, static_cast<OutcomeNumber>(outcome)});
  }
  return spells;
}

struct Row {
  int day;
  double survival, lower, upper;
  std::uint64_t at_risk;
};

void check(const Survival& found, const std::vector<Row>& rows) {
  REQUIRE(found.curve.size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(rows[i].day);
    const SurvivalPoint& point = found.curve[i];
    CHECK(point.at == rows[i].day * kDay);
    CHECK(point.survival == Approx(rows[i].survival).margin(1e-12));
    CHECK(point.at_risk == rows[i].at_risk);
    CHECK(point.bounded() == !std::isnan(rows[i].lower));
    if (!point.bounded()) {
      CHECK(std::isnan(point.upper));
      continue;
    }
    CHECK(point.lower == Approx(rows[i].lower).margin(1e-12));
    CHECK(point.upper == Approx(rows[i].upper).margin(1e-12));
  }
}

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("the 6-MP arm of the leukaemia trial gives the published curve") {
  // Freireich et al. 1963; survival as in every textbook: .857 .807 .753 .690 .627 .538 .448.
  const Survival found = survival_of(
      days({{6, 1},  {6, 1},  {6, 1},  {6, 0},  {7, 1},  {9, 0},  {10, 1}, {10, 0}, {11, 0}, {13, 1}, {16, 1},
            {17, 0}, {19, 0}, {20, 0}, {22, 1}, {23, 1}, {25, 0}, {32, 0}, {32, 0}, {34, 0}, {35, 0}}));
  CHECK(found.samples == 21);
  CHECK(found.events == 9);
  check(found, {{6, 0.857142857142857, 0.71981708391627, 1, 21},
                {7, 0.80672268907563, 0.653124218462171, 0.996443675908659, 17},
                {10, 0.752941176470588, 0.585918982029694, 0.967574754552297, 15},
                {13, 0.690196078431372, 0.50961309910178, 0.93476919553613, 12},
                {16, 0.627450980392157, 0.439393924968767, 0.895994938535082, 11},
                {22, 0.53781512605042, 0.337036616157685, 0.858200848044665, 7},
                {23, 0.448179271708683, 0.24878822681766, 0.807372045529077, 6}});
}

TEST_CASE("both arms of the aml data give R's curves, and one that reaches 0 has no interval there") {
  // Miller 1997, `aml` of R's survival package.
  check(survival_of(days({{9, 1},
                          {13, 1},
                          {13, 0},
                          {18, 1},
                          {23, 1},
                          {28, 0},
                          {31, 1},
                          {34, 1},
                          {45, 0},
                          {48, 1},
                          {161, 0}})),
        {{9, 0.909090909090909, 0.754133845081525, 1, 11},
         {13, 0.818181818181818, 0.619248987399364, 1, 10},
         {18, 0.715909090909091, 0.488426287422128, 1, 8},
         {23, 0.613636363636364, 0.37686705950168, 0.999157600228473, 7},
         {31, 0.490909090909091, 0.254859951199317, 0.945584955200429, 5},
         {34, 0.368181818181818, 0.154877117897191, 0.875260678143908, 4},
         {48, 0.184090909090909, 0.0359178984891853, 0.943525769474552, 2}});
  check(survival_of(days({{5, 1},
                          {5, 1},
                          {8, 1},
                          {8, 1},
                          {12, 1},
                          {16, 0},
                          {23, 1},
                          {27, 1},
                          {30, 1},
                          {33, 1},
                          {43, 1},
                          {45, 1}})),
        {{5, 0.833333333333333, 0.647036987013362, 1, 12},
         {8, 0.666666666666667, 0.446846081150264, 0.994625360259092, 10},
         {12, 0.583333333333333, 0.361613705210385, 0.940998012173809, 8},
         {23, 0.486111111111111, 0.267518248858267, 0.883319225339558, 6},
         {27, 0.388888888888889, 0.185396526095557, 0.815735715691272, 5},
         {30, 0.291666666666667, 0.11483115015247, 0.740822018515804, 4},
         {33, 0.194444444444444, 0.0569215525716042, 0.664223659882563, 3},
         {43, 0.0972222222222222, 0.0152565271708652, 0.619548629119056, 2},
         {45, 0, kNone, kNone, 1}});
}

TEST_CASE("competing outcomes give R's state probabilities") {
  const Survival found = survival_of(
      days({{1, 1}, {2, 0}, {2, 2}, {3, 1}, {4, 2}, {4, 1}, {5, 0}, {6, 3}, {7, 1}, {7, 2}, {8, 0}, {9, 1}}));
  const std::vector<std::vector<std::pair<int, double>>> expected = {
      {{1, 0.0833333333333333},
       {3, 0.175925925925926},
       {4, 0.268518518518518},
       {7, 0.37962962962963},
       {9, 0.601851851851852}},
      {{2, 0.0833333333333333}, {4, 0.175925925925926}, {7, 0.287037037037037}},
      {{6, 0.111111111111111}}};
  REQUIRE(found.incidence.size() == expected.size());
  for (std::size_t k = 0; k < expected.size(); ++k) {
    const Incidence& incidence = found.incidence[k];
    CHECK(incidence.outcome == k + 1);
    REQUIRE(incidence.points.size() == expected[k].size());
    for (std::size_t i = 0; i < expected[k].size(); ++i) {
      CHECK(incidence.points[i].at == expected[k][i].first * kDay);
      CHECK(incidence.points[i].probability == Approx(expected[k][i].second).margin(1e-12));
    }
  }
  CHECK(found.incidence[0].events == 5);
  CHECK(found.incidence[2].events == 1);
}

TEST_CASE("nothing, one stay, and only open ones are answered without an invented number") {
  const Survival none = survival_of({});
  CHECK((none.samples == 0 && none.events == 0 && none.curve.empty() && none.incidence.empty()));
  const Survival open = survival_of(days({{3, 0}}));
  CHECK((open.samples == 1 && open.events == 0 && open.curve.empty() && open.incidence.empty()));
  const Survival censored = survival_of(days({{3, 0}, {1, 0}, {2, 0}}));
  CHECK((censored.samples == 3 && censored.events == 0 && censored.curve.empty()));
  const Survival one = survival_of(days({{3, 4}}));
  check(one, {{3, 0, kNone, kNone, 1}});
  CHECK(one.incidence.at(0).points.at(0).probability == 1);
  // A stay of no length at all counts as any other.
  check(survival_of(days({{0, 1}, {2, 0}})), {{0, 0.5, 0.125048826629953, 1, 2}});
}

TEST_CASE("who is censored when others end was still at risk then") {
  check(survival_of(days({{2, 0}, {2, 1}})), {{2, 0.5, 0.125048826629953, 1, 2}});
  check(survival_of(days({{2, 1}, {2, 1}, {2, 0}, {3, 1}})),
        {{2, 0.5, 0.187658928706588, 1, 4}, {3, 0, kNone, kNone, 1}});
}

TEST_CASE("lengths are counted in microdays, rounded to the nearest") {
  const TimestampUs from{1'700'000'000'000'000};
  const auto after = [&](std::int64_t us) { return microdays_between(from, {from.value + us}); };
  CHECK(after(0) == 0);
  CHECK(after(43'199) == 0);
  CHECK(after(43'200) == 1);
  CHECK(after(86'400) == 1);
  CHECK(after(129'599) == 1);
  CHECK(after(129'600) == 2);
  CHECK(after(std::int64_t{86'400} * 1'000'000) == kDay);
  CHECK(after(-1) == 0);
  // Two lengths that print alike are one event time.
  CHECK(survival_of({{after(86'400), 1}, {after(86'401), 1}, {after(200'000), 0}}).curve.size() == 1);
}
