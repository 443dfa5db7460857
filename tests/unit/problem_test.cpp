#include "server/api/problem.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "schema/codes.hpp"
#include "server/api/command_answer.hpp"

using namespace ledger;
using namespace ledger::server;
namespace json = boost::json;

namespace {

json::object body_of(const http::Response& response) {
  const std::string_view text = response.body.text();
  return json::parse(json::string_view(text.data(), text.size())).as_object();
}

std::string text_at(const json::object& object, const char* name) {
  return std::string(object.at(name).as_string());
}

store::Accepted accepted() {
  store::Accepted out;
  out.id = *Uuid::parse("018f2d5e-7c3a-7b6e-9d2f-0123456789ab");
  out.stream = {StreamKind::filing, out.id};
  out.version = 3;
  out.position = 41;
  out.state = "draft";
  out.events.push_back({type_number<DraftSaved>(), 41});
  return out;
}

}  // namespace

TEST_CASE("every code of the table makes a whole problem document in both languages") {
  for (const schema::Refusal& row : schema::refusals()) {
    CAPTURE(row.code);
    for (const Language language : {Language::zh, Language::en}) {
      const http::Response response = problem(language, row.code);
      CHECK(response.status == row.status);
      CHECK(response.content_type == "application/problem+json");
      const json::object body = body_of(response);
      CHECK(text_at(body, "code") == row.code);
      CHECK(text_at(body, "type") == "/problems/" + std::string(row.code));
      CHECK(text_at(body, "title") == (language == Language::zh ? row.zh : row.en));
      CHECK(body.at("status").as_int64() == row.status);
      CHECK_FALSE(text_at(body, "detail").empty());
      CHECK_FALSE(body.contains("errors"));
      CHECK_FALSE(body.contains("state"));
      CHECK_FALSE(body.contains("current_version"));
      CHECK(response.headers.find("WWW-Authenticate").has_value() == (row.status == 401));
      CHECK(response.headers.find("Retry-After").has_value() == (row.status == 503));
    }
    CHECK(problem_text(row.code).has_value());
  }
  CHECK_FALSE(problem_text("no_such_code").has_value());
}

TEST_CASE("a code outside the table is a fault of ours and says nothing of itself") {
  const http::Response response =
      problem(Language::en, "no_such_code",
              {.detail = "inner", .errors = {}, .state = {}, .current_version = {}, .members = {}});
  CHECK(response.status == 500);
  CHECK(text_at(body_of(response), "code") == "internal_error");
  CHECK(response.body.text().find("inner") == std::string_view::npos);
}

TEST_CASE("field errors, state, version and further members stand in the document") {
  Refusal refusal{.code = "illegal_transition", .errors = {}, .state = "draft", .detail = "not \"yet\""};
  json::object body = body_of(problem(Language::en, refusal));
  CHECK(text_at(body, "state") == "draft");
  CHECK(text_at(body, "detail") == "not \"yet\"");
  CHECK_FALSE(body.contains("current_version"));

  refusal =
      Refusal{.code = "version_mismatch", .errors = {}, .state = {}, .detail = {}, .current_version = 7};
  body = body_of(problem(Language::en, refusal));
  CHECK(body.at("current_version").as_int64() == 7);

  body = body_of(problem(Language::zh, std::vector<FieldError>{{"/a~1b", "required", "must be there"}}));
  CHECK(text_at(body, "code") == "fields_invalid");
  CHECK(text_at(body.at("errors").as_array().at(0).as_object(), "pointer") == "/a~1b");

  ProblemParts parts;
  parts.members.emplace_back("suggestions", R"(["x"])");
  parts.status = 400;
  const http::Response response = problem(Language::en, "number_length", std::move(parts));
  CHECK(response.status == 400);
  CHECK(body_of(response).at("suggestions").as_array().size() == 1);
}

TEST_CASE("a refusal for haste says how long to wait") {
  const http::Response response = too_many_requests(Language::en, 17);
  CHECK(response.status == 429);
  CHECK(response.headers.find("Retry-After") == "17");
}

TEST_CASE("an accepted command is answered with its place, its state and its version as entity tag") {
  const http::Response response = answer_of({}, accepted());
  CHECK(response.status == 200);
  CHECK(response.headers.find("ETag") == "\"3\"");
  CHECK(response.headers.find("Ledger-Position") == "41");
  CHECK(response.headers.find("Cache-Control") == "private, no-store");
  CHECK_FALSE(response.headers.find("Location").has_value());
  CHECK(
      response.body.text() ==
      R"({"id":"018f2d5e-7c3a-7b6e-9d2f-0123456789ab","stream":"filing/018f2d5e-7c3a-7b6e-9d2f-0123456789ab",)"
      R"("version":3,"position":41,"state":"draft","events":[{"type":"draft.saved","position":41}]})");
}

TEST_CASE("a thing made has a place; a grant made shows its token, null once it is shown no more") {
  AnswerShape shape;
  shape.made_under = "/v1/subjects";
  shape.mark = 77;
  store::Accepted made = accepted();
  made.made_grant = true;
  made.grant_id = *Uuid::parse("018f2d5e-7c3a-7b6e-9d2f-000000000001");
  made.token = "fl1_1_secret";
  const http::Response first = answer_of(shape, made);
  CHECK(first.status == 201);
  CHECK(first.tag == 77);
  CHECK(first.headers.find("Location") == "/v1/subjects/018f2d5e-7c3a-7b6e-9d2f-0123456789ab");
  CHECK(text_at(body_of(first), "token") == "fl1_1_secret");
  CHECK(text_at(body_of(first), "grant_id") == "018f2d5e-7c3a-7b6e-9d2f-000000000001");

  made.repeated = true;
  CHECK(answer_of(shape, made).body.text() == first.body.text());
  made.token.reset();
  CHECK(body_of(answer_of(shape, made)).at("token").is_null());
  made.warnings = {"unchanged"};
  CHECK(text_at(body_of(answer_of(shape, made)).at("warnings").as_array().at(0).as_object(), "code") ==
        "unchanged");
}

TEST_CASE("errors of a decision are added where the body's own errors say nothing yet") {
  std::vector<FieldError> errors = {{"/contact/name", "too_long", ""}, {"/documents", "wrong_type", ""}};
  merge_errors(errors, {{"/contact/name", "required", ""},
                        {"/contact/phone", "required", ""},
                        {"/documents/commitment_letter", "required", ""},
                        {"/contact/names", "required", ""}});
  REQUIRE(errors.size() == 4);
  CHECK(errors[2].pointer == "/contact/phone");
  CHECK(errors[3].pointer == "/contact/names");
}
