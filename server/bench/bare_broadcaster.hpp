// What live streams are measured against: the plainest server that gives every listener every frame.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace ledger::bench {

/// Listens on 127.0.0.1 with as many threads as the product until destroyed. Whoever sends a request head is
/// answered `greeting` and is a listener from then on. A frame is built once and shared; each listener gets
/// it with one send call of its own, or after what it has not taken yet.
class BareBroadcaster {
 public:
  BareBroadcaster(std::string greeting, unsigned threads);
  ~BareBroadcaster();
  [[nodiscard]] std::uint16_t port() const;
  /// Any thread; it does not wait.
  void send(std::string frame);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ledger::bench
