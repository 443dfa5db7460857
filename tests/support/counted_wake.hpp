// A Wake that counts, in place of a connection.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "server/http/handler.hpp"

namespace ledger::test {

class CountedWake final : public http::detail::Exchange {
 public:
  void answer(std::uint64_t, http::Response&&) override {}
  void dropped(std::uint64_t) override {}
  void wake(std::uint64_t) override { ++count; }

  std::atomic<int> count{0};

  [[nodiscard]] static http::Wake of(const std::shared_ptr<CountedWake>& counted) { return {counted, 1}; }
  /// Whether it is called that often within a time that only a broken bell lets run out.
  [[nodiscard]] bool reaches(int wanted) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (count.load() < wanted && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return count.load() >= wanted;
  }
};

}  // namespace ledger::test
