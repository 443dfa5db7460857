#include "server/witness/engine_log.hpp"

#include <algorithm>
#include <thread>

namespace ledger::witness {

namespace {

void note(Heard& heard, const WitnessConfig& witness, const WitnessOpinion& opinion) {
  const std::string line = "the witness " + witness.key.name + ": " + opinion.detail;
  switch (opinion.verdict) {
    case WitnessVerdict::agrees: ++heard.answered; break;
    case WitnessVerdict::unknown_log:
    case WitnessVerdict::unavailable: heard.silent.push_back(line); break;
    case WitnessVerdict::ahead:
    case WitnessVerdict::conflict:
      ++heard.answered;
      if (!heard.hindrance) heard.hindrance = line;
      break;
  }
}

}  // namespace

tlog::SignedCheckpoint EngineLog::newest() {
  return store::without_cosignatures(engine_.checkpoint()->checkpoint);
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

Heard hear_witnesses(std::span<const WitnessConfig> witnesses, WitnessedLog& log,
                     std::chrono::milliseconds timeout) {
  std::vector<WitnessOpinion> opinions(witnesses.size());
  {
    std::vector<std::jthread> asking;
    for (std::size_t i = 0; i < witnesses.size(); ++i) {
      asking.emplace_back([&, i] {
        try {
          opinions[i] = ask_witness(witnesses[i], log, timeout);
        } catch (const std::exception& failed) {
          // The log could not be read just now; whether that matters shows where it is needed.
          opinions[i].detail = failed.what();
        }
      });
    }
  }
  Heard heard;
  for (std::size_t i = 0; i < witnesses.size(); ++i) note(heard, witnesses[i], opinions[i]);
  return heard;
}

// ---- without an engine

tlog::SignedCheckpoint StoredLog::newest() {
  const auto kept = log_.checkpoint_up_to(~std::uint64_t{0});
  auto parsed = kept ? tlog::parse_checkpoint(kept->text) : std::unexpected(tlog::FormatError{});
  if (!parsed) throw store::StoreDamage({0, "the log has no checkpoint that reads"});
  return store::without_cosignatures(std::move(*parsed));
}

tlog::TreeResult<std::vector<Digest>> StoredLog::consistency(std::uint64_t from, std::uint64_t to) {
  return tlog::consistency_path(tlog::RowHashReader(log_), from, to);
}

Heard hear_witnesses(std::span<const WitnessConfig> witnesses, StoredLog& log,
                     std::chrono::milliseconds timeout) {
  Heard heard;
  for (const WitnessConfig& witness : witnesses) note(heard, witness, ask_witness(witness, log, timeout));
  return heard;
}

std::expected<std::vector<WitnessConfig>, std::string> parse_configs(std::span<const std::string> texts) {
  std::vector<WitnessConfig> configs;
  for (const std::string& text : texts) {
    auto config = WitnessConfig::parse(text);
    if (!config) return std::unexpected(config.error());
    const bool again = std::ranges::any_of(
        configs, [&](const WitnessConfig& other) { return other.key.text() == config->key.text(); });
    if (again) return std::unexpected("the witness " + config->key.name + " is named twice");
    configs.push_back(std::move(*config));
  }
  return configs;
}

}  // namespace ledger::witness
