// The transport's parts that need no socket: addresses, proxies, rate limits, targets, response heads.
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "server/http/address.hpp"
#include "server/http/rate_limiter.hpp"
#include "server/http/request_parser.hpp"
#include "server/http/response_head.hpp"
#include "server/http/target.hpp"

using namespace ledger::http;
using namespace std::chrono_literals;

namespace {

Request request_of(const std::string& headers) {
  RequestParser parser({});
  REQUIRE(parser.parse_head("GET / HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n") ==
          RequestParser::Progress::complete);
  return parser.take_request();
}

}  // namespace

TEST_CASE("a bucket allows its burst, then its rate, and says when to come back") {
  RateLimiter limiter({.per_minute = 6, .burst = 3, .addresses_max = 10});
  const RateLimiter::Clock::time_point start{1000s};
  for (int i = 0; i < 3; ++i) CHECK(limiter.take("203.0.113.7", start).allowed);
  const auto refused = limiter.take("203.0.113.7", start);
  CHECK_FALSE(refused.allowed);
  CHECK(refused.retry_after_s == 10);
  CHECK(limiter.take("203.0.113.8", start).allowed);
  CHECK_FALSE(limiter.take("203.0.113.7", start + 9s).allowed);
  CHECK(limiter.take("203.0.113.7", start + 10s).allowed);
  CHECK_FALSE(limiter.take("203.0.113.7", start + 5s).allowed);
  CHECK_FALSE(limiter.take("203.0.113.7", start + 10s).allowed);
  for (int i = 0; i < 3; ++i) CHECK(limiter.take("203.0.113.7", start + 1h).allowed);
  CHECK_FALSE(limiter.take("203.0.113.7", start + 1h).allowed);
}

TEST_CASE("loopback is never limited, and a rate of nothing limits nobody") {
  RateLimiter limiter({.per_minute = 1, .burst = 1, .addresses_max = 10});
  const RateLimiter::Clock::time_point now{};
  for (int i = 0; i < 5; ++i) {
    CHECK(limiter.take("127.0.0.1", now).allowed);
    CHECK(limiter.take("127.255.0.1", now).allowed);
    CHECK(limiter.take("::1", now).allowed);
    CHECK(limiter.take("::ffff:127.0.0.1", now).allowed);
  }
  CHECK(limiter.size() == 0);
  RateLimiter off({.per_minute = 0, .burst = 1, .addresses_max = 10});
  for (int i = 0; i < 5; ++i) CHECK(off.take("203.0.113.7", now).allowed);
}

TEST_CASE("an IPv6 network of 64 bits is one client, and what is no address shares a bucket") {
  RateLimiter limiter({.per_minute = 1, .burst = 1, .addresses_max = 10});
  const RateLimiter::Clock::time_point now{};
  CHECK(limiter.take("2001:db8:1:2::1", now).allowed);
  CHECK_FALSE(limiter.take("2001:db8:1:2:ffff::2", now).allowed);
  CHECK(limiter.take("2001:db8:1:3::1", now).allowed);
  CHECK(limiter.take("203.0.113.7", now).allowed);
  CHECK_FALSE(limiter.take("::ffff:203.0.113.7", now).allowed);
  CHECK(limiter.take("gibberish", now).allowed);
  CHECK_FALSE(limiter.take("other gibberish", now).allowed);
}

TEST_CASE("the table is bounded and forgets who was quiet longest") {
  RateLimiter limiter({.per_minute = 1, .burst = 1, .addresses_max = 2});
  const RateLimiter::Clock::time_point now{};
  CHECK(limiter.take("203.0.113.1", now).allowed);
  CHECK(limiter.take("203.0.113.2", now).allowed);
  CHECK_FALSE(limiter.take("203.0.113.1", now).allowed);
  CHECK(limiter.take("203.0.113.3", now).allowed);
  CHECK(limiter.size() == 2);
  CHECK_FALSE(limiter.take("203.0.113.1", now).allowed);
  CHECK(limiter.take("203.0.113.2", now).allowed);
}

TEST_CASE("HOST:PORT is read, with brackets for IPv6") {
  const auto v4 = parse_host_port("0.0.0.0:8080");
  REQUIRE(v4);
  CHECK(v4->host == "0.0.0.0");
  CHECK(v4->port == 8080);
  const auto v6 = parse_host_port("[::1]:0");
  REQUIRE(v6);
  CHECK(v6->host == "::1");
  CHECK(v6->port == 0);
  for (const char* bad :
       {"", "a", "a:", ":1", "a:b", "a:-1", "a:70000", "::1:80", "[::1]", "[]:1", "[a]:1", "[::1:1"}) {
    INFO(bad);
    CHECK_FALSE(parse_host_port(bad));
  }
}

TEST_CASE("the forwarded header is believed from trusted proxies only") {
  const auto proxies = TrustedProxies::parse({"10.0.0.0/9", "2001:db8::/33"});
  REQUIRE(proxies);
  const auto client = [&](const std::string& headers, std::string_view peer, ForwardedHeader which) {
    return proxies->client_of(request_of(headers), peer, which);
  };
  const std::string xff = "X-Forwarded-For: 203.0.113.7\r\n";
  CHECK(client(xff, "10.127.0.1", ForwardedHeader::x_forwarded_for) == "203.0.113.7");
  CHECK(client(xff, "10.128.0.1", ForwardedHeader::x_forwarded_for) == "10.128.0.1");
  CHECK(client(xff, "2001:db8:7fff::1", ForwardedHeader::x_forwarded_for) == "203.0.113.7");
  CHECK(client(xff, "2001:db8:8000::1", ForwardedHeader::x_forwarded_for) == "2001:db8:8000::1");
  CHECK(client(xff, "10.0.0.1", ForwardedHeader::forwarded) == "10.0.0.1");
  const std::string forwarded =
      "Forwarded: for=198.51.100.1, proto=https;For=\"[2001:DB8:ffff::9]:4711\";by=\"a;for=x,\"\r\n";
  CHECK(client(forwarded, "10.0.0.1", ForwardedHeader::forwarded) == "2001:db8:ffff::9");
  CHECK(client("Forwarded: for=_hidden\r\n", "10.0.0.1", ForwardedHeader::forwarded) == "10.0.0.1");
  CHECK(client("Forwarded: for=\"\r\n", "10.0.0.1", ForwardedHeader::forwarded) == "10.0.0.1");
  CHECK(client("X-Forwarded-For: 10.0.0.3, 10.0.0.2\r\n", "10.0.0.1", ForwardedHeader::x_forwarded_for) ==
        "10.0.0.3");
  for (const char* bad : {"", "x", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::/129", "10.0.0/8"}) {
    INFO(bad);
    CHECK_FALSE(TrustedProxies::parse({bad}));
  }
}

TEST_CASE("UTF-8 is judged by RFC 3629") {
  for (const char* good :
       {"", "a", "算法", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80"}) {
    INFO(good);
    CHECK(is_utf8(good));
  }
  for (const char* bad :
       {"\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe7\xae", "\xe7", "\xff", "a\xe7\x41\x97"}) {
    CHECK_FALSE(is_utf8(bad));
  }
}

TEST_CASE("a request keeps its parts when it moves, and finds headers in any case") {
  Request first = request_of("If-Match: \"3\"\r\nX: 1\r\nx: 2\r\n");
  const Request moved = std::move(first);
  CHECK(moved.method == Method::get);
  CHECK(moved.method_text() == "GET");
  CHECK(moved.target() == "/");
  CHECK(moved.header("if-match") == "\"3\"");
  CHECK_FALSE(moved.header("if-none-match"));
  CHECK(moved.header_count("X") == 2);
}

TEST_CASE("a head reads the same however it is cut") {
  const std::string head =
      "\r\nPUT /a/b?c=d HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
  for (std::size_t cut = 0; cut < head.size(); ++cut) {
    INFO(cut);
    RequestParser parser({});
    REQUIRE(parser.parse_head(std::string_view(head).substr(0, cut)) == RequestParser::Progress::incomplete);
    REQUIRE(parser.parse_head(head + "xyzGET") == RequestParser::Progress::complete);
    CHECK(parser.head_bytes() == head.size());
    CHECK(parser.has_body());
    CHECK(parser.expects_continue());
    CHECK(parser.content_length() == 3);
    std::string body;
    std::size_t used = 0;
    CHECK(parser.parse_body("xyzGET", body, 3, used) == RequestParser::Progress::complete);
    CHECK(used == 3);
    CHECK(body == "xyz");
  }
}

TEST_CASE("a chunked body reads the same however it is cut") {
  const std::string head = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n";
  const std::string chunks = "3;a=b\r\nabc\r\nA\r\n0123456789\r\n0;x\r\nT: t\r\n\r\n";
  for (std::size_t cut = 0; cut <= chunks.size(); ++cut) {
    INFO(cut);
    RequestParser parser({});
    REQUIRE(parser.parse_head(head) == RequestParser::Progress::complete);
    std::string body;
    std::size_t used = 0;
    const auto first = parser.parse_body(std::string_view(chunks).substr(0, cut), body, 13, used);
    if (cut < chunks.size()) {
      REQUIRE(first == RequestParser::Progress::incomplete);
      const std::string rest = chunks.substr(used);
      REQUIRE(parser.parse_body(rest, body, 13, used) == RequestParser::Progress::complete);
      CHECK(used == rest.size());
    } else {
      REQUIRE(first == RequestParser::Progress::complete);
    }
    CHECK(body == "abc0123456789");
    CHECK(parser.body_bytes() == 13);
  }
  RequestParser parser({});
  REQUIRE(parser.parse_head(head) == RequestParser::Progress::complete);
  std::string body;
  std::size_t used = 0;
  CHECK(parser.parse_body(chunks, body, 12, used) == RequestParser::Progress::refused);
  CHECK(parser.refusal().status == 413);
}

TEST_CASE("an empty chunked body may arrive byte by byte") {
  // Beast 1.81 asserts here when it is asked too early.
  const std::string bytes = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  const std::size_t head = bytes.size() - 5;
  RequestParser parser({});
  REQUIRE(parser.parse_head(bytes) == RequestParser::Progress::complete);
  REQUIRE(parser.head_bytes() == head);
  std::string body;
  std::size_t used = 0;
  for (std::size_t end = 1; end <= 5; ++end) {
    const auto progress = parser.parse_body(std::string_view(bytes).substr(head, end), body, 10, used);
    CHECK(progress == (end < 5 ? RequestParser::Progress::incomplete : RequestParser::Progress::complete));
    CHECK(used == (end < 5 ? 0 : 5));
  }
}

TEST_CASE("a response head states what was decided") {
  Response response;
  response.status = 201;
  response.content_type = "application/json";
  response.headers.add("ETag", "\"3\"");
  CHECK(response.headers.find("etag") == "\"3\"");
  CHECK_FALSE(response.headers.find("location"));
  HeadFacts facts;
  facts.body_bytes = 12;
  facts.close = true;
  const std::string date = date_line(784'111'777);
  facts.date_line = date;
  std::string head;
  append_head(head, response, facts);
  CHECK(head ==
        "HTTP/1.1 201 Created\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: application/json\r\n"
        "ETag: \"3\"\r\nContent-Length: 12\r\nConnection: close\r\n\r\n");
  Headers headers;
  for (const char* bad : {"a\rb", "a\nb", "\x7f"}) headers.add("X", bad);
  headers.add("bad name", "x");
  CHECK(headers.text().empty());
  CHECK(headers.broken());
}

TEST_CASE("a reply can go to a function, and a dropped one says so") {
  unsigned status = 0;
  {
    Reply reply = Reply::to([&](Response response) { status = response.status; });
    Response response;
    response.status = 202;
    reply(std::move(response));
    CHECK_FALSE(reply);
  }
  CHECK(status == 202);
  {
    const Reply dropped = Reply::to([&](Response response) { status = response.status; });
  }
  CHECK(status == 500);
}
