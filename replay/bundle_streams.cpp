#include "replay/bundle_streams.hpp"

#include <utility>

#include "events/core/transitions.hpp"

namespace ledger::replay {

using Broken = std::optional<std::string>;

BundleStreams::Before BundleStreams::before(const StreamId& stream) const {
  switch (stream.kind) {
    case StreamKind::ledger: return {ledger_.version, ledger_.version == 0 ? 0U : 1U};
    case StreamKind::subject: return {subject_.version, static_cast<unsigned>(subject_.status)};
    case StreamKind::filing: return {filing_.version, static_cast<unsigned>(filing_.status)};
    case StreamKind::product:
      if (const auto found = products_.find(stream.id); found != products_.end()) {
        return {found->second.version, found->second.removed ? 2U : 1U};
      }
      break;
  }
  return {};
}

Broken BundleStreams::check_owner(const Event& event) const {
  const StreamId& stream = event.header.stream;
  switch (stream.kind) {
    case StreamKind::ledger: break;
    case StreamKind::filing:
      if (stream.id != head_.filing) return "is of another filing";
      if (const auto* draft = std::get_if<DraftSaved>(&event.payload);
          draft != nullptr && draft->subject_id != head_.subject) {
        return "is of another subject's filing";
      }
      break;
    case StreamKind::subject:
      if (stream.id != head_.subject) return "is of another subject";
      break;
    case StreamKind::product:
      if (const auto* added = std::get_if<ProductAdded>(&event.payload);
          added != nullptr && added->subject_id != head_.subject) {
        return "is of another subject's product";
      }
      break;
  }
  return std::nullopt;
}

/// Most of the ledger's own stream is about others: only its first event is always there.
Broken BundleStreams::check_ledger(const Event& event) const {
  const auto* created = std::get_if<LedgerCreated>(&event.payload);
  if ((created != nullptr) != (event.header.position.value == 0)) {
    return "ledger.created stands at position 0 and nowhere else";
  }
  if (created != nullptr && created->origin != head_.origin) return "created a ledger of another origin";
  return std::nullopt;
}

/// A decision names the submission that was read for it.
Broken BundleStreams::check_decision(const Event& event) const {
  if (const auto* approved = std::get_if<FilingApproved>(&event.payload);
      approved != nullptr && approved->submission != filing_.submission_position) {
    return "approves another submission than the last";
  }
  if (const auto* approved = std::get_if<ChangeApproved>(&event.payload);
      approved != nullptr && approved->submission != filing_.change_position) {
    return "approves another change than the open one";
  }
  return std::nullopt;
}

Broken BundleStreams::take(const Event& event) {
  const EventHeader& header = event.header;
  const EventType type = type_of(event.payload);
  const std::string name(name_of(type));
  if (header.rules > kRulesVersion) return "was written under rules that this program does not know";
  if (transition_of(type).stream != header.stream.kind) return name + " belongs to another kind of stream";
  if (auto broken = check_owner(event)) return broken;
  if (auto broken = check_ledger(event)) return broken;
  if (header.recorded_at < last_recorded_) return "was recorded before an earlier event";
  const bool ledger = header.stream.kind == StreamKind::ledger;
  const Before stream = before(header.stream);
  if (ledger ? header.version <= stream.version : header.version != stream.version + 1) {
    return header.stream.text() + " has version " + std::to_string(header.version) + " behind version " +
           std::to_string(stream.version);
  }
  if (!role_may(type, header.actor.role)) {
    return name + " is not for the role " + std::string(code_of(header.actor.role));
  }
  if (!state_allows(type, stream.state)) return name + " is not possible in the state before it";
  if (auto broken = check_decision(event)) return broken;
  fold(event);
  return std::nullopt;
}

void BundleStreams::fold(const Event& event) {
  last_recorded_ = event.header.recorded_at;
  switch (event.header.stream.kind) {
    case StreamKind::ledger: ledger_ = evolve(std::move(ledger_), event); break;
    case StreamKind::subject: subject_ = evolve(std::move(subject_), event); break;
    case StreamKind::filing: filing_ = evolve(std::move(filing_), event); break;
    case StreamKind::product: {
      ProductState& product = products_[event.header.stream.id];
      product = evolve(std::move(product), event);
      break;
    }
  }
}

Broken BundleStreams::finish() const {
  if (ledger_.version == 0) return "the first event of the ledger is missing";
  if (filing_.version == 0) return "no event of the filing is there";
  if (head_.subject && subject_.version == 0) return "no event of the filing's subject is there";
  if (filing_.subject_id != head_.subject.value_or(Uuid{})) return "the filing is not that subject's";
  return std::nullopt;
}

}  // namespace ledger::replay
