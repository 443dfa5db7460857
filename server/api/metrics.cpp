#include "server/api/metrics.hpp"

#include <array>
#include <atomic>
#include <sstream>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "events/store/rebuild_status.hpp"
#include "server/api/routes.hpp"

namespace ledger::server {
namespace {

// 1xx never ends an exchange; index 0 counts clients that went away before their answer.
constexpr std::array<std::string_view, 6> kStatusClasses = {"aborted", "1xx", "2xx", "3xx", "4xx", "5xx"};

/// From what a cached read takes to what a stalled disk makes of a commit, in seconds.
prometheus::Histogram::BucketBoundaries duration_bounds() {
  // Made anew for each histogram, once a route: a static one could go before the last request of a process
  // does.
  return {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5};
}

void add_reading(std::vector<prometheus::MetricFamily>& families, const char* name, const char* help,
                 prometheus::MetricType type, double value) {
  prometheus::MetricFamily& family = families.emplace_back();
  family.name = name;
  family.help = help;
  family.type = type;
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family.metric.push_back(std::move(metric));
}

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& requests = prometheus::BuildCounter()
                                                          .Name("ledger_http_requests_total")
                                                          .Help("Finished requests by route and status class")
                                                          .Register(registry);
  prometheus::Family<prometheus::Histogram>& durations =
      prometheus::BuildHistogram()
          .Name("ledger_http_request_duration_seconds")
          .Help("From the complete head of a request to the last byte of its answer")
          .Register(registry);
  prometheus::Counter& documents = prometheus::BuildCounter()
                                       .Name("ledger_documents_stored_total")
                                       .Help("Documents stored, repeated uploads included")
                                       .Register(registry)
                                       .Add({});
  prometheus::Counter& document_bytes = prometheus::BuildCounter()
                                            .Name("ledger_documents_stored_bytes_total")
                                            .Help("Plain bytes of the documents stored")
                                            .Register(registry)
                                            .Add({});
  prometheus::Counter& swept = prometheus::BuildCounter()
                                   .Name("ledger_documents_swept_total")
                                   .Help("Unreferenced documents removed")
                                   .Register(registry)
                                   .Add({});

  // Made when first needed: a route that nobody asks costs nothing. The last row is for no route at all.
  struct PerRoute {
    std::array<std::atomic<prometheus::Counter*>, kStatusClasses.size()> requests{};
    std::atomic<prometheus::Histogram*> durations{};
  };
  std::vector<PerRoute> per_route = std::vector<PerRoute>(routes().size() + 1);
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::request(std::size_t route, unsigned status, std::uint64_t duration_us) {
  const std::size_t row = std::min(route, impl_->per_route.size() - 1);
  const std::size_t column = std::min<std::size_t>(status / 100, kStatusClasses.size() - 1);
  Impl::PerRoute& of = impl_->per_route[row];
  const bool known = row < routes().size();
  const auto labels = [&] {
    prometheus::Labels out;
    out["method"] = known ? std::string(name_of(routes()[row].method)) : "other";
    out["route"] = known ? std::string(routes()[row].pattern) : "none";
    return out;
  };
  prometheus::Counter* counter = of.requests[column].load(std::memory_order_acquire);
  if (counter == nullptr) {
    prometheus::Labels all = labels();
    all["status"] = kStatusClasses[column];
    counter = &impl_->requests.Add(all);  // the same object for the same labels
    of.requests[column].store(counter, std::memory_order_release);
  }
  counter->Increment();
  prometheus::Histogram* histogram = of.durations.load(std::memory_order_acquire);
  if (histogram == nullptr) {
    histogram = &impl_->durations.Add(labels(), duration_bounds());
    of.durations.store(histogram, std::memory_order_release);
  }
  histogram->Observe(static_cast<double>(duration_us) / 1e6);
}

void Metrics::document_stored(std::uint64_t bytes) {
  impl_->documents.Increment();
  impl_->document_bytes.Increment(static_cast<double>(bytes));
}

void Metrics::documents_swept(std::uint64_t count) {
  impl_->swept.Increment(static_cast<double>(count));
}

std::string Metrics::text(const Readings& readings) {
  using prometheus::MetricType;
  std::vector<prometheus::MetricFamily> families = impl_->registry.Collect();
  const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
    add_reading(families, name, help, MetricType::Counter, static_cast<double>(value));
  };
  const auto gauge = [&](const char* name, const char* help, double value) {
    add_reading(families, name, help, MetricType::Gauge, value);
  };
  gauge("ledger_ready", "1 once the ledger is open and its views are caught up",
        readings.engine != nullptr ? 1 : 0);
  if (readings.engine != nullptr) {
    const store::Engine::Metrics engine = readings.engine->metrics();
    gauge("ledger_events", "Published events: the position of the next one",
          static_cast<double>(readings.engine->size()));
    gauge("ledger_last_recorded_seconds", "Recorded time of the newest entry, seconds since the epoch",
          static_cast<double>(readings.engine->last_recorded().value) / 1e6);
    gauge("ledger_writable", "0 while writes are refused: no room, a distrusted clock, or signing stopped",
          engine.writable ? 1 : 0);
    gauge("ledger_commands_queued", "Commands that wait for the writer", static_cast<double>(engine.queued));
    counter("ledger_commands_total", "Commands decided, accepted or not", engine.commands);
    counter("ledger_commands_refused_total", "Commands refused", engine.refused);
    counter("ledger_batches_total", "Group commits", engine.batches);
    counter("ledger_events_appended_total", "Events appended since the start", engine.events);
    gauge("ledger_store_bytes", "Bytes of the log's environment", static_cast<double>(engine.ledger_bytes));
    gauge("ledger_views_bytes", "Bytes of the views' environment", static_cast<double>(engine.views_bytes));
    gauge("ledger_vault_records", "Record keys held", static_cast<double>(engine.vault_records));
    gauge("ledger_checkpoint_size", "Entries under the newest signed checkpoint",
          static_cast<double>(engine.checkpoint_size));
    gauge("ledger_cosigned_size", "Entries under the newest checkpoint that a witness cosigned",
          static_cast<double>(engine.cosigned_size));
    const store::RebuildStatus rebuild = readings.engine->rebuild_status();
    gauge("ledger_rebuild_running", "1 while all views are being rebuilt beside the ones that serve",
          rebuild.state == store::RebuildState::running ? 1 : 0);
    gauge("ledger_rebuild_events", "Events applied by the rebuild that runs, or by the last one",
          static_cast<double>(rebuild.events));
    gauge("ledger_rebuild_failed", "1 when the last rebuild was given up",
          rebuild.state == store::RebuildState::failed ? 1 : 0);
    gauge("ledger_signing_stopped", "1 once a conflict of histories stopped signing and with it all writes",
          engine.signing_stopped ? 1 : 0);
  }
  if (readings.transport_known) {
    const http::Counters& of = readings.transport;
    gauge("ledger_http_connections_open", "Connections open now", static_cast<double>(of.connections_open));
    counter("ledger_http_connections_accepted_total", "Connections accepted", of.connections_accepted);
    counter("ledger_http_connections_refused_total", "Connections beyond the limit", of.connections_refused);
    counter("ledger_http_heads_total", "Complete request heads", of.requests);
    counter("ledger_http_refused_by_transport_total", "Requests refused before they reached a route",
            of.requests_refused);
    counter("ledger_http_received_bytes_total", "Bytes received", of.bytes_in);
    counter("ledger_http_sent_bytes_total", "Bytes sent", of.bytes_out);
  }
  for (const Reading& reading : readings.more) {
    if (families.back().name == reading.name) {
      families.back().metric.emplace_back().gauge.value = reading.value;
    } else {
      add_reading(families, reading.name.c_str(), reading.help.c_str(), MetricType::Gauge, reading.value);
    }
    for (const auto& [name, value] : reading.labels)
      families.back().metric.back().label.push_back({name, value});
  }
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return std::move(out).str();
}

}  // namespace ledger::server
