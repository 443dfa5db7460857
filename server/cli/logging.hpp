// The process's log: standard error, one line an event, UTC, as text or as JSON. Never a private value or a
// token.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace spdlog {
class logger;
}

namespace ledger::cli {

enum class LogFormat : unsigned char { text, json };

struct Logs {
  std::shared_ptr<spdlog::logger> log;
  std::shared_ptr<spdlog::logger> access;  ///< lines of JSON already; null below level info
};

/// `level` is debug, info, warn or error. Any thread may log.
[[nodiscard]] Logs make_logs(LogFormat format, std::string_view level);

}  // namespace ledger::cli
