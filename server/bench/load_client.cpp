#include "server/bench/load_client.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <chrono>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace ledger::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// One keep-alive connection with one request in flight.
class Connection {
 public:
  Connection(std::uint16_t port, const std::string& request) : request_(&request) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (socket_ < 0 || ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("bench: cannot connect");
    }
    const int one = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  ~Connection() {
    if (socket_ >= 0) ::close(socket_);
  }
  Connection(Connection&& other) noexcept
      : sent_at(other.sent_at), socket_(std::exchange(other.socket_, -1)), request_(other.request_) {}
  Connection& operator=(Connection&&) = delete;

  void send() {
    sent_at = Clock::now();
    answer_.clear();
    // Requests here fit any socket buffer, since the one before was answered.
    if (::send(socket_, request_->data(), request_->size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request_->size())) {
      throw std::runtime_error("bench: a request could not be sent whole");
    }
  }

  /// Reads what is there; true once the answer is complete.
  bool receive() {
    char bytes[65'536];
    const ssize_t count = ::recv(socket_, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count <= 0) throw std::runtime_error("bench: the server closed a connection");
    answer_.append(bytes, static_cast<std::size_t>(count));
    const auto head_end = answer_.find("\r\n\r\n");
    if (head_end == std::string::npos) return false;
    return answer_.size() >= head_end + 4 + content_length(head_end);
  }

  [[nodiscard]] bool succeeded() const { return answer_.size() > 9 && answer_[9] == '2'; }
  [[nodiscard]] int socket() const { return socket_; }

  Clock::time_point sent_at;

 private:
  [[nodiscard]] std::size_t content_length(std::size_t head_end) const {
    std::size_t at = answer_.find("ontent-");
    while (at != std::string::npos && at < head_end) {
      const std::string_view name = std::string_view(answer_).substr(at + 7, 7);
      if (name == "Length:" || name == "length:") {
        const char* from = answer_.data() + at + 14;
        while (*from == ' ') ++from;
        std::size_t length = 0;
        std::from_chars(from, answer_.data() + head_end, length);
        return length;
      }
      at = answer_.find("ontent-", at + 1);
    }
    throw std::runtime_error("bench: an answer without Content-Length");
  }

  int socket_ = -1;
  const std::string* request_;
  std::string answer_;
};

double percentile(std::vector<float>& values, double part) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::size_t>(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

}  // namespace

Load drive(std::uint16_t port, const std::vector<std::string>& requests, double seconds) {
  std::vector<Connection> connections;
  connections.reserve(requests.size());
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  for (const std::string& request : requests) {
    connections.emplace_back(port, request);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = connections.size() - 1;
    ::epoll_ctl(poll, EPOLL_CTL_ADD, connections.back().socket(), &event);
  }
  const auto start = Clock::now();
  const auto measured =
      start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds / 10));
  const auto end =
      measured + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  for (Connection& connection : connections) connection.send();
  Load load;
  std::vector<float> latencies;
  std::vector<epoll_event> ready(connections.size());
  auto now = start;
  while (now < end) {
    const int count = ::epoll_wait(poll, ready.data(), static_cast<int>(ready.size()), 1'000);
    now = Clock::now();
    for (int i = 0; i < count; ++i) {
      Connection& connection = connections[ready[static_cast<std::size_t>(i)].data.u64];
      if (!connection.receive()) continue;
      if (!connection.succeeded()) ++load.failures;
      if (now >= measured) {
        latencies.push_back(std::chrono::duration<float, std::milli>(now - connection.sent_at).count());
      }
      connection.send();
    }
  }
  ::close(poll);
  load.requests_per_second =
      static_cast<double>(latencies.size()) / std::chrono::duration<double>(now - measured).count();
  load.p50_ms = percentile(latencies, 0.50);
  load.p99_ms = percentile(latencies, 0.99);
  return load;
}

}  // namespace ledger::bench
