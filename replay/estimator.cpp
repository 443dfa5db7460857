#include "replay/estimator.hpp"

#include <algorithm>

namespace ledger::replay {
namespace {

using projections::Stage;
using projections::StageChange;
using projections::StageOutcome;

constexpr std::int64_t kUsADay = 86'400'000'000;
constexpr std::int64_t kShanghaiUs = 8 * std::int64_t{3'600'000'000};

/// The last moment of the day before this one, in Asia/Shanghai.
TimestampUs day_before(TimestampUs at) {
  return {static_cast<std::int64_t>(Date::of(at).days) * kUsADay - kShanghaiUs - 1};
}

}  // namespace

std::optional<std::uint64_t> EstimateLog::position_at(TimestampUs at) const {
  std::uint64_t low = 0;
  std::uint64_t high = size;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (recorded_at(middle) <= at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low == 0 ? std::nullopt : std::optional(low - 1);
}

bool FilingThen::submitted() const {
  return std::ranges::find(visits, Stage::queued, &projections::Visit::stage) != visits.end();
}

FilingThen filing_then(const EstimateLog& log, const Uuid& filing, std::uint64_t position) {
  FilingThen then;
  const StreamId stream{StreamKind::filing, filing};
  then.visits = log.timeline.visits(log.views, stream);
  std::erase_if(then.visits,
                [&](const projections::Visit& visit) { return visit.entered_position > position; });
  if (then.visits.empty()) return then;
  projections::Visit& last = then.visits.back();
  if (last.left_at && last.left_position > position) {
    last.left_at.reset();
    last.outcome.reset();
    last.actor.reset();
  }
  if (last.left_at) return then;
  EstimateCase open;
  open.stream = stream;
  open.stage = last.stage;
  open.attempt = last.attempt;
  open.entered_at = last.entered_at;
  if (last.stage == Stage::publication && then.visits.size() > 1)
    open.approved_at = then.visits[then.visits.size() - 2].entered_at;
  log.timeline.changes(log.views, last.entered_position, [&](const StageChange& change) {
    if (change.position == last.entered_position && change.begun) {
      open.type = change.begun->type;
      open.role = change.begun->role;
      open.region = change.begun->region;
    }
    return false;
  });
  then.open = open;
  return then;
}

std::shared_ptr<const EstimateTables> Estimator::kept(std::uint64_t position) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(kept_, position, &Tables::position);
  if (found == kept_.end()) return nullptr;
  kept_.splice(kept_.begin(), kept_, found);
  return found->tables;
}

Estimator::Tables Estimator::tables_of(const EstimateLog& log, std::uint64_t position) {
  if (auto known = kept(position)) return {std::move(known), position};
  const std::lock_guard building(build_mutex_);
  if (auto known = kept(position)) return {std::move(known), position};
  Tables built{std::make_shared<const EstimateTables>(
                   [&](const auto& each) {
                     for (int stage = 1; stage <= static_cast<int>(Stage::publication); ++stage)
                       stages_.for_each(static_cast<Stage>(stage), position, each);
                   },
                   log.recorded_at(position)),
               position};
  const std::lock_guard lock(mutex_);
  kept_.push_front(built);
  if (kept_.size() > kKept) kept_.pop_back();
  return built;
}

Estimator::Tables Estimator::tables_for(const EstimateLog& log, std::uint64_t position) {
  std::optional<std::uint64_t> base = log.position_at(day_before(log.recorded_at(position)));
  log.timeline.changes(log.views, base ? *base + 1 : 0, [&](const StageChange& change) {
    if (change.position > position) return false;
    if (change.ended && change.ended->outcome == StageOutcome::published) base = change.position;
    return true;
  });
  if (base) {
    Tables tables = tables_of(log, *base);
    if (!tables.tables->lack()) return tables;
  }
  return tables_of(log, position);
}

}  // namespace ledger::replay
