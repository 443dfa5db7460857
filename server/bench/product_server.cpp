#include "server/bench/product_server.hpp"

#include <stdexcept>

#include <spdlog/logger.h>
#include <spdlog/sinks/null_sink.h>

namespace ledger::bench {
namespace {

using namespace std::chrono_literals;

server::Options app_options() {
  server::Options options;
  options.access_log =
      std::make_shared<spdlog::logger>("bench", std::make_shared<spdlog::sinks::null_sink_mt>());
  return options;
}

}  // namespace

ProductServer::ProductServer(store::Engine& engine, const projections::ReadModels& models, unsigned threads,
                             std::size_t connections_max)
    : app_(app_options()) {
  http::Options transport;
  transport.listen = "127.0.0.1:0";
  transport.io_threads = threads;
  if (connections_max != 0) transport.connections_max = connections_max;
  auto listening = http::Server::listen(transport, app_);
  if (!listening) throw std::runtime_error("bench: " + listening.error().text);
  server_ = std::move(*listening);
  app_.set_engine(engine, models);
  thread_ = std::jthread([this] { server_->run(); });
}

ProductServer::~ProductServer() {
  app_.drain();
  server_->stop(1s);
}

}  // namespace ledger::bench
