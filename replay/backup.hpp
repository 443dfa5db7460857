// `backup`: a consistent copy of a ledger for the day on which its disk is lost, made beside a running server
// without its lock and without any key.
//
// The log goes first, then the vault, then the documents: keys and documents are durable before the events
// that name them, so a later copy of them covers an earlier one of the log. Only an erasure takes keys away;
// where one came between, all is copied again. A backup holds no key: neither the master key nor a signing
// key, which are kept apart, nor views, which are built anew.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "events/store/engine.hpp"
#include "replay/staging.hpp"

namespace ledger::replay {

/// What `backup.json` says of the files beside it.
struct BackupFacts {
  std::string origin;
  Uuid ledger_id;
  std::uint64_t size = 0;  ///< events
  Digest root;
  std::string checkpoint;         ///< the newest signed one, of `size` and `root`
  std::uint32_t vault_epoch = 0;  ///< whose secret opens the vault; it stands in the master key file alone
  std::uint64_t documents = 0;
  std::uint64_t bytes = 0;      ///< of log, vault and documents
  TimestampUs made_at;          ///< by the machine's clock
  std::string signing_stopped;  ///< why the ledger must not write any more; empty where it may
  bool operator==(const BackupFacts&) const = default;
};

/// The text of `backup.json`.
[[nodiscard]] std::string to_json(const BackupFacts& facts);
/// Reads it, strictly; the error is one line.
[[nodiscard]] std::expected<BackupFacts, std::string> read_backup_facts(std::string_view json);

/// Checks that an opened log is whole as far as its hashes tell, up to its newest checkpoint, and answers
/// what it tells of itself. Entries are not hashed again. A log whose tree is not made yet is refused.
[[nodiscard]] std::expected<BackupFacts, store::EngineFault> facts_of(store::EntryStore& log);

/// The name of `backup.json` in a backup.
[[nodiscard]] std::filesystem::path facts_path(const std::filesystem::path& backup);

struct BackupOptions {
  std::filesystem::path data;
  std::filesystem::path to;  ///< must not be there
  CopyProgress on_progress;
  /// Told when the log is copied and the rest is not, and when all is copied but not yet found to be
  /// consistent; for tests, which let the ledger go on there.
  std::function<void()> on_log_copied, on_copied;
};

/// Blocks. Built beside and renamed into place, all of it durable on return; a failure leaves nothing.
/// Faults: no_ledger; ledger_exists where `to` is there; invalid where one directory lies in the other;
/// locked where another backup is being made there; damaged; storage.
[[nodiscard]] std::expected<BackupFacts, store::EngineFault> backup(const BackupOptions& options);

}  // namespace ledger::replay
