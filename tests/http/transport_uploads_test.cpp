// Bodies of requests on their way in: whole, in chunks, into sinks, and refused.
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

TEST_CASE("chunked request bodies are put together, trailers dropped") {
  Running running;
  RawClient client(running.port());
  std::string bytes(kChunkedPost);
  std::string expected;
  for (int i = 1; i < 200; ++i) {
    const std::string data(static_cast<std::size_t>(i), static_cast<char>('a' + i % 26));
    bytes += chunk(data);
    expected += data;
  }
  bytes += "3;name=\"value\"\r\nend\r\n000\r\nX-Trailer: dropped\r\n\r\n";
  expected += "end";
  REQUIRE(client.send(bytes + get("/ping")));
  CHECK(client.read()->body == expected);
  CHECK(client.read()->body == "pong");
}

TEST_CASE("chunks of one byte cannot make the server read without end") {
  Running running;
  RawClient client(running.port());
  const std::string extension(4000, 'e');
  std::string bytes(kChunkedPost);
  for (int i = 0; i < 200; ++i) bytes += "1;" + extension + "\r\nx\r\n";
  REQUIRE(client.send(bytes));
  CHECK(client.read()->body == "body_malformed");
}

TEST_CASE("a body above the limit is refused with 413 that reaches a client that is still sending") {
  Running running;
  const std::string block(1 << 20, 'x');
  SECTION("announced by its length") {
    RawClient client(running.port());
    REQUIRE(client.send("POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: " + std::to_string(20 << 20) +
                        "\r\n\r\n"));
    for (int i = 0; i < 20; ++i) REQUIRE(client.send(block));
    const auto response = client.read();
    REQUIRE(response);
    CHECK(response->status == 413);
    CHECK(client.at_end());
  }
  SECTION("found out while reading chunks") {
    RawClient client(running.port());
    REQUIRE(client.send(kChunkedPost));
    for (int i = 0; i < 200; ++i) REQUIRE(client.send(chunk(std::string_view(block).substr(0, 64 * 1024))));
    CHECK(client.read()->status == 413);
    CHECK(client.at_end());
  }
  SECTION("exactly the limit is accepted") {
    RawClient client(running.port());
    REQUIRE(client.send(post("/echo", std::string(256 * 1024, 'y'))));
    CHECK(client.read()->body.size() == 256 * 1024);
    REQUIRE(client.send(post("/echo", std::string(256 * 1024 + 1, 'y'))));
    CHECK(client.read()->status == 413);
  }
  SECTION("dropping the rest has an end") {
    Options options;
    options.linger_bytes_max = 1 << 20;
    Running strict(options);
    RawClient client(strict.port());
    REQUIRE(client.send("POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 999999999\r\n\r\n"));
    bool sending = true;
    for (int i = 0; i < 400 && sending; ++i) sending = client.send(block);
    CHECK_FALSE(sending);
  }
}

TEST_CASE("a refused body closes the connection unless it is already here") {
  Running running;
  RawClient client(running.port());
  REQUIRE(client.send(post("/unwelcome", "small")));
  CHECK(client.read()->status == 403);
  REQUIRE(client.send(get("/ping")));
  CHECK(client.read()->body == "pong");
  REQUIRE(client.send("POST /unwelcome HTTP/1.1\r\nHost: here\r\nContent-Length: 5000000\r\n\r\n"));
  const auto response = client.read();
  CHECK(response->status == 403);
  CHECK(response->header("connection") == "close");
}

TEST_CASE("100 Continue is sent for an admitted body and not for a refused one") {
  Running running;
  RawClient client(running.port());
  const std::string tail = " HTTP/1.1\r\nHost: here\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n";
  REQUIRE(client.send("POST /echo" + tail));
  CHECK(client.read()->status == 100);
  REQUIRE(client.send("hello"));
  const auto response = client.read();
  CHECK(response->status == 200);
  CHECK(response->body == "hello");
  REQUIRE(client.send("POST /unwelcome" + tail));
  const auto refused = client.read();
  CHECK(refused->status == 403);
  CHECK(refused->header("connection") == "close");
}

TEST_CASE("an upload reaches its sink piece by piece and is finished once") {
  Running running;
  RawClient client(running.port());
  const std::string block(100'000, 'u');
  REQUIRE(client.send("PUT /upload HTTP/1.1\r\nHost: here\r\nContent-Length: 500000\r\n\r\n"));
  for (int i = 0; i < 5; ++i) REQUIRE(client.send(block));
  REQUIRE(client.send(get("/ping")));
  const auto response = client.read();
  REQUIRE(response);
  CHECK(response->status == 201);
  CHECK(response->body == "upload 500000");
  CHECK(client.read()->body == "pong");
  CHECK(running.handler.upload.finished == 1);
  CHECK(running.handler.upload.aborted == 0);
}

TEST_CASE("a client that leaves in the middle of an upload aborts the sink") {
  Running running;
  {
    RawClient client(running.port());
    REQUIRE(client.send("PUT /upload HTTP/1.1\r\nHost: here\r\nContent-Length: 500000\r\n\r\nsome"));
    REQUIRE(running.handler.upload.first_write.wait());
  }
  REQUIRE(running.handler.upload.last_call.wait());
  CHECK(running.handler.upload.aborted == 1);
  CHECK(running.handler.upload.finished == 0);
  CHECK(running.handler.log.lines(1) == std::vector<std::string>{"PUT /upload 0 cut"});
}

TEST_CASE("a sink may refuse in the middle, and an upload above its limit is aborted") {
  Running running;
  RawClient client(running.port());
  SECTION("refused by the sink") {
    REQUIRE(client.send("PUT /upload HTTP/1.1\r\nHost: here\r\nContent-Length: 1000000\r\n\r\n"));
    REQUIRE(client.send(std::string(1'000'000, 'u')));
    const auto response = client.read();
    CHECK(response->status == 507);
    CHECK(running.handler.upload.aborted == 0);
  }
  SECTION("thrown by the sink") {
    REQUIRE(client.send("PUT /upload HTTP/1.1\r\nHost: here\r\nContent-Length: 1000000\r\n\r\nthrow"));
    const auto response = client.read();
    CHECK(response->status == 500);
    CHECK(response->body == "reply_dropped");
    CHECK(running.handler.upload.aborted == 1);
    CHECK(running.handler.log.faults() == std::vector<std::string>{"sink"});
  }
  SECTION("announced above the limit") {
    REQUIRE(client.send("PUT /upload HTTP/1.1\r\nHost: here\r\nContent-Length: 1048577\r\n\r\n"));
    CHECK(client.read()->status == 413);
    REQUIRE(running.handler.upload.last_call.wait());
    CHECK(running.handler.upload.aborted == 1);
  }
  SECTION("broken chunking") {
    REQUIRE(client.send("PUT /upload HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n" +
                        chunk("abc")));
    REQUIRE(running.handler.upload.first_write.wait());
    REQUIRE(client.send("zz\r\n"));
    CHECK(client.read()->body == "body_malformed");
    REQUIRE(running.handler.upload.last_call.wait());
    CHECK(running.handler.upload.aborted == 1);
  }
  CHECK(running.handler.upload.finished == 0);
}
