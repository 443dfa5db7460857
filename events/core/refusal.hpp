// How the ledger says no: one refusal, or all errors of a document's fields at once. Pure values; codes are
// those of schema/codes/refusals.json and never change their meaning, whereas details may be reworded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ledger {

/// One field that cannot be taken as it stands.
struct FieldError {
  std::string
      pointer;  ///< JSON Pointer (RFC 6901) to where the field stands or should stand; empty: the document
  std::string code;    ///< e.g. `required`, `too_long`
  std::string detail;  ///< what would be right, in English; never the value itself, which may be private
  bool operator==(const FieldError&) const = default;
};

/// Why a command or a request was not done.
struct Refusal {
  std::string_view code;              ///< stable code of schema/codes/refusals.json; lives for ever
  std::vector<FieldError> errors;     ///< all field errors, empty where the refusal is not about fields
  std::string state;                  ///< the state that forbids it, where one does (409)
  std::string detail;                 ///< a sentence in English for the log and the answer; no private value
  std::uint64_t current_version = 0;  ///< the stream's version, where If-Match named another (412)
};

}  // namespace ledger
