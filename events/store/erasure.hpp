// Carrying an erasure out: the record keys go for good, with them every value sealed under them, and the
// sealed documents of a subject whose document key was among them.
//
// An erasure is an event first. Its keys go after the event is durable and before anybody is answered; where
// the process ended in between, or a restored vault or key file brings keys back, the next start destroys
// them again.
#pragma once

#include <expected>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "events/store/checkpoint_file.hpp"
#include "events/store/stores.hpp"

namespace ledger::store {

/// Destroys the keys of those records that still have one by a new key epoch, removes documents, and notes
/// the erasures beside the checkpoint file (empty path: there is none). Does nothing where all of it is done.
/// One thread, which alone writes to the vault. Answers why the note could not be written, if it could not:
/// the keys are gone then all the same. The error is one line for an operator.
[[nodiscard]] std::expected<std::optional<std::string>, std::string> erase_records(
    Stores& stores, std::span<const Erasure> erasures, const std::filesystem::path& checkpoint_file);

/// The erasures that the log holds, by the views' index.
[[nodiscard]] std::vector<Erasure> erasures_in(const Stores& stores);

/// Carries out again whatever erasure of the log, or of the file beside the checkpoint file, has keys left.
[[nodiscard]] std::expected<std::optional<std::string>, std::string> replay_erasures(
    Stores& stores, const std::filesystem::path& checkpoint_file);

}  // namespace ledger::store
