#include "events/tlog/cosignature.hpp"

#include <array>
#include <stdexcept>

#include "events/tlog/lines.hpp"

namespace ledger::tlog {
namespace {

constexpr std::size_t kTimeSize = 8;

}  // namespace

crypto::VerifierKey cosigner_key(std::string_view name, const crypto::PublicKey& key) {
  return {.name = std::string(name), .type = crypto::kCosignatureType, .key = key};
}

std::string cosigned_message(std::uint64_t time, std::string_view body) {
  return "cosignature/v1\ntime " + std::to_string(time) + "\n" + std::string(body);
}

NoteSignature cosign(std::string_view name, const crypto::SigningKey& key, std::uint64_t time,
                     std::string_view body) {
  if (time > kNumberMax) throw std::invalid_argument("cosign: a time out of range");
  if (!is_key_name(name)) throw std::invalid_argument("cosign: not a key name");
  if (!is_note_text(body)) throw std::invalid_argument("cosign: not a note's text");
  const crypto::Signature signature = key.sign(bytes_of(cosigned_message(time, body)));
  std::array<std::uint8_t, kTimeSize> stamp;
  put_be(time, stamp.data());
  NoteSignature made{.name = std::string(name),
                     .key_id = crypto::key_id(name, crypto::kCosignatureType, key.public_key()),
                     .bytes = {bytes_of(stamp).begin(), bytes_of(stamp).end()}};
  made.bytes.insert(made.bytes.end(), bytes_of(signature).begin(), bytes_of(signature).end());
  return made;
}

std::optional<std::uint64_t> verify_cosignature(const crypto::PublicKey& key, std::string_view body,
                                                Bytes signature) {
  if (signature.size() != kTimeSize + crypto::Signature{}.size()) return std::nullopt;
  std::uint64_t time = 0;
  for (const std::byte b : signature.first(kTimeSize)) time = time << 8 | std::to_integer<std::uint64_t>(b);
  if (time > kNumberMax) return std::nullopt;
  const std::string message = cosigned_message(time, body);
  if (!crypto::verify_signature(key, bytes_of(message), signature.subspan(kTimeSize))) return std::nullopt;
  return time;
}

}  // namespace ledger::tlog
