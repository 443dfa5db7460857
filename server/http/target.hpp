// Reads a request target in origin form (RFC 9112 section 3.2.1) into decoded segments and parameters. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/http/message.hpp"

namespace ledger::http {

struct Target {
  std::vector<std::string> path;
  std::vector<QueryParameter> query;
  bool query_malformed = false;
};

/// Splits and decodes `text` (`/path?query`). False when the path is malformed: not absolute, a bad escape, a
/// fragment, characters outside RFC 3986, NUL, or invalid UTF-8 once decoded. Raw (unescaped) UTF-8 is let
/// through, since people type Chinese into curl. A malformed query only sets the flag. Segments and values
/// are valid UTF-8.
[[nodiscard]] bool parse_target(std::string_view text, Target& target);

/// True when `text` is well-formed UTF-8 (RFC 3629: shortest form, no surrogates, at most U+10FFFF).
[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace ledger::http
