// WebSockets of the transport against raw bytes, and against a WebSocket library's client.
#include <atomic>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "server/http/server.hpp"
#include "server/http/websocket.hpp"
#include "tests/http/raw_client.hpp"
#include "tests/http/websocket_frames.hpp"
#include "tests/support/exchange_log.hpp"
#include "tests/support/running_server.hpp"

using namespace ledger::http;
using namespace ledger::http::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

constexpr std::size_t kLargeBytes = 64 * 1024;

// What the tests watch of all producers.
struct Watch {
  std::atomic<int> asked{0}, at_hand{0};
  std::atomic<int> alive{0};
  std::mutex mutex;
  Wake wake;  // guarded by mutex
};

// A producer as the path says.
class PathProducer final : public MessageProducer {
 public:
  PathProducer(Watch& watch, std::vector<std::string> path) : watch_(watch), path_(std::move(path)) {
    ++watch_.alive;
  }
  ~PathProducer() override { --watch_.alive; }
  void start(Wake wake) override {
    const std::lock_guard lock(watch_.mutex);
    watch_.wake = std::move(wake);
  }
  Messages next() override {
    ++watch_.asked;
    const std::string& what = path_[0];
    if (what == "count") return count(std::stoul(path_[1]), std::stoul(path_[2]));
    if (what == "sizes") return given_++ == 0 ? sizes() : Messages::end();
    if (what == "large") {
      if (given_ == std::stoul(path_[1])) return path_.size() == 2 ? Messages::end() : Messages::later();
      return Messages::data(
          {Message::text(std::string(kLargeBytes, static_cast<char>('a' + given_++ % 26)))});
    }
    if (what == "woken") {  // every second call has something
      if (given_++ % 2 == 0) return Messages::later();
      return Messages::data({Message::text("woken " + std::to_string(given_ / 2))});
    }
    if (what == "rung-during-next") return rung_during_next();
    if (what == "failing") return given_++ == 0 ? one("first") : Messages::failed();
    if (what == "throwing") throw std::runtime_error("producer");
    if (what == "unsayable") return Messages::end(1005);
    if (what == "wordy") return Messages::end(1000, std::string(124, 'w'));
    return Messages::later();  // quiet
  }
  std::optional<Messages> next_at_hand() override {
    if (path_[0] != "ready") return std::nullopt;
    ++watch_.at_hand;
    if (given_++ % 2 == 1) return Messages::later();
    return one("at hand " + std::to_string(given_ / 2));
  }

 private:
  static Messages one(std::string text) { return Messages::data({Message::text(std::move(text))}); }
  Messages count(std::size_t total, std::size_t at_once) {
    if (given_ == total) return Messages::end(4000, "全部");
    std::vector<Message> batch;
    std::string run;
    for (std::size_t i = 0; i < at_once && given_ < total; ++i) {
      const std::string text = "消息 " + std::to_string(given_++);
      // All three kinds of message, mixed.
      if (given_ % 3 == 0) {
        append_text_frame(run, text);
        batch.push_back(Message::frames(std::make_shared<const std::string>(std::exchange(run, {}))));
      } else if (given_ % 3 == 1) {
        batch.push_back(Message::shared(std::make_shared<const std::string>(text)));
      } else {
        batch.push_back(Message::text(text));
      }
    }
    return Messages::data(std::move(batch));
  }
  static Messages sizes() {
    std::vector<Message> batch;
    for (const std::size_t size : {0, 1, 125, 126, 65535, 65536, 300000}) {
      batch.push_back(Message::text(std::string(size, 's')));
    }
    return Messages::data(std::move(batch));
  }
  Messages rung_during_next() {
    if (given_ == 100) return Messages::end();
    if (given_++ % 2 == 1) return Messages::data({});  // nothing, and asked again
    const std::lock_guard lock(watch_.mutex);
    watch_.wake();
    return Messages::later();
  }

  Watch& watch_;
  const std::vector<std::string> path_;
  std::size_t given_ = 0;
};

class SocketHandler final : public Handler {
 public:
  void handle(Request&& request, Reply reply) override {
    if (request.path.empty() || request.path[0] == "plain") {
      Response response;
      response.body = Body(asks_for_websocket(request) ? "asked" : "not asked");
      return reply(std::move(response));
    }
    if (request.path[0] == "null") return reply(Response::upgrade(nullptr));
    const bool elsewhere = request.path.size() > 1 && request.path[1] == "elsewhere";
    Response response = Response::upgrade(std::make_shared<PathProducer>(watch, std::move(request.path)));
    response.headers.add("Ledger-Position", "17");
    if (!elsewhere) return reply(std::move(response));
    std::thread([reply = std::move(reply), response = std::move(response)]() mutable {
      reply(std::move(response));
    }).detach();
  }
  Response problem(const Problem& problem) override {
    Response response;
    response.body = Body(std::string(problem.code));
    return response;
  }
  void done(const RequestSummary& summary) override { log.add(summary); }
  void fault(std::string_view what) override { log.add_fault(what); }

  ExchangeLog log;
  Watch watch;
};

struct Running : test::RunningServer<SocketHandler> {
  using RunningServer::RunningServer;
  ~Running() { stop(10s); }
  void stop(std::chrono::milliseconds deadline) {
    RunningServer::stop(deadline);
    const std::lock_guard lock(handler.watch.mutex);
    handler.watch.wake = Wake();
  }
};

std::string ask(std::string_view target, std::string_view more = "") {
  return "GET " + std::string(target) +
         " HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
         std::string(more) + "\r\n";
}

struct Frame {
  unsigned first = 0;
  std::string payload;
  [[nodiscard]] bool is(unsigned byte, std::string_view text) const {
    return first == byte && payload == text;
  }
  [[nodiscard]] unsigned code() const {
    if (first != kClose || payload.size() < 2) return 0;
    return static_cast<unsigned char>(payload[0]) * 256U + static_cast<unsigned char>(payload[1]);
  }
};

class SocketClient : public RawClient {
 public:
  SocketClient(const Running& running, std::string_view target, int receive_buffer_bytes = 0)
      : RawClient(running.port(), receive_buffer_bytes) {
    REQUIRE(send(ask(target)));
    const auto response = read();
    REQUIRE(response);
    REQUIRE(response->status == 101);
  }
  // A frame of first byte 0 when the connection ended.
  Frame frame() {
    const auto start = read_bytes(2);
    if (!start) return {};
    const auto second = static_cast<unsigned char>((*start)[1]);
    std::uint64_t size = second;  // a server masks nothing
    if (second >= 126) {
      const auto length = read_bytes(second == 126 ? 2 : 8);
      if (!length) return {};
      size = 0;
      for (const char byte : *length) size = size * 256 + static_cast<unsigned char>(byte);
    }
    auto payload = read_bytes(size);
    if (!payload) return {};
    return {static_cast<unsigned char>((*start)[0]), std::move(*payload)};
  }
};

bool settles(const std::function<bool()>& holds) {
  for (int i = 0; i < 3000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

}  // namespace

TEST_CASE("the handshake of RFC 6455 section 1.3 is accepted") {
  Running running;
  RawClient client(running.port());
  REQUIRE(client.send(ask("/quiet",
                          "Sec-WebSocket-Protocol: chat, superchat\r\n"
                          "Sec-WebSocket-Extensions: permessage-deflate\r\n")));
  const auto response = client.read();
  REQUIRE(response);
  CHECK(response->status == 101);
  CHECK(response->header("upgrade") == "websocket");
  CHECK(response->header("connection") == "Upgrade");
  CHECK(response->header("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(response->header("ledger-position") == "17");
  CHECK(response->header("x-request-id").size() == 15);
  for (const char* const absent : {"sec-websocket-protocol", "sec-websocket-extensions", "content-length",
                                   "transfer-encoding", "content-type"}) {
    CHECK(response->headers.count(absent) == 0);
  }
}

TEST_CASE(
    "an upgrade is asked for in any case, among others, on a used connection, answered from elsewhere") {
  Running running;
  RawClient client(running.port());
  REQUIRE(client.send("GET /plain HTTP/1.1\r\nHost: here\r\n\r\n"));
  CHECK(client.read()->body == "not asked");
  // Asking is not getting: the path decides.
  REQUIRE(client.send(ask("/plain")));
  CHECK(client.read()->body == "asked");
  REQUIRE(
      client.send("GET /quiet/elsewhere HTTP/1.1\r\nHost: here\r\nupgrade: h2c\r\nUpgrade: x, WebSocket\r\n"
                  "Connection: keep-alive , UPGRADE\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                  "sec-websocket-version: 13\r\n\r\n"));
  CHECK(client.read()->status == 101);
}

TEST_CASE("what cannot become a WebSocket is told why, and the connection goes on") {
  struct Case {
    std::string head;
    unsigned status;
    std::string code;
  };
  const std::string upgrade = "Host: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const std::string version = "Sec-WebSocket-Version: 13\r\n";
  const std::vector<Case> cases{
      {"GET /quiet HTTP/1.1\r\nHost: here\r\n", 426, "upgrade_required"},
      {"GET /quiet HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\n" + key + version, 426,
       "upgrade_required"},
      {"GET /quiet HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\n" + key + version, 426,
       "upgrade_required"},
      {"POST /quiet HTTP/1.1\r\nContent-Length: 0\r\n" + upgrade + key + version, 426, "upgrade_required"},
      {"HEAD /quiet HTTP/1.1\r\n" + upgrade + key + version, 426, ""},
      {"GET /quiet HTTP/1.0\r\nConnection: keep-alive\r\n" + upgrade + key + version, 426,
       "upgrade_required"},
      {"GET /quiet HTTP/1.1\r\n" + upgrade + key, 426, "websocket_version_unsupported"},
      {"GET /quiet HTTP/1.1\r\n" + upgrade + key + "Sec-WebSocket-Version: 8\r\n", 426,
       "websocket_version_unsupported"},
      {"GET /quiet HTTP/1.1\r\n" + upgrade + key + version + version, 426, "websocket_version_unsupported"},
      {"GET /quiet HTTP/1.1\r\n" + upgrade + version, 400, "websocket_key_malformed"},
      {"GET /quiet HTTP/1.1\r\n" + upgrade + version + key + key, 400, "websocket_key_malformed"},
      {"GET /quiet HTTP/1.1\r\n" + upgrade + version + "Sec-WebSocket-Key: c2hvcnQ=\r\n", 400,
       "websocket_key_malformed"},
      {"GET /quiet HTTP/1.1\r\n" + upgrade + version + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ\r\n", 400,
       "websocket_key_malformed"},
      {"GET /null HTTP/1.1\r\n" + upgrade + key + version, 500, "response_broken"},
  };
  Running running;
  for (const auto& [head, status, code] : cases) {
    INFO(head);
    RawClient client(running.port());
    REQUIRE(client.send(head + "\r\n"));
    const auto response = client.read(head.starts_with("HEAD"));
    REQUIRE(response);
    CHECK(response->status == status);
    CHECK(response->body == code);
    CHECK(response->header("sec-websocket-version") == (status == 426 ? "13" : ""));
    REQUIRE(client.send("GET /plain HTTP/1.1\r\nHost: here\r\n\r\n"));
    CHECK(client.read()->body == "not asked");
  }
  CHECK(running.handler.watch.asked == 0);
  CHECK(running.handler.watch.alive == 0);
}

TEST_CASE("messages come in order, many in one batch, and end with the producer's own code") {
  Running running;
  SocketClient client(running, "/count/1000/300");
  for (int i = 0; i < 1000; ++i) REQUIRE(client.frame().is(kText, "消息 " + std::to_string(i)));
  const Frame close = client.frame();
  CHECK(close.code() == 4000);
  CHECK(close.payload.substr(2) == "全部");
  CHECK(running.handler.watch.asked == 5);
  REQUIRE(client.send(masked(kClose, close.payload)));
  CHECK(client.at_end());
  CHECK(running.handler.log.lines(1) == std::vector<std::string>{"GET /count/1000/300 101"});
  CHECK(settles([&] { return running.handler.watch.alive == 0; }));
}

TEST_CASE("messages of every length form arrive whole") {
  Running running;
  SocketClient client(running, "/sizes");
  for (const std::size_t size : {0, 1, 125, 126, 65535, 65536, 300000}) {
    CHECK(client.frame().is(kText, std::string(size, 's')));
  }
  CHECK(client.frame().code() == 1000);
}

TEST_CASE("a producer that says later is asked after its wake, also one that came during next") {
  Running running;
  SocketClient client(running, "/woken");
  for (int i = 1; i <= 20; ++i) {
    REQUIRE(settles([&] { return running.handler.watch.asked == 2 * i - 1; }));
    {
      const std::lock_guard lock(running.handler.watch.mutex);
      running.handler.watch.wake();
    }
    CHECK(client.frame().is(kText, "woken " + std::to_string(i)));
  }
  SocketClient other(running, "/rung-during-next");
  CHECK(other.frame().code() == 1000);
}

TEST_CASE("what a producer has at hand after a wake needs no worker") {
  Running running;
  SocketClient client(running, "/ready");
  Watch& watch = running.handler.watch;
  REQUIRE(settles([&] { return watch.asked == 1; }));
  for (int i = 0; i < 20; ++i) {
    {
      const std::lock_guard lock(watch.mutex);
      watch.wake();
    }
    CHECK(client.frame().is(kText, "at hand " + std::to_string(i)));
    REQUIRE(settles([&] { return watch.at_hand == 2 * (i + 1); }));
  }
  CHECK(watch.asked == 1);
}

TEST_CASE("a ping is answered, and a close gets its own code back") {
  Running running;
  SocketClient client(running, "/quiet");
  REQUIRE(client.send(masked(kPing, "Hello")));
  CHECK(client.frame().is(kPong, "Hello"));
  for (const char byte : masked(kPong, "unasked") + masked(kPing, "slowly")) REQUIRE(client.send({&byte, 1}));
  CHECK(client.frame().is(kPong, "slowly"));
  REQUIRE(client.send(masked(kClose, close_payload(4321, "bye"))));
  CHECK(client.frame().is(kClose, close_payload(4321)));
  CHECK(client.at_end());
  CHECK(running.handler.log.lines(1) == std::vector<std::string>{"GET /quiet 101"});
  SocketClient codeless(running, "/quiet");
  REQUIRE(codeless.send(masked(kClose, "")));
  CHECK(codeless.frame().is(kClose, ""));
  CHECK(codeless.at_end());
}

TEST_CASE("what a client may not send closes the WebSocket with its code") {
  const std::vector<std::pair<std::string, unsigned>> cases{
      {masked(kText, "hi"), 1008},
      {masked(kBinary, "hi"), 1003},
      {masked(kText, std::string(1 << 20, 'x')), 1009},
      {"\x81\x02hi", 1002},
      {masked(0xc1, "hi"), 1002},
      {masked(kClose, close_payload(1006)), 1002},
      {masked(kClose, close_payload(1000, "\xff")), 1007},
      {"GET /plain HTTP/1.1\r\nHost: here\r\n\r\n", 1002},
  };
  Running running;
  for (const auto& [bytes, code] : cases) {
    SocketClient client(running, "/quiet");
    REQUIRE(client.send(bytes));
    CHECK(client.frame().code() == code);
    CHECK(client.at_end());
    client.close();
    // The same when it comes on the heels of the request.
    RawClient hasty(running.port());
    REQUIRE(hasty.send(ask("/quiet") + bytes));
    CHECK(hasty.read()->status == 101);
    const auto start = hasty.read_bytes(4);
    REQUIRE(start);
    CHECK(static_cast<unsigned char>((*start)[0]) == kClose);
    CHECK(start->substr(2) == close_payload(code));
  }
  CHECK(settles([&] { return running.handler.watch.alive == 0; }));
}

TEST_CASE("a producer that fails, throws or ends with what cannot be said closes with 1011") {
  Running running;
  SocketClient failing(running, "/failing");
  CHECK(failing.frame().is(kText, "first"));
  CHECK(failing.frame().code() == 1011);
  for (const char* const path : {"/throwing", "/unsayable", "/wordy"}) {
    INFO(path);
    SocketClient client(running, path);
    CHECK(client.frame().code() == 1011);
  }
  const auto faults = running.handler.log.faults();
  REQUIRE(faults.size() == 3);
  CHECK(faults[0] == "producer");
}

TEST_CASE("a silent peer is pinged and, when it does not answer, closed with 1001") {
  Options options;
  options.websocket_ping_after = 50ms;
  options.websocket_silence_max = 400ms;
  options.websocket_close_timeout = 100ms;
  Running running(options);
  SocketClient alive(running, "/quiet");
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < 1s) {
    REQUIRE(alive.frame().is(kPing, ""));
    REQUIRE(alive.send(masked(kPong, "")));
  }
  SocketClient silent(running, "/quiet");
  int pings = 0;
  Frame frame;
  while ((frame = silent.frame()).is(kPing, "")) ++pings;
  CHECK(pings >= 2);
  CHECK(frame.code() == 1001);
  // Its close does not come either.
  CHECK(silent.at_end());
}

TEST_CASE("a reader that stands still costs one batch and is given up at last") {
  Options options;
  options.websocket_write_timeout = 300ms;
  Running running(options);
  SocketClient client(running, "/large/100000", 64 * 1024);
  CHECK(running.handler.log.lines(1) == std::vector<std::string>{"GET /large/100000 101 cut"});
  const int asked = running.handler.watch.asked;
  CHECK(asked * kLargeBytes < 64 << 20);  // the kernel's buffers and one more
  CHECK(settles([&] { return running.handler.watch.alive == 0; }));
}

TEST_CASE("a slow reader gets everything before it comes to a ping, and to the close") {
  Options options;
  options.websocket_ping_after = 50ms;
  options.websocket_silence_max = options.websocket_close_timeout = 400ms;
  Running running(options);
  const bool closes = GENERATE(true, false);
  SocketClient client(running, closes ? "/large/100" : "/large/100/quiet", 64 * 1024);
  for (std::size_t received = 0; received < 100;) {
    const Frame frame = client.frame();
    if (frame.is(kPing, "")) continue;  // it answers none
    REQUIRE(frame.is(kText, std::string(kLargeBytes, static_cast<char>('a' + received++ % 26))));
    std::this_thread::sleep_for(30ms);
  }
  REQUIRE(client.send(closes ? masked(kClose, close_payload(1000)) : masked(kPing, "still here")));
  Frame frame;
  do {
    frame = client.frame();
  } while (frame.is(kPing, ""));
  if (closes) {
    CHECK(frame.is(kClose, close_payload(1000)));
    CHECK(client.at_end());
    CHECK(running.handler.log.lines(1) == std::vector<std::string>{"GET /large/100 101"});
  } else {
    CHECK(frame.is(kPong, "still here"));
  }
}

TEST_CASE("pings beyond counting are answered without a queue") {
  Running running;
  SocketClient client(running, "/large/100000", 64 * 1024);
  // The server is stuck with a batch: it reads on and keeps the latest ping only.
  for (int i = 0; i < 20000; ++i) REQUIRE(client.send(masked(kPing, std::string(100, 'p'))));
  REQUIRE(client.send(masked(kPing, "last")));
  Frame frame;
  int pongs = 0;
  do {
    frame = client.frame();
    REQUIRE(frame.first != 0);
    if (frame.first == kPong) ++pongs;
  } while (!frame.is(kPong, "last"));
  CHECK(pongs <= 20001);
}

TEST_CASE("a peer that answers no close is cut, and one that vanishes lets its producer go") {
  Options options;
  options.websocket_close_timeout = 100ms;
  Running running(options);
  SocketClient deaf(running, "/count/1/1");
  CHECK(deaf.frame().is(kText, "消息 0"));
  CHECK(deaf.frame().code() == 4000);
  CHECK(deaf.at_end());
  {
    SocketClient vanishing(running, "/quiet");
    REQUIRE(settles([&] { return running.handler.watch.alive == 1; }));
  }
  CHECK(running.handler.log.lines(2).back() == "GET /quiet 101 cut");
  CHECK(settles([&] { return running.handler.watch.alive == 0; }));
}

TEST_CASE("stop closes with 1001, waits for the peers' close, and not for ever") {
  Running running;
  SocketClient polite(running, "/quiet");
  SocketClient deaf(running, "/quiet");
  SocketClient stuck(running, "/large/100000", 64 * 1024);
  running.server->stop(20s);
  CHECK(polite.frame().code() == 1001);
  REQUIRE(polite.send(masked(kClose, close_payload(1001))));
  CHECK(polite.at_end());
  CHECK(deaf.frame().code() == 1001);
  const auto begin = std::chrono::steady_clock::now();
  running.thread.join();
  CHECK(std::chrono::steady_clock::now() - begin < 10s);
  CHECK(running.server->counters().connections_open == 0);
}

TEST_CASE("500 WebSockets are served at the same time") {
  Running running;
  std::vector<std::unique_ptr<SocketClient>> clients;
  for (int i = 0; i < 500; ++i) clients.push_back(std::make_unique<SocketClient>(running, "/count/100/7"));
  for (auto& client : clients) {
    for (int i = 0; i < 100; ++i) REQUIRE(client->frame().is(kText, "消息 " + std::to_string(i)));
    CHECK(client->frame().code() == 4000);
  }
}

TEST_CASE("a WebSocket library's client counts, pings, closes and is refused its message") {
  Running running;
  CHECK(std::system((WEBSOCKET_CLIENT " "s + std::to_string(running.port())).c_str()) == 0);
}
