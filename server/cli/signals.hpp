// SIGTERM and SIGINT for the commands that serve until they are told to end.
#pragma once

#include <chrono>
#include <csignal>
#include <ctime>

namespace ledger::cli {

/// SIGTERM and SIGINT, taken synchronously by one thread: no code runs in a handler.
class Signals {
 public:
  /// Before any other thread begins, which then inherit the mask.
  Signals() {
    std::signal(SIGINT, SIG_DFL);  // a shell starts its background jobs with it ignored
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }
  /// Waits for one of them that long.
  [[nodiscard]] bool wait(std::chrono::milliseconds limit) const {
    const timespec time{limit.count() / 1000, (limit.count() % 1000) * 1'000'000};
    return sigtimedwait(&set_, nullptr, &time) > 0;
  }

 private:
  sigset_t set_{};
};

}  // namespace ledger::cli
