// The vault: the random key of every private record, wrapped, and the means to make keys unreadable for good.
//
// What is where. `vault/` (LMDB, fully synced) holds record id[16] -> u32be epoch || wrapped key[60]. A row
// is wrapped under a key derived from two halves: the master key (its own file) and the secret of the row's
// epoch. The epoch secret stands behind the master key in the master key file, never in `vault/`.
//
// Erasing. `destroy` draws a new epoch secret, wraps the surviving keys anew under it in one transaction that
// also drops the rows of the destroyed ones, and then forgets the old secret. From then on no row written
// before can be opened: not in old pages that LMDB, which copies on write, leaves in the file, and not in any
// older copy or backup of `vault/`, even with the master key. The price is honest: older vault backups are
// worthless after an erasure, and losing the key file loses every private value. A copy of the key file made
// before an erasure still opens a vault copy made before it, so older copies of the key file must not be kept
// beyond the time within which an erasure must take hold. Its old blocks are overwritten in place, which
// flash and copy-on-write file systems may not honour.
#pragma once

#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "events/core/types.hpp"
#include "events/crypto/master_key.hpp"
#include "events/crypto/primitives.hpp"

namespace ledger::store {

enum class VaultFailure {
  full,           ///< No room on disk or in the map: nothing was changed.
  record_exists,  ///< `create` named an id that has a key: nothing was changed.
  epoch_file,     ///< The epoch file is missing, unreadable or not the vault's.
  damaged,        ///< A row does not open: damaged, moved, or wrapped under another master key.
  io,             ///< The machine failed; after a failed commit end the process.
};

struct VaultFault {
  VaultFailure kind = VaultFailure::io;
  std::string detail;  ///< One line for an operator; holds no secret.
};

template <typename T>
using VaultResult = std::expected<T, VaultFault>;

struct VaultOptions {
  std::filesystem::path directory;   ///< `DIR/vault`.
  std::filesystem::path epoch_file;  ///< The master key file; the section is added to it.
  std::size_t cache_entries_max = 4096;
  std::uint64_t map_size = std::uint64_t{8} << 30;
  bool create = false;     ///< Makes a new, empty vault and its epoch file; refuses where one is.
  bool read_only = false;  ///< `verify`, `export`: no recovery, no create, no destroy.
};

/// A record's id and its key, the latter random or, in a simulation, from its seed.
struct RecordKey {
  Uuid record;
  crypto::SecretKey key;
};

/// `create` and `destroy` belong to the writer's thread; `find` is safe from any thread beside them.
class Vault {
 public:
  [[nodiscard]] static VaultResult<std::unique_ptr<Vault>> open(const VaultOptions& options,
                                                                const crypto::MasterKey& master);
  // What a backup needs, by any process and without any key.

  /// The epoch that the vault in a directory stands at.
  [[nodiscard]] static VaultResult<std::uint32_t> epoch_in(const std::filesystem::path& directory);
  /// The epochs whose secrets an epoch file holds: one, or two while a `destroy` is at work or has died.
  [[nodiscard]] static VaultResult<std::vector<std::uint32_t>> epochs_held(
      const std::filesystem::path& epoch_file);
  /// A consistent, synced copy of the wrapped keys into a directory that exists and is empty.
  [[nodiscard]] static VaultResult<void> copy(const std::filesystem::path& directory,
                                              const std::filesystem::path& to);

  ~Vault();
  Vault(const Vault&) = delete;
  Vault& operator=(const Vault&) = delete;

  /// Stores new keys, all or none, in one durable commit. Ids must be new.
  [[nodiscard]] VaultResult<void> create(std::span<const RecordKey> records);

  /// The key of a record, or nullopt when there is none (never made, or destroyed).
  [[nodiscard]] VaultResult<std::optional<crypto::SecretKey>> find(const Uuid& record) const;

  /// Opens every key behind `after` (nullopt: from the first one), at most `limit` of them: what verifying
  /// asks. Answers the last record looked at; nullopt where none is left. The cache stays as it is.
  [[nodiscard]] VaultResult<std::optional<Uuid>> check(const std::optional<Uuid>& after,
                                                       std::size_t limit) const;

  /// Makes the keys of these records (those that exist) unreadable for good, and every older copy of the
  /// vault with them. Durable on return. Takes time with the number of surviving records (about 6 us each,
  /// measured with 100,000). Repeating it after a crash is safe. Answers how many keys there were to destroy;
  /// when there were none the epoch turns all the same.
  [[nodiscard]] VaultResult<std::size_t> destroy(std::span<const Uuid> records);

  /// Counts from 1; each `destroy` adds one.
  [[nodiscard]] std::uint32_t current_epoch() const;
  /// Number of records that have a key.
  [[nodiscard]] std::uint64_t count() const;
  /// Number of unwrapped keys in memory now.
  [[nodiscard]] std::size_t cached() const;
  /// Makes room for `records` new keys on the disk; see Environment::secure_room.
  [[nodiscard]] VaultResult<void> secure_room(std::size_t records);
  /// Makes room for a `destroy` of what is there and `records` new keys, so that it does not fail for want of
  /// it once an erasure is durable.
  [[nodiscard]] VaultResult<void> secure_room_to_destroy(std::size_t records);

 private:
  struct Impl;
  explicit Vault(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ledger::store
