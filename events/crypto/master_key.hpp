// The master key: one file outside the data directory from which every other long-lived key derives.
#pragma once

#include <expected>
#include <filesystem>
#include <string_view>

#include "events/crypto/durable_file.hpp"
#include "events/crypto/primitives.hpp"

namespace ledger::crypto {

/// 32 secret bytes and the keys derived from them, each by HKDF-SHA-256 with its own label, so that none
/// tells anything of another. Immutable: safe from any thread.
///
/// The file is two lines of text, mode 0600: `filing-ledger master key v1` and 64 lower-case hex characters.
class MasterKey {
 public:
  explicit MasterKey(SecretKey secret);
  /// Draws a key and writes its file: mode 0600, refused when the path is taken, durable on return.
  [[nodiscard]] static std::expected<MasterKey, FileFault> create(const std::filesystem::path& path);
  /// Reads the file; refuses one that group or others may read or write, and one of another form.
  [[nodiscard]] static std::expected<MasterKey, FileFault> load(const std::filesystem::path& path);

  /// K_idem: keys `key_tag`.
  [[nodiscard]] const SecretKey& idempotency_key() const { return idempotency_; }
  /// K_req: keys `request_tag` of commands without private values.
  [[nodiscard]] const SecretKey& request_key() const { return request_; }
  /// K_index: keys the digests under which private names are indexed in views.
  [[nodiscard]] const SecretKey& index_key() const { return index_; }
  /// K_token of one epoch: authenticates access tokens. The first epoch's is derived once, since every
  /// request asks for it.
  [[nodiscard]] SecretKey token_key(std::uint32_t epoch) const;
  /// The master's half of what wraps vault records; the other half is the epoch's own secret
  /// (store/vault.hpp).
  [[nodiscard]] const SecretKey& vault_key() const { return vault_; }
  /// A key for any further purpose: HKDF(master, "filing-ledger/" || purpose || "/v1").
  [[nodiscard]] SecretKey derive(std::string_view purpose) const;

 private:
  SecretKey secret_;
  SecretKey idempotency_;
  SecretKey request_;
  SecretKey index_;
  SecretKey vault_;
  SecretKey first_token_;
};

/// K_req of a command with private values: derived from the record's own vault key, so that it dies with it.
[[nodiscard]] SecretKey record_request_key(const SecretKey& record_key);

}  // namespace ledger::crypto
