// The log as its witnesses see it: an engine's, or one that nobody has opened for writing.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "events/store/engine.hpp"
#include "server/witness/witness_client.hpp"

namespace ledger::witness {

/// Any thread. The engine outlives it.
class EngineLog final : public WitnessedLog {
 public:
  explicit EngineLog(store::Engine& engine) : engine_(engine) {}
  [[nodiscard]] tlog::SignedCheckpoint newest() override;
  [[nodiscard]] tlog::TreeResult<std::vector<Digest>> consistency(std::uint64_t from,
                                                                  std::uint64_t to) override;
  void add_cosignatures(const tlog::SignedCheckpoint& checkpoint,
                        std::span<const tlog::NoteSignature> cosignatures) override;
  /// Stops signing: every write is refused from here on.
  void conflict(std::string witness, std::string what) override;

 private:
  store::Engine& engine_;
};

/// A log that only is read: what witnesses cosign goes nowhere, and a conflict is for the caller to see. One
/// thread at a time; the reader outlives it.
class StoredLog final : public WitnessedLog {
 public:
  /// The log must hold a checkpoint.
  explicit StoredLog(const store::EntryReader& log) : log_(log) {}
  [[nodiscard]] tlog::SignedCheckpoint newest() override;
  [[nodiscard]] tlog::TreeResult<std::vector<Digest>> consistency(std::uint64_t from,
                                                                  std::uint64_t to) override;
  void add_cosignatures(const tlog::SignedCheckpoint&, std::span<const tlog::NoteSignature>) override {}
  void conflict(std::string, std::string) override {}

 private:
  const store::EntryReader& log_;
};

/// The configs of `VKEY URL` texts; the error names the text that is none, or a key that is there twice.
[[nodiscard]] std::expected<std::vector<WitnessConfig>, std::string> parse_configs(
    std::span<const std::string> texts);

/// What witnesses said when they were asked whether they know more than the ledger or another history.
struct Heard {
  std::optional<std::string> hindrance;  ///< why the ledger must not write; nullopt where none knows such
  std::vector<std::string> silent;       ///< one line for each witness that gave no answer to be believed
  std::size_t answered = 0;
};
/// Asks every witness at once. One that does not answer in time hinders nothing. Blocks for `timeout` at
/// most.
[[nodiscard]] Heard hear_witnesses(std::span<const WitnessConfig> witnesses, WitnessedLog& log,
                                   std::chrono::milliseconds timeout);
/// The same, one after the other on this thread, for a log that only one thread may read.
[[nodiscard]] Heard hear_witnesses(std::span<const WitnessConfig> witnesses, StoredLog& log,
                                   std::chrono::milliseconds timeout);

}  // namespace ledger::witness
