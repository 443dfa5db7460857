#include "server/webhook/deliveries.hpp"

#include <algorithm>
#include <exception>

namespace ledger::webhook {
namespace {

constexpr std::chrono::milliseconds kAgainAfterFault{5'000};

}  // namespace

std::expected<void, std::string> Deliveries::begin(const store::Engine& engine,
                                                   const std::filesystem::path& directory, Options options) {
  auto cursors = CursorStore::open(directory);
  if (!cursors) return std::unexpected(directory.string() + ": " + cursors.error().message());
  cursors_ = std::move(*cursors);
  options_ = std::move(options);
  engine_ = &engine;
  clerk_ = std::jthread([this](const std::stop_token& stop) { follow(stop); });
  return {};
}

void Deliveries::ring() {
  bell_.ring();
}

void Deliveries::stop() {
  if (!clerk_.joinable()) return;
  clerk_.request_stop();
  bell_.ring();
  clerk_.join();
  std::map<Uuid, std::shared_ptr<Delivery>> ending;
  {
    const std::scoped_lock lock(mutex_);
    ending.swap(deliveries_);
  }
  // All at once first: each may be in the middle of a request.
  for (const auto& [id, delivery] : ending) delivery->stop();
}

/// Keeps the deliveries those of the ledger's list.
void Deliveries::follow(const std::stop_token& stop) {
  std::uint64_t version = 0;
  std::uint64_t looked_at = 0;
  const auto stopped = [&] { return stop.stop_requested(); };
  std::unique_lock lock(bell_.mutex);
  while (!stopped()) {
    lock.unlock();
    auto pause = options_.interval;
    try {
      looked_at = engine_->size();
      if (const std::uint64_t now = engine_->snapshot().stream_version({}); now != version) {
        reconcile();
        version = now;
      }
    } catch (const std::exception& fault) {
      if (options_.on_notice) options_.on_notice(std::string("webhooks cannot be read: ") + fault.what());
      looked_at = 0;
      pause = kAgainAfterFault;
    }
    bell_.pass_on();
    lock.lock();
    bell_.news.wait_for(lock, pause, stopped);
    bell_.news.wait(lock, [&] { return stopped() || engine_->size() != looked_at; });
  }
}

void Deliveries::reconcile() {
  const LedgerState ledger = engine_->snapshot().lookup().ledger();
  const std::uint64_t last = std::max<std::uint64_t>(engine_->size(), 1) - 1;
  std::vector<std::shared_ptr<Delivery>> ended;
  {
    const std::scoped_lock lock(mutex_);
    std::erase_if(deliveries_, [&](auto& entry) {
      if (ledger.webhook(entry.first) != nullptr) return false;
      ended.push_back(std::move(entry.second));
      return true;
    });
  }
  for (const auto& delivery : ended) delivery->stop();
  ended.clear();
  for (const Uuid& id : cursors_->webhooks()) {
    if (ledger.webhook(id) == nullptr) (void)cursors_->remove(id);
  }
  for (const WebhookState& webhook : ledger.webhooks) {
    if (standing(webhook.id)) continue;
    Progress progress =
        cursors_->load(webhook.id)
            .value_or(Progress{.cursor = webhook.position, .failing_since = {}, .reason = {}});
    // A ledger that came back from a backup may end before the cursor: what it appends now is new.
    progress.cursor = std::min(progress.cursor, last);
    auto delivery =
        std::make_shared<Delivery>(webhook, std::move(progress), *engine_, *cursors_, bell_, options_);
    const std::scoped_lock lock(mutex_);
    deliveries_.emplace(webhook.id, std::move(delivery));
  }
}

std::optional<Standing> Deliveries::standing(const Uuid& webhook) const {
  const std::scoped_lock lock(mutex_);
  const auto found = deliveries_.find(webhook);
  if (found == deliveries_.end()) return std::nullopt;
  return found->second->standing();
}

std::vector<Standing> Deliveries::standings() const {
  std::vector<Standing> all;
  const std::scoped_lock lock(mutex_);
  for (const auto& [id, delivery] : deliveries_) all.push_back(delivery->standing());
  return all;
}

bool Deliveries::resume(const Uuid& webhook) {
  std::shared_ptr<Delivery> delivery;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = deliveries_.find(webhook);
    if (found == deliveries_.end()) return false;
    delivery = found->second;
  }
  delivery->resume();
  return true;
}

}  // namespace ledger::webhook
