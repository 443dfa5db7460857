// The canonical JSON texts that private values are sealed as: compact, members in the order of DESIGN section
// 8, absent parts left out. Commitments cover these bytes, so a text never changes for the same value. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "events/core/forms.hpp"

namespace ledger {

/// A filing form, as a draft seals it whole.
[[nodiscard]] std::string form_text(const FilingForm& form);
/// The three selector lists of a scope, all of them written, without the technical service.
[[nodiscard]] std::string scope_text(const FilingForm::Scope& scope);
/// A JSON array of ids.
[[nodiscard]] std::string ids_text(std::span<const Uuid> ids);
/// A JSON array of texts.
[[nodiscard]] std::string texts_text(std::span<const std::string> texts);
/// Appends a JSON string (RFC 8259): quotes, escapes for `"`, `\` and controls, everything else as it is.
void append_json_string(std::string& out, std::string_view text);

}  // namespace ledger
