#include "events/tlog/proof.hpp"

#include <utility>

#include "events/crypto/base64.hpp"
#include "events/tlog/tree.hpp"

namespace ledger::tlog {
namespace {

constexpr std::string_view kFirstLine = "c2sp.org/tlog-proof@v1";
constexpr std::string_view kExtra = "extra ";
constexpr std::string_view kIndex = "index ";
/// Beyond the checkpoint's own limit: the extra bytes and the path. Go's reader takes lines of 64 KiB.
constexpr std::size_t kExtraLineMax = 65'536;
constexpr std::size_t kProofSizeMax = kNoteSizeMax + kExtraLineMax + 64 * 45;

}  // namespace

std::string TlogProof::text() const {
  std::string text = std::string(kFirstLine) + "\n";
  if (extra) text += std::string(kExtra) + crypto::base64(*extra) + "\n";
  text += std::string(kIndex) + std::to_string(index) + "\n";
  for (const Digest& hash : path) text += hash_text(hash) + "\n";
  return text + "\n" + checkpoint.text();
}

std::size_t TlogProof::checkpoint_line() const {
  return 1 + (extra ? 1 : 0) + 1 + path.size() + 1 + 1;
}

std::expected<TlogProof, FormatError> parse_proof(std::string_view text) {
  LineReader lines(text);
  if (text.size() > kProofSizeMax) return std::unexpected(FormatError{1, "longer than any proof"});
  if (lines.next() != kFirstLine) return std::unexpected(lines.error("not `c2sp.org/tlog-proof@v1`"));
  TlogProof proof;
  auto line = lines.next();
  if (line && line->starts_with(kExtra)) {
    if (line->size() > kExtraLineMax) return std::unexpected(lines.error("too much extra data"));
    proof.extra = crypto::base64_decode(line->substr(kExtra.size()));
    if (!proof.extra || proof.extra->empty()) {
      return std::unexpected(lines.error("the extra data is not standard base64 of at least one byte"));
    }
    line = lines.next();
  }
  const auto index =
      line && line->starts_with(kIndex) ? parse_decimal(line->substr(kIndex.size())) : std::nullopt;
  if (!index) {
    return std::unexpected(lines.error("not `index` and a decimal without leading zeros, below 2^63"));
  }
  proof.index = *index;
  for (line = lines.next(); line && !line->empty(); line = lines.next()) {
    const auto hash = parse_hash(*line);
    if (!hash) return std::unexpected(lines.error("not a hash: 32 bytes in standard base64"));
    if (proof.path.size() == kProofHashesMax) return std::unexpected(lines.error("more than 63 hashes"));
    proof.path.push_back(*hash);
  }
  if (!line) return std::unexpected(lines.error("no empty line before the checkpoint"));
  auto checkpoint = parse_checkpoint(lines.rest());
  if (!checkpoint) {
    return std::unexpected(FormatError{lines.line() + checkpoint.error().line, checkpoint.error().reason});
  }
  proof.checkpoint = std::move(*checkpoint);
  return proof;
}

std::string ProofRefusal::message() const {
  switch (reason) {
    case Reason::beyond_tree:
      return FormatError{line, "the index is not below the checkpoint's size"}.message();
    case Reason::wrong_path: return FormatError{line, "the path does not lead to the root"}.message();
    case Reason::no_known_signer: return FormatError{line, "no known key of the log has signed"}.message();
    case Reason::bad_signature: break;
  }
  return FormatError{line, "the signature of a known key does not verify"}.message();
}

std::expected<CheckpointSigners, ProofRefusal> verify_proof(
    const TlogProof& proof, const Digest& leaf, std::span<const crypto::VerifierKey> log_keys,
    std::span<const crypto::VerifierKey> witness_keys) {
  using Reason = ProofRefusal::Reason;
  auto signers = verify_checkpoint(proof.checkpoint, log_keys, witness_keys);
  if (!signers) {
    const bool bad = signers.error().reason == NoteRefusal::Reason::bad_signature;
    return std::unexpected(ProofRefusal{bad ? Reason::bad_signature : Reason::no_known_signer,
                                        proof.checkpoint_line() - 1 + signers.error().line});
  }
  const Checkpoint& checkpoint = proof.checkpoint.checkpoint;
  const std::size_t index_line = proof.extra ? 3 : 2;
  if (proof.index >= checkpoint.size) return std::unexpected(ProofRefusal{Reason::beyond_tree, index_line});
  if (!verify_inclusion(proof.index, checkpoint.size, leaf, proof.path, checkpoint.root)) {
    return std::unexpected(ProofRefusal{Reason::wrong_path, index_line + 1});
  }
  return std::move(*signers);
}

}  // namespace ledger::tlog
