// What a log and a witness say to each other (c2sp.org/tlog-witness): the body of `POST add-checkpoint`, what
// the witness decides, its answer, and what the log makes of it. Pure; any thread; no HTTP here.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "events/core/types.hpp"
#include "events/crypto/signing_key.hpp"
#include "events/tlog/checkpoint.hpp"
#include "events/tlog/lines.hpp"

namespace ledger::tlog {

/// Bytes of a request that a witness reads.
inline constexpr std::size_t kAddCheckpointSizeMax = 128 * 1024;

/// `old <size>`, the consistency proof from there to the checkpoint (none from 0), an empty line, the
/// checkpoint.
struct AddCheckpoint {
  std::uint64_t old_size = 0;
  std::vector<Digest> proof;  ///< at most 63
  SignedCheckpoint checkpoint;
  bool operator==(const AddCheckpoint&) const = default;
  [[nodiscard]] std::string text() const;
};
/// Reads exactly what `text` writes; neither proof nor signatures are verified.
[[nodiscard]] std::expected<AddCheckpoint, FormatError> parse_add_checkpoint(std::string_view text);

/// The statuses of add-checkpoint and what each means.
enum class WitnessStatus : std::uint16_t {
  cosigned = 200,        ///< the body holds cosignature lines
  malformed = 400,       ///< not a request, or `old` above the checkpoint's size
  untrusted = 403,       ///< no known log key signed, or one's signature does not verify
  unknown_origin = 404,  ///< the witness does not follow this log
  stale = 409,         ///< `old` is not the witness's latest size; the body is that size, as text/x.tlog.size
  inconsistent = 422,  ///< no proof that the log only grew: a fork, or a defect of the log
};

/// The largest checkpoint of a log that a witness has cosigned; size 0 while there is none.
struct SeenCheckpoint {
  std::uint64_t size = 0;
  Digest root;
};
/// What a witness answers, given what it has seen of this origin and the log's keys (none: unknown origin).
/// On `cosigned` it must make the new checkpoint durable, in one step with the comparison against `seen`,
/// before the cosignature leaves.
[[nodiscard]] WitnessStatus judge_checkpoint(const AddCheckpoint& request, const SeenCheckpoint& seen,
                                             std::span<const crypto::VerifierKey> log_keys);

/// The body of a 200: signature lines.
[[nodiscard]] std::string format_cosignatures(std::span<const NoteSignature> signatures);
[[nodiscard]] std::expected<std::vector<NoteSignature>, FormatError> parse_cosignatures(
    std::string_view body);
/// The body of a 409: `<size>` and a newline.
[[nodiscard]] std::string format_size(std::uint64_t size);
[[nodiscard]] std::expected<std::uint64_t, FormatError> parse_size(std::string_view body);

/// What a log learns from a witness's answer.
namespace witness_reply {
/// Cosignatures of known witness keys, verified: to be put behind the checkpoint's signatures.
struct Cosigned {
  std::vector<NoteSignature> signatures;
};
/// The witness stands at `size`, not above the checkpoint sent: send again with the proof from there.
struct SendFrom {
  std::uint64_t size = 0;
};
/// The witness has cosigned a larger log than the one sent. Harmless when a newer checkpoint has gone out
/// meanwhile; when `size` is above what this ledger holds, its history was rolled back: stop signing.
struct Ahead {
  std::uint64_t size = 0;
};
/// The witness holds another history, or refused a proof that must be right: stop signing, alarm.
struct Conflict {};
/// 400, 403 or 404: the witness is not set up for us, or one of us has a defect. Alarm; signing goes on.
struct Refused {
  WitnessStatus status = WitnessStatus::malformed;
};
/// Any other status, or an answer that cannot be believed (no cosignature of a known key, one that does not
/// verify, a body out of form): try again later. `reason` is static text.
struct Unavailable {
  const char* reason = "";
};
}  // namespace witness_reply
using WitnessReply =
    std::variant<witness_reply::Cosigned, witness_reply::SendFrom, witness_reply::Ahead,
                 witness_reply::Conflict, witness_reply::Refused, witness_reply::Unavailable>;

/// Reads a witness's answer to `sent`. A 409 that names the checkpoint's own size is a conflict only when
/// `old` was that size already: a cosignature whose answer got lost leads to the same 409, and sending again
/// from there tells one from the other.
[[nodiscard]] WitnessReply read_reply(const AddCheckpoint& sent, unsigned status, std::string_view body,
                                      std::span<const crypto::VerifierKey> witness_keys);

}  // namespace ledger::tlog
