// A transport with a handler that does what the path says, for the tests of the transport.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "server/http/server.hpp"
#include "tests/support/exchange_log.hpp"
#include "tests/support/running_server.hpp"

namespace ledger::http::test {

inline constexpr std::size_t kStreamChunks = 512;
inline constexpr std::size_t kStreamChunkBytes = 128 * 1024;

// Blocks until another thread says so; fails the test rather than hang.
class Signal {
 public:
  void set() { promise_.set_value(); }
  [[nodiscard]] bool wait() {
    return future_.wait_for(std::chrono::seconds(60)) == std::future_status::ready;
  }

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

  void done(const RequestSummary& summary) override { log.add(summary); }
  void fault(std::string_view what) override { log.add_fault(what); }

  UploadRecord upload;
  std::shared_ptr<const std::string> shared = std::make_shared<const std::string>(std::string(8 << 20, 's'));
  std::atomic<std::size_t> produced{0};
  Signal arrived;
  ExchangeLog log;
  std::mutex mutex;
  std::vector<Reply> held;  // guarded by mutex
};

using Running = RunningServer<TestHandler>;

inline std::string get(std::string_view target) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: here\r\n\r\n";
}

inline std::string post(std::string_view target, std::string_view body, std::string_view more = "") {
  return "POST " + std::string(target) + " HTTP/1.1\r\nHost: here\r\n" + std::string(more) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

inline std::string chunk(std::string_view data) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return size + std::string(data) + "\r\n";
}

inline constexpr std::string_view kChunkedPost =
    "POST /echo HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n";

}  // namespace ledger::http::test
