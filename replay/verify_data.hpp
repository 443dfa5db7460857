// Verifies a whole data directory, also one that a server writes to meanwhile: every entry against its hash,
// its place and the rules, every stored hash and checkpoint, sealed values against their commitments, the
// vault and the documents. Reads only, in short transactions, up to the end of the log as the last of them
// sees it. What is checked and what cannot be found: docs/verify.md.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "events/store/engine.hpp"
#include "events/store/stores.hpp"
#include "replay/verify_private.hpp"
#include "replay/verify_problem.hpp"

namespace ledger::replay {

/// What is verified. Without master key and vault, private values stay closed and the rest is checked.
struct VerifiedStores {
  const store::EntryStore* log = nullptr;
  PrivateStores privates;
  /// Everything that an engine has open.
  [[nodiscard]] static VerifiedStores of(const store::Stores& stores);
};

/// A data directory opened to be verified: read-only, without its lock, beside a server or without one.
class OpenedDirectory {
 public:
  /// Without a master key (nullopt) the vault stays closed. Faults: no_ledger, master_key, damaged (a file
  /// that is none, or was cut), storage.
  [[nodiscard]] static std::expected<OpenedDirectory, store::EngineFault> open(
      const std::filesystem::path& data, const std::optional<std::filesystem::path>& master_key);
  /// Lives no longer than the directory.
  [[nodiscard]] VerifiedStores stores() const;

 private:
  OpenedDirectory() = default;
  std::unique_ptr<store::EntryStore> log_;
  std::unique_ptr<crypto::MasterKey> master_;
  std::unique_ptr<store::Vault> vault_;
  std::unique_ptr<store::DocumentStore> documents_;
};

struct VerifyOptions {
  std::filesystem::path scratch;  ///< made and removed; empty: a temporary directory of its own
  std::size_t problems_max =
      1;  ///< goes on until there are so many; those behind the first may follow from it
  std::uint64_t events_per_second = 0;  ///< no faster than this; 0: as fast as it goes
  /// How long keys may outlive their erasure: a live server destroys them a moment after it is in the log.
  std::chrono::milliseconds erasure_wait{10'000};
  bool erasures_carried_out = true;       ///< whether records that an erasure names must have no key any more
  std::optional<std::string> first_vkey;  ///< the verifier key that `ledger.created` must name
  std::optional<std::string> published;   ///< a signed checkpoint that the log must continue
  std::size_t buffer_bytes = std::size_t{64}
                             << 20;  ///< rows of the scratch views held before they are written
  std::function<void(std::uint64_t done, std::uint64_t total)> on_progress;  ///< after each stretch
  std::function<bool()> should_stop;
  std::atomic<std::uint64_t>* position = nullptr;  ///< told where it is, event by event
};

struct VerifyReport {
  std::string origin;
  std::uint64_t size = 0;  ///< events verified
  Digest root;             ///< of the tree over them
  std::uint64_t checkpoints = 0, signatures = 0;
  PrivateFigures privates;
  std::uint64_t bytes = 0;  ///< of entries, sealed values and documents that were read
  double seconds = 0;
  bool without_master_key = false;
  bool stopped = false;     ///< by `should_stop`: nothing is said about the rest
  VerifyProblems problems;  ///< the first bad place first

  [[nodiscard]] bool good() const { return problems.empty() && !stopped; }
  [[nodiscard]] double events_per_second() const {
    return seconds > 0 ? static_cast<double>(size) / seconds : 0;
  }
};

/// Blocks. Faults say that it could not be verified, not that it is bad: storage, damaged for a ledger of a
/// time before its tree was stored.
[[nodiscard]] std::expected<VerifyReport, store::EngineFault> verify_data(const VerifiedStores& stores,
                                                                          const VerifyOptions& options);

}  // namespace ledger::replay
