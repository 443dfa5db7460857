// A server of the transport that runs on a thread of its own, for the tests of the transport.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>

#include <catch2/catch.hpp>

#include "server/http/server.hpp"

namespace ledger::http::test {

/// A server on a port that the system picks, with two io threads and a handler of this kind.
template <typename TheHandler>
struct RunningServer {
  explicit RunningServer(Options options = {}) {
    options.listen = "127.0.0.1:0";
    options.io_threads = 2;
    auto listening = Server::listen(std::move(options), handler);
    REQUIRE(listening);
    server = std::move(*listening);
    thread = std::thread([this] { server->run(); });
  }
  ~RunningServer() { stop(std::chrono::seconds(10)); }
  void stop(std::chrono::milliseconds deadline) {
    if (server != nullptr) server->stop(deadline);
    if (thread.joinable()) thread.join();
  }
  [[nodiscard]] std::uint16_t port() const { return server->port(); }

  TheHandler handler;
  std::unique_ptr<Server> server;
  std::thread thread;
};

}  // namespace ledger::http::test
