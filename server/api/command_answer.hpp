// What a command's outcome looks like on the wire.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "events/store/engine.hpp"
#include "server/api/problem.hpp"

namespace ledger::server {

/// What the answer needs of the request; it outlives it.
struct AnswerShape {
  Language language = Language::en;
  std::uint32_t mark = 0;                 ///< http::Response::tag
  std::optional<std::string> made_under;  ///< set: 201 with `Location: <this>/<id>`
  bool made_is_listed = false;            ///< `Location` is `made_under` itself
};

/// The answer of DESIGN section 6, or the problem. Nothing in it depends on the moment or on whether the
/// outcome is a repetition, so that the same command is always answered with the same bytes (but for a token
/// that is no longer shown). Any thread; allocates only.
[[nodiscard]] http::Response answer_of(const AnswerShape& shape, const store::Outcome& outcome);

/// Adds to `errors` what `more` says about other places: an error at a pointer, above or below one that is
/// there already only repeats it. At most limits::kFieldErrorsMax.
void merge_errors(std::vector<FieldError>& errors, const std::vector<FieldError>& more);

}  // namespace ledger::server
