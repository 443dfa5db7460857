#include "server/api/command_answer.hpp"

#include <algorithm>

#include "events/core/limits.hpp"
#include "projections/json_writer.hpp"

namespace ledger::server {
namespace {

/// Whether `inner` is `outer` or lies below it.
bool lies_in(std::string_view inner, std::string_view outer) {
  return inner.starts_with(outer) && (inner.size() == outer.size() || inner[outer.size()] == '/');
}

}  // namespace

http::Response answer_of(const AnswerShape& shape, const store::Outcome& outcome) {
  if (!outcome) {
    http::Response refused = problem(shape.language, outcome.error());
    refused.tag = shape.mark;
    return refused;
  }
  const store::Accepted& accepted = *outcome;
  const std::string id = accepted.id.text();
  std::string text;
  text.reserve(384);
  projections::JsonWriter json(text);
  json.begin_object();
  json.member("id", id);
  json.member("stream", accepted.stream.text());
  json.member("version", accepted.version);
  json.member("position", accepted.position);
  json.member("state", accepted.state);
  json.key("events").begin_array();
  for (const store::Accepted::Happened& event : accepted.events) {
    json.begin_object().member("type", name_of(event.type)).member("position", event.position).end_object();
  }
  json.end_array();
  if (!accepted.warnings.empty()) {
    json.key("warnings").begin_array();
    for (const std::string& code : accepted.warnings) json.begin_object().member("code", code).end_object();
    json.end_array();
  }
  if (accepted.made_grant) {
    if (accepted.grant_id && *accepted.grant_id != accepted.id)
      json.member("grant_id", accepted.grant_id->text());
    json.member("token", accepted.token);
  }
  if (accepted.made_webhook) json.member("secret", accepted.webhook_secret);
  json.end_object();

  http::Response response;
  response.status = shape.made_under ? 201 : 200;
  response.tag = shape.mark;
  response.content_type = "application/json";
  std::string etag = "\"";
  etag += std::to_string(accepted.version);
  etag += '"';
  response.headers.add("ETag", etag);
  response.headers.add("Ledger-Position", std::to_string(accepted.position));
  response.headers.add("Cache-Control", "private, no-store");
  if (shape.made_under) {
    std::string location = *shape.made_under;
    if (!shape.made_is_listed) location += '/' + id;
    response.headers.add("Location", location);
  }
  response.body = http::Body(std::move(text));
  return response;
}

void merge_errors(std::vector<FieldError>& errors, const std::vector<FieldError>& more) {
  const std::size_t own = errors.size();
  for (const FieldError& error : more) {
    if (errors.size() >= limits::kFieldErrorsMax) return;
    const bool told = std::any_of(
        errors.begin(), errors.begin() + static_cast<std::ptrdiff_t>(own), [&](const FieldError& there) {
          return lies_in(error.pointer, there.pointer) || lies_in(there.pointer, error.pointer);
        });
    if (!told) errors.push_back(error);
  }
}

}  // namespace ledger::server
