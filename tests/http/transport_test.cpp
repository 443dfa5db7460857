// The transport against raw bytes over loopback: what it serves, what it refuses, how it ends.
#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "server/http/server.hpp"
#include "tests/http/raw_client.hpp"

using namespace ledger::http;
using ledger::http::test::RawClient;
using ledger::http::test::RawResponse;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

constexpr std::size_t kStreamChunks = 512;
constexpr std::size_t kStreamChunkBytes = 128 * 1024;

// Blocks until another thread says so; fails the test rather than hang.
class Signal {
 public:
  void set() { promise_.set_value(); }
  [[nodiscard]] bool wait() { return future_.wait_for(60s) == std::future_status::ready; }

 private:
  std::promise<void> promise_;
  std::future<void> future_ = promise_.get_future();
};

struct UploadRecord {
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<int> finished{0};
  std::atomic<int> aborted{0};
  Signal first_write;
  Signal last_call;
};

class RecordingSink final : public BodySink {
 public:
  RecordingSink(UploadRecord& record, std::uint64_t refuse_beyond)
      : record_(record), refuse_beyond_(refuse_beyond) {}
  std::optional<Response> write(std::string_view piece) override {
    if (record_.bytes.fetch_add(piece.size()) == 0) record_.first_write.set();
    if (piece.starts_with("throw")) throw std::runtime_error("sink");
    if (record_.bytes <= refuse_beyond_) return std::nullopt;
    Response response;
    response.status = 507;
    response.body = Body("full");
    return response;
  }
  void finish(Request&& request, Reply reply) override {
    ++record_.finished;
    Response response;
    response.status = 201;
    response.body = Body(request.path.at(0) + " " + std::to_string(record_.bytes));
    reply(std::move(response));
    record_.last_call.set();
  }
  void abort() noexcept override {
    ++record_.aborted;
    record_.last_call.set();
  }

 private:
  UploadRecord& record_;
  const std::uint64_t refuse_beyond_;
};

// Says `later` once before each piece and is rung by another thread.
class DozingProducer final : public ChunkProducer {
 public:
  ~DozingProducer() override {
    if (ringer_.joinable()) ringer_.join();
  }
  void start(Wake wake) override { wake_ = std::move(wake); }
  Chunk next() override {
    if (asked_++ % 2 == 0) {
      if (ringer_.joinable()) ringer_.join();
      ringer_ = std::thread([wake = wake_] { wake(); });
      return Chunk::later();
    }
    if (asked_ > 6) return Chunk::end();
    return Chunk::data("piece" + std::to_string(asked_ / 2) + ";");
  }

 private:
  Wake wake_;
  int asked_ = 0;
  std::thread ringer_;
};

/// Waits first; woken, it has pieces at hand without end, but says on whose thread each was asked.
class ReadyProducer final : public ChunkProducer {
 public:
  ~ReadyProducer() override {
    if (ringer_.joinable()) ringer_.join();
  }
  void start(Wake wake) override { wake_ = std::move(wake); }
  Chunk next() override {
    worker_ = std::this_thread::get_id();
    if (asked_++ == 0) {
      ringer_ = std::thread([wake = wake_] { wake(); });
      return Chunk::later();
    }
    return asked_ > kPieces ? Chunk::end() : Chunk::data("worker;");
  }
  std::optional<Chunk> next_at_hand() override {
    if (asked_++ > kPieces) return std::nullopt;
    return Chunk::data(std::this_thread::get_id() == worker_ ? "wrong;" : "hand;");
  }

 private:
  static constexpr int kPieces = 7;
  Wake wake_;
  int asked_ = 0;
  std::thread::id worker_;
  std::thread ringer_;
};

class TestHandler : public Handler {
 public:
  Admission admit(const Request& head) override {
    if (head.path.empty()) return {};
    if (head.path[0] == "upload") {
      return Admission::into(std::make_unique<RecordingSink>(upload, 512 * 1024), 1024 * 1024);
    }
    if (head.path[0] == "unwelcome") {
      Response response;
      response.status = 403;
      response.body = Body("no");
      return Admission::refuse(std::move(response));
    }
    return {};
  }

  void handle(Request&& request, Reply reply) override {
    const std::string where = request.path.empty() ? "" : request.path[0];
    Response response;
    response.content_type = "text/plain";
    if (where == "echo") {
      response.headers.add("X-Method", request.method_text());
      response.body = Body(std::move(request.body));
    } else if (where == "where") {
      std::string text = request.remote + "|";
      for (const std::string& segment : request.path) text += "/" + segment;
      for (const auto& [name, value] : request.query) text += "&" + name + "=" + value;
      response.body = Body(request.query_malformed ? "malformed" : text);
    } else if (where == "shared") {
      response.body = Body(shared);
    } else if (where == "nothing") {
      response.status = 204;
    } else if (where == "stream") {
      produced = 0;
      response.body = Body::stream([this]() -> Chunk {
        const std::size_t index = produced++;
        if (index == kStreamChunks) return Chunk::end();
        return Chunk::data(std::string(kStreamChunkBytes, static_cast<char>('a' + index % 26)));
      });
    } else if (where == "measured") {
      response.body =
          Body::stream([given = 0]() mutable { return given++ < 4 ? Chunk::data("12345") : Chunk::end(); },
                       std::stoull(request.path.at(1)));
    } else if (where == "failing") {
      response.body = Body::stream(
          [given = 0]() mutable -> Chunk { return given++ < 2 ? Chunk::data("some") : Chunk::failed(); });
    } else if (where == "throwing") {
      response.body = Body::stream([]() -> Chunk { throw std::runtime_error("producer"); });
    } else if (where == "ready") {
      response.body = Body::stream(std::make_shared<ReadyProducer>());
    } else if (where == "dozing") {
      response.body = Body::stream(std::make_shared<DozingProducer>());
    } else if (where == "thread") {
      std::thread([reply = std::move(reply), response = std::move(response)]() mutable {
        response.body = Body("from elsewhere");
        reply(std::move(response));
      }).detach();
      return;
    } else if (where == "drop") {
      return;
    } else if (where == "throw") {
      throw std::runtime_error("handler");
    } else if (where == "split") {
      response.headers.add("Location", "/a\r\nSet-Cookie: b=c");
    } else if (where == "bye") {
      response.close = true;
      response.body = Body("bye");
    } else if (where == "hold") {
      const std::lock_guard lock(mutex);
      held.push_back(std::move(reply));
      arrived.set();
      return;
    } else {
      response.body = Body("pong");
    }
    reply(std::move(response));
  }

  Response problem(const Problem& problem) override {
    Response response;
    response.content_type = "application/problem+json";
    response.body = Body(std::string(problem.code));
    if (problem.request != nullptr) response.headers.add("X-Known-Method", problem.request->method_text());
    return response;
  }

  void done(const RequestSummary& summary) override {
    const std::lock_guard lock(mutex);
    log.push_back(std::string(summary.method) + " " + std::string(summary.path) + " " +
                  std::to_string(summary.status) + (summary.complete ? "" : " cut"));
    logged.notify_all();
  }
  void fault(std::string_view what) override {
    const std::lock_guard lock(mutex);
    faults.emplace_back(what);
  }

  // Waits until the access log holds so many lines: `done` comes after the client may have its answer.
  std::vector<std::string> log_of(std::size_t lines) {
    std::unique_lock lock(mutex);
    logged.wait_for(lock, 30s, [&] { return log.size() >= lines; });
    return log;
  }

  std::vector<std::string> faults_seen() {
    const std::lock_guard lock(mutex);
    return faults;
  }

  UploadRecord upload;
  std::shared_ptr<const std::string> shared = std::make_shared<const std::string>(std::string(8 << 20, 's'));
  std::atomic<std::size_t> produced{0};
  Signal arrived;
  std::mutex mutex;
  std::condition_variable logged;
  std::vector<Reply> held;          // guarded by mutex
  std::vector<std::string> log;     // guarded by mutex
  std::vector<std::string> faults;  // guarded by mutex
};

struct Running {
  explicit Running(Options options = {}) {
    options.listen = "127.0.0.1:0";
    options.io_threads = 2;
    auto listening = Server::listen(std::move(options), handler);
    REQUIRE(listening);
    server = std::move(*listening);
    thread = std::thread([this] { server->run(); });
  }
  ~Running() { stop(10s); }
  void stop(std::chrono::milliseconds deadline) {
    if (server != nullptr) server->stop(deadline);
    if (thread.joinable()) thread.join();
  }
  [[nodiscard]] std::uint16_t port() const { return server->port(); }

  TestHandler handler;
  std::unique_ptr<Server> server;
  std::thread thread;
};

std::string get(std::string_view target) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: here\r\n\r\n";
}

std::string post(std::string_view target, std::string_view body, std::string_view more = "") {
  return "POST " + std::string(target) + " HTTP/1.1\r\nHost: here\r\n" + std::string(more) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string chunk(std::string_view data) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return size + std::string(data) + "\r\n";
}

constexpr std::string_view kChunkedPost =
    "POST /echo HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n";

}  // namespace

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
  const auto log = running.handler.log_of(2);
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
  CHECK(running.handler.faults_seen() == std::vector<std::string>{"producer"});
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
  CHECK(running.handler.faults_seen() == std::vector<std::string>{"handler"});
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
  CHECK(running.handler.log_of(1) == std::vector<std::string>{"PUT /upload 0 cut"});
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
    CHECK(running.handler.faults_seen() == std::vector<std::string>{"sink"});
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
  CHECK(running.handler.log_of(1) == std::vector<std::string>{"GET /stream 200 cut"});
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
  CHECK(running->handler.log == std::vector<std::string>{"GET /hold 0 cut"});
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
  CHECK(running.handler.log_of(3) ==
        std::vector<std::string>{"GET /ping 200", "POST /echo 200", "GET /bye 200"});
}
