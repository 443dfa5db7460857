#include "server/witness/http_client.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <netdb.h>
#include <optional>
#include <sys/socket.h>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace ledger::witness {
namespace {

namespace net = boost::asio;
namespace ssl = net::ssl;
namespace beast = boost::beast;
using tcp = net::ip::tcp;
using Clock = std::chrono::steady_clock;
using Socket = net::basic_stream_socket<tcp, net::io_context::executor_type>;
using TlsStream = ssl::stream<Socket&>;

constexpr std::uint32_t kHeadBytesMax = 16 * 1024;

HttpFault fault(const char* operation, std::string reason) {
  return {.operation = operation, .reason = std::move(reason)};
}

/// A name's addresses, asked for on a thread of its own: getaddrinfo can be neither cut nor bounded, so
/// whoever waits may leave, and the thread ends by itself.
class Lookup {
 public:
  struct Found {
    int code = 0;
    std::vector<tcp::endpoint> endpoints;
  };
  static std::shared_ptr<Lookup> begin(std::string host, std::uint16_t port) {
    auto lookup = std::make_shared<Lookup>();
    std::thread([lookup, host = std::move(host), port] { lookup->run(host, port); }).detach();
    return lookup;
  }
  /// nullopt: nothing by then, or `ring` was called.
  std::optional<Found> wait_until(Clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    bell_.wait_until(lock, deadline, [this] { return found_.has_value() || rung_; });
    return found_;
  }
  void ring() {
    {
      const std::scoped_lock lock(mutex_);
      rung_ = true;
    }
    bell_.notify_all();
  }

 private:
  void run(const std::string& host, std::uint16_t port) {
    Found found;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* list = nullptr;
    found.code = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
    for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
      tcp::endpoint endpoint;
      if (at->ai_addrlen > endpoint.capacity()) continue;
      endpoint.resize(at->ai_addrlen);
      std::memcpy(endpoint.data(), at->ai_addr, at->ai_addrlen);
      endpoint.port(port);
      found.endpoints.push_back(endpoint);
    }
    if (list != nullptr) ::freeaddrinfo(list);
    {
      const std::scoped_lock lock(mutex_);
      found_ = std::move(found);
    }
    bell_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable bell_;
  std::optional<Found> found_;
  bool rung_ = false;
};

}  // namespace

std::expected<UrlPrefix, std::string> UrlPrefix::parse(std::string_view text) {
  const auto parsed = boost::urls::parse_uri(boost::urls::string_view(text.data(), text.size()));
  if (!parsed) return std::unexpected("not a URL");
  const boost::urls::url_view url = *parsed;
  UrlPrefix prefix;
  const std::string scheme(url.scheme());
  if (scheme != "http" && scheme != "https") return std::unexpected("neither http:// nor https://");
  prefix.tls = scheme == "https";
  if (url.has_userinfo()) return std::unexpected("user names do not belong in it");
  if (url.has_query() || url.has_fragment()) return std::unexpected("it ends with its path: no `?`, no `#`");
  prefix.host = std::string(url.host());
  if (prefix.host.starts_with('[')) prefix.host = prefix.host.substr(1, prefix.host.size() - 2);
  if (prefix.host.empty()) return std::unexpected("no host");
  // It is decoded by now, and goes into a header line.
  constexpr std::string_view kHostMarks = "-._:";
  if (!std::ranges::all_of(prefix.host, [&](char c) {
        return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || kHostMarks.contains(c);
      })) {
    return std::unexpected("not a host name in ASCII");
  }
  prefix.port = prefix.tls ? 443 : 80;
  if (url.has_port()) {
    prefix.port = url.port_number();
    if (prefix.port == 0) return std::unexpected("no port from 1 to 65535");
  }
  prefix.path = std::string(url.encoded_path());
  while (prefix.path.ends_with('/')) prefix.path.pop_back();
  return prefix;
}

std::string UrlPrefix::authority() const {
  std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != (tls ? 443 : 80)) text += ":" + std::to_string(port);
  return text;
}

std::string UrlPrefix::text() const {
  return (tls ? "https://" : "http://") + authority() + path;
}

std::string HttpFault::message() const {
  return std::string(operation) + ": " + reason;
}

/// What outlives a request: the limits, and how to cut the one in hand.
struct HttpClient::Impl {
  explicit Impl(HttpLimits given) : limits(std::move(given)) {}

  class Exchange;
  std::expected<HttpAnswer, HttpFault> send(const UrlPrefix& prefix, beast::http::verb method,
                                            std::string_view path, std::string_view content_type,
                                            std::string body, std::span<const HttpHeader> headers);
  [[nodiscard]] bool is_stopped() {
    const std::scoped_lock lock(mutex);
    return stopped;
  }

  const HttpLimits limits;
  std::mutex mutex;
  bool stopped = false;                   // guarded by mutex, as are:
  net::io_context* io_in_hand = nullptr;  // ... the loop that the sender runs
  std::shared_ptr<Lookup> lookup;         // ... and what it waits for before
};

/// One request on the loop of its own thread. Each step starts one operation and runs the loop until it is
/// done, its time is up, or `stop` stops the loop; a step that is not done ends the exchange, whose loop then
/// dies with whatever is still pending.
class HttpClient::Impl::Exchange {
 public:
  explicit Exchange(Impl& client)
      : client_(client),
        end_by_(std::min(Clock::now() + client.limits.total_timeout, client.limits.end_by)),
        connect_by_(std::min(Clock::now() + client.limits.connect_timeout, end_by_)) {
    const std::scoped_lock lock(client_.mutex);
    client_.io_in_hand = &io_;
  }
  ~Exchange() {
    const std::scoped_lock lock(client_.mutex);
    client_.io_in_hand = nullptr;
    client_.lookup.reset();
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  [[nodiscard]] std::expected<HttpAnswer, HttpFault> run(
      const UrlPrefix& prefix, beast::http::request<beast::http::string_body>& request) {
    const auto endpoints = resolve(prefix);
    if (!endpoints) return std::unexpected(endpoints.error());
    for (const tcp::endpoint& endpoint : *endpoints) {
      if (auto refused = refuse(endpoint)) return std::unexpected(std::move(*refused));
    }
    const auto connected = step("connect", connect_by_, [&] {
      net::async_connect(socket_, *endpoints,
                         [this](beast::error_code code, const tcp::endpoint&) { finish(code); });
    });
    if (!connected) return std::unexpected(connected.error());
    beast::error_code ignored;
    const tcp::endpoint peer = socket_.remote_endpoint(ignored);
    if (ignored) return std::unexpected(fault("connect", ignored.message()));
    if (auto refused = refuse(peer)) return std::unexpected(std::move(*refused));
    socket_.set_option(tcp::no_delay(true), ignored);
    if (!prefix.tls) return exchange(socket_, request);
    if (auto shaken = shake_hands(prefix.host); !shaken) return std::unexpected(shaken.error());
    return exchange(*tls_, request);
  }

 private:
  [[nodiscard]] std::optional<HttpFault> refuse(const tcp::endpoint& endpoint) const {
    if (!client_.limits.refuse_address) return std::nullopt;
    const net::ip::address address = endpoint.address();
    std::optional<std::string> why;
    if (address.is_v4()) {
      why = client_.limits.refuse_address(address.to_v4().to_bytes());
    } else {
      why = client_.limits.refuse_address(address.to_v6().to_bytes());
    }
    if (!why) return std::nullopt;
    return fault("connect", "not to " + address.to_string() + ": " + *why);
  }

  std::expected<std::vector<tcp::endpoint>, HttpFault> resolve(const UrlPrefix& prefix) {
    beast::error_code code;
    const auto address = net::ip::make_address(prefix.host, code);
    if (!code) return std::vector{tcp::endpoint(address, prefix.port)};
    const auto lookup = Lookup::begin(prefix.host, prefix.port);
    {
      const std::scoped_lock lock(client_.mutex);
      if (client_.stopped) return std::unexpected(fault("resolve", "stopped"));
      client_.lookup = lookup;
    }
    auto found = lookup->wait_until(connect_by_);
    if (!found) {
      return std::unexpected(fault("resolve", client_.is_stopped() ? "stopped" : "no answer in time"));
    }
    if (found->code != 0) return std::unexpected(fault("resolve", ::gai_strerror(found->code)));
    if (found->endpoints.empty()) return std::unexpected(fault("resolve", "no address"));
    return std::move(found->endpoints);
  }

  std::expected<void, HttpFault> shake_hands(const std::string& host) {
    beast::error_code code;
    tls_context_.set_default_verify_paths(code);
    if (!code && !client_.limits.ca_file.empty()) tls_context_.load_verify_file(client_.limits.ca_file, code);
    if (code) return std::unexpected(fault("load authorities", code.message()));
    SSL_CTX_set_min_proto_version(tls_context_.native_handle(), TLS1_2_VERSION);
    tls_.emplace(socket_, tls_context_);
    tls_->set_verify_mode(ssl::verify_peer, code);
    if (!code) tls_->set_verify_callback(ssl::host_name_verification(host), code);
    if (code) return std::unexpected(fault("set up TLS", code.message()));
    net::ip::make_address(host, code);
    if (code && SSL_set_tlsext_host_name(tls_->native_handle(), host.c_str()) != 1) {
      return std::unexpected(fault("set up TLS", "the host cannot be named to the server"));
    }
    return step("TLS handshake", connect_by_, [this] {
      tls_->async_handshake(ssl::stream_base::client, [this](beast::error_code result) { finish(result); });
    });
  }

  template <typename Stream>
  std::expected<HttpAnswer, HttpFault> exchange(Stream& stream,
                                                beast::http::request<beast::http::string_body>& request) {
    const auto sent = step("send", end_by_, [&] {
      beast::http::async_write(stream, request,
                               [this](beast::error_code code, std::size_t) { finish(code); });
    });
    if (!sent) return std::unexpected(sent.error());
    parser_.header_limit(kHeadBytesMax);
    if (client_.limits.status_suffices) return receive_status(stream);
    parser_.body_limit(client_.limits.body_bytes_max);
    const auto received = step("receive", end_by_, [&] {
      beast::http::async_read(stream, buffer_, parser_,
                              [this](beast::error_code code, std::size_t) { finish(code); });
    });
    if (!received) return std::unexpected(received.error());
    beast::http::response<beast::http::string_body>& response = parser_.get();
    return HttpAnswer{.status = response.result_int(),
                      .content_type = std::string(response[beast::http::field::content_type]),
                      .body = std::move(response.body())};
  }

  /// The body is read, as far as it may be, so that the peer sees its answer taken.
  template <typename Stream>
  std::expected<HttpAnswer, HttpFault> receive_status(Stream& stream) {
    parser_.body_limit(boost::none);
    const auto begun = step("receive", end_by_, [&] {
      beast::http::async_read_header(stream, buffer_, parser_,
                                     [this](beast::error_code code, std::size_t) { finish(code); });
    });
    if (!begun) return std::unexpected(begun.error());
    const std::size_t most = client_.limits.body_bytes_max;
    if (!parser_.is_done() && parser_.content_length().value_or(0) <= most) {
      parser_.body_limit(most);
      (void)step("receive", end_by_, [&] {
        beast::http::async_read(stream, buffer_, parser_,
                                [this](beast::error_code code, std::size_t) { finish(code); });
      });
    }
    return HttpAnswer{.status = parser_.get().result_int(), .content_type = {}, .body = {}};
  }

  template <typename Start>
  std::expected<void, HttpFault> step(const char* operation, Clock::time_point deadline, Start start) {
    done_ = false;
    start();
    io_.restart();
    // Looked at behind the restart: a `stop` from here on stops the loop, one before is seen now.
    if (client_.is_stopped()) return std::unexpected(fault(operation, "stopped"));
    io_.run_until(deadline);
    if (!done_) {
      return std::unexpected(fault(operation, client_.is_stopped() ? "stopped" : "no answer in time"));
    }
    if (code_) return std::unexpected(fault(operation, code_.message()));
    return {};
  }
  void finish(beast::error_code code) {
    done_ = true;
    code_ = code;
  }

  Impl& client_;
  const Clock::time_point end_by_, connect_by_;
  bool done_ = false;
  beast::error_code code_;
  beast::flat_buffer buffer_;
  beast::http::response_parser<beast::http::string_body> parser_;
  net::io_context io_{1};
  Socket socket_{io_};
  ssl::context tls_context_{ssl::context::tls_client};
  std::optional<TlsStream> tls_;
};

std::expected<HttpAnswer, HttpFault> HttpClient::Impl::send(const UrlPrefix& prefix, beast::http::verb method,
                                                            std::string_view path,
                                                            std::string_view content_type, std::string body,
                                                            std::span<const HttpHeader> headers) {
  beast::http::request<beast::http::string_body> request;
  request.version(11);
  request.method(method);
  request.target(prefix.path + std::string(path));
  request.set(beast::http::field::host, prefix.authority());
  request.set(beast::http::field::user_agent, "filing-ledger");
  request.set(beast::http::field::connection, "close");
  for (const HttpHeader& header : headers) request.set(header.name, header.value);
  if (method == beast::http::verb::post) {
    request.set(beast::http::field::content_type, content_type);
    request.body() = std::move(body);
    request.prepare_payload();
  }
  Exchange exchange(*this);
  return exchange.run(prefix, request);
}

HttpClient::HttpClient(HttpLimits limits) : impl_(std::make_unique<Impl>(std::move(limits))) {}
HttpClient::~HttpClient() = default;

std::expected<HttpAnswer, HttpFault> HttpClient::get(const UrlPrefix& prefix, std::string_view path) {
  return impl_->send(prefix, beast::http::verb::get, path, {}, {}, {});
}

std::expected<HttpAnswer, HttpFault> HttpClient::post(const UrlPrefix& prefix, std::string_view path,
                                                      std::string_view content_type, std::string body,
                                                      std::span<const HttpHeader> headers) {
  return impl_->send(prefix, beast::http::verb::post, path, content_type, std::move(body), headers);
}

void HttpClient::stop() {
  const std::scoped_lock lock(impl_->mutex);
  impl_->stopped = true;
  if (impl_->io_in_hand != nullptr) impl_->io_in_hand->stop();
  if (impl_->lookup) impl_->lookup->ring();
}

}  // namespace ledger::witness
