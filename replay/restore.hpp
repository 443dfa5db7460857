// `restore`: makes a data directory of a backup, after it has looked whether the ledger that comes back may
// still write. A backup is older than what it is a backup of: where events were acknowledged and published
// since, a ledger that went on from it would sign a second history.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "events/store/engine.hpp"
#include "replay/backup.hpp"

namespace ledger::replay {

struct RestoreOptions {
  std::filesystem::path from;        ///< a directory that `backup` made; only read
  std::filesystem::path data;        ///< must not be there, or be empty
  std::filesystem::path master_key;  ///< of today; empty: `DIR.key`
  std::vector<std::filesystem::path> signing_keys;
  std::filesystem::path checkpoint_file;  ///< empty: there is none
  /// Answers whether any witness could be asked; the error is why what one knows contradicts the log. Empty:
  /// nobody is asked.
  std::function<std::expected<bool, std::string>(const store::EntryReader&)> ask_witnesses;
  /// Lays a ledger that must not write any more out for reading: with the mark that keeps it from serving, no
  /// signing keys needed, and its vault as it is where the master key does not open it.
  bool allow_behind = false;
  CopyProgress on_progress;
  /// Events verified on the copy, and how many there are.
  std::function<void(std::uint64_t done, std::uint64_t total)> on_verified;
};

struct Restored {
  BackupFacts facts;
  /// Why it must not write: the mark's text; empty where it may.
  std::string read_only;
  bool vault_opens = true;
  bool checked_file = false, checked_witnesses = false;
  std::uint64_t erasures = 0;  ///< of log and list, carried out again
};

/// Blocks. Everything is checked on a copy beside `data`: that entries, hashes and checkpoint are those of
/// `backup.json`, that a key in force has signed the checkpoint and none of them wrongly, that the checkpoint
/// file and the witnesses do not know more or other events, that the master key opens the vault, that every
/// signing key in force was given. Then it takes its place, and last the erasures that the log and the list
/// beside the checkpoint file know are carried out in it, which can turn the master key file's epoch; the
/// lock is held until then. A refusal leaves nothing; only where the erasures fail the directory stays, and
/// the next start carries them out before it serves.
///
/// Faults: no_ledger where `from` is no backup; ledger_exists; locked; invalid (directories inside each
/// other, a checkpoint file that is not there); damaged; rolled_back; master_key; signing_key; storage.
[[nodiscard]] std::expected<Restored, store::EngineFault> restore(const RestoreOptions& options);

}  // namespace ledger::replay
