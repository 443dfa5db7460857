// What a serving process does beside answering: it asks witnesses, scrubs, and lapses unused registrations.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "replay/scrub.hpp"
#include "server/api/metrics.hpp"
#include "server/witness/engine_log.hpp"

namespace spdlog {
class logger;
}

namespace ledger::cli {

using Readings = std::vector<server::Metrics::Reading>;

/// Rung by the engine after each published batch; whoever waits for events hangs on it. Any thread.
class Bell {
 public:
  void ring() {
    const std::lock_guard lock(mutex_);
    if (rung_) rung_();
  }
  /// What is rung from now on; it must not block. Empty: nothing.
  void hang(std::function<void()> rung) {
    const std::lock_guard lock(mutex_);
    rung_ = std::move(rung);
  }

 private:
  std::mutex mutex_;
  std::function<void()> rung_;
};

struct BackgroundOptions {
  std::vector<witness::WitnessConfig> witnesses;
  unsigned scrub_hours = 24;       ///< between two scrubs; 0: none
  unsigned lapse_after_days = 90;  ///< of a registration never submitted; 0: never
};

/// Why the ledger must not write, by what its witnesses know; nullopt where none objects. Asked before
/// anything is served; blocks for some seconds at most. Who could not be asked is logged.
[[nodiscard]] std::optional<std::string> hindrance(store::Engine& engine, const BackgroundOptions& options,
                                                   spdlog::logger& log);

/// All of it, each on threads of its own. Stops and waits when it goes; the engine and the bell outlive it.
class Background {
 public:
  Background(store::Engine& engine, Bell& bell, const BackgroundOptions& options,
             std::shared_ptr<spdlog::logger> log);
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// Begins to stop what may take a while, without waiting for it.
  void begin_to_stop() {
    lapsing_.request_stop();
    watching_.request_stop();
  }
  /// How it stands, for /metrics. Any thread.
  [[nodiscard]] Readings readings() const;

 private:
  Bell& bell_;
  witness::EngineLog log_;
  std::optional<witness::WitnessClients> witnesses_;
  std::optional<replay::Scrub> scrub_;
  std::jthread lapsing_, watching_;
};

}  // namespace ledger::cli
