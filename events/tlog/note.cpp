#include "events/tlog/note.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <utility>

#include "events/core/text.hpp"
#include "events/crypto/base64.hpp"
#include "events/tlog/cosignature.hpp"

namespace ledger::tlog {
namespace {

constexpr std::string_view kDash = "\xe2\x80\x94 ";  // U+2014 and a blank
constexpr std::size_t kKeyIdSize = 4;

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

std::size_t count_lines(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

/// The first line that a note must not hold, whatever it means.
std::optional<FormatError> find_bad_character(std::string_view text) {
  LineReader lines(text);
  while (!lines.rest().empty()) {
    const std::string_view rest = lines.rest();
    const std::string_view line = lines.next().value_or(rest);
    if (!is_utf8(line)) return lines.error("not UTF-8");
    if (has_control(line)) return lines.error("a control character");
    if (line.size() == rest.size()) break;
  }
  return std::nullopt;
}

/// The time a cosignature names, 0 for a plain signature; nullopt when it does not verify.
std::optional<std::uint64_t> check(const crypto::VerifierKey& key, const NoteSignature& signature,
                                   std::string_view text) {
  if (key.type == crypto::kCosignatureType) return verify_cosignature(key.key, text, signature.bytes);
  if (key.type != crypto::kEd25519Type) return std::nullopt;
  if (!crypto::verify_signature(key.key, bytes_of(text), signature.bytes)) return std::nullopt;
  return 0;
}

}  // namespace

std::string NoteSignature::line() const {
  std::array<std::uint8_t, kKeyIdSize> id;
  put_be(key_id, id.data());
  std::vector<std::byte> signature(bytes_of(id).begin(), bytes_of(id).end());
  signature.insert(signature.end(), bytes.begin(), bytes.end());
  return std::string(kDash) + name + " " + crypto::base64(signature) + "\n";
}

std::expected<NoteSignature, const char*> parse_signature_line(std::string_view line) {
  if (!line.starts_with(kDash)) return std::unexpected("a signature line begins with an em dash and a blank");
  line.remove_prefix(kDash.size());
  const std::size_t blank = line.find(' ');
  if (blank == std::string_view::npos) return std::unexpected("a signature line holds a name and base64");
  NoteSignature signature{.name = std::string(line.substr(0, blank)), .key_id = 0, .bytes = {}};
  if (!is_key_name(signature.name)) return std::unexpected("not a key name");
  auto bytes = crypto::base64_decode(line.substr(blank + 1));
  if (!bytes) return std::unexpected("the signature is not standard base64");
  if (bytes->size() <= kKeyIdSize) return std::unexpected("the signature is shorter than a key id");
  for (std::size_t i = 0; i < kKeyIdSize; ++i) {
    signature.key_id = signature.key_id << 8 | std::to_integer<std::uint32_t>((*bytes)[i]);
  }
  bytes->erase(bytes->begin(), bytes->begin() + kKeyIdSize);
  signature.bytes = std::move(*bytes);
  return signature;
}

bool is_note_text(std::string_view text) {
  return text.ends_with('\n') && !find_bad_character(text);
}

bool is_key_name(std::string_view name) {
  if (name.empty() || name.find('+') != std::string_view::npos || has_control(name) || !is_utf8(name)) {
    return false;
  }
  // Unicode's White_Space property, without the controls.
  for (const std::string_view space :
       {" ",      "\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005",
        "\u2006", "\u2007", "\u2008", "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"}) {
    if (name.find(space) != std::string_view::npos) return false;
  }
  return true;
}

std::string format_note(const Note& note) {
  std::string text = note.text + "\n";
  for (const NoteSignature& signature : note.signatures) text += signature.line();
  return text;
}

std::expected<Note, FormatError> parse_note(std::string_view note) {
  if (note.size() > kNoteSizeMax) return std::unexpected(FormatError{1, "longer than any note"});
  if (const auto bad = find_bad_character(note)) return std::unexpected(*bad);
  const std::size_t separator = note.rfind("\n\n");
  if (separator == std::string_view::npos) {
    return std::unexpected(FormatError{count_lines(note) + 1, "no empty line between text and signatures"});
  }
  Note parsed{.text = std::string(note.substr(0, separator + 1)), .signatures = {}};
  LineReader lines(note.substr(separator + 2));
  const std::size_t above = count_lines(parsed.text) + 1;
  const auto refused = [&](const char* reason) {
    return std::unexpected(FormatError{above + lines.line(), reason});
  };
  do {
    const auto line = lines.next();
    if (!line) return refused(lines.rest().empty() ? "no signature" : "no newline at the end");
    if (parsed.signatures.size() == kNoteSignaturesMax) return refused("too many signatures");
    auto signature = parse_signature_line(*line);
    if (!signature) return refused(signature.error());
    parsed.signatures.push_back(std::move(*signature));
  } while (!lines.rest().empty());
  return parsed;
}

NoteSignature sign_note(std::string_view name, const crypto::SigningKey& key, std::string_view text) {
  if (!is_key_name(name)) throw std::invalid_argument("sign_note: not a key name");
  if (!is_note_text(text)) throw std::invalid_argument("sign_note: not a note's text");
  const crypto::Signature signature = key.sign(bytes_of(text));
  const Bytes bytes = bytes_of(signature);
  return {.name = std::string(name),
          .key_id = crypto::key_id(name, crypto::kEd25519Type, key.public_key()),
          .bytes = {bytes.begin(), bytes.end()}};
}

std::string NoteRefusal::message() const {
  return FormatError{line, reason == Reason::bad_signature ? "the signature of a known key does not verify"
                                                           : "no known key has signed"}
      .message();
}

std::expected<std::vector<VerifiedSignature>, NoteRefusal> verify_note(
    const Note& note, std::span<const crypto::VerifierKey> keys) {
  const std::size_t first_line = count_lines(note.text) + 2;
  std::vector<std::uint32_t> ids;
  for (const crypto::VerifierKey& key : keys) ids.push_back(key.id());
  std::vector<VerifiedSignature> verified;
  for (std::size_t i = 0; i < note.signatures.size(); ++i) {
    const NoteSignature& signature = note.signatures[i];
    bool known = false;
    bool good = false;
    // All keys, not the first: name and id, 32 bits long, may be those of two keys.
    for (std::size_t k = 0; k < keys.size() && !good; ++k) {
      if (ids[k] != signature.key_id || keys[k].name != signature.name) continue;
      known = true;
      const auto time = check(keys[k], signature, note.text);
      if (!time) continue;
      good = true;
      if (std::ranges::find(verified, k, &VerifiedSignature::key) == verified.end()) {
        verified.push_back({.signature = i, .key = k, .time = *time});
      }
    }
    if (known && !good)
      return std::unexpected(NoteRefusal{NoteRefusal::Reason::bad_signature, first_line + i});
  }
  if (verified.empty()) return std::unexpected(NoteRefusal{NoteRefusal::Reason::no_known_signer, first_line});
  return verified;
}

}  // namespace ledger::tlog
