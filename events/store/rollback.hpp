// Whether a ledger is the one whose checkpoints were given out, or has fallen behind them: a restored backup,
// a machine's snapshot, another ledger. Such a one must never sign again, for it would tell a second history.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "events/store/entry_store.hpp"

namespace ledger::store {

/// Why a checkpoint that was once published contradicts the log as it is: shorter, another root, another
/// origin, or no checkpoint at all; nullopt where the log is that checkpoint's continuation. One line.
[[nodiscard]] std::optional<std::string> contradiction(const EntryReader& log, const std::string& origin,
                                                       std::string_view published);

/// What an operator can do about it; a few lines for whoever reads the refusal.
[[nodiscard]] std::string_view rollback_advice();

}  // namespace ledger::store
