#include "server/witness/engine_log.hpp"

#include <algorithm>
#include <thread>

namespace ledger::witness {

tlog::SignedCheckpoint EngineLog::newest() {
  tlog::SignedCheckpoint newest = engine_.checkpoint()->checkpoint;
  // Cosigners have names of their own; the log's keys are named like its origin.
  std::erase_if(newest.note.signatures, [&](const tlog::NoteSignature& signature) {
    return signature.name != newest.checkpoint.origin;
  });
  return newest;
}

tlog::TreeResult<std::vector<Digest>> EngineLog::consistency(std::uint64_t from, std::uint64_t to) {
  const store::EntryReader log = engine_.read_log();
  return tlog::consistency_path(tlog::RowHashReader(log), from, to);
}

void EngineLog::add_cosignatures(const tlog::SignedCheckpoint& checkpoint,
                                 std::span<const tlog::NoteSignature> cosignatures) {
  engine_.add_cosignatures(checkpoint.checkpoint.size, cosignatures);
}

void EngineLog::conflict(std::string witness, std::string what) {
  engine_.stop_signing("the witness " + witness + ": " + what);
}

std::optional<std::string> why_not_write(std::span<const WitnessConfig> witnesses, WitnessedLog& log,
                                         std::chrono::milliseconds timeout) {
  std::vector<WitnessOpinion> opinions(witnesses.size());
  {
    std::vector<std::jthread> asking;
    for (std::size_t i = 0; i < witnesses.size(); ++i)
      asking.emplace_back([&, i] { opinions[i] = ask_witness(witnesses[i], log, timeout); });
  }
  for (std::size_t i = 0; i < witnesses.size(); ++i) {
    const WitnessVerdict verdict = opinions[i].verdict;
    if (verdict == WitnessVerdict::ahead || verdict == WitnessVerdict::conflict)
      return "the witness " + witnesses[i].key.name + ": " + opinions[i].detail;
  }
  return std::nullopt;
}

}  // namespace ledger::witness
