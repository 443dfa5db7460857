// Token buckets per client address, for paths that anyone may call. Bounded memory: the table forgets the
// address that was quiet longest.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace ledger::http {

/// Allows `burst` requests at once and `per_minute` on the long run, for each IPv4 address or IPv6 /64
/// network (one subscriber commonly holds a whole /64: RFC 6177). Loopback addresses are never limited.
/// Threads: any; a mutex guards the table.
class RateLimiter {
 public:
  using Clock = std::chrono::steady_clock;
  struct Limits {
    double per_minute = 60;              // 0 or less: no limit at all
    double burst = 20;                   // at least 1
    std::size_t addresses_max = 16'384;  // about 100 bytes each
  };
  struct Verdict {
    bool allowed = true;
    std::uint32_t retry_after_s = 0;  // whole seconds, at least 1 when refused
  };

  explicit RateLimiter(Limits limits);
  ~RateLimiter();
  RateLimiter(const RateLimiter&) = delete;
  RateLimiter& operator=(const RateLimiter&) = delete;

  /// Takes one token of this address at this moment. `address` is numeric text as in Request::remote; text
  /// that is no address shares one bucket. Time going backwards gives no tokens.
  [[nodiscard]] Verdict take(std::string_view address, Clock::time_point now);
  /// Addresses in the table now.
  [[nodiscard]] std::size_t size() const;

 private:
  struct Table;
  std::unique_ptr<Table> table_;
};

}  // namespace ledger::http
