// How the API says no: RFC 9457 problem documents whose codes, statuses and titles come from one table
// (schema/codes/refusals.json), in the language that the caller prefers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "events/core/refusal.hpp"
#include "server/http/message.hpp"

namespace ledger::server {

enum class Language : std::uint8_t { zh, en };

/// The better of zh and en by `Accept-Language` (RFC 9110 section 12.5.4), q-values honoured, an earlier
/// range before a later one of the same weight; `*` stands for what no other range names. Without the header,
/// or when it names neither: English. Several header lines count as one list.
[[nodiscard]] Language language_of(const http::Request& request);
/// The same for the header's text.
[[nodiscard]] Language language_of(std::string_view accept_language);

/// What a problem document says beside its code.
struct ProblemParts {
  std::string detail;              ///< one sentence; empty: the title stands alone. Never a private value
  std::vector<FieldError> errors;  ///< `errors: [{pointer, code, detail}]`, left out when empty
  std::string state;               ///< left out when empty
  std::optional<std::uint64_t> current_version;
  /// Further members: name and value as JSON text, e.g. {"suggestions", "[\"...\"]"}.
  std::vector<std::pair<std::string, std::string>> members;
  /// Overrides the table's status; 0: the table's.
  unsigned status = 0;
};

/// `{type, title, status, detail, code, ...}` as `application/problem+json`; `type` is `/problems/<code>`.
/// The status is the table's for `code`; a code outside the table is a bug and gives 500 `internal_error`.
/// 401 carries `WWW-Authenticate: Bearer`, 503 `Retry-After: 1`. `Cache-Control: no-store`.
[[nodiscard]] http::Response problem(Language language, std::string_view code, ProblemParts parts = {});
/// The same for a refusal of the core.
[[nodiscard]] http::Response problem(Language language, const Refusal& refusal);
/// 422 `fields_invalid` with all of `errors`.
[[nodiscard]] http::Response problem(Language language, std::vector<FieldError> errors);
/// 429 `too_many_requests` with `Retry-After` in seconds.
[[nodiscard]] http::Response too_many_requests(Language language, std::uint32_t retry_after_s);

/// What `GET /problems/<code>` answers: a few lines of plain text in both languages; nullopt for an unknown
/// code.
[[nodiscard]] std::optional<std::string> problem_text(std::string_view code);

}  // namespace ledger::server
