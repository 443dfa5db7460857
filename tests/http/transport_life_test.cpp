// How long the transport keeps a connection, how many of them, and how it begins and ends.
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

TEST_CASE("a head and a body that stop arriving are answered 408, an idle connection is closed") {
  Options options;
  options.header_timeout = options.body_timeout = 100ms;
  options.idle_timeout = 100ms;
  Running running(options);
  for (const std::string& bytes :
       {std::string("GET /pi"),
        std::string("POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nhalf")}) {
    INFO(bytes);
    RawClient client(running.port());
    REQUIRE(client.send(bytes));
    const auto response = client.read();
    REQUIRE(response);
    CHECK(response->status == 408);
    CHECK(response->body == "request_timeout");
    CHECK(client.at_end());
  }
  RawClient silent(running.port());
  CHECK(silent.at_end());
  RawClient idle(running.port());
  REQUIRE(idle.send(get("/ping")));
  CHECK(idle.read()->status == 200);
  CHECK(idle.at_end());
}

TEST_CASE("a trickle does not keep a head alive") {
  Options options;
  options.header_timeout = 100ms;
  Running running(options);
  RawClient client(running.port());
  REQUIRE(client.send("GET / HTTP/1.1\r\n"));
  bool sending = true;
  for (int i = 0; i < 3000 && sending; ++i) {
    sending = client.send("a: b\r\n");
    std::this_thread::sleep_for(10ms);
    if (running.server->counters().requests_refused != 0) break;
  }
  CHECK(running.server->counters().requests_refused == 1);
}

TEST_CASE("a reader that stands still is given up") {
  Options options;
  options.write_timeout = 100ms;
  Running running(options);
  RawClient client(running.port(), 64 * 1024);
  REQUIRE(client.send(get("/stream")));
  CHECK(running.handler.log.lines(1) == std::vector<std::string>{"GET /stream 200 cut"});
}

TEST_CASE("connections beyond the limit are answered 503") {
  Options options;
  options.connections_max = 2;
  Running running(options);
  RawClient first(running.port());
  RawClient second(running.port());
  REQUIRE(first.send(get("/ping")));
  REQUIRE(second.send(get("/ping")));
  CHECK(first.read()->status == 200);
  CHECK(second.read()->status == 200);
  RawClient third(running.port());
  const auto refused = third.read();
  REQUIRE(refused);
  CHECK(refused->status == 503);
  CHECK(refused->body == "connections_exhausted");
  CHECK(running.server->counters().connections_refused == 1);
  first.close();
  for (bool served = false; !served;) {
    RawClient next(running.port());
    REQUIRE(next.send(get("/ping")));
    const auto response = next.read();
    served = response && response->status == 200;
  }
}

TEST_CASE("200 connections are served at the same time") {
  Running running;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(std::make_unique<RawClient>(running.port()));
  for (int round = 0; round < 5; ++round) {
    for (auto& client : clients) REQUIRE(client->send(get(round % 2 == 0 ? "/ping" : "/thread")));
    for (auto& client : clients) {
      const auto response = client->read();
      REQUIRE(response);
      REQUIRE(response->status == 200);
    }
  }
  CHECK(running.server->counters().connections_open == 200);
  CHECK(running.server->counters().requests == 1000);
}

TEST_CASE("stop finishes the request in hand, closes idle connections, takes no new ones") {
  Running running;
  RawClient busy(running.port());
  RawClient idle(running.port());
  REQUIRE(idle.send(get("/ping")));
  CHECK(idle.read()->status == 200);
  REQUIRE(busy.send(get("/hold")));
  REQUIRE(running.handler.arrived.wait());
  running.server->stop(30s);
  CHECK(idle.at_end());
  Response response;
  response.body = Body("in time");
  running.handler.held.front()(std::move(response));
  const auto answered = busy.read();
  REQUIRE(answered);
  CHECK(answered->body == "in time");
  CHECK(answered->header("connection") == "close");
  CHECK(busy.at_end());
  busy.close();
  running.thread.join();
  RawClient late(running.port());
  CHECK_FALSE(late.connected());
}

TEST_CASE("stop cuts what remains at the deadline, and a reply after the server's end goes nowhere") {
  auto running = std::make_unique<Running>();
  RawClient busy(running->port());
  REQUIRE(busy.send(get("/hold")));
  REQUIRE(running->handler.arrived.wait());
  RawClient half(running->port());
  REQUIRE(half.send("GET / HT"));
  running->stop(50ms);
  CHECK(busy.at_end());
  CHECK_FALSE(half.read());
  CHECK(running->server->counters().connections_open == 0);
  running->server.reset();
  running->handler.held.front()(Response());
  CHECK(running->handler.log.lines(1) == std::vector<std::string>{"GET /hold 0 cut"});
}

TEST_CASE("a server that is stopped before it runs returns at once") {
  TestHandler handler;
  Options options;
  options.listen = "127.0.0.1:0";
  auto server = Server::listen(options, handler);
  REQUIRE(server);
  (*server)->stop(0ms);
  (*server)->run();
  SUCCEED();
}

TEST_CASE("what cannot be listened on is told in words") {
  TestHandler handler;
  Options options;
  options.listen = "127.0.0.1:0";
  auto first = Server::listen(options, handler);
  REQUIRE(first);
  options.listen = (*first)->address();
  const auto second = Server::listen(options, handler);
  REQUIRE_FALSE(second);
  CHECK(second.error().text.find("Address already in use") != std::string::npos);
  for (const char* listen :
       {"", "nonsense", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:80", "[::1]", ":80"}) {
    INFO(listen);
    options.listen = listen;
    CHECK_FALSE(Server::listen(options, handler));
  }
  options.listen = "127.0.0.1:0";
  options.trusted_proxies = {"10.0.0.0/33"};
  CHECK_FALSE(Server::listen(options, handler));
}

TEST_CASE("IPv6 and names can be listened on") {
  TestHandler handler;
  Options options;
  options.listen = "localhost:0";
  CHECK(Server::listen(options, handler));
  options.listen = "[::1]:0";
  const auto server = Server::listen(options, handler);
  if (server) {
    CHECK((*server)->address().starts_with("[::1]:"));
  } else {
    WARN("no IPv6 here: " << server.error().text);
  }
}
