// The product as `serve` runs it, in this process.
#pragma once

#include <cstdint>
#include <memory>
#include <thread>

#include "events/store/engine.hpp"
#include "projections/read_models.hpp"
#include "server/api/app.hpp"

namespace ledger::bench {

/// Serves an open ledger on 127.0.0.1 until destroyed; access lines are formatted but not written.
class ProductServer {
 public:
  /// `connections_max` 0: as many as the product holds by default.
  ProductServer(store::Engine& engine, const projections::ReadModels& models, unsigned threads,
                std::size_t connections_max = 0);
  ~ProductServer();
  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  /// For EngineOptions::on_published.
  void published() { app_.published(); }

 private:
  server::App app_;
  std::unique_ptr<http::Server> server_;
  std::jthread thread_;
};

}  // namespace ledger::bench
