#include "server/api/access_log.hpp"

#include <spdlog/logger.h>

#include "projections/json_writer.hpp"

namespace ledger::server {
namespace {

constexpr std::size_t kPathBytesMax = 256;

/// The path in printable ASCII: what a client sends raw must not reach a terminal.
std::string printable(std::string_view path) {
  std::string out(path.substr(0, kPathBytesMax));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = '?';
  }
  return out;
}

}  // namespace

std::string access_line(const http::RequestSummary& summary, std::string_view route, std::optional<Role> role,
                        TimestampUs at) {
  std::string line;
  line.reserve(320);
  projections::JsonWriter json(line);
  json.begin_object();
  json.member("time", at.text());
  json.member("request_id", printable(summary.request_id));
  json.member("method", printable(summary.method));
  json.member("route", route);
  json.member("path", printable(summary.path));
  json.member("status", std::uint64_t{summary.status});
  json.member("duration_us", summary.duration_us);
  json.member("bytes_in", summary.body_bytes_in);
  json.member("bytes_out", summary.bytes_out);
  if (role) json.member("role", code_of(*role));
  if (!summary.complete) json.member("complete", false);
  json.end_object();
  return line;
}

void write_line(const std::shared_ptr<spdlog::logger>& logger, std::string_view line) {
  if (logger) logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

void write_fault(const std::shared_ptr<spdlog::logger>& logger, std::string_view what) {
  if (logger) logger->error("{}", what);
}

}  // namespace ledger::server
