// A real ledger behind a real listener, in this process, with a client for it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/json.hpp>

#include "events/store/engine.hpp"
#include "projections/read_models.hpp"
#include "server/api/app.hpp"
#include "server/http/server.hpp"
#include "tests/http/raw_client.hpp"
#include "tests/support/temp_dir.hpp"

namespace ledger::test {

/// One answer, its body parsed where it is JSON.
struct Answer {
  http::test::RawResponse raw;
  boost::json::value json;

  [[nodiscard]] unsigned status() const { return raw.status; }
  [[nodiscard]] std::string text(const char* name) const {
    const boost::json::object* object = json.if_object();
    const boost::json::value* value = object != nullptr ? object->if_contains(name) : nullptr;
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
  }
  [[nodiscard]] std::string code() const { return text("code"); }
  /// `pointer code` of every field error, in order.
  [[nodiscard]] std::vector<std::string> errors() const;
};

/// One request: method, path, and what else there is.
struct Ask {
  std::string method = "GET";
  std::string path;
  std::string token = {};
  std::optional<std::string> body = {};
  std::string type = "application/json";  ///< of the body; empty: none
  std::string headers = {};               ///< whole lines with CR LF
};

class ServedLedger {
 public:
  /// Serves an open ledger, unless `closed`: then only the transport and the App are there (see `open`).
  explicit ServedLedger(server::Options options = {}, bool closed = false);
  ~ServedLedger();

  void open();
  [[nodiscard]] Answer call(const Ask& ask) const;
  [[nodiscard]] Answer get(std::string path, std::string token = {}, std::string headers = {}) const;
  [[nodiscard]] Answer post(std::string path, std::string token, std::string body,
                            std::string headers = {}) const;
  [[nodiscard]] Answer upload(std::string token, std::string content) const;

  /// The token of a new grant.
  [[nodiscard]] std::string grant(std::string_view principal, std::string_view role) const;
  struct Registered {
    std::string id, token;
  };
  [[nodiscard]] Registered registered(int n) const;
  /// A qualified subject, approved by `initial_reviewer`.
  [[nodiscard]] Registered qualified(int n, const std::string& initial_reviewer) const;
  [[nodiscard]] std::string subject_form(const Registered& subject, int n) const;

  [[nodiscard]] store::Engine& engine() { return *engine_; }
  [[nodiscard]] server::App& app() { return *app_; }
  [[nodiscard]] const std::string& admin() const { return admin_; }
  [[nodiscard]] std::uint16_t port() const { return server_->port(); }

 private:
  TempDir dir_;
  std::string admin_;
  projections::ReadModels models_;
  std::unique_ptr<store::Engine> engine_;
  std::unique_ptr<server::App> app_;
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
};

/// The n-th credit code that checks (GB 32100, annex A).
[[nodiscard]] std::string credit_code(int n);

}  // namespace ledger::test
