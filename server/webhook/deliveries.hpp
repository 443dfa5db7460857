// Deliveries to all webhooks that the ledger knows. At least once, in order for each webhook, one event a
// request, signed as the Standard Webhooks specification says. docs/webhooks.md tells receivers.
#pragma once

#include <expected>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/webhook/delivery.hpp"

namespace ledger::webhook {

/// One a server, and one thread a webhook: there are at most limits::kWebhooksMax. Any thread.
class Deliveries {
 public:
  Deliveries() = default;
  ~Deliveries() { stop(); }
  Deliveries(const Deliveries&) = delete;
  Deliveries& operator=(const Deliveries&) = delete;

  /// Begins at the cursors that `directory` holds. Once; the engine outlives `stop`. The error says why the
  /// cursors cannot be kept.
  [[nodiscard]] std::expected<void, std::string> begin(const store::Engine& engine,
                                                       const std::filesystem::path& directory,
                                                       Options options);
  /// Something was published. Cheap; also before `begin` and after `stop`.
  void ring();
  /// Cuts what is under way; nothing of the engine is read afterwards. One thread at a time.
  void stop();

  /// nullopt where the webhook is not known, or only so new that nothing was looked at yet.
  [[nodiscard]] std::optional<Standing> standing(const Uuid& webhook) const;
  /// In the order of their ids.
  [[nodiscard]] std::vector<Standing> standings() const;
  /// False where the webhook is not known.
  bool resume(const Uuid& webhook);

 private:
  void follow(const std::stop_token& stop);
  void reconcile();

  Options options_;
  const store::Engine* engine_ = nullptr;
  std::unique_ptr<CursorStore> cursors_;
  Bell bell_;
  mutable std::mutex mutex_;
  std::map<Uuid, std::shared_ptr<Delivery>> deliveries_;  // guarded by mutex_
  std::jthread clerk_;
};

}  // namespace ledger::webhook
