#include "server/http/server.hpp"

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <utility>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>

#include "server/http/connection.hpp"
#include "server/http/io_thread.hpp"

namespace ledger::http {
namespace {

using Error = boost::system::error_code;
using Acceptor = net::basic_socket_acceptor<net::ip::tcp, IoThread::Executor>;

// Connections beyond the limit still get their 503 politely, but these have a limit of their own.
constexpr std::size_t kRefusedConnectionsMax = 256;
// After the system ran out of descriptors or memory.
constexpr std::chrono::milliseconds kAcceptPause{100};

std::string text_of(const net::ip::address& address) {
  // A dual-stack socket names IPv4 clients in mapped form.
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return net::ip::make_address_v4(net::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

unsigned thread_count(unsigned asked) {
  return asked != 0 ? asked : std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

struct Server::Impl {
  explicit Impl(std::shared_ptr<Shared> all) : shared(std::move(all)) {
    const unsigned threads = thread_count(shared->options.io_threads);
    for (unsigned i = 0; i < threads; ++i) io.push_back(std::make_shared<IoThread>(shared, i));
    acceptor.emplace(io.front()->context);
    pause.emplace(io.front()->context);
  }

  [[nodiscard]] std::expected<void, ListenError> bind();
  void accept_next();
  void on_accept(Error error, Connection::Socket socket, const std::shared_ptr<IoThread>& target);
  void close_acceptor();

  std::shared_ptr<Shared> shared;
  std::vector<std::shared_ptr<IoThread>> io;
  std::optional<Acceptor> acceptor;        // the first io thread's own, once running
  std::optional<net::steady_timer> pause;  // likewise
  std::size_t next_thread = 0;             // likewise
  net::ip::tcp::endpoint bound;
};

std::expected<void, ListenError> Server::Impl::bind() {
  const std::string& text = shared->options.listen;
  const auto failed = [&](std::string_view what) {
    return std::unexpected(ListenError{"cannot listen on " + text + ": " + std::string(what)});
  };
  const auto where = parse_host_port(text);
  if (!where) return failed("not HOST:PORT or [IPv6]:PORT");
  Error error;
  net::ip::tcp::resolver resolver(io.front()->context);
  const auto found =
      resolver.resolve(where->host, std::to_string(where->port),
                       net::ip::resolver_base::passive | net::ip::resolver_base::numeric_service, error);
  if (error || found.empty()) return failed(error.message());
  const net::ip::tcp::endpoint endpoint = found.begin()->endpoint();
  acceptor->open(endpoint.protocol(), error);
  if (error) return failed(error.message());
  acceptor->set_option(net::socket_base::reuse_address(true), error);
  acceptor->bind(endpoint, error);
  if (error) return failed(error.message());
  acceptor->listen(net::socket_base::max_listen_connections, error);
  if (error) return failed(error.message());
  bound = acceptor->local_endpoint(error);
  if (error) return failed(error.message());
  return {};
}

void Server::Impl::accept_next() {
  const std::shared_ptr<IoThread>& target = io[next_thread++ % io.size()];
  acceptor->async_accept(target->context, [this, target](Error error, Connection::Socket socket) {
    on_accept(error, std::move(socket), target);
  });
}

void Server::Impl::on_accept(Error error, Connection::Socket socket,
                             const std::shared_ptr<IoThread>& target) {
  if (!acceptor->is_open()) return;
  if (error == net::error::no_descriptors || error == net::error::no_memory ||
      error == net::error::no_buffer_space || error == boost::system::errc::too_many_files_open_in_system) {
    shared->handler.fault("accept: " + error.message());
    pause->expires_after(kAcceptPause);
    pause->async_wait([this](Error) {
      if (acceptor->is_open()) accept_next();
    });
    return;
  }
  if (!error) {
    ThreadCounters& counters = io.front()->counters;
    ThreadCounters::add(counters.accepted, 1);
    const std::size_t open = shared->connections_open.load(std::memory_order_relaxed);
    const std::size_t limit = shared->options.connections_max;
    if (open >= limit) ThreadCounters::add(counters.refused, 1);
    Error gone;
    const net::ip::tcp::endpoint peer = socket.remote_endpoint(gone);
    const bool hearable = shared->refusals_open.load(std::memory_order_relaxed) < kRefusedConnectionsMax;
    if (!gone && (open < limit || hearable)) {
      Letter letter;
      letter.kind = Letter::Kind::adopt;
      letter.to =
          std::make_shared<Connection>(target, std::move(socket), text_of(peer.address()), open >= limit);
      target->post(std::move(letter));
    }
  }
  accept_next();
}

void Server::Impl::close_acceptor() {
  Error error;
  acceptor->close(error);
  pause->cancel();
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

std::expected<std::unique_ptr<Server>, ListenError> Server::listen(Options options, Handler& handler) {
  auto proxies = TrustedProxies::parse(options.trusted_proxies);
  if (!proxies) return std::unexpected(ListenError{"bad trusted proxy: " + proxies.error()});
  auto shared = std::make_shared<Shared>(std::move(options), handler, std::move(*proxies));
  shared->id_seed = std::random_device{}();
  auto impl = std::make_unique<Impl>(std::move(shared));
  if (auto bound = impl->bind(); !bound) return std::unexpected(std::move(bound.error()));
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::uint16_t Server::port() const {
  return impl_->bound.port();
}

std::string Server::address() const {
  const std::string host = impl_->bound.address().to_string();
  const bool v6 = impl_->bound.address().is_v6();
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(impl_->bound.port());
}

void Server::run() {
  net::post(impl_->io.front()->context, [impl = impl_.get()] {
    if (impl->acceptor->is_open()) impl->accept_next();
  });
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < impl_->io.size(); ++i) {
    threads.emplace_back([io = impl_->io[i].get()] { io->run(); });
  }
  impl_->io.front()->run();
  for (std::thread& thread : threads) thread.join();
  // Sinks and producers of connections that are gone may still be at work.
  impl_->shared->workers.join();
}

void Server::stop(std::chrono::milliseconds deadline) {
  const SteadyTime at = std::chrono::steady_clock::now() + deadline;
  // Before the loops end: the first one runs until its acceptor is closed.
  net::post(impl_->io.front()->context, [impl = impl_.get()] { impl->close_acceptor(); });
  for (const auto& io : impl_->io) io->stop_by(at);
}

Counters Server::counters() const {
  Counters sum;
  sum.connections_open = impl_->shared->connections_open.load(std::memory_order_relaxed);
  for (const auto& io : impl_->io) {
    const auto read = [](const std::atomic<std::uint64_t>& value) {
      return value.load(std::memory_order_relaxed);
    };
    sum.connections_accepted += read(io->counters.accepted);
    sum.connections_refused += read(io->counters.refused);
    sum.requests += read(io->counters.requests);
    sum.requests_refused += read(io->counters.requests_refused);
    sum.bytes_in += read(io->counters.bytes_in);
    sum.bytes_out += read(io->counters.bytes_out);
  }
  return sum;
}

}  // namespace ledger::http
