// What a transport told its handler, for tests to look at.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/handler.hpp"

namespace ledger::http::test {

/// The lines of an access log and the faults of one handler. Any thread.
class ExchangeLog {
 public:
  /// For Handler::done: `METHOD PATH STATUS`, with ` cut` behind an answer that was not written whole.
  void add(const RequestSummary& summary) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::string(summary.method) + " " + std::string(summary.path) + " " +
                     std::to_string(summary.status) + (summary.complete ? "" : " cut"));
    added_.notify_all();
  }
  /// For Handler::fault.
  void add_fault(std::string_view what) {
    const std::lock_guard lock(mutex_);
    faults_.emplace_back(what);
  }
  /// All lines, once there are so many or half a minute has passed: `done` comes after the client may have
  /// its answer.
  [[nodiscard]] std::vector<std::string> lines(std::size_t wanted) {
    std::unique_lock lock(mutex_);
    added_.wait_for(lock, std::chrono::seconds(30), [&] { return lines_.size() >= wanted; });
    return lines_;
  }
  [[nodiscard]] std::vector<std::string> faults() {
    const std::lock_guard lock(mutex_);
    return faults_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable added_;
  std::vector<std::string> lines_;   // guarded by mutex_
  std::vector<std::string> faults_;  // guarded by mutex_
};

}  // namespace ledger::http::test
