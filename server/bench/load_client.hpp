// A load on loopback: connections that each send one request, read its whole answer, and send again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ledger::bench {

struct Load {
  double requests_per_second = 0;
  double p50_ms = 0, p99_ms = 0;
  std::uint64_t failures = 0;  ///< answers whose status is not 2xx
};

/// Drives 127.0.0.1:`port` for `seconds` after a tenth of that as warm-up, one keep-alive connection for each
/// of `requests`, which are complete HTTP/1.1 requests. One thread, epoll. Answers need a Content-Length.
/// Throws std::runtime_error when a connection breaks.
[[nodiscard]] Load drive(std::uint16_t port, const std::vector<std::string>& requests, double seconds);

}  // namespace ledger::bench
