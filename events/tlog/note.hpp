// Signed notes (c2sp.org/signed-note): a text, an empty line, signature lines. Reading takes exactly what
// `format_note` writes, so a note that was read can be written again to the same bytes. Pure; any thread.
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

namespace ledger::tlog {

/// The specification asks for 16 at least; Go's verifiers stop at 100.
inline constexpr std::size_t kNoteSignaturesMax = 100;
/// Bytes of a whole note: 100 post-quantum signatures would take 500 kB.
inline constexpr std::size_t kNoteSizeMax = 1'000'000;

/// One signature line: who claims to have signed, by name and key id, and the signature's bytes without the
/// key id (64 for Ed25519, 72 for a cosignature/v1, anything for algorithms that we do not know).
struct NoteSignature {
  std::string name;
  std::uint32_t key_id = 0;
  std::vector<std::byte> bytes;
  bool operator==(const NoteSignature&) const = default;
  /// `— <name> <base64(key id || bytes)>` and a newline.
  [[nodiscard]] std::string line() const;
};
/// A signature line without its newline; the error is what is wrong with it.
[[nodiscard]] std::expected<NoteSignature, const char*> parse_signature_line(std::string_view line);

struct Note {
  std::string text;  ///< with its final newline: the bytes that are signed
  std::vector<NoteSignature> signatures;
  bool operator==(const Note&) const = default;
};

/// Whether a text can be a note's: UTF-8, no control character below 0x20 but newline, ends in a newline.
[[nodiscard]] bool is_note_text(std::string_view text);
/// Whether a text can name a key: UTF-8, not empty, no Unicode space, no control character, no `+`.
[[nodiscard]] bool is_key_name(std::string_view name);

/// Text, empty line, signature lines.
[[nodiscard]] std::string format_note(const Note& note);
/// Reads a note: 1 to 100 signatures, of any algorithm, none of them verified. The last empty line separates;
/// those before it belong to the text.
[[nodiscard]] std::expected<Note, FormatError> parse_note(std::string_view note);

/// An Ed25519 signature (type 0x01) of a note's text. A name or text that no note can hold throws
/// std::invalid_argument.
[[nodiscard]] NoteSignature sign_note(std::string_view name, const crypto::SigningKey& key,
                                      std::string_view text);

/// A signature that a key's holder made.
struct VerifiedSignature {
  std::size_t signature = 0;  ///< index in the note
  std::size_t key = 0;        ///< index in the keys given
  std::uint64_t time = 0;     ///< of a cosignature, seconds since the epoch; else 0
};

/// Why a note is not to be believed. `line` of the bad signature, counted from the note's first line as 1;
/// where no known key signed, the line of the first signature.
struct NoteRefusal {
  enum class Reason { no_known_signer, bad_signature };
  Reason reason = Reason::no_known_signer;
  std::size_t line = 0;
  [[nodiscard]] std::string message() const;
};

/// Checks the signatures of the given keys: Ed25519 ones (type 0x01) and cosignatures (type 0x04). Those of
/// keys not given, by name and key id together, are passed over; one of a given key that does not verify
/// refuses the whole note; so does the absence of any. Each key is reported once, in the note's order.
[[nodiscard]] std::expected<std::vector<VerifiedSignature>, NoteRefusal> verify_note(
    const Note& note, std::span<const crypto::VerifierKey> keys);

}  // namespace ledger::tlog
