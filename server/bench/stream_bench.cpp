#include "server/bench/stream_bench.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <charconv>
#include <chrono>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include <spdlog/fmt/fmt.h>

#include "replay/bench_engine.hpp"
#include "server/bench/bench_ledger.hpp"
#include "server/bench/product_server.hpp"

namespace ledger::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kThreads = 2;
constexpr std::size_t kFilings = 64;
constexpr std::uint32_t kSeed = 1;

/// A subscriber's socket, its request sent.
class Peer {
 public:
  Peer(std::uint16_t port, std::string_view query, const std::string& token)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const std::string request =
        fmt::format("GET /v1/stream{} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", query, token);
    if (socket_ < 0 || ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::send(socket_, request.data(), request.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(request.size())) {
      throw std::runtime_error("bench: cannot connect");
    }
  }
  ~Peer() {
    if (socket_ >= 0) ::close(socket_);
  }
  Peer(Peer&& other) noexcept : tail_(std::move(other.tail_)), socket_(std::exchange(other.socket_, -1)) {}
  Peer& operator=(Peer&&) = delete;

  [[nodiscard]] int socket() const { return socket_; }

  /// Reads what is there and calls `each(position)` for each event; false once `caught_up` was among it.
  template <typename Each>
  bool receive(Each&& each) {
    static thread_local std::string bytes(1U << 20, '\0');
    const ssize_t count = ::recv(socket_, bytes.data(), bytes.size(), 0);
    if (count <= 0) throw std::runtime_error("bench: the server ended a stream");
    tail_.append(bytes, 0, static_cast<std::size_t>(count));
    bool goes_on = true;
    std::size_t begin = 0;
    for (std::size_t end; (end = tail_.find("\n\n", begin)) != tail_.npos; begin = end + 2) {
      const std::string_view frame = std::string_view(tail_).substr(begin, end - begin);
      if (frame.find("event: caught_up") != frame.npos) goes_on = false;
      const std::size_t id = frame.find("id: ");
      if (id == frame.npos || frame.find("event: ") < id) continue;
      std::uint64_t position = 0;
      std::from_chars(frame.data() + id + 4, frame.data() + frame.size(), position);
      each(position);
    }
    tail_.erase(0, begin);
    return goes_on;
  }

 private:
  std::string tail_;
  int socket_;
};

std::string auditor_of(BenchLedger& ledger) {
  const auto granted = ledger.must(GrantAccess{"bench auditor", Role::auditor, {}, {}}, store::Trusted{});
  return granted.token.value();
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double percentile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, at);
  return *at;
}

/// What one run of live subscribers came to.
struct Live {
  std::uint64_t frames = 0;
  double seconds = 0;
  std::vector<double> delays_ms;
};

/// Appends `events` at 100 a second and notes when each was answered, by position behind `first`.
void append_paced(BenchLedger& ledger, const Uuid& filing, std::vector<std::atomic<std::int64_t>>& answered,
                  std::uint64_t first) {
  const auto begin = Clock::now();
  for (std::size_t i = 0; i < answered.size(); ++i) {
    std::this_thread::sleep_until(begin + i * std::chrono::milliseconds(10));
    const auto accepted = ledger.must(SaveDraft{filing, BenchLedger::kilobyte_form()}, ledger.filer);
    answered.at(accepted.position - first).store(Clock::now().time_since_epoch().count());
  }
}

Live run_live(BenchLedger& ledger, ProductServer& product, const std::string& token, const Uuid& filing,
              std::size_t subscribers, std::size_t events) {
  std::vector<Peer> peers;
  peers.reserve(subscribers);
  for (std::size_t i = 0; i < subscribers; ++i) peers.emplace_back(product.port(), "?after=head", token);
  for (Peer& peer : peers) {
    while (peer.receive([](std::uint64_t) {})) {
    }
  }
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  for (Peer& peer : peers) {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &peer}};
    ::epoll_ctl(poll, EPOLL_CTL_ADD, peer.socket(), &event);
  }
  const std::uint64_t first = ledger.engine->size();
  std::vector<std::atomic<std::int64_t>> answered(events);
  Live live;
  std::vector<std::pair<std::uint64_t, std::int64_t>> received;
  received.reserve(subscribers * events);
  const auto begin = Clock::now();
  std::jthread writer([&] { append_paced(ledger, filing, answered, first); });
  while (received.size() < subscribers * events && seconds_since(begin) < 60) {
    std::array<epoll_event, 256> ready;
    const int count = ::epoll_wait(poll, ready.data(), static_cast<int>(ready.size()), 1'000);
    for (int i = 0; i < count; ++i) {
      const std::int64_t now = Clock::now().time_since_epoch().count();
      (void)static_cast<Peer*>(ready[static_cast<std::size_t>(i)].data.ptr)
          ->receive([&](std::uint64_t position) { received.emplace_back(position - first, now); });
    }
  }
  live.seconds = seconds_since(begin);
  writer.join();
  ::close(poll);
  live.frames = received.size();
  for (const auto& [event, at] : received) {
    live.delays_ms.push_back(static_cast<double>(at - answered.at(event).load()) / 1e6);
  }
  return live;
}

}  // namespace

Result bench_stream(const Options& options) {
  const std::uint64_t events = options.quick ? 10'000 : 1'000'000;
  BenchLedger ledger(options.directory);
  const std::string token = auditor_of(ledger);
  const replay::BenchCaller caller{ledger.filer, ledger.subject, BenchLedger::kilobyte_form()};
  std::vector<Uuid> filings;
  replay::grow_filings(*ledger.engine, caller, kFilings, filings);
  if (options.on_progress) options.on_progress(fmt::format("  growing the ledger to {} events", events));
  (void)replay::save_drafts(*ledger.engine, caller, filings, events, kFilings, kSeed);
  Result result{.unit = "events/s", .samples = {}, .note = {}};
  const ProductServer product(*ledger.engine, ledger.models, kThreads);
  for (unsigned i = 0; i < options.repeats; ++i) {
    Peer peer(product.port(), "", token);
    std::uint64_t received = 0;
    const auto begin = Clock::now();
    while (peer.receive([&](std::uint64_t) { ++received; })) {
    }
    if (received != ledger.engine->size()) throw std::runtime_error("bench: events are missing");
    result.samples.push_back({.product = static_cast<double>(received) / seconds_since(begin), .raw = 0});
  }
  result.note = fmt::format("{} events, client and server in one process", ledger.engine->size());
  return result;
}

Result bench_stream_live(const Options& options) {
  const std::size_t subscribers = options.quick ? 100 : 1'000;
  const std::size_t events = options.quick ? 50 : 500;
  std::atomic<ProductServer*> listening{nullptr};
  BenchLedger ledger(options.directory, [&](store::EngineOptions& engine) {
    engine.on_published = [&listening] {
      if (ProductServer* product = listening.load()) product->published();
    };
  });
  const std::string token = auditor_of(ledger);
  const Uuid filing = ledger.drafts(1).front();
  Result result{.unit = "frames/s", .samples = {}, .note = {}};
  std::vector<double> delays;
  for (unsigned i = 0; i < options.repeats; ++i) {
    ProductServer product(*ledger.engine, ledger.models, kThreads);
    listening.store(&product);
    const Live live = run_live(ledger, product, token, filing, subscribers, events);
    // The last commit was answered, but its ring may still be on its way.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    listening.store(nullptr);
    if (live.frames != subscribers * events) throw std::runtime_error("bench: frames are missing");
    result.samples.push_back({.product = static_cast<double>(live.frames) / live.seconds, .raw = 0});
    delays.insert(delays.end(), live.delays_ms.begin(), live.delays_ms.end());
  }
  const double middle = percentile(delays, 0.5);
  result.note =
      fmt::format("{} subscribers, {} events each; from the answer to receipt p50 {:.1f} ms, p99 {:.1f} ms",
                  subscribers, events, middle, percentile(delays, 0.99));
  return result;
}

}  // namespace ledger::bench
