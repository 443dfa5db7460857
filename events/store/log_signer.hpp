// The keys that sign the log's checkpoints: the first one in `DIR/signing.key`, later ones in
// `DIR/signing-<key id>.key`. Which of them are in force is the log's own word (`ledger.created`,
// `signing_key.added`, `signing_key.retired`); here are only their private halves.
#pragma once

#include <expected>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "events/crypto/signing_key.hpp"
#include "events/store/directory.hpp"
#include "events/tlog/checkpoint.hpp"

namespace ledger::store {

/// Immutable once loaded; signing is safe from any thread.
class LogSigner {
 public:
  /// A log's only key, as `init` makes it.
  LogSigner(std::string origin, crypto::SigningKey key);
  /// Every key file of the directory; a directory without one gives a signer that holds nothing.
  [[nodiscard]] static std::expected<LogSigner, crypto::FileFault> load(const DataDirectory& directory,
                                                                        std::string origin);
  /// Makes a key and its file, durable on return; answers its verifier key. It signs nothing until the log
  /// says that it is in force and the signer is loaded anew.
  [[nodiscard]] static std::expected<std::string, crypto::FileFault> make_key(const DataDirectory& directory,
                                                                              const std::string& origin);
  /// The file that holds this key; empty where none does.
  [[nodiscard]] static std::filesystem::path file_of(const DataDirectory& directory,
                                                     const std::string& origin, std::string_view vkey);

  [[nodiscard]] const std::string& origin() const { return origin_; }
  /// The verifier keys among `vkeys` whose private half is not here.
  [[nodiscard]] std::vector<std::string> missing(std::span<const std::string> vkeys) const;
  /// Signs with the key of each verifier key, in that order. A key that is not here throws
  /// std::invalid_argument, as does an empty list.
  [[nodiscard]] tlog::SignedCheckpoint sign(std::uint64_t size, const Digest& root,
                                            std::span<const std::string> vkeys) const;

 private:
  explicit LogSigner(std::string origin) : origin_(std::move(origin)) {}
  struct Held {
    std::string vkey;
    crypto::SigningKey key;
    std::filesystem::path file;
  };
  [[nodiscard]] const Held* find(std::string_view vkey) const;
  std::string origin_;
  std::vector<Held> held_;
};

}  // namespace ledger::store
