// The opened parts of one data directory, in the order in which they are opened; they close in the reverse
// one.
#pragma once

#include <memory>
#include <string>

#include "events/crypto/master_key.hpp"
#include "events/store/directory.hpp"
#include "events/store/documents.hpp"
#include "events/store/entry_store.hpp"
#include "events/store/vault.hpp"
#include "events/store/views.hpp"

namespace ledger::store {

struct Stores {
  DataDirectory directory;
  crypto::MasterKey master;
  Uuid ledger_id;
  std::string origin;  ///< bound into every commitment
  std::unique_ptr<EntryStore> log;
  std::unique_ptr<Vault> vault;
  std::unique_ptr<DocumentStore> documents;
  std::unique_ptr<Views> views;
};

/// Tokens are made under this key epoch until an operator turns it.
inline constexpr std::uint32_t kTokenEpoch = 1;

/// A bug or a failure whose outcome is unknown: says so on standard error and ends the process.
[[noreturn]] void die(std::string_view why);

}  // namespace ledger::store
