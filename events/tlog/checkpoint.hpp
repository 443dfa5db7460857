// Checkpoints (c2sp.org/tlog-checkpoint): origin, size and root of a log as a signed note. Three lines, never
// extension lines; reading takes exactly what is written. Pure; any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/types.hpp"
#include "events/crypto/signing_key.hpp"
#include "events/tlog/lines.hpp"
#include "events/tlog/note.hpp"

namespace ledger::tlog {

struct Checkpoint {
  std::string origin;      ///< names the log; not empty, one line
  std::uint64_t size = 0;  ///< entries, at most 2^63-1
  Digest root;
  auto operator<=>(const Checkpoint&) const = default;
};

/// The three lines, each with its newline.
[[nodiscard]] std::string checkpoint_body(const Checkpoint& checkpoint);
/// Reads exactly three such lines.
[[nodiscard]] std::expected<Checkpoint, FormatError> parse_checkpoint_body(std::string_view body);

/// A checkpoint as it is served: `note.text` is the checkpoint's body.
struct SignedCheckpoint {
  Checkpoint checkpoint;
  Note note;
  bool operator==(const SignedCheckpoint&) const = default;
  [[nodiscard]] std::string text() const { return format_note(note); }
};

/// Reads a signed checkpoint; no signature is verified.
[[nodiscard]] std::expected<SignedCheckpoint, FormatError> parse_checkpoint(std::string_view text);

/// Signs with each key under the origin's name (several while keys rotate; at least one). An origin that
/// cannot name a key, a size above 2^63-1 or no key throws std::invalid_argument.
[[nodiscard]] SignedCheckpoint sign_checkpoint(const Checkpoint& checkpoint,
                                               std::span<const crypto::SigningKey> keys);

/// Who signed: `log` holds signatures of log keys, `witnesses` cosignatures; `key` counts in the list that
/// was given.
struct CheckpointSigners {
  std::vector<VerifiedSignature> log;
  std::vector<VerifiedSignature> witnesses;
};

/// Verifies against the keys of the log and of the witnesses that the caller trusts. Only Ed25519 keys named
/// like the origin count as the log's, only cosignature keys as witnesses'; the others are as good as
/// unknown. Refused when no log key has signed, or when a signature of any of these keys does not verify. How
/// many witnesses are enough is the caller's question.
[[nodiscard]] std::expected<CheckpointSigners, NoteRefusal> verify_checkpoint(
    const SignedCheckpoint& checkpoint, std::span<const crypto::VerifierKey> log_keys,
    std::span<const crypto::VerifierKey> witness_keys);

/// SHA-256 of the origin in lower-case hexadecimal: where a witness serves the log's latest checkpoint,
/// `<prefix>/<origin hash>/checkpoint` (c2sp.org/tlog-witness).
[[nodiscard]] std::string origin_hash(std::string_view origin);

}  // namespace ledger::tlog
