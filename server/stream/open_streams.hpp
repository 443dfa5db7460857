// How many streams are open, and how many of them one address holds.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace ledger::server {

/// Any thread; it may be destroyed before the places that it gave.
class OpenStreams {
 public:
  /// `per_address_max` bounds the public streams of one IPv4 address or IPv6 /64 network; 0: no bound.
  explicit OpenStreams(std::size_t per_address_max) : counts_(std::make_shared<Counts>(per_address_max)) {}

  /// A place for as long as it is kept. For a public stream, null where the address holds as many as it may;
  /// loopback is never bounded.
  [[nodiscard]] std::shared_ptr<void> enter(bool is_public, std::string_view address);

  struct Figures {
    std::size_t public_streams = 0, granted_streams = 0;
  };
  [[nodiscard]] Figures figures() const {
    return {counts_->public_streams.load(), counts_->granted_streams.load()};
  }

 private:
  struct Counts {
    explicit Counts(std::size_t max) : per_address_max(max) {}
    const std::size_t per_address_max;
    std::atomic<std::size_t> public_streams{0}, granted_streams{0};
    std::mutex mutex;
    std::unordered_map<std::string, std::size_t> by_network;  // guarded by mutex
  };
  std::shared_ptr<Counts> counts_;
};

}  // namespace ledger::server
