// The states of events/core/states.hpp as rows of the views (schema/views.fbs) and back. Deterministic: equal
// states give equal bytes, so that a rebuilt view is identical to the live one.
#pragma once

#include <cstddef>
#include <expected>
#include <vector>

#include "events/codec/entry_codec.hpp"
#include "events/core/states.hpp"

namespace ledger::codec {

/// The row of a state. An enumeration outside its list or a text that is not UTF-8 is a broken invariant
/// (std::logic_error): states come from events, which were checked. Any thread.
[[nodiscard]] std::vector<std::byte> encode_state(const LedgerState& state);
[[nodiscard]] std::vector<std::byte> encode_state(const GrantState& state);
[[nodiscard]] std::vector<std::byte> encode_state(const SubjectState& state);
[[nodiscard]] std::vector<std::byte> encode_state(const ProductState& state);
[[nodiscard]] std::vector<std::byte> encode_state(const FilingState& state);

/// The same without a copy: the bytes stand in this thread's own buffer until it encodes a state again.
[[nodiscard]] Bytes encode_state_view(const LedgerState& state);
[[nodiscard]] Bytes encode_state_view(const GrantState& state);
[[nodiscard]] Bytes encode_state_view(const SubjectState& state);
[[nodiscard]] Bytes encode_state_view(const ProductState& state);
[[nodiscard]] Bytes encode_state_view(const FilingState& state);

/// Reads a row from bytes of any alignment, verified as entries are: `decode_state<FilingState>(bytes)`. A
/// view whose rows do not read is damaged and gets rebuilt. Defined for the five states above. Errors:
/// malformed, unknown_value.
template <class State>
[[nodiscard]] std::expected<State, CodecError> decode_state(Bytes row);
template <>
[[nodiscard]] std::expected<LedgerState, CodecError> decode_state(Bytes row);
template <>
[[nodiscard]] std::expected<GrantState, CodecError> decode_state(Bytes row);
template <>
[[nodiscard]] std::expected<SubjectState, CodecError> decode_state(Bytes row);
template <>
[[nodiscard]] std::expected<ProductState, CodecError> decode_state(Bytes row);
template <>
[[nodiscard]] std::expected<FilingState, CodecError> decode_state(Bytes row);

}  // namespace ledger::codec
