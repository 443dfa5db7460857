#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

#include <spdlog/fmt/fmt.h>

#include "replay/bench_engine.hpp"
#include "server/bench/bare_broadcaster.hpp"
#include "server/bench/bench_ledger.hpp"
#include "server/bench/product_server.hpp"
#include "server/bench/stream_bench.hpp"
#include "server/bench/stream_peer.hpp"
#include "server/http/websocket.hpp"

namespace ledger::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kThreads = 2;
constexpr unsigned kCallers = 64;
constexpr std::size_t kFilings = 64;
constexpr std::uint32_t kSeed = 1;
constexpr std::chrono::milliseconds kGap{10};  // between two events: 100 a second
constexpr std::chrono::milliseconds kCallMax{50};
constexpr double kSecondsMax = 120;  // for what takes five on a machine that keeps up

std::int64_t now_ns() {
  return Clock::now().time_since_epoch().count();
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

/// When each event was published, by position behind `first`.
struct Stamps {
  Stamps(std::uint64_t first_position, std::size_t events) : first(first_position), at_ns(events) {}
  /// Everything below `size` that has no time yet was published now.
  void published(std::uint64_t size) {
    const std::int64_t now = now_ns();
    for (; next < at_ns.size() && first + next < size; ++next) at_ns.at(next).store(now);
  }
  const std::uint64_t first;
  std::vector<std::atomic<std::int64_t>> at_ns;
  std::size_t next = 0;  // the publishing thread's
};

/// The ledger with what hears of its commits.
struct LiveLedger {
  explicit LiveLedger(const std::filesystem::path& directory)
      : ledger(directory, [this](store::EngineOptions& engine) {
          engine.on_published = [this] {
            if (Stamps* times = stamps.load()) times->published(ledger.engine->size());
            if (ProductServer* product = listening.load()) product->published();
            if (const auto* send = broadcast.load()) (*send)(ledger.engine->size() - 1);
          };
        }) {}
  std::atomic<ProductServer*> listening{nullptr};
  std::atomic<Stamps*> stamps{nullptr};
  /// In the product's place: told the position of each commit's last event.
  std::atomic<const std::function<void(std::uint64_t)>*> broadcast{nullptr};
  BenchLedger ledger;
};

/// A server over that ledger, which tells it of commits for as long as it lives.
class LiveServer {
 public:
  LiveServer(LiveLedger& live, std::size_t connections_max)
      : live_(live), server_(*live.ledger.engine, live.ledger.models, kThreads, connections_max) {
    live_.listening.store(&server_);
  }
  ~LiveServer() {
    live_.listening.store(nullptr);
    // The last commit was answered, but its ring may still be on its way.
    std::this_thread::sleep_for(kCallMax);
  }
  LiveServer(const LiveServer&) = delete;
  LiveServer& operator=(const LiveServer&) = delete;
  [[nodiscard]] std::uint16_t port() const { return server_.port(); }

 private:
  LiveLedger& live_;
  ProductServer server_;
};

/// All peers' sockets in one epoll.
class Poll {
 public:
  explicit Poll(std::vector<StreamPeer>& peers) : poll_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (StreamPeer& peer : peers) {
      epoll_event event{.events = EPOLLIN, .data = {.ptr = &peer}};
      ::epoll_ctl(poll_, EPOLL_CTL_ADD, peer.socket(), &event);
    }
  }
  ~Poll() { ::close(poll_); }
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;

  /// Reads whatever came within `timeout_ms` and calls `each(position, received_ns)`; false when nothing did.
  template <typename Each>
  bool receive(int timeout_ms, Each&& each) {
    std::array<epoll_event, 256> ready;
    const int count = ::epoll_wait(poll_, ready.data(), static_cast<int>(ready.size()), timeout_ms);
    for (int i = 0; i < count; ++i) {
      const std::int64_t now = now_ns();
      (void)static_cast<StreamPeer*>(ready[static_cast<std::size_t>(i)].data.ptr)
          ->receive([&](std::uint64_t position) { each(position, now); });
    }
    return count > 0;
  }

 private:
  int poll_;
};

/// Appends an event every 10 ms, and tells the delays in ms of what the peers receive. Throws where a frame
/// never comes.
std::vector<double> paced(LiveLedger& live, const Uuid& filing, std::vector<StreamPeer>& peers,
                          std::size_t events) {
  Stamps stamps(live.ledger.engine->size(), events);
  live.stamps.store(&stamps);
  Poll poll(peers);
  std::vector<std::pair<std::uint64_t, std::int64_t>> received;
  received.reserve(peers.size() * events);
  const auto begin = Clock::now();
  std::jthread writer([&] {
    for (std::size_t i = 0; i < events; ++i) {
      std::this_thread::sleep_until(begin + i * kGap);
      (void)live.ledger.must(SaveDraft{filing, BenchLedger::kilobyte_form()}, live.ledger.filer);
    }
  });
  while (received.size() < peers.size() * events && seconds_since(begin) < kSecondsMax) {
    (void)poll.receive(1'000, [&](std::uint64_t position, std::int64_t at) {
      received.emplace_back(position - stamps.first, at);
    });
  }
  writer.join();
  live.stamps.store(nullptr);
  if (received.size() != peers.size() * events) throw std::runtime_error("bench: frames are missing");
  std::vector<double> delays_ms;
  delays_ms.reserve(received.size());
  for (const auto& [event, at] : received) {
    delays_ms.push_back(static_cast<double>(at - stamps.at_ns.at(event).load()) / 1e6);
  }
  return delays_ms;
}

/// A frame as the product sends it, with a payload of `bytes` of text in the event's place.
std::string bare_frame(Transport transport, std::uint64_t position, std::size_t bytes) {
  const std::string event(bytes, 'x');
  if (transport == Transport::sse) {
    const std::string text = fmt::format("id: {}\ndata: {}\n\n", position, event);
    return fmt::format("{:x}\r\n{}\r\n", text.size(), text);
  }
  std::string frame;
  http::append_text_frame(frame,
                          fmt::format(R"({{"kind":"event","position":{},"event":"{}"}})", position, event));
  return frame;
}

std::string bare_greeting(Transport transport) {
  if (transport == Transport::sse) {
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1b\r\nevent: caught_up\ndata: {}\n\n\r\n";
  }
  std::string text =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
  http::append_text_frame(text, R"({"kind":"caught_up","position":0})");
  return text;
}

std::string at_head(std::size_t) {
  return "?after=head";
}

Result live(const Options& options, Transport transport) {
  const std::size_t subscribers = options.quick ? 100 : 1'000;
  const std::size_t events = options.quick ? 50 : 500;
  LiveLedger live(options.directory);
  BenchLedger& ledger = live.ledger;
  const std::string token = ledger.auditor_token();
  const Uuid filing = ledger.drafts(1).front();
  Result result{.unit = "ms", .samples = {}, .note = {}};
  std::size_t event_bytes = 0;
  double product_p50 = 0, raw_p50 = 0;
  for (unsigned i = 0; i < options.repeats; ++i) {
    Sample sample;
    {
      const LiveServer server(live, 0);
      auto peers = live_peers(subscribers, server.port(), transport, token, at_head);
      auto delays = paced(live, filing, peers, events);
      event_bytes = peers.front().longest_frame();
      sample.product = percentile(delays, 0.99);
      product_p50 = percentile(delays, 0.5);
    }
    {
      BareBroadcaster bare(bare_greeting(transport), kThreads);
      auto peers = live_peers(subscribers, bare.port(), transport, token, at_head);
      const std::function<void(std::uint64_t)> send = [&](std::uint64_t position) {
        bare.send(bare_frame(transport, position, event_bytes));
      };
      live.broadcast.store(&send);
      auto delays = paced(live, filing, peers, events);
      live.broadcast.store(nullptr);
      // The last commit was answered, but its call may still be under way.
      std::this_thread::sleep_for(kCallMax);
      sample.raw = percentile(delays, 0.99);
      raw_p50 = percentile(delays, 0.5);
    }
    result.samples.push_back(sample);
    if (options.on_progress) {
      options.on_progress(fmt::format("  {:.1f} ms against {:.1f} ms", sample.product, sample.raw));
    }
  }
  result.note = fmt::format(
      "{} subscribers, {} events of {} bytes each, all delivered; p50 of the last run {:.1f} ms, bare {:.1f} "
      "ms; "
      "client and server in one process",
      subscribers, events, event_bytes, product_p50, raw_p50);
  return result;
}

/// Memory of this process that is in use, in KiB.
double resident_kib() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t pages = 0, resident = 0;
  statm >> pages >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1024;
}

/// As many subscribers as this process may have sockets for, each of which takes two; at most `wanted`.
std::size_t affordable(std::size_t wanted) {
  constexpr rlim_t kOthers = 200;
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return wanted;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_max == RLIM_INFINITY) return wanted;
  return std::min<std::size_t>(wanted, (std::max(files.rlim_max, kOthers + 2) - kOthers) / 2);
}

}  // namespace

Result bench_stream_live(const Options& options) {
  return live(options, Transport::sse);
}

Result bench_stream_live_websocket(const Options& options) {
  return live(options, Transport::websocket);
}

Result bench_stream_memory(const Options& options) {
  const std::size_t subscribers = affordable(options.quick ? 200 : 5'000);
  const std::size_t events = 20;
  LiveLedger live(options.directory);
  BenchLedger& ledger = live.ledger;
  const std::string token = ledger.auditor_token();
  const Uuid filing = ledger.drafts(1).front();
  Result result{.unit = "KiB", .samples = {}, .note = {}};
  for (unsigned i = 0; i < options.repeats; ++i) {
    const LiveServer server(live, subscribers + 100);
    // What the first subscriber of either kind costs is not theirs.
    { auto first = live_peers(2, server.port(), Transport::sse, token, at_head); }
    { auto first = live_peers(2, server.port(), Transport::websocket, token, at_head); }
    const double before = resident_kib();
    auto peers = live_peers(subscribers / 2, server.port(), Transport::sse, token, at_head);
    auto others = live_peers(subscribers - peers.size(), server.port(), Transport::websocket, token, at_head);
    std::ranges::move(others, std::back_inserter(peers));
    std::size_t received = 0;
    Poll poll(peers);
    const auto begin = Clock::now();
    for (std::size_t event = 0; event < events; ++event) {
      (void)ledger.must(SaveDraft{filing, BenchLedger::kilobyte_form()}, ledger.filer);
      while (received < (event + 1) * peers.size() && seconds_since(begin) < kSecondsMax) {
        (void)poll.receive(1'000, [&](std::uint64_t, std::int64_t) { ++received; });
      }
    }
    if (received != events * peers.size()) throw std::runtime_error("bench: frames are missing");
    const double each = (resident_kib() - before) / static_cast<double>(peers.size());
    result.samples.push_back({.product = each, .raw = 0});
  }
  result.note =
      fmt::format("{} subscribers, {} events each; resident memory of the process, their clients' in it too",
                  subscribers, events);
  return result;
}

Result bench_stream_appends(const Options& options) {
  const std::size_t subscribers = options.quick ? 100 : 1'000;
  const std::uint64_t events = options.quick ? 2'000 : 200'000;
  LiveLedger live(options.directory);
  BenchLedger& ledger = live.ledger;
  const std::string token = ledger.auditor_token();
  const replay::BenchCaller caller{ledger.filer, ledger.subject, BenchLedger::kilobyte_form()};
  std::vector<Uuid> filings;
  replay::grow_filings(*ledger.engine, caller, kFilings, filings);
  const auto append = [&] {
    return replay::save_drafts(*ledger.engine, caller, filings, events, kCallers, kSeed);
  };
  (void)append();
  Result result{.unit = "events/s", .samples = {}, .note = {}};
  std::uint64_t frames = 0;
  const LiveServer server(live, 0);
  for (unsigned i = 0; i < options.repeats; ++i) {
    Sample sample;
    sample.raw = append();
    auto peers = live_peers(subscribers, server.port(), Transport::sse, token, [&](std::size_t at) {
      return fmt::format("?after=head&filing_id={}", filings.at(at % filings.size()).text());
    });
    std::atomic<bool> done{false};
    std::uint64_t received = 0;
    std::jthread client([&] {
      Poll poll(peers);
      const auto count = [&](std::uint64_t, std::int64_t) { ++received; };
      while (!done.load()) (void)poll.receive(100, count);
      while (poll.receive(500, count)) {
      }
    });
    sample.product = append();
    done.store(true);
    client.join();
    frames = received;
    result.samples.push_back(sample);
    if (options.on_progress) {
      options.on_progress(fmt::format("  {:.0f} against {:.0f}", sample.product, sample.raw));
    }
  }
  result.note = fmt::format(
      "{} subscribers, each of one of {} streams; {} events, {} frames received in the last repeat",
      subscribers, filings.size(), events, frames);
  return result;
}

}  // namespace ledger::bench
