// The streams of an evidence bundle, folded as far as the bundle shows them: whose the events are, that none
// is missing between them, and that each may follow the one before it. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "events/core/states.hpp"
#include "replay/bundle.hpp"

namespace ledger::replay {

/// Takes the bundle's events in the order of their positions. One thread at a time.
class BundleStreams {
 public:
  /// `head` outlives it.
  explicit BundleStreams(const BundleHead& head) : head_(head) {}

  /// What is wrong with the next event, if anything is.
  [[nodiscard]] std::optional<std::string> take(const Event& event);
  /// What is missing once all were taken, if anything is.
  [[nodiscard]] std::optional<std::string> finish() const;

  [[nodiscard]] const FilingState& filing() const { return filing_; }
  [[nodiscard]] std::size_t products() const { return products_.size(); }

 private:
  /// What the transition table asks about a stream.
  struct Before {
    std::uint64_t version = 0;
    unsigned state = 0;  ///< 0: no event yet
  };
  [[nodiscard]] Before before(const StreamId& stream) const;
  [[nodiscard]] std::optional<std::string> check_owner(const Event& event) const;
  [[nodiscard]] std::optional<std::string> check_ledger(const Event& event) const;
  [[nodiscard]] std::optional<std::string> check_decision(const Event& event) const;
  void fold(const Event& event);

  const BundleHead& head_;
  TimestampUs last_recorded_;
  LedgerState ledger_;
  SubjectState subject_;
  FilingState filing_;
  std::map<Uuid, ProductState> products_;
};

}  // namespace ledger::replay
