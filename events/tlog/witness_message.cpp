#include "events/tlog/witness_message.hpp"

#include <utility>

#include "events/tlog/tree.hpp"

namespace ledger::tlog {
namespace {

constexpr std::string_view kOld = "old ";

WitnessReply read_cosignatures(const AddCheckpoint& sent, std::string_view body,
                               std::span<const crypto::VerifierKey> witness_keys) {
  auto lines = parse_cosignatures(body);
  if (!lines) return witness_reply::Unavailable{"the answer is not made of signature lines"};
  std::vector<crypto::VerifierKey> cosigners;
  for (const crypto::VerifierKey& key : witness_keys) {
    if (key.type == crypto::kCosignatureType) cosigners.push_back(key);
  }
  Note note{.text = sent.checkpoint.note.text, .signatures = std::move(*lines)};
  const auto verified = verify_note(note, cosigners);
  if (!verified) {
    const bool bad = verified.error().reason == NoteRefusal::Reason::bad_signature;
    return witness_reply::Unavailable{bad ? "a cosignature does not verify"
                                          : "no cosignature of a known key"};
  }
  witness_reply::Cosigned cosigned;
  for (const VerifiedSignature& signature : *verified) {
    cosigned.signatures.push_back(std::move(note.signatures[signature.signature]));
  }
  return cosigned;
}

}  // namespace

std::string AddCheckpoint::text() const {
  std::string text = std::string(kOld) + std::to_string(old_size) + "\n";
  for (const Digest& hash : proof) text += hash_text(hash) + "\n";
  return text + "\n" + checkpoint.text();
}

std::expected<AddCheckpoint, FormatError> parse_add_checkpoint(std::string_view text) {
  LineReader lines(text);
  if (text.size() > kAddCheckpointSizeMax) {
    return std::unexpected(FormatError{1, "longer than a witness reads"});
  }
  AddCheckpoint request;
  auto line = lines.next();
  const auto old_size =
      line && line->starts_with(kOld) ? parse_decimal(line->substr(kOld.size())) : std::nullopt;
  if (!old_size) {
    return std::unexpected(lines.error("not `old` and a decimal without leading zeros, below 2^63"));
  }
  request.old_size = *old_size;
  for (line = lines.next(); line && !line->empty(); line = lines.next()) {
    const auto hash = parse_hash(*line);
    if (!hash) return std::unexpected(lines.error("not a hash: 32 bytes in standard base64"));
    if (request.proof.size() == kProofHashesMax) return std::unexpected(lines.error("more than 63 hashes"));
    request.proof.push_back(*hash);
  }
  if (!line) return std::unexpected(lines.error("no empty line before the checkpoint"));
  auto checkpoint = parse_checkpoint(lines.rest());
  if (!checkpoint) {
    return std::unexpected(FormatError{lines.line() + checkpoint.error().line, checkpoint.error().reason});
  }
  request.checkpoint = std::move(*checkpoint);
  return request;
}

WitnessStatus judge_checkpoint(const AddCheckpoint& request, const SeenCheckpoint& seen,
                               std::span<const crypto::VerifierKey> log_keys) {
  const Checkpoint& checkpoint = request.checkpoint.checkpoint;
  if (log_keys.empty()) return WitnessStatus::unknown_origin;
  if (!verify_checkpoint(request.checkpoint, log_keys, {})) return WitnessStatus::untrusted;
  if (request.old_size > checkpoint.size) return WitnessStatus::malformed;
  if (request.old_size != seen.size) return WitnessStatus::stale;
  if (request.old_size == 0) {
    // There is nothing to be consistent with; but the empty log has one root only.
    const bool holds = request.proof.empty() && (checkpoint.size != 0 || checkpoint.root == empty_root());
    return holds ? WitnessStatus::cosigned : WitnessStatus::inconsistent;
  }
  return verify_consistency(seen.size, checkpoint.size, seen.root, checkpoint.root, request.proof)
             ? WitnessStatus::cosigned
             : WitnessStatus::inconsistent;
}

std::string format_cosignatures(std::span<const NoteSignature> signatures) {
  std::string body;
  for (const NoteSignature& signature : signatures) body += signature.line();
  return body;
}

std::expected<std::vector<NoteSignature>, FormatError> parse_cosignatures(std::string_view body) {
  LineReader lines(body);
  std::vector<NoteSignature> signatures;
  if (body.size() > kAddCheckpointSizeMax) return std::unexpected(FormatError{1, "too long an answer"});
  do {
    const auto line = lines.next();
    if (!line) {
      return std::unexpected(lines.error(lines.rest().empty() ? "no signature" : "no newline at the end"));
    }
    if (signatures.size() == kNoteSignaturesMax) return std::unexpected(lines.error("too many signatures"));
    auto signature = parse_signature_line(*line);
    if (!signature) return std::unexpected(lines.error(signature.error()));
    signatures.push_back(std::move(*signature));
  } while (!lines.rest().empty());
  return signatures;
}

std::string format_size(std::uint64_t size) {
  return std::to_string(size) + "\n";
}

std::expected<std::uint64_t, FormatError> parse_size(std::string_view body) {
  LineReader lines(body);
  const auto line = lines.next();
  const auto size = line && lines.rest().empty() ? parse_decimal(*line) : std::nullopt;
  if (!size) return std::unexpected(lines.error("not one line with a decimal number"));
  return *size;
}

WitnessReply read_reply(const AddCheckpoint& sent, unsigned status, std::string_view body,
                        std::span<const crypto::VerifierKey> witness_keys) {
  switch (status) {
    case std::to_underlying(WitnessStatus::cosigned): return read_cosignatures(sent, body, witness_keys);
    case std::to_underlying(WitnessStatus::inconsistent): return witness_reply::Conflict{};
    case std::to_underlying(WitnessStatus::malformed):
    case std::to_underlying(WitnessStatus::untrusted):
    case std::to_underlying(WitnessStatus::unknown_origin):
      return witness_reply::Refused{static_cast<WitnessStatus>(status)};
    case std::to_underlying(WitnessStatus::stale): break;
    default: return witness_reply::Unavailable{"an unexpected status"};
  }
  const auto size = parse_size(body);
  if (!size) return witness_reply::Unavailable{"a 409 without a size"};
  const std::uint64_t ours = sent.checkpoint.checkpoint.size;
  if (*size > ours) return witness_reply::Ahead{*size};
  if (*size == sent.old_size) {
    // It refuses the very size that it names: version 1.0.0 says "same size, other root" so.
    return *size == ours ? WitnessReply(witness_reply::Conflict{})
                         : WitnessReply(witness_reply::Unavailable{"a 409 that names the size it was sent"});
  }
  return witness_reply::SendFrom{*size};
}

}  // namespace ledger::tlog
