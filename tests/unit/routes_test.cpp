#include "server/api/routes.hpp"

#include <set>

#include <catch2/catch.hpp>

#include "tests/support/parsed_request.hpp"

using namespace ledger;
using namespace ledger::server;
using ledger::test::parsed_request;

namespace {

const std::string kId = "018f2d5e-7c3a-7b6e-9d2f-0123456789ab";
const std::string kOther = "018f2d5e-7c3a-7b6e-9d2f-0123456789ac";

std::string filled(std::string_view pattern) {
  std::string out;
  while (!pattern.empty()) {
    const std::size_t open = pattern.find('{');
    out += pattern.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = pattern.find('}');
    const std::string_view name = pattern.substr(open, close - open + 1);
    out += name == "{id}" ? kId : "some%2Ftext";
    pattern.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace

TEST_CASE("every route of the table is found by its own path and method") {
  std::set<std::pair<http::Method, std::string_view>> seen;
  for (std::size_t i = 0; i < routes().size(); ++i) {
    const Route& route = routes()[i];
    CAPTURE(route.pattern, name_of(route.method));
    CHECK(seen.insert({route.method, route.pattern}).second);
    // The views in a Match live as long as the request.
    const http::Request request =
        parsed_request(std::string(name_of(route.method)) + " " + filled(route.pattern));
    const Match found = match(request);
    CHECK(found.known);
    REQUIRE(found.route != nullptr);
    CHECK(found.index == i);
    CHECK(found.pattern == route.pattern);
    CHECK(found.ids_fine);
    if (route.pattern.find("{id}") != std::string_view::npos) {
      CHECK(found.ids[0].text() == kId);
    } else if (route.pattern.ends_with("{path*}")) {
      CHECK(found.text == "some%2Ftext");  // as received
    } else if (route.pattern.find('{') != std::string_view::npos) {
      CHECK(found.text == "some/text");
    }
    // Exactly one thing answers it.
    CHECK((route.command != nullptr) + (route.read != nullptr) + (route.special != Special::none) == 1);
    if (route.made_under) CHECK(route.method == http::Method::post);
  }
}

TEST_CASE("several ids of a path come in their order") {
  const std::string path = "/v1/products/" + kId + "/access-paths/" + kOther + "/features/" + kId;
  const http::Request request = parsed_request("PATCH " + path);
  const Match found = match(request);
  REQUIRE(found.route != nullptr);
  CHECK(found.ids[0].text() == kId);
  CHECK(found.ids[1].text() == kOther);
  CHECK(found.ids[2].text() == kId);
}

TEST_CASE("paths that nothing answers are unknown") {
  for (const std::string path :
       {"//", "/v1", "/v1/", "/v1/nothing", "/v1/filings/", "//v1/filings", "/v1/filings//submit",
        "/V1/filings", "/v1/stream/", "/v1/statistics", "/v1/estimates/now", "/log", "/log/", "/log/tile",
        "/log/tile/", "/%6cog/tile/0/000", "/log//tile/0/000", "/v1/calendars/2026",
        "/v1/stream/tickets/1"}) {
    CAPTURE(path);
    CHECK_FALSE(match(parsed_request("GET " + path)).known);
  }
  CHECK_FALSE(match(parsed_request("GET /v1/filings/" + kId + "/estimates")).known);
}

TEST_CASE("a path with a rest takes it whole, however many segments it has") {
  for (const std::string rest : {"0/000", "0/x001/x234/067.p/17", "entries/000", "a/b/c/d/e/f/g/h/i/j"}) {
    const http::Request request = parsed_request("GET /log/tile/" + rest + "?x=1");
    const Match found = match(request);
    CAPTURE(rest);
    REQUIRE(found.route != nullptr);
    CHECK(found.pattern == "/log/tile/{path*}");
    CHECK(found.text == rest);
    CHECK(found.anyone_reads);
  }
  const http::Request posted = parsed_request("POST /log/tile/0/000");
  CHECK(match(posted).known);
  CHECK(match(posted).allow == "GET, HEAD, OPTIONS");
}

TEST_CASE("a known path with another method tells which ones it has") {
  const http::Request request = parsed_request("PUT /v1/subjects");
  const Match found = match(request);
  CHECK(found.known);
  CHECK(found.route == nullptr);
  CHECK(found.allow == "POST, GET, HEAD, OPTIONS");
  CHECK(match(parsed_request("HEAD /v1/subjects")).route != nullptr);
  CHECK(match(parsed_request("OPTIONS /v1/announcements")).anyone_reads);
  CHECK_FALSE(match(parsed_request("OPTIONS /v1/filings")).anyone_reads);
}

TEST_CASE("a segment that should be an id and is none is told apart from an unknown path") {
  const http::Request request = parsed_request("POST /v1/filings/42/submit");
  const Match found = match(request);
  REQUIRE(found.route != nullptr);
  CHECK_FALSE(found.ids_fine);
}
