// Random histories that the state machine's table allows: a few subjects and filings, each event of a type
// that may follow. Nothing decides them, so they reach corners that commands would avoid.
#pragma once

#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "events/core/transitions.hpp"
#include "tests/support/folded_views.hpp"

namespace ledger::test {

class RandomHistory {
 public:
  static constexpr std::uint64_t kSubjects = 4;

  /// At most 999 filings.
  RandomHistory(FoldedViews& ledger, std::uint64_t seed, std::uint64_t filings = 16)
      : ledger_(ledger), random_(static_cast<std::uint32_t>(seed)), filings_(filings) {}

  /// One event on a stream chosen at random, of a type that the table allows in its state.
  void step() {
    if (pick(5) == 0) {
      const Uuid id = id_of(1 + pick(kSubjects), 5);
      const SubjectState state = ledger_.lookup.subject(id).kept().value_or(SubjectState{});
      append(subject_stream(id), static_cast<unsigned>(state.status), subject_events(state));
    } else {
      const Uuid id = id_of(1 + pick(filings_));
      const FilingState state = ledger_.lookup.filing(id).kept().value_or(FilingState{});
      append(filing_stream(id), static_cast<unsigned>(state.status), filing_events(id, state));
    }
  }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  /// One of a few, or none.
  std::string region() {
    static constexpr const char* kRegions[] = {"110108", "110101", "440305", "310115", ""};
    return kRegions[pick(std::size(kRegions))];
  }

  AlgorithmType type() { return all_values<AlgorithmType>()[pick(all_values<AlgorithmType>().size())]; }

  void append(const StreamId& stream, unsigned status, std::vector<Payload> events) {
    std::erase_if(events, [&](const Payload& e) { return !state_allows(type_of(e), status); });
    if (!events.empty()) ledger_.append(stream, events[pick(events.size())]);
  }

  std::vector<Payload> subject_events(const SubjectState& state) {
    SubjectRegistered registered;
    registered.region = region();
    SubjectSubmitted submitted;
    submitted.attempt = state.attempt + 1;
    submitted.information.region = region();
    std::vector<Payload> events = {registered, submitted, subject_approved(state.attempt),
                                   SubjectRejected{state.attempt, {}}};
    if (pick(20) == 0) events.insert(events.end(), {SubjectLapsed{}, SubjectClosed{}});
    if (state.change_position) {
      SubjectChangeApproved approved;
      approved.region = region();
      events.insert(events.end(), {approved, SubjectChangeRejected{state.changes, {}}});
    } else {
      SubjectChangeSubmitted change;
      change.change = state.changes + 1;
      events.push_back(change);
    }
    return events;
  }

  std::vector<Payload> filing_events(const Uuid& id, const FilingState& state) {
    const auto serial = static_cast<std::uint16_t>(get_be<std::uint64_t>(id.bytes.data()));
    const FilingNumber number = *compose_filing_number("演示备", {"110108", 1000001, 2, 26, serial});
    PublicRecord record = public_record(number.text(), "算法" + std::to_string(pick(5)));
    record.batch = static_cast<std::uint32_t>(1 + pick(3));
    record.announced_on = Date{static_cast<std::int32_t>(20'000 + pick(3))};
    std::vector<Payload> events = {draft_saved(id_of(1 + serial % kSubjects, 5), state.attempt + 1),
                                   submitted(state.attempt + 1, record.algorithm_name, type()),
                                   ReviewStarted{state.attempt},
                                   FilingRejected{state.attempt, {}},
                                   FilingApproved{state.attempt, 0},
                                   number_assigned(number.digits),
                                   FilingPublished{record, std::nullopt},
                                   CancellationRequested{},
                                   imported(record)};
    if (pick(4) == 0) events.insert(events.end(), {FilingWithdrawn{state.attempt}, DraftDiscarded{}});
    if (state.public_record) events.push_back(AnnouncementCorrected{record, {}});
    if (state.cancellation_position) events.push_back(CancellationRejected{});
    if (state.change_position) {
      ChangeApproved approved;
      approved.change = state.changes;
      approved.public_record = record;
      events.insert(events.end(),
                    {approved, ChangeWithdrawn{state.changes}, ChangeRejected{state.changes, {}}});
    } else {
      ChangeSubmitted change;
      change.change = state.changes + 1;
      change.information = information(record.algorithm_name);
      events.push_back(change);
    }
    FilingCancelled cancelled;
    FilingRevoked revoked;
    if (state.public_record) {
      cancelled.public_record = revoked.public_record = record;
      cancelled.public_record->status = "cancelled";
      revoked.public_record->status = "revoked";
    }
    if (pick(6) == 0) events.insert(events.end(), {cancelled, revoked});
    return events;
  }

  FoldedViews& ledger_;
  std::mt19937 random_;
  std::uint64_t filings_;
};

}  // namespace ledger::test
