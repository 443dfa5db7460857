// What the server counts, for Prometheus. One object a process; safe from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "events/store/engine.hpp"
#include "server/http/server.hpp"

namespace ledger::server {

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// Counts one finished request. `route` is the index in routes(), or anything beyond for none of them;
  /// status 0 is a client that went away.
  void request(std::size_t route, unsigned status, std::uint64_t duration_us);
  void document_stored(std::uint64_t bytes);
  void documents_swept(std::uint64_t count);

  /// One more gauge; readings of one name stand together, each with its labels.
  struct Reading {
    std::string name, help;
    std::vector<std::pair<std::string, std::string>> labels;
    double value = 0;
  };
  /// What is measured elsewhere, read when a scrape comes.
  struct Readings {
    std::vector<Reading> more;
    const store::Engine* engine = nullptr;  ///< null while starting
    http::Counters transport;
    bool transport_known = false;
  };
  /// The exposition text, version 0.0.4 (kMetricsContentType).
  [[nodiscard]] std::string text(const Readings& readings);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace ledger::server
