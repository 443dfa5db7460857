#include "replay/stage_index.hpp"

#include <algorithm>
#include <mutex>

namespace ledger::replay {
namespace {

using projections::Stage;
using projections::StageChange;
using projections::StageOutcome;

/// How many ended stays may wait unsorted: looking through them then costs little beside the others.
constexpr std::size_t kUnsortedMax = 1'024;

template <typename E>
std::uint8_t number_of(const std::optional<E>& value) {
  return value ? static_cast<std::uint8_t>(*value) : std::uint8_t{0};
}

std::uint32_t region_number(const std::array<char, 6>& region) {
  std::uint32_t number = 0;
  for (const char digit : region) {
    if (digit < '0' || digit > '9') return 0;
    number = number * 10 + static_cast<std::uint32_t>(digit - '0');
  }
  return number;
}

std::array<char, 6> region_digits(std::uint32_t number) {
  std::array<char, 6> digits{};
  if (number == 0) return digits;
  for (std::size_t i = digits.size(); i-- > 0; number /= 10) digits[i] = static_cast<char>('0' + number % 10);
  return digits;
}

/// Grows a vector by an eighth at a time: doubled, it would hold as much again for nothing.
template <typename T>
void append(std::vector<T>& to, const T& value) {
  if (to.size() == to.capacity()) to.reserve(to.size() + to.size() / 8 + 1'024);
  to.push_back(value);
}

}  // namespace

/// A stratum as comparisons of numbers.
class StageIndex::Match {
 public:
  explicit Match(const Stratum& stratum)
      : attempt_min_(stratum.attempt_min),
        attempt_max_(stratum.attempt_max),
        type_(number_of(stratum.type)),
        role_(number_of(stratum.role)),
        kind_(stratum.kind) {
    if (stratum.region.empty()) return;
    std::array<char, 6> low, high;
    low.fill('0');
    high.fill('9');
    const std::size_t digits = std::min(stratum.region.size(), low.size());
    std::copy_n(stratum.region.begin(), digits, low.begin());
    std::copy_n(stratum.region.begin(), digits, high.begin());
    region_min_ = std::max(region_number(low), 1U);
    region_max_ = region_number(high);
  }
  template <typename Row>
  [[nodiscard]] bool operator()(const Row& row) const {
    return row.attempt >= attempt_min_ && row.attempt <= attempt_max_ && row.region >= region_min_ &&
           row.region <= region_max_ && (type_ == 0 || row.type == type_) &&
           (role_ == 0 || row.role == role_) && (!kind_ || row.kind == *kind_);
  }

 private:
  std::uint32_t attempt_min_, attempt_max_;
  std::uint32_t region_min_ = 0, region_max_ = 999'999;
  std::uint8_t type_, role_;
  std::optional<StreamKind> kind_;
};

void StageIndex::Shelf::begin(const StageChange& change) {
  const StageChange::Begun& begun = *change.begun;
  Stay stay;
  stay.entered_at = change.at.value;
  stay.entered_position = change.position;
  stay.id = change.stream.id;
  stay.attempt = begun.attempt;
  stay.region = region_number(begun.region);
  stay.kind = change.stream.kind;
  stay.type = number_of(begun.type);
  stay.role = number_of(begun.role);
  open.push_back(static_cast<std::uint32_t>(stays.size()));
  append(stays, stay);
}

void StageIndex::Shelf::end(const StageChange& change) {
  const auto stay =
      std::ranges::lower_bound(stays, change.ended->entered_position, {}, &Stay::entered_position);
  if (stay == stays.end() || stay->entered_position != change.ended->entered_position ||
      stay->left_position != kOpen) {
    throw store::StoreDamage({0, "follow the changes of the timeline"});
  }
  stay->left_at = change.at.value;
  stay->left_position = last_left = change.position;
  stay->outcome = static_cast<std::uint8_t>(change.ended->outcome);
  append(ended, Ended{.length = microdays_between({stay->entered_at}, change.at),
                      .left_position = change.position,
                      .attempt = stay->attempt,
                      .region = stay->region,
                      .kind = stay->kind,
                      .outcome = stay->outcome,
                      .type = stay->type,
                      .role = stay->role});
  if (++open_ended > open.size() / 2 + 64) {
    std::erase_if(open, [&](std::uint32_t index) { return stays[index].left_position != kOpen; });
    open_ended = 0;
  }
}

void StageIndex::Shelf::sort() {
  if (ended.size() - sorted <= kUnsortedMax) return;
  const auto middle = ended.begin() + static_cast<std::ptrdiff_t>(sorted);
  std::ranges::sort(middle, ended.end(), {}, &Ended::length);
  if (sorted > 0) {
    std::vector<Ended> all(ended.size());
    std::ranges::merge(ended.begin(), middle, middle, ended.end(), all.begin(), {}, &Ended::length,
                       &Ended::length);
    ended = std::move(all);
  }
  sorted = ended.size();
}

void StageIndex::catch_up(const store::Transaction& views, const projections::Timeline& timeline,
                          std::uint64_t size) {
  if (this->size() >= size) return;
  const std::unique_lock lock(mutex_);
  if (size_ >= size) return;
  timeline.changes(views, size_, [&](const StageChange& change) {
    if (change.position >= size) return false;
    if (change.ended) shelves_.at(static_cast<std::size_t>(change.ended->stage)).end(change);
    if (change.begun) shelves_.at(static_cast<std::size_t>(change.begun->stage)).begin(change);
    // What was taken in is not taken in again, should a later row turn out to be damaged.
    size_ = change.position + 1;
    return true;
  });
  for (Shelf& shelf : shelves_) shelf.sort();
  size_ = size;
}

std::uint64_t StageIndex::size() const {
  const std::shared_lock lock(mutex_);
  return size_;
}

std::size_t StageIndex::samples() const {
  const std::shared_lock lock(mutex_);
  std::size_t count = 0;
  for (const Shelf& shelf : shelves_) count += shelf.stays.size();
  return count;
}

std::size_t StageIndex::held_bytes() const {
  const std::shared_lock lock(mutex_);
  std::size_t bytes = 0;
  for (const Shelf& shelf : shelves_) {
    bytes += shelf.stays.capacity() * sizeof(Stay) + shelf.ended.capacity() * sizeof(Ended) +
             shelf.open.capacity() * sizeof(std::uint32_t);
  }
  return bytes;
}

const StageIndex::Shelf& StageIndex::shelf_of(Stage stage) const {
  return shelves_.at(static_cast<std::size_t>(stage));
}

std::vector<Spell> StageIndex::spells(const Stratum& stratum, const Moment& moment) const {
  const Match matches(stratum);
  const std::shared_lock lock(mutex_);
  const Shelf& shelf = shelf_of(stratum.stage);

  // What is not in the order of the shelf: those that have ended lately, and those that are open.
  std::vector<Spell> others;
  const auto counts = [&](const Ended& stay) {
    return stay.left_position <= moment.position && matches(stay);
  };
  for (std::size_t i = shelf.sorted; i < shelf.ended.size(); ++i) {
    if (counts(shelf.ended[i])) others.push_back({shelf.ended[i].length, shelf.ended[i].outcome});
  }
  std::ranges::sort(others, {}, &Spell::length);
  std::vector<Spell> open;  // descending: who began first has waited longest
  const auto wait = [&](const Stay& stay) {
    if (matches(stay)) open.push_back({microdays_between({stay.entered_at}, moment.at), 0});
  };
  if (shelf.last_left <= moment.position) {
    for (const std::uint32_t index : shelf.open) {
      const Stay& stay = shelf.stays[index];
      if (stay.entered_position > moment.position) break;
      if (stay.left_position == kOpen) wait(stay);
    }
  } else {
    for (const Stay& stay : shelf.stays) {
      if (stay.entered_position > moment.position) break;
      if (stay.left_position > moment.position) wait(stay);
    }
  }
  if (!open.empty()) {
    std::ranges::reverse(open);
    std::vector<Spell> both(others.size() + open.size());
    std::ranges::merge(others, open, both.begin(), {}, &Spell::length, &Spell::length);
    others = std::move(both);
  }

  std::vector<Spell> all;
  all.reserve(shelf.sorted + others.size());
  auto other = others.begin();
  for (std::size_t i = 0; i < shelf.sorted; ++i) {
    const Ended& stay = shelf.ended[i];
    if (!counts(stay)) continue;
    for (; other != others.end() && other->length < stay.length; ++other) all.push_back(*other);
    all.push_back({stay.length, stay.outcome});
  }
  all.insert(all.end(), other, others.end());
  return all;
}

StageSample StageIndex::sample_of(Stage stage, const Stay& stay, std::uint64_t position) {
  StageSample sample;
  sample.stream = {stay.kind, stay.id};
  sample.stage = stage;
  sample.attempt = stay.attempt;
  sample.entered_at = {stay.entered_at};
  sample.entered_position = stay.entered_position;
  sample.type = from_number<AlgorithmType>(stay.type);
  sample.role = from_number<AlgorithmRole>(stay.role);
  sample.region = region_digits(stay.region);
  if (stay.left_position > position) return sample;
  sample.left_at = TimestampUs{stay.left_at};
  sample.left_position = stay.left_position;
  sample.outcome = static_cast<StageOutcome>(stay.outcome);
  return sample;
}

void StageIndex::for_each(std::uint64_t position, const std::function<void(const StageSample&)>& each) const {
  const std::shared_lock lock(mutex_);
  std::array<std::size_t, 9> next{};
  while (true) {
    std::size_t first = shelves_.size();
    std::uint64_t first_position = kOpen;
    for (std::size_t stage = 0; stage < shelves_.size(); ++stage) {
      const std::vector<Stay>& stays = shelves_[stage].stays;
      if (next[stage] == stays.size() || stays[next[stage]].entered_position >= first_position) continue;
      first = stage;
      first_position = stays[next[stage]].entered_position;
    }
    if (first_position == kOpen || first_position > position) return;
    each(sample_of(static_cast<Stage>(first), shelves_[first].stays[next[first]++], position));
  }
}

void StageIndex::for_each(Stage stage, std::uint64_t position,
                          const std::function<void(const StageSample&)>& each) const {
  const std::shared_lock lock(mutex_);
  for (const Stay& stay : shelf_of(stage).stays) {
    if (stay.entered_position > position) return;
    each(sample_of(stage, stay, position));
  }
}

std::vector<StageSample> StageIndex::samples_at(std::uint64_t position) const {
  std::vector<StageSample> all;
  for_each(position, [&](const StageSample& sample) { all.push_back(sample); });
  return all;
}

}  // namespace ledger::replay
