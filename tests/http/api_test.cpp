// The API against a real engine over a real socket: what is refused and how, what a command answers, who gets
// in.
#include <algorithm>
#include <sstream>

#include <catch2/catch.hpp>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include "server/api/cors.hpp"
#include "tests/support/served_ledger.hpp"

using namespace ledger;
using namespace ledger::test;
using Errors = std::vector<std::string>;

namespace {

const std::string kNobody = "018f2d5e-7c3a-7b6e-9d2f-0123456789ab";

/// One served ledger for the cases that only look at refusals: each checks that nothing was appended.
ServedLedger& shared() {
  static ServedLedger ledger;
  return ledger;
}

void check_problem(const Answer& answer, unsigned status, std::string_view code) {
  CAPTURE(answer.raw.body);
  CHECK(answer.status() == status);
  CHECK(answer.code() == code);
  CHECK(answer.raw.header("content-type") == "application/problem+json");
  CHECK(answer.text("type") == "/problems/" + std::string(code));
  CHECK_FALSE(answer.text("title").empty());
  CHECK_FALSE(answer.text("detail").empty());
  CHECK(answer.json.as_object().at("status").as_int64() == status);
}

}  // namespace

TEST_CASE("an unreadable body is 400 with its own code, and nothing is appended") {
  ServedLedger& ledger = shared();
  const auto size = ledger.engine().size();
  struct Row {
    std::string body, code, pointer;
  };
  const std::vector<Row> rows = {
      {"", "bad_json", ""},
      {" ", "bad_json", ""},
      {"{", "bad_json", ""},
      {"{}{}", "bad_json", ""},
      {"[1,]", "bad_json", ""},
      {"{'a':1}", "bad_json", ""},
      {"\xef\xbb\xbf{}", "bad_json", ""},
      {R"({"daily_visits":1e999})", "bad_json", "/daily_visits"},
      {"{\"region\":\"\x01\"}", "bad_json", ""},
      {"{\"region\":\"\xff\xfe\"}", "invalid_utf8", ""},
      {"{\"region\":\"\xed\xa0\x80\"}", "invalid_utf8", ""},
      {R"({"region":"\ud800"})", "lone_surrogate", ""},
      {R"({"region":"\udc00x"})", "lone_surrogate", ""},
      {std::string(64, '[') + std::string(64, ']'), "too_deep", ""},
      {R"({"region":"1","region":"2"})", "duplicate_key", "/region"},
      {R"({"contact":{"name":"1","name":"2"}})", "duplicate_key", "/contact/name"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.body);
    const Answer answer = ledger.post("/v1/subjects", {}, row.body);
    check_problem(answer, 400, row.code);
    CHECK(answer.errors() == Errors{row.pointer + " " + row.code});
  }
  CHECK(ledger.engine().size() == size);
}

TEST_CASE("wrong fields are 422, all of them at once, those of the body and those of the decision") {
  ServedLedger& ledger = shared();
  const auto size = ledger.engine().size();
  struct Row {
    std::string body;
    Errors errors;
  };
  const std::vector<Row> rows = {
      {"[]", {" wrong_type"}},
      {"null", {" wrong_type"}},
      {"{}",
       {"/organization_name required", "/credit_code required", "/region required", "/contact/name required",
        "/contact/phone required", "/contact/email required"}},
      {R"({"organization_name":"a\u0007b","credit_code":5,"region":"999999","extra":1,"contact":{"name":")" +
           std::string(65, 'x') + R"(","phone":null,"email":"w@example.cn"}})",
       {"/organization_name control_character", "/credit_code wrong_type", "/contact/name too_long",
        "/extra unknown_field", "/region region_unknown", "/contact/phone required"}},
      {R"({"organization_name":"某公司","credit_code":"91110108MA01EXAMPL","region":"110108","contact":[]})",
       {"/contact wrong_type", "/credit_code credit_code_invalid"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.body);
    const Answer answer = ledger.post("/v1/subjects", {}, row.body);
    check_problem(answer, 422, "fields_invalid");
    auto found = answer.errors();
    auto expected = row.errors;
    std::ranges::sort(found);
    std::ranges::sort(expected);
    CHECK(found == expected);
  }
  CHECK(ledger.engine().size() == size);
}

TEST_CASE("a body must be JSON by its type, uncoded, and at most 256 KiB") {
  ServedLedger& ledger = shared();
  const auto size = ledger.engine().size();
  const auto typed = [&](std::string type, std::string headers = {}) {
    return ledger.call({.method = "POST",
                        .path = "/v1/subjects",
                        .body = "{}",
                        .type = std::move(type),
                        .headers = std::move(headers)});
  };
  check_problem(typed("text/plain"), 415, "media_type_unsupported");
  check_problem(typed("application/json; charset=gbk"), 415, "media_type_unsupported");
  check_problem(typed(""), 415, "media_type_unsupported");
  check_problem(typed("application/json", "Content-Encoding: gzip\r\n"), 415, "media_type_unsupported");
  check_problem(typed("application/json", "Content-Type: application/json\r\n"), 415,
                "media_type_unsupported");
  check_problem(typed("application/json; charset=utf-8"), 422, "fields_invalid");

  check_problem(ledger.post("/v1/subjects", {}, std::string(256 * 1024 + 1, ' ')), 413, "body_too_large");
  check_problem(ledger.post("/v1/subjects", {}, std::string(256 * 1024, ' ')), 400, "bad_json");
  const Answer chunked =
      ledger.call({.method = "POST",
                   .path = "/v1/subjects",
                   .headers = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
                              "\r\n40001\r\n" +
                              std::string(0x40001, ' ') + "\r\n0\r\n"});
  check_problem(chunked, 413, "body_too_large");
  CHECK(ledger.engine().size() == size);
}

TEST_CASE("paths, methods, ids and queries that are wrong are told apart") {
  ServedLedger& ledger = shared();
  const std::string admin = ledger.admin();
  check_problem(ledger.get("/v1/nothing"), 404, "not_found");
  check_problem(ledger.get("//"), 404, "not_found");
  const Answer method = ledger.call({.method = "DELETE", .path = "/v1/subjects"});
  check_problem(method, 405, "method_not_allowed");
  CHECK(method.raw.header("allow") == "POST, GET, HEAD, OPTIONS");
  check_problem(ledger.post("/v1/filings/42/submit", admin, "{}"), 400, "bad_id");
  check_problem(ledger.get("/v1/subjects/" + kNobody + "x", admin), 400, "bad_id");
  check_problem(ledger.post("/v1/filings/" + kNobody + "/submit?x=1", admin, R"({"declared":true})"), 400,
                "bad_query");
  check_problem(ledger.get("/v1/announcements?q=%zz"), 400, "bad_query");
  check_problem(ledger.get("/v1/documents/sha256:xyz", admin), 400, "bad_id");
  check_problem(ledger.get("/v1/schema/2"), 404, "not_found");
  check_problem(ledger.get("/v1/schema/01"), 404, "not_found");
}

TEST_CASE("a token is asked for before anything of the body is looked at") {
  ServedLedger& ledger = shared();
  const std::string path = "/v1/filings/" + kNobody + "/submit";
  const Answer missing = ledger.post(path, {}, "not json");
  check_problem(missing, 401, "token_missing");
  CHECK(missing.raw.header("www-authenticate") == "Bearer");
  check_problem(ledger.post(path, "fl1_1_nonsense", "not json"), 401, "token_unknown");
  check_problem(
      ledger.call({.method = "POST", .path = path, .body = "{}", .headers = "Authorization: Basic YTpi\r\n"}),
      401, "token_missing");
  check_problem(ledger.get("/v1/announcements", "fl1_1_nonsense"), 401, "token_unknown");
  CHECK(ledger.get("/v1/announcements").status() == 200);
  // The wrong role is told before the wrong fields.
  check_problem(ledger.post(path, ledger.admin(), R"({"declared":7})"), 403, "role_forbidden");
}

TEST_CASE("preconditions and keys that cannot be read are refused") {
  ServedLedger& ledger = shared();
  const std::string body = R"({"principal":"a","role":"auditor"})";
  const auto size = ledger.engine().size();
  check_problem(ledger.post("/v1/access/grants", ledger.admin(), body, "If-Match: 3\r\n"), 400,
                "bad_precondition");
  check_problem(ledger.post("/v1/access/grants", ledger.admin(), body, "If-Match: W/\"1\"\r\n"), 412,
                "version_mismatch");
  check_problem(ledger.post("/v1/access/grants", ledger.admin(), body,
                            "Idempotency-Key: " + std::string(256, 'k') + "\r\n"),
                400, "bad_idempotency_key");
  CHECK(ledger.engine().size() == size);
}

TEST_CASE("a creation is 201 with its place, and its repetition gives the same bytes") {
  ServedLedger ledger;
  const std::string body =
      R"({"organization_name":"示例科技有限公司","credit_code":")" + credit_code(1) +
      R"(","region":"110108","contact":{"name":"王五","phone":"1","email":"w@example.cn"}})";
  const Answer first = ledger.post("/v1/subjects", {}, body, "Idempotency-Key: one\r\n");
  CHECK(first.status() == 201);
  CHECK(first.raw.header("etag") == "\"1\"");
  CHECK(first.raw.header("location") == "/v1/subjects/" + first.text("id"));
  CHECK(first.raw.header("cache-control") == "private, no-store");
  CHECK(first.raw.header("ledger-position") == std::to_string(ledger.engine().size() - 1));
  CHECK(first.text("stream") == "subject/" + first.text("id"));
  CHECK(first.text("state") == "registered");
  CHECK(first.json.as_object().at("version").as_int64() == 1);
  CHECK_FALSE(first.text("token").empty());
  const auto size = ledger.engine().size();
  const Answer again = ledger.post("/v1/subjects", {}, body, "Idempotency-Key: one\r\n");
  CHECK(again.raw.body == first.raw.body);
  CHECK(again.status() == 201);
  CHECK(again.raw.header("etag") == first.raw.header("etag"));
  CHECK(again.raw.header("location") == first.raw.header("location"));
  CHECK(ledger.engine().size() == size);
  check_problem(ledger.post("/v1/subjects", {}, body + " ", "Idempotency-Key: one\r\n"), 422,
                "idempotency_mismatch");
  check_problem(ledger.post("/v1/subjects", {}, body), 409, "credit_code_taken");

  const Answer grant =
      ledger.post("/v1/access/grants", ledger.admin(), R"({"principal":"审计","role":"auditor"})");
  CHECK(grant.status() == 201);
  CHECK(grant.raw.header("location") == "/v1/access/grants/" + grant.text("id"));
  CHECK(ledger.get("/v1/me", grant.text("token")).status() == 200);
  const Answer revoked = ledger.call(
      {.method = "DELETE", .path = "/v1/access/grants/" + grant.text("id"), .token = ledger.admin()});
  CHECK(revoked.status() == 200);
  CHECK(ledger.get("/v1/me", grant.text("token")).status() == 401);
}

TEST_CASE("a decision needs the version that was read, and says the current one when it is another") {
  ServedLedger ledger;
  const std::string reviewer = ledger.grant("初审", "initial_reviewer");
  const auto subject = ledger.registered(1);
  REQUIRE(
      ledger.post("/v1/subjects/" + subject.id + "/submit", subject.token, ledger.subject_form(subject, 1))
          .status() == 200);
  const std::string path = "/v1/subjects/" + subject.id + "/approve";
  check_problem(ledger.post(path, reviewer, "{}"), 428, "precondition_required");
  check_problem(ledger.post(path, reviewer, "{}", "If-Match: *\r\n"), 428, "precondition_wildcard");
  const Answer old = ledger.post(path, reviewer, "{}", "If-Match: \"1\"\r\n");
  check_problem(old, 412, "version_mismatch");
  CHECK(old.json.as_object().at("current_version").as_int64() == 2);
  // Without a body and without a type: nothing to say but the decision.
  const Answer approved = ledger.call({.method = "POST",
                                       .path = path,
                                       .token = reviewer,
                                       .headers = "If-Match: \"1\", \"2\"\r\nContent-Length: 0\r\n"});
  CHECK(approved.status() == 200);
  CHECK(approved.text("state") == "qualified");
  const Answer late = ledger.post(path, reviewer, "{}", "If-Match: \"3\"\r\n");
  check_problem(late, 409, "illegal_transition");
  CHECK(late.text("state") == "qualified");
}

TEST_CASE("another's things are as if they did not exist, also for a body full of mistakes") {
  ServedLedger ledger;
  const std::string reviewer = ledger.grant("初审", "initial_reviewer");
  const auto own = ledger.qualified(1, reviewer);
  const auto other = ledger.qualified(2, reviewer);
  const Answer made =
      ledger.post("/v1/filings", own.token, R"({"subject_id":")" + own.id + R"(","form":{}})");
  REQUIRE(made.status() == 201);
  CHECK(made.raw.header("location") == "/v1/filings/" + made.text("id"));
  const std::string path = "/v1/filings/" + made.text("id");
  const auto size = ledger.engine().size();
  check_problem(
      ledger.call({.method = "PUT", .path = path + "/draft", .token = other.token, .body = R"({"form":7})"}),
      404, "not_found");
  check_problem(
      ledger.call({.method = "PUT", .path = path + "/draft", .token = own.token, .body = R"({"form":7})"}),
      422, "fields_invalid");
  check_problem(ledger.call({.method = "DELETE", .path = path + "/draft", .token = other.token}), 404,
                "not_found");
  check_problem(ledger.post("/v1/filings", own.token, R"({"subject_id":")" + other.id + R"(","form":{}})"),
                404, "not_found");
  CHECK(ledger.engine().size() == size);
  // Texts are held to their limits, one by one.
  const Answer long_text = ledger.call({.method = "PUT",
                                        .path = path + "/draft",
                                        .token = own.token,
                                        .body = R"({"form":{"algorithm_name":")" + std::string(65, 'a') +
                                                R"(","details":{"model":")" + std::string(4001, 'm') +
                                                R"("},"scope":{"features":["x"]},"role":"boss"}})"});
  check_problem(long_text, 422, "fields_invalid");
  CHECK(long_text.errors().size() == 4);
  CHECK(ledger.engine().size() == size);
}

TEST_CASE("things of the product tree have their places below their parents") {
  ServedLedger ledger;
  const auto own = ledger.qualified(1, ledger.grant("初审", "initial_reviewer"));
  const Answer product =
      ledger.post("/v1/subjects/" + own.id + "/products", own.token, R"({"name":"示例应用","form":"app"})");
  REQUIRE(product.status() == 201);
  CHECK(product.raw.header("location") == "/v1/products/" + product.text("id"));
  const Answer path =
      ledger.post(product.raw.header("location") + "/access-paths", own.token, R"({"steps":["首页"]})");
  REQUIRE(path.status() == 201);
  CHECK(path.raw.header("location") == product.raw.header("location") + "/access-paths/" + path.text("id"));
  const Answer feature = ledger.post(path.raw.header("location") + "/features", own.token,
                                     R"({"name":"推荐流","description":"按兴趣"})");
  REQUIRE(feature.status() == 201);
  const std::string place = feature.raw.header("location");
  CHECK(place == path.raw.header("location") + "/features/" + feature.text("id"));
  const Answer changed =
      ledger.call({.method = "PATCH", .path = place, .token = own.token, .body = R"({"name":"新名"})"});
  CHECK(changed.status() == 200);
  CHECK(changed.text("id") == feature.text("id"));
  for (const std::string& at : {place, path.raw.header("location"), product.raw.header("location")}) {
    CHECK(ledger.call({.method = "DELETE", .path = at, .token = own.token}).status() == 200);
  }
}

TEST_CASE("titles come in the language asked for") {
  ServedLedger& ledger = shared();
  CHECK(ledger.get("/v1/me").text("title") == "Token missing");
  CHECK(ledger.get("/v1/me", {}, "Accept-Language: zh-CN,zh;q=0.9,en;q=0.8\r\n").text("title") ==
        "缺少访问令牌");
  CHECK(ledger.get("/problems/token_missing").raw.body.find("缺少访问令牌") != std::string::npos);
  check_problem(ledger.get("/problems/nonsense"), 404, "not_found");
}

TEST_CASE("public reads may be made from any origin; nothing else may") {
  ServedLedger& ledger = shared();
  const std::string origin = "Origin: https://example.cn\r\n";
  CHECK(ledger.get("/v1/announcements", {}, origin).raw.header("access-control-allow-origin") == "*");
  CHECK(ledger.get("/v1/numbers/1", {}, origin).raw.header("access-control-allow-origin") == "*");
  CHECK(ledger.get("/v1/me", ledger.admin(), origin).raw.header("access-control-allow-origin").empty());
  CHECK(ledger.post("/v1/subjects", {}, "{}", origin).raw.header("access-control-allow-origin").empty());
  const Answer asked = ledger.call({.method = "OPTIONS", .path = "/v1/announcements", .headers = origin});
  CHECK(asked.status() == 204);
  CHECK(asked.raw.header("access-control-allow-methods") == "GET, HEAD");
  CHECK(asked.raw.header("allow") == "GET, HEAD, OPTIONS");
  const Answer filings = ledger.call({.method = "OPTIONS", .path = "/v1/filings", .headers = origin});
  CHECK(filings.status() == 204);
  CHECK(filings.raw.header("access-control-allow-origin").empty());
}

TEST_CASE("which pages may read what anyone may read is the operator's to say") {
  const auto allowed = [](std::string configured, const std::string& method) {
    server::Options options;
    options.cors_origin = std::move(configured);
    ServedLedger ledger(std::move(options));
    const std::string origin = "Origin: https://elsewhere.example\r\n";
    return ledger.call({.method = method, .path = "/v1/announcements", .headers = origin})
        .raw.header("access-control-allow-origin");
  };
  for (const std::string method : {"GET", "HEAD", "OPTIONS"}) {
    CAPTURE(method);
    CHECK(allowed("https://www.example.cn", method) == "https://www.example.cn");
    CHECK(allowed("", method).empty());
  }
  for (const char* good : {"*", "https://www.example.cn", "http://127.0.0.1:8080", "http://[::1]:8080"})
    CHECK(server::is_cors_origin(good));
  for (const char* bad : {"", "null", "example.cn", "https://", "https://a.cn/", "https://A.cn",
                          "https://a.cn, *", "ftp://a.cn", "https://a.cn\r\nX: y"}) {
    CAPTURE(bad);
    CHECK_FALSE(server::is_cors_origin(bad));
  }
}

TEST_CASE("the status page is one page under a policy that lets nothing else run") {
  ServedLedger ledger({}, /*closed=*/true);
  const Answer page = ledger.get("/?whatever=1");
  REQUIRE(page.status() == 200);
  CHECK(page.raw.header("content-type") == "text/html; charset=utf-8");
  CHECK(page.raw.header("x-content-type-options") == "nosniff");
  CHECK(page.raw.header("referrer-policy") == "no-referrer");
  CHECK(page.raw.header("cache-control") == "no-cache");
  const std::string policy = page.raw.header("content-security-policy");
  CHECK(policy.starts_with("default-src 'none'; script-src 'sha256-"));
  CHECK(policy.find("unsafe") == std::string::npos);
  CHECK(policy.find("frame-ancestors 'none'") != std::string::npos);
  const std::string& body = page.raw.body;
  const auto count = [&](std::string_view what) {
    std::size_t found = 0;
    for (std::size_t at = body.find(what); at != std::string::npos; at = body.find(what, at + 1)) ++found;
    return found;
  };
  CHECK(count("<script") == 1);
  CHECK(count("<style") == 1);
  for (const char* never : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                            " style=\"", " onclick", "//cdn"}) {
    CAPTURE(never);
    CHECK(count(never) == 0);
  }
  // The one thing that it loads is a drawing of this server.
  CHECK(count("src=") == 1);
  CHECK(count("<img class=\"curve\" id=\"review-curve\" src=\"v1/statistics/durations.svg?stage=review\"") ==
        1);
  CHECK(policy.find("img-src 'self' blob: data:;") != std::string::npos);
  const std::string etag = page.raw.header("etag");
  const Answer again = ledger.get("/", {}, "If-None-Match: " + etag + "\r\n");
  CHECK(again.status() == 304);
  CHECK(again.raw.header("content-security-policy") == policy);
  CHECK(ledger.call({.method = "HEAD", .path = "/"}).raw.header("etag") == etag);
  CHECK(ledger.call({.method = "OPTIONS", .path = "/"}).raw.header("allow") == "GET, HEAD, OPTIONS");
  const Answer posted = ledger.post("/", {}, "{}");
  check_problem(posted, 405, "method_not_allowed");
  CHECK(posted.raw.header("allow") == "GET, HEAD, OPTIONS");
  CHECK(ledger.get("/asyncapi.yaml").raw.body.starts_with("asyncapi: 3.0"));
}

TEST_CASE("until the ledger is open, health and texts answer and the rest says so") {
  ServedLedger ledger({}, /*closed=*/true);
  CHECK(ledger.get("/healthz").status() == 200);
  ledger.app().set_progress(5, 20);
  const Answer starting = ledger.get("/readyz");
  CHECK(starting.status() == 503);
  CHECK(starting.json.as_object().at("progress").as_object().at("done").as_int64() == 5);
  check_problem(ledger.get("/v1/announcements"), 503, "starting");
  check_problem(ledger.post("/v1/subjects", {}, "{}"), 503, "starting");
  check_problem(ledger.upload("fl1_x", "bytes"), 503, "starting");
  CHECK(ledger.get("/v1/announcements").raw.header("retry-after") == "1");
  CHECK(ledger.get("/v1/schema/1").status() == 200);
  ledger.open();
  CHECK(ledger.get("/readyz").status() == 200);
  CHECK(ledger.get("/v1/announcements").status() == 200);
  ledger.app().drain();
  check_problem(ledger.get("/readyz"), 503, "shutting_down");
  CHECK(ledger.get("/v1/announcements").status() == 200);
}

TEST_CASE("after the engine closed, commands are refused and reads go on") {
  ServedLedger ledger;
  ledger.engine().close();
  check_problem(ledger.post("/v1/access/grants", ledger.admin(), R"({"principal":"a","role":"auditor"})"),
                503, "shutting_down");
  CHECK(ledger.get("/v1/announcements").status() == 200);
}

TEST_CASE("the contract and the entry schema are served whole, and not again when known") {
  ServedLedger& ledger = shared();
  const Answer contract = ledger.get("/openapi.yaml");
  CHECK(contract.status() == 200);
  CHECK(contract.raw.body.starts_with("openapi: 3.1"));
  const std::string etag = contract.raw.header("etag");
  REQUIRE_FALSE(etag.empty());
  CHECK(ledger.get("/openapi.yaml", {}, "If-None-Match: " + etag + "\r\n").status() == 304);
  CHECK(ledger.get("/v1/schema/1").raw.body.find("file_identifier") != std::string::npos);
}

TEST_CASE("registration can be closed") {
  server::Options options;
  options.registration_open = false;
  ServedLedger ledger(std::move(options));
  check_problem(ledger.post("/v1/subjects", {}, "{}"), 403, "registration_closed");
}

TEST_CASE("registrations of one address are limited, others go on, and this machine is free") {
  server::Options options;
  options.registration_rate = {.per_minute = 0.5, .burst = 2, .addresses_max = 16};
  ServedLedger ledger(std::move(options));
  const auto from = [&](const std::string& address) {
    return ledger.post("/v1/subjects", {}, "{}", "X-Forwarded-For: " + address + "\r\n");
  };
  CHECK(from("203.0.113.9").status() == 422);
  CHECK(from("203.0.113.9").status() == 422);
  const Answer third = from("203.0.113.9");
  check_problem(third, 429, "too_many_requests");
  CHECK(std::stoi(third.raw.header("retry-after")) >= 1);
  CHECK(from("203.0.113.10").status() == 422);
  for (int i = 0; i < 5; ++i) CHECK(ledger.post("/v1/subjects", {}, "{}").status() == 422);
}

TEST_CASE("metrics count requests by route and status, and speak of the log") {
  ServedLedger ledger;
  (void)ledger.get("/v1/me");
  (void)ledger.get("/v1/me", ledger.admin());
  (void)ledger.get("/v1/nothing");
  // The summary of a request follows its answer: one more exchange on the same loops lets it arrive.
  std::string text;
  for (int round = 0; round < 200; ++round) {
    text = ledger.get("/metrics").raw.body;
    if (text.find(R"(method="other")") != std::string::npos) break;
  }
  const auto line = [&](std::string_view part) {
    std::istringstream lines(text);
    for (std::string at; std::getline(lines, at);) {
      if (at.find(part) != std::string::npos) return at;
    }
    return std::string();
  };
  CHECK(text.find("# TYPE ledger_http_requests_total counter") != std::string::npos);
  CHECK(line(R"(route="/v1/me",status="4xx"})").ends_with(" 1"));
  CHECK(line(R"(route="/v1/me",status="2xx"})").ends_with(" 1"));
  CHECK(line("\nledger_ready 1").empty());
  CHECK(text.find("\nledger_ready 1\n") != std::string::npos);
  CHECK(text.find("\nledger_events " + std::to_string(ledger.engine().size())) != std::string::npos);
  CHECK(text.find("ledger_http_connections_open") != std::string::npos);
}

TEST_CASE("the access log names route, role and status, and neither token nor query nor private value") {
  std::ostringstream out;
  auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(out);
  server::Options options;
  options.access_log = std::make_shared<spdlog::logger>("access", sink);
  options.access_log->set_pattern("%v");
  std::string token;
  {
    ServedLedger ledger(std::move(options));
    token = ledger.admin();
    (void)ledger.get("/v1/me", token);
    (void)ledger.get("/v1/announcements?query=%E6%8E%A8%E8%8D%90secret");
    (void)ledger.registered(1);
    (void)ledger.get("/v1/nothing%0a");
  }
  const std::string text = out.str();
  CHECK(text.find(R"("route":"/v1/me","path":"/v1/me","status":200)") != std::string::npos);
  CHECK(text.find(R"("role":"admin")") != std::string::npos);
  CHECK(text.find(R"("route":"-","path":"/v1/nothing%0a","status":404)") != std::string::npos);
  CHECK(text.find(R"("method":"POST","route":"/v1/subjects","path":"/v1/subjects","status":201)") !=
        std::string::npos);
  for (const std::string& secret :
       {token, std::string("secret"), std::string("王五"), std::string("query")}) {
    CAPTURE(secret);
    CHECK(text.find(secret) == std::string::npos);
  }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    boost::json::error_code error;
    CHECK(boost::json::parse(line, error).is_object());
    CHECK_FALSE(error.failed());
  }
}
