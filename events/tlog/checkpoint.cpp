#include "events/tlog/checkpoint.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "events/crypto/primitives.hpp"

namespace ledger::tlog {

std::string checkpoint_body(const Checkpoint& checkpoint) {
  return checkpoint.origin + "\n" + std::to_string(checkpoint.size) + "\n" + hash_text(checkpoint.root) +
         "\n";
}

std::expected<Checkpoint, FormatError> parse_checkpoint_body(std::string_view body) {
  LineReader lines(body);
  const auto origin = lines.next();
  if (!origin || origin->empty() || !is_note_text(body.substr(0, origin->size() + 1))) {
    return std::unexpected(lines.error("not an origin"));
  }
  const auto size_line = lines.next();
  const auto size = size_line ? parse_decimal(*size_line) : std::nullopt;
  if (!size) return std::unexpected(lines.error("not a size: decimal, no leading zeros, below 2^63"));
  const auto root_line = lines.next();
  const auto root = root_line ? parse_hash(*root_line) : std::nullopt;
  if (!root) return std::unexpected(lines.error("not a root: 32 bytes in standard base64"));
  if (!lines.rest().empty()) {
    return std::unexpected(FormatError{lines.line() + 1, "more than three lines"});
  }
  return Checkpoint{.origin = std::string(*origin), .size = *size, .root = *root};
}

std::expected<SignedCheckpoint, FormatError> parse_checkpoint(std::string_view text) {
  auto note = parse_note(text);
  if (!note) return std::unexpected(note.error());
  auto checkpoint = parse_checkpoint_body(note->text);
  if (!checkpoint) return std::unexpected(checkpoint.error());
  return SignedCheckpoint{.checkpoint = std::move(*checkpoint), .note = std::move(*note)};
}

SignedCheckpoint sign_checkpoint(const Checkpoint& checkpoint, std::span<const crypto::SigningKey> keys) {
  if (keys.empty()) throw std::invalid_argument("sign_checkpoint: no key");
  if (checkpoint.size > kNumberMax) throw std::invalid_argument("sign_checkpoint: a size out of range");
  SignedCheckpoint made{.checkpoint = checkpoint, .note = {checkpoint_body(checkpoint), {}}};
  for (const crypto::SigningKey& key : keys) {
    made.note.signatures.push_back(sign_note(checkpoint.origin, key, made.note.text));
  }
  return made;
}

std::expected<CheckpointSigners, NoteRefusal> verify_checkpoint(
    const SignedCheckpoint& checkpoint, std::span<const crypto::VerifierKey> log_keys,
    std::span<const crypto::VerifierKey> witness_keys) {
  // `places[k]` is where the k-th key of both lists, as far as it counts, stood in its own.
  std::vector<crypto::VerifierKey> keys;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < log_keys.size(); ++i) {
    if (log_keys[i].type != crypto::kEd25519Type || log_keys[i].name != checkpoint.checkpoint.origin)
      continue;
    keys.push_back(log_keys[i]);
    places.push_back(i);
  }
  const std::size_t logs = keys.size();
  for (std::size_t i = 0; i < witness_keys.size(); ++i) {
    if (witness_keys[i].type != crypto::kCosignatureType) continue;
    keys.push_back(witness_keys[i]);
    places.push_back(i);
  }
  const auto verified = verify_note(checkpoint.note, keys);
  if (!verified) return std::unexpected(verified.error());
  CheckpointSigners signers;
  for (VerifiedSignature signature : *verified) {
    const bool log = signature.key < logs;
    signature.key = places[signature.key];
    (log ? signers.log : signers.witnesses).push_back(signature);
  }
  if (signers.log.empty()) {
    // Three lines, an empty one, then the signatures.
    return std::unexpected(NoteRefusal{NoteRefusal::Reason::no_known_signer, 5});
  }
  return signers;
}

std::string origin_hash(std::string_view origin) {
  return crypto::sha256(bytes_of(origin)).hex();
}

}  // namespace ledger::tlog
