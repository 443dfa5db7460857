// What a witness must never forget: its key, and of each log the largest tree that it has cosigned. A
// directory of its own with `witness.key` (PKCS#8, mode 0600), `state/` (LMDB, every commit synced) and
// `lock`.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/types.hpp"
#include "events/crypto/signing_key.hpp"
#include "events/store/directory.hpp"
#include "events/store/lmdb.hpp"
#include "events/tlog/witness_message.hpp"

namespace ledger::witness {

/// Why a witness's directory was not made or opened.
struct WitnessFault {
  enum class Kind : std::uint8_t {
    not_witness,  ///< something else lies there, or a part of a witness only
    other_name,   ///< it belongs to a witness of another name
    locked,       ///< another process holds it
    damaged,      ///< what is stored contradicts itself
    storage,      ///< the machine refused
  };
  Kind kind = Kind::storage;
  std::string detail;
};

/// One process opens it. Reading is safe from any thread, as is `advance`.
class WitnessStore {
 public:
  /// Whether a witness may be made here: the directory is absent or holds nothing.
  [[nodiscard]] static bool is_vacant(const std::filesystem::path& directory);
  /// Makes a witness that has seen nothing in a vacant directory: whole or not at all, wherever it stops. The
  /// key must never have belonged to another witness.
  [[nodiscard]] static std::expected<void, WitnessFault> create(
      const std::filesystem::path& directory, std::string_view name,
      const crypto::SigningKey& key = crypto::SigningKey::generate());
  /// Opens what `create` made. A key without its state, a state without its key and a key that is not the
  /// state's are refused: such a witness could cosign a log's other history.
  [[nodiscard]] static std::expected<std::unique_ptr<WitnessStore>, WitnessFault> open(
      const std::filesystem::path& directory, std::string_view name);
  /// The verifier key of the witness there, also while a process holds it.
  [[nodiscard]] static std::expected<crypto::VerifierKey, WitnessFault> verifier_key(
      const std::filesystem::path& directory);

  [[nodiscard]] const crypto::SigningKey& key() const { return key_; }

  /// What has been cosigned of this origin; size 0 while nothing has.
  [[nodiscard]] tlog::SeenCheckpoint seen(std::string_view origin) const;
  /// The latest cosigned checkpoint by tlog::origin_hash; nullopt where there is none.
  [[nodiscard]] std::optional<std::string> checkpoint(std::string_view origin_hash) const;

  /// Puts `now` and its cosigned text in the place of `before`, durably, in one transaction with the
  /// comparison: false, and nothing changed, when the store holds something else by then. A fault that is
  /// full changed nothing; after any other the witness must not sign any more.
  [[nodiscard]] store::StoreResult<bool> advance(std::string_view origin, const tlog::SeenCheckpoint& before,
                                                 const tlog::SeenCheckpoint& now, std::string_view text);

 private:
  WitnessStore(store::DirectoryLock lock, crypto::SigningKey key,
               std::unique_ptr<store::Environment> environment, store::Database logs)
      : lock_(std::move(lock)), key_(std::move(key)), environment_(std::move(environment)), logs_(logs) {}
  [[nodiscard]] store::ReadTxn read() const;

  store::DirectoryLock lock_;
  crypto::SigningKey key_;
  std::unique_ptr<store::Environment> environment_;
  store::Database logs_;
  std::mutex writing_;  ///< the environment makes room for one writer at a time
};

}  // namespace ledger::witness
