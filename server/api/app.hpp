// server/api: the application behind the transport. It knows every path (routes.hpp), who is asking, which
// command a body is, and how an answer or a refusal looks. Legality is decided by the ledger, reads are
// answered by server/read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "server/api/metrics.hpp"
#include "server/api/options.hpp"
#include "server/http/handler.hpp"
#include "server/http/server.hpp"

namespace ledger::store {
class Engine;
}
namespace ledger::projections {
class ReadModels;
}

namespace ledger::webhook {
class Deliveries;
}

namespace ledger::server {

/// Serves from its first moment: until `set_engine`, health and texts answer and everything else is 503
/// `starting`. Order of an orderly end: `drain`, then stop the transport (its requests in hand still reach
/// the engine), then close the engine, then destroy this. Methods of Handler: io threads; the others: any
/// thread.
class App final : public http::Handler {
 public:
  explicit App(Options options);
  ~App() override;

  /// What `/readyz` says while the ledger opens: events done of events in all.
  void set_progress(std::uint64_t done, std::uint64_t total);
  /// Opens for business. Once; both outlive the last request.
  void set_engine(store::Engine& engine, const projections::ReadModels& models);
  /// Where the transport's counters are read for `/metrics`.
  void set_transport(std::function<http::Counters()> counters);
  /// Where further gauges are read for `/metrics`; called for each scrape, on an io thread. May be called
  /// again: the last one counts.
  void set_readings(std::function<std::vector<Metrics::Reading>()> readings);
  /// Where `/v1/webhooks` reads how deliveries stand. Before the first request that asks; outlives the last.
  void set_webhooks(webhook::Deliveries& deliveries);
  /// `/readyz` turns 503 so that load balancers look elsewhere, and background work ends (waits for it).
  /// Requests are still answered. May be called again.
  void drain();

  /// The log has grown: tells the open streams. For EngineOptions::on_published; never blocks, any time.
  void published() noexcept;

  /// Looks for unreferenced documents now, as the timer does; for tests and operators. Blocks.
  std::size_t sweep_documents();

  /// Answers `/metrics`, `/healthz` and `/readyz` alone, for a listener of its own. Lives as long as this.
  [[nodiscard]] http::Handler& metrics_handler();

  [[nodiscard]] http::Admission admit(const http::Request& head) override;
  void handle(http::Request&& request, http::Reply reply) override;
  [[nodiscard]] http::Response problem(const http::Problem& problem) override;
  void done(const http::RequestSummary& summary) override;
  void fault(std::string_view what) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ledger::server
