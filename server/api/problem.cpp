#include "server/api/problem.hpp"

#include <algorithm>

#include "projections/json_writer.hpp"
#include "schema/codes.hpp"
#include "server/api/context.hpp"

namespace ledger::server {

http::Response problem(Language language, std::string_view code, ProblemParts parts) {
  const schema::Refusal* row = schema::find_refusal(code);
  if (row == nullptr) {
    parts = {};
    row = schema::find_refusal("internal_error");
  }
  const std::string_view title = language == Language::zh ? row->zh : row->en;
  const unsigned status = parts.status != 0 ? parts.status : row->status;

  std::string text;
  text.reserve(256 + parts.errors.size() * 128);
  projections::JsonWriter json(text);
  json.begin_object();
  std::string type = "/problems/";
  type += row->code;
  json.member("type", type);
  json.member("title", title);
  json.member("status", std::uint64_t{status});
  json.member("detail", parts.detail.empty() ? title : std::string_view(parts.detail));
  json.member("code", row->code);
  if (!parts.errors.empty()) {
    json.key("errors").begin_array();
    for (const FieldError& error : parts.errors) {
      json.begin_object();
      json.member("pointer", error.pointer).member("code", error.code).member("detail", error.detail);
      json.end_object();
    }
    json.end_array();
  }
  if (!parts.state.empty()) json.member("state", parts.state);
  if (parts.current_version) json.member("current_version", *parts.current_version);
  for (const auto& [name, value] : parts.members) json.member_raw(name, value);
  json.end_object();

  http::Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.headers.add("Cache-Control", "no-store");
  response.headers.add("Content-Language", language == Language::zh ? "zh" : "en");
  if (status == 401) response.headers.add("WWW-Authenticate", "Bearer");
  if (status == 503) response.headers.add("Retry-After", "1");
  response.body = http::Body(std::move(text));
  return response;
}

http::Response problem(Language language, const Refusal& refusal) {
  ProblemParts parts{.detail = refusal.detail,
                     .errors = refusal.errors,
                     .state = refusal.state,
                     .current_version = {},
                     .members = {}};
  if (refusal.code == "version_mismatch") parts.current_version = refusal.current_version;
  return problem(language, refusal.code, std::move(parts));
}

http::Response problem(Language language, std::vector<FieldError> errors) {
  return problem(
      language, "fields_invalid",
      {.detail = {}, .errors = std::move(errors), .state = {}, .current_version = {}, .members = {}});
}

http::Response too_many_requests(Language language, std::uint32_t retry_after_s) {
  http::Response response = problem(language, "too_many_requests");
  response.headers.add("Retry-After", std::to_string(retry_after_s));
  return response;
}

std::optional<std::string> problem_text(std::string_view code) {
  const schema::Refusal* row = schema::find_refusal(code);
  if (row == nullptr) return std::nullopt;
  std::string text(row->code);
  text += "\n";
  text += row->zh;
  text += "\n";
  text += row->en;
  text += "\nHTTP ";
  text += std::to_string(row->status);
  text += "\n";
  return text;
}

http::Response not_found(const ReadContext& context) {
  return problem(context.language, "not_found");
}

http::Response role_forbidden(const ReadContext& context) {
  return problem(context.language, "role_forbidden");
}

}  // namespace ledger::server
