// The released versions of the entry schema, as texts to hand to whoever wants to read entries without our
// code.
#pragma once

#include <optional>
#include <string_view>

namespace ledger {

/// The FlatBuffers text of schema version `n` (schema/released/ledger.v<n>.fbs, UTF-8), counted from 1;
/// nullopt for a version that was not released. The view lives for ever. Any thread.
[[nodiscard]] std::optional<std::string_view> released_schema(int n);

}  // namespace ledger
