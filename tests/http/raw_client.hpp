// A client that sends exactly the bytes it is told to, for tests of the transport: no HTTP library would send
// these.
#pragma once

#include <arpa/inet.h>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

namespace ledger::http::test {

struct RawResponse {
  unsigned status = 0;
  std::multimap<std::string, std::string> headers;  // names in lower case
  std::string body;
  bool complete = false;  // the body ended as announced
  [[nodiscard]] std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
};

class RawClient {
 public:
  /// Connects to 127.0.0.1. `receive_buffer_bytes` makes a reader that the server cannot outrun by much.
  explicit RawClient(std::uint16_t port, int receive_buffer_bytes = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer_bytes != 0) {
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    }
    // Only a broken server lets this run out: it decides no passing test.
    const timeval patience{30, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  /// False when the server took no more.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void shutdown_send() { ::shutdown(socket_, SHUT_WR); }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  /// Nothing more came before the server closed in an orderly way.
  [[nodiscard]] bool at_end() { return buffer_.empty() && !receive() && ended_; }

  /// Whether this text came, among what was not read yet; it stays to be read.
  [[nodiscard]] bool wait_for(std::string_view text) {
    while (buffer_.find(text) == std::string::npos) {
      if (!receive()) return false;
    }
    return true;
  }

  /// Exactly so many bytes, whatever they mean; nullopt when the connection ended before.
  [[nodiscard]] std::optional<std::string> read_bytes(std::size_t bytes) {
    while (buffer_.size() < bytes) {
      if (!receive()) return std::nullopt;
    }
    return take(bytes);
  }

  /// One response; nullopt when the connection ended before a whole head. `to_head`: it answers a HEAD
  /// request.
  [[nodiscard]] std::optional<RawResponse> read(bool to_head = false) {
    std::size_t head_end;
    while ((head_end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!receive()) return std::nullopt;
    }
    RawResponse response;
    const std::string head = take(head_end + 4);
    response.status = static_cast<unsigned>(std::atoi(head.c_str() + 9));
    for (std::size_t at = head.find("\r\n") + 2; at + 2 < head.size();) {
      const std::size_t end = head.find("\r\n", at);
      const std::size_t colon = head.find(": ", at);
      std::string name = head.substr(at, colon - at);
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      response.headers.emplace(name, head.substr(colon + 2, end - colon - 2));
      at = end + 2;
    }
    if (to_head || response.status == 204 || response.status == 304 || response.status < 200) {
      response.complete = true;
    } else if (response.header("transfer-encoding") == "chunked") {
      read_chunks(response);
    } else if (const std::string length = response.header("content-length"); !length.empty()) {
      const auto bytes = static_cast<std::size_t>(std::atoll(length.c_str()));
      while (buffer_.size() < bytes && receive()) {
      }
      response.complete = buffer_.size() >= bytes;
      response.body = take(std::min(bytes, buffer_.size()));
    } else {
      while (receive()) {
      }
      response.complete = ended_;
      response.body = take(buffer_.size());
    }
    return response;
  }

 private:
  bool receive() {
    char bytes[65536];
    const ssize_t got = ::recv(socket_, bytes, sizeof bytes, 0);
    if (got > 0) buffer_.append(bytes, static_cast<std::size_t>(got));
    if (got == 0) ended_ = true;
    return got > 0;
  }
  std::string take(std::size_t bytes) {
    std::string taken = buffer_.substr(0, bytes);
    buffer_.erase(0, bytes);
    return taken;
  }
  void read_chunks(RawResponse& response) {
    for (;;) {
      std::size_t line_end;
      while ((line_end = buffer_.find("\r\n")) == std::string::npos) {
        if (!receive()) return;
      }
      const std::size_t size = std::strtoull(buffer_.c_str(), nullptr, 16);
      while (buffer_.size() < line_end + 2 + size + 2) {
        if (!receive()) return;
      }
      take(line_end + 2);
      response.body += take(size);
      if (take(2) != "\r\n") return;
      if (size == 0) {
        response.complete = true;
        return;
      }
    }
  }

  int socket_;
  bool connected_ = false;
  bool ended_ = false;
  std::string buffer_;
};

}  // namespace ledger::http::test
