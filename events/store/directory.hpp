// The data directory: what lies where, who may write, and which boot of the machine this is.
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <utility>

#include "events/crypto/durable_file.hpp"

namespace ledger::store {

/// The paths below one data directory.
struct DataDirectory {
  std::filesystem::path root;
  [[nodiscard]] std::filesystem::path ledger() const { return root / "ledger"; }
  [[nodiscard]] std::filesystem::path views() const { return root / "views"; }
  [[nodiscard]] std::filesystem::path vault() const { return root / "vault"; }
  [[nodiscard]] std::filesystem::path documents() const { return root / "documents"; }
  /// How far each webhook has come; lost, deliveries begin again at the registration.
  [[nodiscard]] std::filesystem::path webhooks() const { return root / "webhooks"; }
  [[nodiscard]] std::filesystem::path signing_key() const { return root / "signing.key"; }
  [[nodiscard]] std::filesystem::path lock() const { return root / "lock"; }
  /// Holds the path of the checkpoint file, once there is one: a start without it is told.
  [[nodiscard]] std::filesystem::path second_place() const { return root / "second-place"; }
  /// Holds the reason why this ledger must not sign any more; absent while it may.
  [[nodiscard]] std::filesystem::path signing_stopped() const { return root / "signing-stopped"; }
  /// `DIR.key`, beside the directory and not in it: where `init` writes the master key unless told otherwise.
  [[nodiscard]] std::filesystem::path default_master_key() const;
  /// True when the directory holds a ledger (its `ledger/` has a data file).
  [[nodiscard]] bool holds_ledger() const;
};

/// Whether a path, which need not exist, is a directory or lies in or below it. An empty path lies nowhere.
[[nodiscard]] bool lies_in(const std::filesystem::path& path, const std::filesystem::path& directory);

/// Why the directory was not taken: `holder` is the process that holds it, or 0 when it is not known or the
/// reason is another (then `fault`).
struct LockRefusal {
  int holder = 0;
  crypto::FileFault fault;
  [[nodiscard]] std::string message() const;
};

/// The exclusive right to write in a data directory: flock on `DIR/lock`, which the kernel takes back when
/// the process ends, however it ends. The file holds the process id, for the refusal's text only.
class DirectoryLock {
 public:
  /// Does not wait. The directory must exist.
  [[nodiscard]] static std::expected<DirectoryLock, LockRefusal> acquire(const DataDirectory& directory);
  DirectoryLock(DirectoryLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  DirectoryLock& operator=(DirectoryLock&& other) noexcept;
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

/// The kernel's id of this boot (36 characters): unsynced files are whole as long as it is the same. Empty
/// where the kernel tells none, which equals no boot.
[[nodiscard]] std::string boot_id();

}  // namespace ledger::store
