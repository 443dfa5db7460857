// A server that answers each request with exactly the bytes that a script gives: what no honest server sends.
#pragma once

#include <arpa/inet.h>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <netinet/in.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace ledger::test {

/// A response with a body of known length.
inline std::string http_answer(unsigned status, const std::string& body,
                               const std::string& type = "text/plain") {
  return "HTTP/1.1 " + std::to_string(status) + " Whatever\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

class ScriptedServer {
 public:
  /// Gets a request's body; what it returns is sent and the connection closed. `silence`: nothing is sent and
  /// the connection stays open.
  using Script = std::function<std::string(const std::string& body)>;
  inline static const std::string silence{"\0", 1};

  explicit ScriptedServer(Script script)
      : script_(std::move(script)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      throw std::runtime_error("cannot listen");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~ScriptedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    for (const int held : held_) ::close(held);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] std::string url(const std::string& path = "") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  /// Heads and bodies, in the order they came.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> requests() const {
    const std::scoped_lock lock(mutex_);
    return requests_;
  }
  [[nodiscard]] std::size_t request_count() const { return requests().size(); }

 private:
  void run() {
    for (int peer; (peer = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      std::string head, body;
      if (!read(peer, head, body)) {
        ::close(peer);
        continue;
      }
      {
        const std::scoped_lock lock(mutex_);
        requests_.emplace_back(head, body);
      }
      const std::string answer = script_(body);
      if (answer == silence) {
        held_.push_back(peer);
        continue;
      }
      (void)::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::close(peer);
    }
  }
  static bool read(int peer, std::string& head, std::string& body) {
    std::string all;
    std::size_t end, length = 0;
    while ((end = all.find("\r\n\r\n")) == std::string::npos || all.size() < end + 4 + length) {
      char bytes[65536];
      const ssize_t got = ::recv(peer, bytes, sizeof bytes, 0);
      if (got <= 0) return false;
      all.append(bytes, static_cast<std::size_t>(got));
      if (const auto at = all.find("Content-Length: "); at != std::string::npos) {
        length = std::strtoull(all.c_str() + at + 16, nullptr, 10);
      }
    }
    head = all.substr(0, end);
    body = all.substr(end + 4);
    return true;
  }

  const Script script_;
  const int listener_;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::pair<std::string, std::string>> requests_;  // guarded by mutex_
  std::vector<int> held_;                                      // the thread's own
  std::thread thread_;
};

}  // namespace ledger::test
