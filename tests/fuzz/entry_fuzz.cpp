// Entries from anywhere: bytes as they come, and valid entries of every type with some bytes changed, so that
// the search starts behind the verifier. What decodes must encode again and decode to the same.
#include <cstdlib>
#include <vector>

#include "events/codec/state_codec.hpp"
#include "tests/support/codec_examples.hpp"

namespace {

using namespace ledger;

void require(bool holds) {
  if (!holds) std::abort();
}

void decode_anything(Bytes bytes) {
  const auto header = codec::decode_header(bytes);
  const auto decoded = codec::decode_entry(bytes);
  if (!decoded) return;
  require(header.has_value());
  require(header->type == type_of(decoded->event.payload));
  const auto again = codec::encode_entry(decoded->event, decoded->parts);
  // Another writer may pack the same content tighter than ours.
  if (!again) return require(again.error() == codec::CodecError::too_large);
  const auto twice = codec::decode_entry(*again);
  require(twice.has_value());
  require(examples::dump(*twice) == examples::dump(*decoded));
}

const std::vector<std::vector<std::byte>>& valid_entries() {
  static const auto entries = [] {
    std::vector<std::vector<std::byte>> out;
    for (std::size_t index = 0; index < examples::kTypes; ++index) {
      const auto [event, parts] = examples::example(index, 1, examples::Fill::all);
      out.push_back(codec::encode_entry(event, parts).value());
    }
    return out;
  }();
  return entries;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input = std::as_bytes(std::span(data, size));
  decode_anything(input);
  (void)codec::decode_state<FilingState>(input);
  (void)codec::decode_state<ProductState>(input);
  if (size < 1) return 0;

  auto damaged = valid_entries()[data[0] % examples::kTypes];
  for (std::size_t i = 1; i + 2 < size; i += 3) {  // two bytes of place, one of value
    damaged[get_be<std::uint16_t>(data + i) % damaged.size()] ^= static_cast<std::byte>(data[i + 2]);
  }
  decode_anything(damaged);
  return 0;
}
