// What the fuzzers of the transparency log's texts share.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

#include "events/tlog/checkpoint.hpp"
#include "events/tlog/cosignature.hpp"
#include "events/tlog/tree.hpp"

namespace ledger::fuzz {

inline void require(bool holds) {
  if (!holds) std::abort();
}

/// A key anyone may know.
inline crypto::SigningKey fixed_key() {
  crypto::SecretKey seed;
  seed.octets()[0] = 1;
  return crypto::SigningKey::from_seed(seed);
}

inline constexpr std::string_view kOrigin = "ledger.example.cn/2026";

inline const std::vector<crypto::VerifierKey>& log_keys() {
  static const std::vector<crypto::VerifierKey> keys{
      {.name = std::string(kOrigin), .type = crypto::kEd25519Type, .key = fixed_key().public_key()}};
  return keys;
}
inline const std::vector<crypto::VerifierKey>& witness_keys() {
  static const std::vector<crypto::VerifierKey> keys{
      tlog::cosigner_key("witness.example/w1", fixed_key().public_key())};
  return keys;
}

/// A checkpoint with a log's signature and a witness's.
inline const tlog::SignedCheckpoint& checkpoint() {
  static const tlog::SignedCheckpoint made = [] {
    const crypto::SigningKey keys[] = {fixed_key()};
    auto out = tlog::sign_checkpoint({std::string(kOrigin), 5, tlog::empty_root()}, keys);
    out.note.signatures.push_back(tlog::cosign("witness.example/w1", keys[0], 1'800'000'000, out.note.text));
    return out;
  }();
  return made;
}

/// The text with some bytes changed: two bytes of place, one of value.
inline std::string damaged(std::string text, const std::uint8_t* data, std::size_t size) {
  for (std::size_t i = 0; i + 2 < size; i += 3) {
    text[get_be<std::uint16_t>(data + i) % text.size()] = static_cast<char>(data[i + 2]);
  }
  return text;
}

/// Runs over the input as it came, and over a good text that it damages.
template <typename Read>
int run(const std::string& good, const std::uint8_t* data, std::size_t size, Read read) {
  static const bool whole = [&] {
    read(std::string_view(good));
    return true;
  }();
  require(whole);
  read(std::string_view(reinterpret_cast<const char*>(data), size));
  read(std::string_view(damaged(good, data, size)));
  return 0;
}

/// A refusal names a line that the text has, or the one behind its end.
inline void require_line(const tlog::FormatError& error, std::string_view text) {
  std::size_t lines = 1;
  for (const char c : text) lines += c == '\n' ? 1 : 0;
  require(error.line >= 1 && error.line <= lines + 1 && *error.reason != '\0');
}

}  // namespace ledger::fuzz
