// The transport against raw bytes over loopback: requests and answers.
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/http/raw_client.hpp"
#include "tests/http/running_transport.hpp"

using namespace ledger::http;
using namespace ledger::http::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

TEST_CASE("a request is answered with its own length, date and request id") {
  Running running;
  RawClient client(running.port());
  REQUIRE(client.send(get("/ping")));
  const auto response = client.read();
  REQUIRE(response);
  CHECK(response->status == 200);
  CHECK(response->body == "pong");
  CHECK(response->header("content-type") == "text/plain");
  CHECK(response->header("content-length") == "4");
  CHECK(response->header("x-request-id").size() == 15);
  CHECK(response->header("date").size() == 29);
  CHECK(response->header("connection").empty());
}

TEST_CASE("one connection carries many requests, also when they arrive together or byte by byte") {
  Running running;
  RawClient client(running.port());
  std::string pipelined;
  for (int i = 0; i < 300; ++i) pipelined += post("/echo", "n" + std::to_string(i));
  REQUIRE(client.send(pipelined));
  for (int i = 0; i < 300; ++i) {
    const auto response = client.read();
    REQUIRE(response);
    REQUIRE(response->body == "n" + std::to_string(i));
  }
  for (const char byte : "\r\n" + post("/echo", "slowly") + post("/echo", "again")) {
    REQUIRE(client.send({&byte, 1}));
  }
  CHECK(client.read()->body == "slowly");
  CHECK(client.read()->body == "again");
  CHECK(running.server->counters().requests == 302);
  CHECK(running.server->counters().connections_accepted == 1);
}

TEST_CASE("pipelined requests wait for an answer that comes from another thread") {
  Running running;
  RawClient client(running.port());
  REQUIRE(client.send(get("/thread") + get("/ping") + get("/thread")));
  CHECK(client.read()->body == "from elsewhere");
  CHECK(client.read()->body == "pong");
  CHECK(client.read()->body == "from elsewhere");
}

TEST_CASE("targets are split and decoded once") {
  Running running;
  RawClient client(running.port());
  const std::vector<std::pair<std::string, std::string>> cases{
      {"/where/a%2Fb/%E7%AE%97", "127.0.0.1|/where/a/b/算"},
      {"/where/算法", "127.0.0.1|/where/算法"},
      {"/where/", "127.0.0.1|/where/"},
      {"/where//x", "127.0.0.1|/where//x"},
      {"/where/%252e", "127.0.0.1|/where/%2e"},
      {"/where?a=1&a=2&b&c=x+y%2B&&", "127.0.0.1|/where&a=1&a=2&b=&c=x y+"},
      {"/where?q=推荐", "127.0.0.1|/where&q=推荐"},
      {"/where?a=%zz", "malformed"},
      {"/where?a=%00", "malformed"},
      {"/where?a=%ff", "malformed"},
      {"/where?a=%ed%a0%80", "malformed"},
  };
  for (const auto& [target, expected] : cases) {
    INFO(target);
    REQUIRE(client.send(get(target)));
    const auto response = client.read();
    REQUIRE(response);
    CHECK(response->status == 200);
    CHECK(response->body == expected);
  }
}

TEST_CASE("ambiguous and malformed requests are refused and the connection ends") {
  struct Case {
    std::string name;
    std::string bytes;
    unsigned status;
    std::string code;
  };
  const std::string line = "POST /echo HTTP/1.1\r\n";
  const std::string host = "Host: here\r\n";
  const std::vector<Case> cases{
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400, "request_ambiguous"},
      {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", 400, "request_ambiguous"},
      {"a list of hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, "request_ambiguous"},
      {"a user in the host", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, "request_ambiguous"},
      {"two hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400, "request_ambiguous"},
      {"two equal lengths", line + host + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400,
       "request_ambiguous"},
      {"two lengths", line + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy", 400,
       "request_ambiguous"},
      {"a list of lengths", line + host + "Content-Length: 1, 1\r\n\r\nx", 400, "request_ambiguous"},
      {"a signed length", line + host + "Content-Length: +1\r\n\r\nx", 400, "request_ambiguous"},
      {"a negative length", line + host + "Content-Length: -1\r\n\r\nx", 400, "request_ambiguous"},
      {"a hexadecimal length", line + host + "Content-Length: 0x1\r\n\r\nx", 400, "request_ambiguous"},
      {"an empty length", line + host + "Content-Length:\r\n\r\n", 400, "request_ambiguous"},
      {"an endless length", line + host + "Content-Length: 99999999999999999999\r\n\r\n", 400,
       "request_ambiguous"},
      {"length and coding", line + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       400, "request_ambiguous"},
      {"coding and length", line + host + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
       400, "request_ambiguous"},
      {"gzip", line + host + "Transfer-Encoding: gzip\r\n\r\n", 400, "request_ambiguous"},
      {"gzip with length", line + host + "Transfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", 400,
       "request_ambiguous"},
      {"gzip, chunked", line + host + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400,
       "request_ambiguous"},
      {"chunked twice",
       line + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
       "request_ambiguous"},
      {"chunked in 1.0", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
       "request_ambiguous"},
      {"an odd coding", line + host + "Transfer-Encoding: xchunked\r\n\r\n", 400, "request_ambiguous"},
      {"a folded line", "GET / HTTP/1.1\r\nHost: here\r\nA: b\r\n c\r\n\r\n", 400, "request_ambiguous"},
      {"a folded first field", "GET / HTTP/1.1\r\n Host: here\r\n\r\n", 400, "request_ambiguous"},
      {"a bare line feed", "GET / HTTP/1.1\nHost: here\n\n", 400, "request_malformed"},
      {"a bare line feed inside", "GET / HTTP/1.1\r\nHost: here\nX: y\r\n\r\n", 400, "request_malformed"},
      {"a bare carriage return", "GET / HTTP/1.1\r\nHost: here\r\nA: b\rc\r\n\r\n", 400, "request_malformed"},
      {"NUL in a value", "GET / HTTP/1.1\r\nHost: here\r\nA: b\0c\r\n\r\n"s, 400, "request_malformed"},
      {"a control in a value", "GET / HTTP/1.1\r\nHost: here\r\nA: b\x01\r\n\r\n", 400, "request_malformed"},
      {"a space before the colon", "GET / HTTP/1.1\r\nHost : here\r\n\r\n", 400, "request_malformed"},
      {"a space in a name", "GET / HTTP/1.1\r\nHost: here\r\nA b: c\r\n\r\n", 400, "request_malformed"},
      {"no colon", "GET / HTTP/1.1\r\nHost: here\r\nnothing\r\n\r\n", 400, "request_malformed"},
      {"an empty name", "GET / HTTP/1.1\r\nHost: here\r\n: x\r\n\r\n", 400, "request_malformed"},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: here\r\n\r\n", 400, "target_malformed"},
      {"a bad method", "G(T / HTTP/1.1\r\nHost: here\r\n\r\n", 400, "request_malformed"},
      {"no version", "GET /\r\nHost: here\r\n\r\n", 400, "target_malformed"},
      {"two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: here\r\n\r\n", 400, "request_malformed"},
      {"a TLS greeting", "\x16\x03\x01\x02\x00\x01"s, 400, "request_malformed"},
      {"absolute form", "GET http://here/ HTTP/1.1\r\nHost: here\r\n\r\n", 400, "target_malformed"},
      {"authority form", "CONNECT here:80 HTTP/1.1\r\nHost: here\r\n\r\n", 400, "target_malformed"},
      {"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: here\r\n\r\n", 400, "target_malformed"},
      {"a fragment", get("/a#b"), 400, "target_malformed"},
      {"a bad escape", get("/a%2"), 400, "target_malformed"},
      {"an escaped NUL", get("/a%00"), 400, "target_malformed"},
      {"invalid UTF-8 in the path", get("/a%c0%af"), 400, "target_malformed"},
      {"HTTP/2", "GET / HTTP/2.0\r\nHost: here\r\n\r\n", 505, "version_unsupported"},
      {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: here\r\n\r\n", 505, "version_unsupported"},
      {"an unknown expectation", "GET / HTTP/1.1\r\nHost: here\r\nExpect: more\r\n\r\n", 417,
       "expectation_unknown"},
      {"a long target", get("/" + std::string(9000, 'a')), 414, "target_too_long"},
      {"an endless target", "GET /" + std::string(40'000, 'a'), 414, "target_too_long"},
      {"a large head", "GET / HTTP/1.1\r\nHost: here\r\nA: " + std::string(20'000, 'a') + "\r\n\r\n", 431,
       "header_too_large"},
      {"an endless head", "GET / HTTP/1.1\r\nHost: here\r\nA: " + std::string(40'000, 'a'), 431,
       "header_too_large"},
      {"many fields",
       [] {
         std::string bytes = "GET / HTTP/1.1\r\nHost: here\r\n";
         for (int i = 0; i < 200; ++i) bytes += "A" + std::to_string(i) + ": b\r\n";
         return bytes + "\r\n";
       }(),
       431, "header_too_large"},
      {"a bad chunk size", std::string(kChunkedPost) + "x\r\n", 400, "body_malformed"},
      {"a huge chunk size", std::string(kChunkedPost) + "ffffffffffffffffff\r\n", 400, "body_malformed"},
      {"a signed chunk size", std::string(kChunkedPost) + "-1\r\n", 400, "body_malformed"},
      {"a chunk without its end", std::string(kChunkedPost) + "1\r\nxyz\r\n", 400, "body_malformed"},
      {"an endless chunk line", std::string(kChunkedPost) + "1;" + std::string(20'000, 'a'), 400,
       "body_malformed"},
      {"a chunk above the limit", std::string(kChunkedPost) + "fffffff\r\n", 413, "body_too_large"},
      {"a length in the trailer", std::string(kChunkedPost) + "0\r\nContent-Length: 4\r\n\r\n", 400,
       "body_malformed"},
  };
  Running running;
  for (const Case& c : cases) {
    INFO(c.name);
    RawClient client(running.port());
    REQUIRE(client.send(c.bytes));
    const auto response = client.read();
    REQUIRE(response);
    CHECK(response->status == c.status);
    CHECK(response->body == c.code);
    CHECK(response->header("connection") == "close");
    CHECK(client.at_end());
  }
  CHECK(running.server->counters().requests_refused == cases.size());
}

TEST_CASE("a refusal knows the request when its head was readable") {
  Running running;
  RawClient client(running.port());
  REQUIRE(client.send("PATCH / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"));
  CHECK(client.read()->header("x-known-method") == "PATCH");
  RawClient other(running.port());
  REQUIRE(other.send("PATCH / HTTP/1.1\nHost: a\n\n"));
  CHECK(other.read()->header("x-known-method").empty());
  const auto log = running.handler.log.lines(2);
  CHECK(log == std::vector<std::string>{"PATCH / 400", "- - 400"});
}

TEST_CASE("what is legal but rare is accepted") {
  Running running;
  const std::vector<std::string> cases{
      "\r\nGET / HTTP/1.1\r\nHost: here\r\n\r\n",
      "GET / HTTP/1.1\r\nHost:\r\n\r\n",
      "GET / HTTP/1.1\r\nhOST:\t[::1]:80 \r\nA:\r\nB: \xe7\xae\x97\r\n\r\n",
      "GET / HTTP/1.0\r\n\r\n",
      "GET / HTTP/1.0\r\nExpect: more\r\n\r\n",
      "BREW / HTTP/1.1\r\nHost: here\r\n\r\n",
  };
  for (const std::string& bytes : cases) {
    INFO(bytes);
    RawClient client(running.port());
    REQUIRE(client.send(bytes));
    const auto response = client.read();
    REQUIRE(response);
    CHECK(response->status == 200);
  }
}

TEST_CASE("HTTP/1.0 closes unless asked to stay, and gets streams without chunks") {
  Running running;
  RawClient client(running.port());
  REQUIRE(client.send("GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  CHECK(client.read()->header("connection") == "keep-alive");
  REQUIRE(client.send("GET /dozing HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  const auto response = client.read();
  REQUIRE(response);
  CHECK(response->header("connection") == "close");
  CHECK(response->header("transfer-encoding").empty());
  CHECK(response->body == "piece1;piece2;piece3;");
  RawClient other(running.port());
  REQUIRE(other.send("GET /ping HTTP/1.0\r\n\r\n"));
  CHECK(other.read()->header("connection") == "close");
  CHECK(other.at_end());
}

TEST_CASE("HEAD gets the head of GET and no body, for text and for streams") {
  Running running;
  RawClient client(running.port());
  for (const char* target : {"/ping", "/stream", "/measured/20", "/nothing"}) {
    INFO(target);
    REQUIRE(client.send("HEAD " + std::string(target) + " HTTP/1.1\r\nHost: here\r\n\r\n"));
    const auto response = client.read(/*to_head=*/true);
    REQUIRE(response);
    const bool streams = std::string(target) == "/stream";
    CHECK(response->header("transfer-encoding") == (streams ? "chunked" : ""));
    if (std::string(target) == "/measured/20") CHECK(response->header("content-length") == "20");
    if (std::string(target) == "/ping") CHECK(response->header("content-length") == "4");
  }
  CHECK(running.handler.produced == 0);
  REQUIRE(client.send(get("/ping")));
  CHECK(client.read()->body == "pong");
}

TEST_CASE("204 has no length and no body") {
  Running running;
  RawClient client(running.port());
  REQUIRE(client.send(get("/nothing") + get("/ping")));
  const auto response = client.read();
  CHECK(response->status == 204);
  CHECK(response->header("content-length").empty());
  CHECK(client.read()->body == "pong");
}

TEST_CASE("an answer without a copy arrives whole") {
  Running running;
  RawClient client(running.port());
  for (int i = 0; i < 3; ++i) {
    REQUIRE(client.send(get("/shared")));
    const auto response = client.read();
    REQUIRE(response);
    CHECK(response->complete);
    CHECK(response->body == *running.handler.shared);
  }
}

TEST_CASE("a stream waits for its reader and then gives every byte") {
  Running running;
  RawClient client(running.port(), /*receive_buffer_bytes=*/64 * 1024);
  REQUIRE(client.send(get("/stream")));
  while (running.handler.produced == 0) std::this_thread::yield();
  std::this_thread::sleep_for(200ms);
  // 64 MiB fit no socket buffers: however long this test sleeps, the producer stands still.
  CHECK(running.handler.produced < kStreamChunks);
  const auto response = client.read();
  REQUIRE(response);
  CHECK(response->complete);
  REQUIRE(response->body.size() == kStreamChunks * kStreamChunkBytes);
  bool right = true;
  for (std::size_t i = 0; i < kStreamChunks; ++i) {
    right = right && response->body[i * kStreamChunkBytes] == static_cast<char>('a' + i % 26) &&
            response->body[(i + 1) * kStreamChunkBytes - 1] == static_cast<char>('a' + i % 26);
  }
  CHECK(right);
  REQUIRE(client.send(get("/ping")));
  CHECK(client.read()->body == "pong");
}

TEST_CASE("a stream of announced length is held to it, and a failing one is cut") {
  Running running;
  {
    RawClient client(running.port());
    REQUIRE(client.send(get("/measured/20") + get("/measured/0")));
    CHECK(client.read()->body == "12345123451234512345");
    CHECK(client.read()->body.empty());
  }
  for (const char* target : {"/measured/21", "/measured/19", "/failing", "/throwing"}) {
    INFO(target);
    RawClient client(running.port());
    REQUIRE(client.send(get(target)));
    const auto response = client.read();
    REQUIRE(response);
    CHECK_FALSE(response->complete);
  }
  CHECK(running.handler.log.faults() == std::vector<std::string>{"producer"});
}

TEST_CASE("a producer may say later and be rung from another thread") {
  Running running;
  RawClient client(running.port());
  for (int i = 0; i < 20; ++i) {
    REQUIRE(client.send(get("/dozing")));
    const auto response = client.read();
    REQUIRE(response);
    CHECK(response->complete);
    CHECK(response->body == "piece1;piece2;piece3;");
  }
}

TEST_CASE("what a producer has at hand is taken on the io thread, and never for long") {
  Running running;
  RawClient client(running.port());
  for (int i = 0; i < 20; ++i) {
    REQUIRE(client.send(get("/ready")));
    const auto response = client.read();
    REQUIRE(response);
    CHECK(response->complete);
    // A wake gives two in a row, a worker's piece one.
    CHECK(response->body == "hand;hand;worker;hand;worker;hand;");
  }
}

TEST_CASE("a dropped reply and a throwing handler answer 500 and the connection goes on") {
  Running running;
  RawClient client(running.port());
  for (const char* target : {"/drop", "/throw"}) {
    REQUIRE(client.send(get(target)));
    const auto response = client.read();
    CHECK(response->status == 500);
    CHECK(response->body == "reply_dropped");
  }
  REQUIRE(client.send(get("/ping")));
  CHECK(client.read()->body == "pong");
  CHECK(running.handler.log.faults() == std::vector<std::string>{"handler"});
}

TEST_CASE("a header that would split the response is answered with 500") {
  Running running;
  RawClient client(running.port());
  REQUIRE(client.send(get("/split")));
  const auto response = client.read();
  CHECK(response->status == 500);
  CHECK(response->body == "response_broken");
  CHECK(response->headers.count("set-cookie") == 0);
}

TEST_CASE("a trusted proxy names the client") {
  Options options;
  options.trusted_proxies = {"127.0.0.0/8", "10.0.0.1"};
  Running running(options);
  RawClient client(running.port());
  const auto ask = [&](std::string_view headers) {
    REQUIRE(client.send("GET /where HTTP/1.1\r\nHost: here\r\n" + std::string(headers) + "\r\n"));
    const std::string body = client.read()->body;
    return body.substr(0, body.find('|'));
  };
  CHECK(ask("") == "127.0.0.1");
  CHECK(ask("X-Forwarded-For: 203.0.113.7\r\n") == "203.0.113.7");
  CHECK(ask("X-Forwarded-For: 198.51.100.1, 203.0.113.7, 10.0.0.1\r\n") == "203.0.113.7");
  CHECK(ask("X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.7:1234\r\n") == "203.0.113.7");
  CHECK(ask("X-Forwarded-For: [2001:db8::1]:443\r\n") == "2001:db8::1");
  CHECK(ask("X-Forwarded-For: 203.0.113.7, unknown\r\n") == "127.0.0.1");
  CHECK(ask("Forwarded: for=203.0.113.7\r\n") == "127.0.0.1");
}

TEST_CASE("the log hook sees method, path without query and status, once for each exchange") {
  Running running;
  RawClient client(running.port());
  REQUIRE(client.send(get("/ping?ticket=secret") + post("/echo?x=1", "b") + get("/bye")));
  for (int i = 0; i < 3; ++i) CHECK(client.read()->status == 200);
  CHECK(client.at_end());
  CHECK(running.handler.log.lines(3) ==
        std::vector<std::string>{"GET /ping 200", "POST /echo 200", "GET /bye 200"});
}
