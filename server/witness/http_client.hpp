// A small HTTP/1.1 client for background threads: one request, one connection, one answer. http, and https
// with the peer's certificate and name verified. No redirects, no proxies, no cookies.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ledger::witness {

/// Where to ask: the parts of an http or https URL that is a prefix of others.
struct UrlPrefix {
  bool tls = false;
  std::string host;  ///< a name or an address, IPv6 without brackets
  std::uint16_t port = 80;
  std::string path;  ///< percent-encoded as given, empty or `/...` without a slash at its end

  /// Reads `http[s]://HOST[:PORT][/PATH]`; the error says what is wrong. User names, queries and fragments
  /// are refused.
  [[nodiscard]] static std::expected<UrlPrefix, std::string> parse(std::string_view text);
  /// The URL again, without a slash at its end.
  [[nodiscard]] std::string text() const;
  /// What the Host header says: the port only where it is not the scheme's own.
  [[nodiscard]] std::string authority() const;
};

struct HttpLimits {
  std::chrono::milliseconds connect_timeout{5'000};  ///< to resolve, connect and shake hands
  std::chrono::milliseconds total_timeout{10'000};   ///< for all of it
  std::chrono::steady_clock::time_point end_by =
      std::chrono::steady_clock::time_point::max();  ///< no request lasts longer, whenever it began
  std::size_t body_bytes_max = std::size_t{64} * 1024;
  std::string ca_file;  ///< further authorities for https, PEM; empty: the system's alone
  /// Asked about every address that the host has, as its 4 or 16 bytes, and about the one that the socket is
  /// connected to: why it may not be spoken to, nullopt where it may. One refused address refuses the host.
  /// Empty: all may.
  std::function<std::optional<std::string>(std::span<const std::uint8_t>)> refuse_address;
  bool status_suffices = false;  ///< a body that is too long, late or broken is cut, and no fault
};

/// A header line beside those that every request has.
struct HttpHeader {
  std::string name, value;
};

struct HttpAnswer {
  unsigned status = 0;
  std::string content_type;
  std::string body;
};

/// Why there is no answer: what was being done (static text) and what came of it.
struct HttpFault {
  const char* operation = "";
  std::string reason;
  [[nodiscard]] std::string message() const;
};

/// One thread sends, one request at a time; `stop` comes from any thread.
class HttpClient {
 public:
  explicit HttpClient(HttpLimits limits = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// `path` (`/...`) stands behind the prefix's own. Blocks until the answer is whole, a timeout or `stop`.
  [[nodiscard]] std::expected<HttpAnswer, HttpFault> get(const UrlPrefix& prefix, std::string_view path);
  [[nodiscard]] std::expected<HttpAnswer, HttpFault> post(const UrlPrefix& prefix, std::string_view path,
                                                          std::string_view content_type, std::string body,
                                                          std::span<const HttpHeader> headers = {});
  /// Cuts the request in hand and refuses all later ones.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ledger::witness
