#include "server/bench/http_bench.hpp"

#include <stdexcept>

#include <spdlog/fmt/fmt.h>

#include "events/core/form_text.hpp"
#include "server/bench/bare_server.hpp"
#include "server/bench/bench_ledger.hpp"
#include "server/bench/load_client.hpp"
#include "server/bench/product_server.hpp"

namespace ledger::bench {
namespace {

constexpr std::size_t kConnections = 64;
constexpr unsigned kThreads = 2;

std::string get_request(const std::string& path, const std::string& token) {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token + "\r\n\r\n";
}

std::string put_request(const std::string& path, const std::string& token, const std::string& body) {
  return "PUT " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

double rate(const Load& load) {
  if (load.failures != 0) throw std::runtime_error("bench: the server refused requests");
  return load.requests_per_second;
}

}  // namespace

Result bench_http_writes(const Options& options) {
  const double seconds = options.quick ? 0.3 : 3;
  BenchLedger ledger(options.directory / "product");
  const std::vector<Uuid> filings = ledger.drafts(kConnections);
  const std::string body = "{\"form\":" + form_text(BenchLedger::kilobyte_form()) + "}";
  std::vector<std::string> requests;
  for (const Uuid& filing : filings) {
    requests.push_back(put_request("/v1/filings/" + filing.text() + "/draft", ledger.filer_token, body));
  }
  std::size_t entry_bytes = 0;
  {
    const auto snapshot = ledger.engine->snapshot();
    entry_bytes = snapshot.entry(snapshot.size() - 1)->size();
  }
  const std::string answer(300, 'x');
  Result result{.unit = "requests/s", .samples = {}, .note = {}};
  double product_p99 = 0, raw_p99 = 0;
  for (unsigned i = 0; i < options.repeats; ++i) {
    Sample sample;
    {
      const auto bare = BareServer::committing(options.directory / ("bare" + std::to_string(i)), entry_bytes,
                                               answer, kThreads);
      const Load load = drive(bare->port(), requests, seconds);
      sample.raw = rate(load);
      raw_p99 = load.p99_ms;
    }
    {
      const ProductServer product(*ledger.engine, ledger.models, kThreads);
      const Load load = drive(product.port(), requests, seconds);
      sample.product = rate(load);
      product_p99 = load.p99_ms;
    }
    result.samples.push_back(sample);
    if (options.on_progress)
      options.on_progress(fmt::format("  {:.0f} against {:.0f}", sample.product, sample.raw));
  }
  result.note = fmt::format(
      "{} connections, form of {} bytes, entry of {} bytes; p99 of the last run {:.2f} ms, bare {:.2f} ms",
      kConnections, body.size(), entry_bytes, product_p99, raw_p99);
  return result;
}

Result bench_http_reads(const Options& options) {
  const double seconds = options.quick ? 0.3 : 3;
  BenchLedger ledger(options.directory / "product");
  const Uuid filing = ledger.drafts(1).front();
  const std::vector<std::string> requests(kConnections,
                                          get_request("/v1/filings/" + filing.text(), ledger.filer_token));
  // The bare server answers as many bytes as the product's body has, which is the filing's JSON.
  const std::string answer(form_text(BenchLedger::kilobyte_form()).size() + 300, 'x');
  Result result{.unit = "requests/s", .samples = {}, .note = {}};
  for (unsigned i = 0; i < options.repeats; ++i) {
    Sample sample;
    {
      const auto bare = BareServer::answering(answer, kThreads);
      sample.raw = rate(drive(bare->port(), requests, seconds));
    }
    {
      const ProductServer product(*ledger.engine, ledger.models, kThreads);
      sample.product = rate(drive(product.port(), requests, seconds));
    }
    result.samples.push_back(sample);
    if (options.on_progress)
      options.on_progress(fmt::format("  {:.0f} against {:.0f}", sample.product, sample.raw));
  }
  result.note =
      fmt::format("{} connections, one filing, bodies of about {} bytes", kConnections, answer.size());
  return result;
}

}  // namespace ledger::bench
