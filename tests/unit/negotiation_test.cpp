#include "server/api/negotiation.hpp"

#include <catch2/catch.hpp>

#include "server/api/problem.hpp"
#include "tests/support/parsed_request.hpp"

using namespace ledger;
using namespace ledger::server;
using ledger::test::parsed_request;

TEST_CASE("the language is the one with the greater weight, English where neither is named") {
  const auto zh = [](std::string_view text) { return language_of(text) == Language::zh; };
  CHECK(zh("zh"));
  CHECK(zh("zh-CN,zh;q=0.9,en;q=0.5"));
  CHECK(zh("ZH-Hant"));
  CHECK(zh("en;q=0.3, zh;q=0.31"));
  CHECK(zh("en;q=0, *"));
  CHECK(zh("fr, zh;q=0.1"));
  CHECK(zh("zh;q=0.8,en;q=0.8"));
  CHECK_FALSE(zh(""));
  CHECK_FALSE(zh("en"));
  CHECK_FALSE(zh("*"));
  CHECK_FALSE(zh("fr-FR"));
  CHECK_FALSE(zh("zh;q=0"));
  CHECK_FALSE(zh("en, zh;q=0.9"));
  CHECK_FALSE(zh("en;q=0.8,zh;q=0.8"));
  CHECK_FALSE(zh("zhx"));
  CHECK_FALSE(zh("zh;q=7"));
  CHECK_FALSE(zh(",;=,;;q=,"));
  CHECK(language_of(parsed_request("GET /", "Accept-Language: fr\r\nAccept-Language: zh\r\n")) ==
        Language::zh);
  CHECK(language_of(parsed_request("GET /")) == Language::en);
}

TEST_CASE("If-Match gives the versions it lists; weak and foreign tags match nothing") {
  const auto versions = [](std::string_view text) {
    const auto read = parse_if_match(text);
    REQUIRE(read.has_value());
    CHECK_FALSE(read->any);
    return read->versions;
  };
  CHECK(versions("\"3\"") == std::vector<std::uint64_t>{3});
  CHECK(versions(" \"3\" , \"4\",,\"18446744073709551615\" ") ==
        std::vector<std::uint64_t>{3, 4, 18446744073709551615U});
  CHECK(versions("W/\"3\"").empty());
  CHECK(versions("\"abc\"").empty());
  CHECK(versions("\"03\"").empty());
  CHECK(versions("\"18446744073709551616\"").empty());
  CHECK(versions("\"\"").empty());
  CHECK(versions("W/\"3\", \"5\"") == std::vector<std::uint64_t>{5});
  const auto any = parse_if_match(" * ");
  REQUIRE(any.has_value());
  CHECK(any->any);
}

TEST_CASE("a malformed If-Match is refused, not ignored") {
  for (const std::string_view text :
       {"", "3", "\"3", "3\"", "\"3\" \"4\"", "*, \"3\"", ",", "\"a b\"", "w/\"3\""}) {
    CAPTURE(text);
    const auto read = parse_if_match(text);
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error() == "bad_precondition");
  }
}

TEST_CASE("several If-Match lines are one list, and none is no condition") {
  const auto two = if_match_of(parsed_request("POST /x", "If-Match: \"1\"\r\nif-match: \"2\"\r\n"));
  REQUIRE(two.has_value());
  REQUIRE(two->has_value());
  CHECK((*two)->versions == std::vector<std::uint64_t>{1, 2});
  const auto none = if_match_of(parsed_request("POST /x"));
  REQUIRE(none.has_value());
  CHECK_FALSE(none->has_value());
}

TEST_CASE("If-None-Match compares weakly") {
  const auto fails = [](std::string_view value) {
    return none_match_fails(parsed_request("GET /", "If-None-Match: " + std::string(value) + "\r\n"),
                            "\"a1\"");
  };
  CHECK(fails("\"a1\""));
  CHECK(fails("W/\"a1\""));
  CHECK(fails("\"b\", \"a1\""));
  CHECK(fails("*"));
  CHECK_FALSE(fails("\"b\""));
  CHECK_FALSE(fails("a1"));
  CHECK_FALSE(none_match_fails(parsed_request("GET /"), "\"a1\""));
}

TEST_CASE("an idempotency key is 1 to 255 printable ASCII characters, once") {
  const auto key = [](const std::string& lines) {
    return idempotency_key_of(parsed_request("POST /x", lines));
  };
  CHECK(**key("Idempotency-Key: k-1\r\n") == "k-1");
  CHECK(**key("Idempotency-Key: \"quoted\"\r\n") == "\"quoted\"");
  CHECK(**key("Idempotency-Key: " + std::string(255, 'k') + "\r\n") == std::string(255, 'k'));
  CHECK_FALSE(key("")->has_value());
  for (const std::string& lines :
       {std::string("Idempotency-Key: \r\n"), "Idempotency-Key: " + std::string(256, 'k') + "\r\n",
        std::string("Idempotency-Key: \xe5\xb9\x82\r\n"), std::string("Idempotency-Key: a\tb\r\n"),
        std::string("Idempotency-Key: a\r\nIdempotency-Key: a\r\n")}) {
    CAPTURE(lines);
    const auto read = key(lines);
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error() == "bad_idempotency_key");
  }
}

TEST_CASE("a trace is read where it is well-formed, and ignored where it is not") {
  const std::string good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  CHECK(trace_of(parsed_request("POST /x", "traceparent: " + good + "\r\n")).has_value());
  CHECK_FALSE(trace_of(parsed_request("POST /x", "traceparent: junk\r\n")).has_value());
  CHECK_FALSE(trace_of(parsed_request("POST /x")).has_value());
  CHECK_FALSE(
      trace_of(parsed_request("POST /x", "traceparent: " + good + "\r\ntraceparent: " + good + "\r\n"))
          .has_value());
}

TEST_CASE("only one bearer header holds a token") {
  using Kind = Credentials::Kind;
  const auto read = [](const http::Request& request) {
    const Credentials found = credentials_of(request);
    return std::pair(found.kind, std::string(found.token));
  };
  CHECK(read(parsed_request("GET /")).first == Kind::none);
  CHECK(read(parsed_request("GET /", "Authorization: Bearer fl1_x\r\n")) ==
        std::pair(Kind::bearer, std::string("fl1_x")));
  CHECK(read(parsed_request("GET /", "authorization: bEARER   fl1_x\r\n")) ==
        std::pair(Kind::bearer, std::string("fl1_x")));
  CHECK(read(parsed_request("GET /", "Authorization: Basic YTpi\r\n")).first == Kind::malformed);
  CHECK(read(parsed_request("GET /", "Authorization: Bearer\r\n")).first == Kind::malformed);
  CHECK(read(parsed_request("GET /", "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n")).first ==
        Kind::malformed);
}

TEST_CASE("JSON is told by its media type, in UTF-8 only") {
  CHECK(is_json_type("application/json"));
  CHECK(is_json_type("Application/JSON ; charset=UTF-8"));
  CHECK(is_json_type("application/json;charset=\"utf-8\""));
  CHECK(is_json_type("application/json;"));
  CHECK_FALSE(is_json_type(""));
  CHECK_FALSE(is_json_type("text/json"));
  CHECK_FALSE(is_json_type("application/json; charset=gbk"));
  CHECK_FALSE(is_json_type("application/json; profile=x"));
  CHECK_FALSE(is_json_type("application/problem+json"));
}
