// One command against the ledger as it stands in the writer's batch: who asks, was it asked before, does the
// version hold, what follows. Stages events through the appender; durable and answered is the writer's
// business.
#pragma once

#include "events/store/appender.hpp"
#include "events/store/clock.hpp"
#include "events/store/engine.hpp"

namespace ledger::store {

/// A grant's token, or a webhook's secret, is answered again to a repeated request for this long.
inline constexpr std::int64_t kTokenRepeatUs = std::int64_t{24} * 3600 * 1'000'000;

/// The writer's thread only.
class CommandRunner {
 public:
  CommandRunner(Stores& stores, Appender& appender) : stores_(stores), appender_(appender) {}

  /// Order: grant, idempotency key, role and thing, expected version, clock, decision, append.
  [[nodiscard]] Outcome run(const Submission& submission, const ClockGuard::Reading& clock);

 private:
  struct Caller {
    Actor actor;
    std::optional<Uuid> subject;
  };
  [[nodiscard]] std::expected<Caller, Refusal> identify(const Submission& submission, TimestampUs now);
  [[nodiscard]] std::expected<TimestampUs, Refusal> date(const Submission& submission,
                                                         const ClockGuard::Reading& clock);
  [[nodiscard]] std::optional<Refusal> check_version(const Submission& submission);
  [[nodiscard]] Outcome repeat(const Submission& submission, std::uint64_t first, TimestampUs now);
  [[nodiscard]] Accepted describe(std::span<const StagedEvent> events) const;
  [[nodiscard]] std::string state_now(const StreamId& stream, const StagedEvent& last);
  [[nodiscard]] std::string state_at(const StreamId& stream, std::uint64_t version, const StagedEvent& last);
  void add_secrets(Accepted& accepted, TimestampUs made_at, TimestampUs now) const;

  Stores& stores_;
  Appender& appender_;
};

}  // namespace ledger::store
