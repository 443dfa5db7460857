// Cosignatures of witnesses, version 1 (c2sp.org/tlog-cosignature, Ed25519, type 0x04): "the largest
// consistent tree that I have seen of this log, at this time". Pure; any thread.
//
// The signed message does not hold the cosigner's name: each cosigner needs a key of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "events/core/types.hpp"
#include "events/crypto/signing_key.hpp"
#include "events/tlog/note.hpp"

namespace ledger::tlog {

/// The verifier key of a witness; its `text()` is what logs and clients are configured with.
[[nodiscard]] crypto::VerifierKey cosigner_key(std::string_view name, const crypto::PublicKey& key);

/// The bytes signed: `cosignature/v1`, `time <seconds>` and the checkpoint's body with its final newline.
[[nodiscard]] std::string cosigned_message(std::uint64_t time, std::string_view body);

/// A cosignature of a checkpoint's body at `time`, seconds since the epoch: u64be time || Ed25519 signature.
/// A time above 2^63-1, or a name or body that no note can hold, throws std::invalid_argument.
[[nodiscard]] NoteSignature cosign(std::string_view name, const crypto::SigningKey& key, std::uint64_t time,
                                   std::string_view body);

/// The time a cosignature names (`signature`: the 72 bytes behind the key id), or nullopt when it is not this
/// key's of this body. Whether the time is plausible is the caller's question.
[[nodiscard]] std::optional<std::uint64_t> verify_cosignature(const crypto::PublicKey& key,
                                                              std::string_view body, Bytes signature);

}  // namespace ledger::tlog
