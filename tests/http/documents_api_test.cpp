// Documents over HTTP: who may store and fetch them, limits, quotas, the sweep.
#include <catch2/catch.hpp>

#include "events/store/documents.hpp"
#include "tests/support/served_ledger.hpp"

using namespace ledger;
using namespace ledger::test;

namespace {

void check_problem(const Answer& answer, unsigned status, std::string_view code) {
  CAPTURE(answer.raw.body);
  CHECK(answer.status() == status);
  CHECK(answer.code() == code);
}

server::Options small_limits() {
  server::Options options;
  options.document_bytes_max = 100'000;
  options.unreferenced_bytes_max = 300'000;
  options.unreferenced_bytes_unqualified_max = 150'000;
  return options;
}

/// A filing of the subject with these documents, submitted.
std::string submitted_filing(const ServedLedger& ledger, const ServedLedger::Registered& own,
                             const std::string& report, const std::string& disclosure) {
  const Answer product =
      ledger.post("/v1/subjects/" + own.id + "/products", own.token, R"({"name":"示例应用","form":"app"})");
  const Answer path =
      ledger.post("/v1/products/" + product.text("id") + "/access-paths", own.token, R"({"steps":["首页"]})");
  REQUIRE(ledger
              .post(path.raw.header("location") + "/features", own.token,
                    R"({"name":"推荐流","description":"d"})")
              .status() == 201);
  const std::string form =
      R"({"algorithm_name":"示例推荐算法","role":"provider","purpose":"资讯推荐","basic":{"algorithm_type":)"
      R"("personalized_push","application_field":"资讯","launched_on":"2026-01-01","documents":{)"
      R"("self_assessment_report":")" +
      report + R"(","public_disclosure":")" + disclosure +
      R"("}},"details":{"data":"d","model":"m","strategy":"s","risk_and_prevention":"r"},"scope":{"products":[")" +
      product.text("id") + R"("],"access_paths":[],"features":[],"technical_service":""}})";
  const Answer made =
      ledger.post("/v1/filings", own.token, R"({"subject_id":")" + own.id + R"(","form":)" + form + "}");
  REQUIRE(made.status() == 201);
  const Answer submitted =
      ledger.post("/v1/filings/" + made.text("id") + "/submit", own.token, R"({"declared":true})");
  INFO(submitted.raw.body);
  REQUIRE(submitted.status() == 200);
  return made.text("id");
}

}  // namespace

TEST_CASE("a document comes back to its filer as it went in, as an attachment") {
  ServedLedger ledger;
  const auto own = ledger.registered(1);
  std::string content;
  for (int i = 0; i < 200'000; ++i) content += static_cast<char>(i * 7 + i / 251);
  const Answer stored = ledger.upload(own.token, content);
  CHECK(stored.status() == 201);
  CHECK(stored.json.as_object().at("size").as_int64() == 200'000);
  const std::string digest = stored.text("digest");
  CHECK(stored.raw.header("location") == "/v1/documents/" + digest);
  const Answer got = ledger.get("/v1/documents/" + digest, own.token);
  CHECK(got.status() == 200);
  CHECK(got.raw.complete);
  CHECK(got.raw.body == content);
  CHECK(got.raw.header("content-disposition").starts_with("attachment"));
  CHECK(got.raw.header("x-content-type-options") == "nosniff");
  CHECK(got.raw.header("content-security-policy") == "sandbox");
  CHECK(got.raw.header("cache-control") == "private, no-store");
  CHECK(got.raw.header("content-length") == "200000");
  const Answer head = ledger.call({.method = "HEAD", .path = "/v1/documents/" + digest, .token = own.token});
  CHECK(head.status() == 200);
  CHECK(head.raw.header("content-length") == "200000");
  CHECK(ledger.get("/v1/documents/" + digest, own.token, "If-None-Match: " + got.raw.header("etag") + "\r\n")
            .status() == 304);
  // The same again is the same document.
  CHECK(ledger.upload(own.token, content).text("digest") == digest);
}

TEST_CASE("only filers store documents, and an empty one is none") {
  ServedLedger ledger;
  const auto own = ledger.registered(1);
  check_problem(ledger.upload(ledger.admin(), "bytes"), 403, "role_forbidden");
  check_problem(ledger.upload({}, "bytes"), 401, "token_missing");
  check_problem(ledger.upload("fl1_1_nonsense", "bytes"), 401, "token_unknown");
  check_problem(ledger.upload(own.token, ""), 422, "document_empty");
  check_problem(ledger.call({.method = "PUT", .path = "/v1/documents", .token = own.token}), 422,
                "document_empty");
  check_problem(ledger.call({.method = "PUT",
                             .path = "/v1/documents",
                             .token = own.token,
                             .headers = "Transfer-Encoding: chunked\r\n\r\n0\r\n"}),
                422, "document_empty");
}

TEST_CASE("what is too large is refused by its announced length, or as soon as it is") {
  ServedLedger ledger(small_limits());
  const auto own = ledger.registered(1);
  CHECK(ledger.upload(own.token, std::string(100'000, 'a')).status() == 201);
  check_problem(ledger.upload(own.token, std::string(100'001, 'b')), 413, "document_too_large");
  std::string chunks;
  for (int i = 0; i < 3; ++i) chunks += "c350\r\n" + std::string(50'000, 'c') + "\r\n";
  check_problem(ledger.call({.method = "PUT",
                             .path = "/v1/documents",
                             .token = own.token,
                             .headers = "Transfer-Encoding: chunked\r\n\r\n" + chunks + "0\r\n"}),
                413, "document_too_large");
}

TEST_CASE(
    "documents that nothing names are held to a quota, a larger one once qualified; named ones do not "
    "count") {
  ServedLedger ledger(small_limits());
  const std::string reviewer = ledger.grant("初审", "initial_reviewer");
  const auto own = ledger.registered(1);
  CHECK(ledger.upload(own.token, std::string(90'000, 'a')).status() == 201);
  check_problem(ledger.upload(own.token, std::string(90'000, 'b')), 413, "quota_exceeded");
  // The same content again takes no more room.
  CHECK(ledger.upload(own.token, std::string(90'000, 'a')).status() == 201);

  const auto qualified = ledger.qualified(2, reviewer);
  for (const char c : {'a', 'b', 'c'}) {
    CHECK(ledger.upload(qualified.token, std::string(99'990, c)).status() == 201);
  }
  check_problem(ledger.upload(qualified.token, std::string(99'990, 'd')), 413, "quota_exceeded");
  const std::string first = ledger.upload(qualified.token, std::string(99'990, 'a')).text("digest");
  const std::string second = ledger.upload(qualified.token, std::string(99'990, 'b')).text("digest");
  (void)submitted_filing(ledger, qualified, first, second);
  CHECK(ledger.upload(qualified.token, std::string(99'990, 'd')).status() == 201);
}

TEST_CASE(
    "a document is shown to its own filer, to those who work on cases once named, to all once published") {
  ServedLedger ledger;
  const std::string initial = ledger.grant("初审", "initial_reviewer");
  const std::string reviewer = ledger.grant("复审", "reviewer");
  const std::string registrar = ledger.grant("登记", "registrar");
  const auto own = ledger.qualified(1, initial);
  const auto other = ledger.registered(2);
  const std::string report = ledger.upload(own.token, "report").text("digest");
  const std::string disclosure = ledger.upload(own.token, "disclosure").text("digest");
  const auto status = [&](const std::string& digest, const std::string& token) {
    return ledger.get("/v1/documents/" + digest, token).status();
  };
  CHECK(status(report, own.token) == 200);
  CHECK(status(report, reviewer) == 404);
  CHECK(status(report, {}) == 404);
  CHECK(status(report, other.token) == 404);

  const std::string filing = submitted_filing(ledger, own, report, disclosure);
  CHECK(status(report, reviewer) == 200);
  CHECK(status(report, initial) == 200);
  CHECK(status(report, ledger.admin()) == 404);
  CHECK(status(report, other.token) == 404);
  CHECK(status(disclosure, {}) == 404);

  const auto step = [&](const std::string& what, const std::string& token, const std::string& body) {
    const std::string etag = ledger.get("/v1/filings/" + filing, token).raw.header("etag");
    const Answer done =
        ledger.post("/v1/filings/" + filing + what, token, body, "If-Match: " + etag + "\r\n");
    INFO(what << " " << done.raw.body);
    REQUIRE(done.status() == 200);
  };
  step("/start-review", reviewer, "{}");
  step("/approve", reviewer, "{}");
  step("/assign-number", registrar, "{}");
  step("/publish", registrar,
       R"({"series":"algorithm","batch":1,"announced_on":")" +
           Date::of(ledger.engine().last_recorded()).text() + "\"}");
  const Answer open = ledger.get("/v1/documents/" + disclosure);
  CHECK(open.status() == 200);
  CHECK(open.raw.body == "disclosure");
  CHECK(open.raw.header("access-control-allow-origin") == "*");
  CHECK(status(report, {}) == 404);
  CHECK(status(report, other.token) == 404);
  CHECK(status(disclosure, other.token) == 200);
}

TEST_CASE("a closed subject stores no more documents") {
  ServedLedger ledger;
  const auto own = ledger.registered(1);
  REQUIRE(ledger.post("/v1/subjects/" + own.id + "/close", ledger.admin(), "{}").status() == 200);
  const Answer refused = ledger.upload(own.token, "bytes");
  // Whichever comes first, the closed subject or its ended grant, nothing is stored.
  CHECK((refused.status() == 409 || refused.status() == 401));
}

TEST_CASE("the sweep removes what is old and named nowhere, and only that") {
  server::Options options;
  std::int64_t days = 0;
  options.sweep_interval = std::chrono::minutes(0);
  options.clock = [&days] {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return TimestampUs{std::chrono::duration_cast<std::chrono::microseconds>(now).count() +
                       days * 86'400'000'000};
  };
  ServedLedger ledger(std::move(options));
  const auto own = ledger.qualified(1, ledger.grant("初审", "initial_reviewer"));
  const std::string report = ledger.upload(own.token, "report").text("digest");
  const std::string disclosure = ledger.upload(own.token, "disclosure").text("digest");
  const std::string drafted = ledger.upload(own.token, "drafted").text("digest");
  const std::string forgotten = ledger.upload(own.token, "forgotten").text("digest");
  (void)submitted_filing(ledger, own, report, disclosure);
  REQUIRE(ledger
              .post("/v1/filings", own.token,
                    R"({"subject_id":")" + own.id +
                        R"(","form":{"basic":{"documents":{"public_disclosure":")" + drafted + R"("}}}})")
              .status() == 201);
  CHECK(ledger.app().sweep_documents() == 0);
  days = 8;
  CHECK(ledger.app().sweep_documents() == 1);
  const auto status = [&](const std::string& digest) {
    return ledger.get("/v1/documents/" + digest, own.token).status();
  };
  CHECK(status(forgotten) == 404);
  CHECK(status(report) == 200);
  CHECK(status(disclosure) == 200);
  CHECK(status(drafted) == 200);
  CHECK(ledger.app().sweep_documents() == 0);
}
