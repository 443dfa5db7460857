#include "events/codec/state_codec.hpp"

#include <stdexcept>
#include <string>

#include <flatbuffers/flatbuffers.h>

#include "events/codec/table_codec.hpp"
#include "schema/wire/views_generated.h"

namespace ledger::codec {
namespace {

/// A product holds access paths, which hold features: at most as many tables as its filer had patience for.
constexpr flatbuffers::uoffset_t kDepthMax = 8;
constexpr flatbuffers::uoffset_t kTablesMax = 1'000'000;

template <class State>
Bytes encode(const State& state) {
  thread_local flatbuffers::FlatBufferBuilder builder(1024);
  builder.Clear();
  TableWriter writer(builder);
  const auto root = writer.write(state);
  if (writer.fault())
    throw std::logic_error("a state that no event gives: " + std::string(name_of(*writer.fault())));
  builder.Finish(root);
  return std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
}

template <class WireTable, class State>
std::expected<State, CodecError> decode(Bytes row) {
  thread_local std::vector<std::uint64_t> copy;
  const std::uint8_t* data = aligned(row, copy);
  flatbuffers::Verifier verifier(data, row.size(), kDepthMax, kTablesMax);
  if (!verifier.VerifyBuffer<WireTable>()) return std::unexpected(CodecError::malformed);
  std::expected<State, CodecError> state(std::in_place);
  TableReader reader(row.size());
  reader.read(*flatbuffers::GetRoot<flatbuffers::Table>(data), *state);
  if (reader.fault()) return std::unexpected(*reader.fault());
  return state;
}

std::vector<std::byte> copied(Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

}  // namespace

Bytes encode_state_view(const LedgerState& state) {
  return encode(state);
}
Bytes encode_state_view(const GrantState& state) {
  return encode(state);
}
Bytes encode_state_view(const SubjectState& state) {
  return encode(state);
}
Bytes encode_state_view(const ProductState& state) {
  return encode(state);
}
Bytes encode_state_view(const FilingState& state) {
  return encode(state);
}

std::vector<std::byte> encode_state(const LedgerState& state) {
  return copied(encode(state));
}
std::vector<std::byte> encode_state(const GrantState& state) {
  return copied(encode(state));
}
std::vector<std::byte> encode_state(const SubjectState& state) {
  return copied(encode(state));
}
std::vector<std::byte> encode_state(const ProductState& state) {
  return copied(encode(state));
}
std::vector<std::byte> encode_state(const FilingState& state) {
  return copied(encode(state));
}

template <>
std::expected<LedgerState, CodecError> decode_state(Bytes row) {
  return decode<wire::LedgerState, LedgerState>(row);
}
template <>
std::expected<GrantState, CodecError> decode_state(Bytes row) {
  return decode<wire::GrantState, GrantState>(row);
}
template <>
std::expected<SubjectState, CodecError> decode_state(Bytes row) {
  return decode<wire::SubjectState, SubjectState>(row);
}
template <>
std::expected<ProductState, CodecError> decode_state(Bytes row) {
  return decode<wire::ProductState, ProductState>(row);
}
template <>
std::expected<FilingState, CodecError> decode_state(Bytes row) {
  return decode<wire::FilingState, FilingState>(row);
}

}  // namespace ledger::codec
