// What an operator may set about the API: every limit with its default, and who hears of what happens.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "events/core/types.hpp"
#include "server/http/rate_limiter.hpp"

namespace spdlog {
class logger;
}

namespace ledger::server {

struct Options {
  /// `--registration open|closed`: whether anyone may register a subject.
  bool registration_open = true;
  /// Registrations of one address; loopback is exempt.
  http::RateLimiter::Limits registration_rate{.per_minute = 10, .burst = 10, .addresses_max = 16'384};

  /// Openings of public streams by one address, and how many of them it may hold at once (0: no bound);
  /// loopback is exempt from both.
  http::RateLimiter::Limits stream_rate{.per_minute = 60, .burst = 60, .addresses_max = 16'384};
  std::size_t public_streams_per_address = 64;
  /// How long a stream is silent before it says that it is still there.
  std::chrono::milliseconds stream_heartbeat{15'000};

  /// Whether webhooks may be registered with plain http.
  bool webhook_http = false;

  /// One document, in bytes.
  std::uint64_t document_bytes_max = std::uint64_t{32} << 20;
  /// Documents of one subject that no entry names, in bytes together; before the subject is qualified, the
  /// second.
  std::uint64_t unreferenced_bytes_max = std::uint64_t{64} << 20;
  std::uint64_t unreferenced_bytes_unqualified_max = std::uint64_t{16} << 20;
  /// How long a document that no entry names is kept.
  std::chrono::hours unreferenced_age{7 * 24};
  /// How often they are looked for; zero: never by itself.
  std::chrono::minutes sweep_interval{60};

  /// `--cors-origin`: whose pages may read what anyone may read: an origin, `*` for all, empty for none.
  std::string cors_origin = "*";

  /// Whether `/metrics` answers on the API's own listener (false with `--metrics-listen`).
  bool metrics_here = true;

  /// One line a request; null: none. Must be safe from several threads.
  std::shared_ptr<spdlog::logger> access_log;
  /// What went wrong on our side; null: silence.
  std::shared_ptr<spdlog::logger> log;
  /// The wall clock; empty: the system's. Tests give their own.
  std::function<TimestampUs()> clock;
};

}  // namespace ledger::server
