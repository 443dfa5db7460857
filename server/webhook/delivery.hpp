// One webhook's deliveries: a thread that sends what is behind the cursor, one event a request, in order, and
// again until it is acknowledged.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include "events/core/states.hpp"
#include "events/store/engine.hpp"
#include "server/webhook/cursor_store.hpp"
#include "server/webhook/outbox.hpp"
#include "server/witness/http_client.hpp"

namespace ledger::webhook {

struct Options {
  bool allow_http = false;     ///< plain http may be asked
  bool allow_private = false;  ///< addresses that are not of the public Internet may be asked
  std::chrono::milliseconds retry_first{1'000};  ///< after the first failure; doubles with each further one
  std::chrono::milliseconds retry_longest{std::chrono::hours(4)};
  std::chrono::milliseconds give_up_after{std::chrono::hours(72)};  ///< then the webhook is paused
  std::chrono::milliseconds interval{20};                           ///< between two looks at a log that grows
  witness::HttpLimits http;                                         ///< 10 s and 64 KiB by default
  /// Told what an operator should read; any thread.
  std::function<void(const std::string&)> on_notice;
};

/// How it stands with one webhook.
struct Standing {
  Uuid id;
  Progress progress;
  std::uint64_t delivered = 0;  ///< acknowledged events since the start
};

/// What wakes the clerk, and through him all deliveries; it guards what they show, too. Whoever commits wakes
/// one thread, however many webhooks wait, and the clerk passes it on at his own pace.
struct Bell {
  std::mutex mutex;
  std::condition_variable news;  ///< for the clerk
  std::condition_variable rung;  ///< for the deliveries
  void ring() {
    pause();
    news.notify_one();
  }
  void pass_on() {
    pause();
    rung.notify_all();
  }

 private:
  /// Whoever looked before the news came is waiting by the time the mutex is free.
  void pause() { const std::scoped_lock lock(mutex); }
};

class Delivery {
 public:
  /// Begins at once, where `progress` says. All references outlive this.
  Delivery(WebhookState webhook, Progress progress, const store::Engine& engine, CursorStore& cursors,
           Bell& bell, const Options& options);
  /// Cuts the request in hand and waits for the thread. What was acknowledged is saved.
  ~Delivery();
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  [[nodiscard]] Standing standing() const;
  /// Ends a pause or a wait for the next attempt: it is made at once. Any thread.
  void resume();
  /// Like the destructor, without the wait.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;
  struct Fault {
    std::string reason;
    bool gone = false;  ///< the receiver wants no more
  };

  void run();
  /// Sends a page; the answer is when to look again.
  Clock::time_point turn();
  [[nodiscard]] std::optional<Fault> send(const Outgoing& event);
  void acknowledged(std::uint64_t position);
  [[nodiscard]] Clock::duration failed(const Fault& fault);
  void move_to(std::uint64_t cursor);
  void save();
  void tell(const std::string& what) const;
  [[nodiscard]] bool stopped() const;

  const WebhookState webhook_;
  const store::Engine& engine_;
  CursorStore& cursors_;
  Bell& bell_;
  const Options& options_;
  const crypto::SecretKey key_;
  witness::HttpClient client_;
  std::mt19937_64 chance_;

  // Guarded by bell_.mutex, like all that is shared between threads.
  Progress progress_;
  Progress saved_;
  std::uint64_t delivered_ = 0;
  Clock::time_point due_;
  bool stopped_ = false;

  std::mutex saving_;  ///< one save after the other, so that the newer one stays
  std::jthread thread_;
};

}  // namespace ledger::webhook
