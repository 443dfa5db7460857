// Judges a log event by event: whether each was admissible in the state that the events before it left. The
// rules are `admissible`, the fold is the engine's (events/store/indexes.hpp), over views that nobody needs
// afterwards.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

#include "events/codec/entry_codec.hpp"
#include "events/core/decide.hpp"
#include "events/store/lmdb.hpp"

namespace ledger::replay {

/// The machine failed where the views lie: says nothing about the ledger.
class ScratchFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One thread. Whatever fails in the scratch directory throws ScratchFailure.
class LegalityReplay {
 public:
  /// Makes `directory` for the views; the caller removes it. `buffer_bytes`: rows held in memory.
  LegalityReplay(const std::filesystem::path& directory, std::size_t buffer_bytes);
  ~LegalityReplay();
  LegalityReplay(const LegalityReplay&) = delete;
  LegalityReplay& operator=(const LegalityReplay&) = delete;

  /// Why the event may not come next; nullopt where it may.
  [[nodiscard]] std::optional<Violation> judge(const Event& event) const;
  /// It comes next. It was judged admissible.
  void apply(Event& event, const codec::EntryParts& parts);
  /// Between events, now and then: lets memory go.
  void settle();

  /// Verifier keys in force, oldest first; empty before the first event. Lives until the next `apply`.
  [[nodiscard]] std::span<const std::string> vkeys() const;
  /// The subject that a filing or subject stream belongs to; nullopt for other streams and imported records.
  [[nodiscard]] std::optional<Uuid> subject_of(const StreamId& stream) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ledger::replay
