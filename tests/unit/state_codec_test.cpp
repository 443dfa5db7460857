#include "events/codec/state_codec.hpp"

#include <algorithm>
#include <random>

#include <catch2/catch.hpp>

#include "tests/support/codec_examples.hpp"

namespace ledger {
namespace {

using codec::CodecError;
using examples::Fill;

template <class State>
State filled(std::uint64_t seed, Fill fill) {
  State state;
  examples::Filler(seed, fill).fill(state);
  return state;
}

template <class State>
void require_round_trip(const State& state) {
  const auto row = codec::encode_state(state);
  const auto decoded = codec::decode_state<State>(row);
  REQUIRE(decoded.has_value());
  REQUIRE(*decoded == state);
  REQUIRE(examples::same_bytes(codec::encode_state(*decoded), row));
  REQUIRE(examples::same_bytes(codec::encode_state_view(state), row));
}

template <class State>
void require_all_round_trips(std::uint64_t seed) {
  require_round_trip(filled<State>(seed, Fill::all));
  for (std::uint64_t round = 0; round < 200; ++round)
    require_round_trip(filled<State>(seed + round, Fill::some));
}

}  // namespace

TEST_CASE("states come back from their rows as they went in") {
  const std::uint64_t seed = std::random_device{}();
  WARN("seed " << seed);
  require_all_round_trips<LedgerState>(seed);
  require_all_round_trips<GrantState>(seed);
  require_all_round_trips<SubjectState>(seed);
  require_all_round_trips<ProductState>(seed);
  require_all_round_trips<FilingState>(seed);
}

TEST_CASE("an optional value of zero differs from an absent one") {
  auto state = filled<FilingState>(3, Fill::all);
  state.change_position = 0;
  state.form_record = Uuid{};
  state.public_disclosure = Digest{};
  require_round_trip(state);
  state.change_position.reset();
  state.form_record.reset();
  state.public_disclosure.reset();
  require_round_trip(state);
}

TEST_CASE("a product of a thousand features is one row") {
  ProductState product;
  product.form = ProductForm::app;
  for (std::uint64_t path = 0; path < 10; ++path) {
    AccessPathState& added = product.paths.emplace_back();
    for (std::uint64_t i = 0; i < 100; ++i)
      added.features.push_back(filled<FeatureState>(path * 100 + i, Fill::all));
  }
  require_round_trip(product);
}

TEST_CASE("a row at any address reads alike, and a damaged one is refused or reads as some state") {
  const auto state = filled<SubjectState>(5, Fill::all);
  const auto row = codec::encode_state(state);
  for (std::size_t shift = 0; shift < 8; ++shift) {
    std::vector<std::byte> moved(row.size() + shift);
    std::ranges::copy(row, moved.begin() + static_cast<std::ptrdiff_t>(shift));
    CHECK(codec::decode_state<SubjectState>(Bytes(moved).subspan(shift)) == state);
  }
  for (std::size_t at = 0; at < row.size(); ++at) {
    auto damaged = row;
    damaged[at] ^= std::byte{0x81};
    const auto decoded = codec::decode_state<SubjectState>(damaged);
    if (decoded) CHECK_NOTHROW(codec::encode_state(*decoded));
  }
}

TEST_CASE("rows that are no state are refused") {
  CHECK(codec::decode_state<FilingState>({}).error() == CodecError::malformed);
  CHECK(codec::decode_state<FilingState>(bytes_of("not a row at all")).error() == CodecError::malformed);
}

TEST_CASE("a state that no event gives is a broken invariant") {
  CHECK_THROWS_AS(codec::encode_state(FilingState{}), std::logic_error);  // no status
  auto state = filled<LedgerState>(1, Fill::all);
  state.origin = "\xFF";
  CHECK_THROWS_AS(codec::encode_state(state), std::logic_error);
}

}  // namespace ledger
