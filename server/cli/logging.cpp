#include "server/cli/logging.hpp"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "projections/json_writer.hpp"

namespace ledger::cli {
namespace {

/// The message as a JSON string; spdlog itself escapes nothing.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    std::string text;
    append_json_string(text, {message.payload.data(), message.payload.size()});
    out.append(text.data(), text.data() + text.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessage>();
  }
};

std::unique_ptr<spdlog::formatter> formatter(LogFormat format) {
  auto made = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  if (format == LogFormat::json) {
    made->add_flag<JsonMessage>('*').set_pattern(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l","message":%*})");
  } else {
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %l %v");
  }
  return made;
}

/// Sinks of one stream share spdlog's mutex for it, so lines of both loggers stay whole.
std::shared_ptr<spdlog::logger> logger(const char* name, std::unique_ptr<spdlog::formatter> lines) {
  auto made = std::make_shared<spdlog::logger>(name, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  made->set_formatter(std::move(lines));
  return made;
}

}  // namespace

Logs make_logs(LogFormat format, std::string_view level) {
  const auto least = spdlog::level::from_str(std::string(level));
  Logs logs;
  logs.log = logger("filing-ledger", formatter(format));
  logs.log->set_level(least);
  if (least <= spdlog::level::info) {
    logs.access =
        logger("access", std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc));
  }
  return logs;
}

}  // namespace ledger::cli
