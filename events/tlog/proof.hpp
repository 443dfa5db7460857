// Inclusion receipts that verify offline (c2sp.org/tlog-proof@v1): index, inclusion path and a signed
// checkpoint, as text. Reading takes exactly what `text` writes. Pure; any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/types.hpp"
#include "events/crypto/signing_key.hpp"
#include "events/tlog/checkpoint.hpp"
#include "events/tlog/lines.hpp"

namespace ledger::tlog {

struct TlogProof {
  /// Bytes of the application that nothing authenticates; not empty when there.
  std::optional<std::vector<std::byte>> extra;
  std::uint64_t index = 0;
  std::vector<Digest> path;  ///< the leaf's sibling first; at most 63
  SignedCheckpoint checkpoint;
  bool operator==(const TlogProof&) const = default;

  [[nodiscard]] std::string text() const;
  /// Line of the text at which the checkpoint begins.
  [[nodiscard]] std::size_t checkpoint_line() const;
};

/// Reads a proof; neither path nor signatures are verified.
[[nodiscard]] std::expected<TlogProof, FormatError> parse_proof(std::string_view text);

/// Why a proof does not prove. `line` counts in the proof's text: that of the index, of the first hash (or
/// what stands in its place), or of a signature.
struct ProofRefusal {
  enum class Reason { beyond_tree, wrong_path, no_known_signer, bad_signature };
  Reason reason = Reason::wrong_path;
  std::size_t line = 0;
  [[nodiscard]] std::string message() const;
};

/// Whether the proof shows that the entry with this leaf hash stands at its index in the log that these keys
/// sign; says who signed. Trust in the keys and the number of witnesses asked for are the caller's.
[[nodiscard]] std::expected<CheckpointSigners, ProofRefusal> verify_proof(
    const TlogProof& proof, const Digest& leaf, std::span<const crypto::VerifierKey> log_keys,
    std::span<const crypto::VerifierKey> witness_keys);

}  // namespace ledger::tlog
