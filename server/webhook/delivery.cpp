#include "server/webhook/delivery.hpp"

#include <algorithm>
#include <array>
#include <exception>

#include "events/core/webhook_url.hpp"
#include "events/crypto/webhook.hpp"
#include "events/store/clock.hpp"
#include "server/webhook/address_rules.hpp"

namespace ledger::webhook {
namespace {

using std::chrono::milliseconds;

/// Events read at once: their bodies are held while they are sent.
constexpr std::size_t kPageEvents = 64;
/// A cursor that moved over events of others alone is saved this rarely: looking at them again is cheap.
constexpr std::uint64_t kUnsavedMax = 10'000;
/// After a failure of this machine, not of the receiver.
constexpr milliseconds kAgainAfterOwnFault{5'000};

witness::HttpLimits limits_of(const Options& options) {
  witness::HttpLimits limits = options.http;
  limits.status_suffices = true;
  if (!options.allow_private) {
    limits.refuse_address = [](std::span<const std::uint8_t> address) -> std::optional<std::string> {
      const auto why = why_not_public(address);
      return why ? std::optional("it is not public, but " + *why) : std::nullopt;
    };
  }
  return limits;
}

std::uint64_t seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

Delivery::Delivery(WebhookState webhook, Progress progress, const store::Engine& engine, CursorStore& cursors,
                   Bell& bell, const Options& options)
    : webhook_(std::move(webhook)),
      engine_(engine),
      cursors_(cursors),
      bell_(bell),
      options_(options),
      key_(engine.webhook_key(webhook_.id)),
      client_(limits_of(options)),
      chance_(seed()),
      progress_(progress),
      saved_(std::move(progress)),
      due_(Clock::now()),
      thread_([this] { run(); }) {}

Delivery::~Delivery() {
  stop();
  thread_.join();
}

void Delivery::stop() {
  {
    const std::scoped_lock lock(bell_.mutex);
    stopped_ = true;
  }
  client_.stop();
  bell_.rung.notify_all();
}

bool Delivery::stopped() const {
  const std::scoped_lock lock(bell_.mutex);
  return stopped_;
}

Standing Delivery::standing() const {
  const std::scoped_lock lock(bell_.mutex);
  return {webhook_.id, progress_, delivered_};
}

void Delivery::resume() {
  {
    const std::scoped_lock lock(bell_.mutex);
    progress_.paused = false;
    progress_.failures = 0;
    progress_.failing_since.reset();
    due_ = Clock::now();
  }
  save();
  bell_.rung.notify_all();
}

void Delivery::tell(const std::string& what) const {
  if (options_.on_notice) options_.on_notice("webhook " + webhook_.id.text() + ": " + what);
}

void Delivery::run() {
  std::unique_lock lock(bell_.mutex);
  while (!stopped_) {
    if (progress_.paused || engine_.size() <= progress_.cursor + 1) {
      bell_.rung.wait(lock);
      continue;
    }
    if (due_ > Clock::now()) {
      bell_.rung.wait_until(lock, due_);
      continue;
    }
    lock.unlock();
    Clock::time_point next;
    try {
      next = turn();
    } catch (const std::exception& fault) {
      tell(std::string("cannot read what to send: ") + fault.what());
      next = Clock::now() + kAgainAfterOwnFault;
    }
    lock.lock();
    due_ = next;
  }
  lock.unlock();
  save();
}

Delivery::Clock::time_point Delivery::turn() {
  Progress before;
  {
    const std::scoped_lock lock(bell_.mutex);
    before = progress_;
  }
  const OutgoingPage page =
      next_page(engine_, webhook_, before.cursor, before.failures == 0 ? kPageEvents : 1);
  for (const Outgoing& event : page.events) {
    if (stopped()) return {};
    const auto fault = send(event);
    if (!fault) {
      acknowledged(event.position);
      continue;
    }
    if (stopped()) return {};
    // What lies between the last event sent and this one was not for the webhook.
    move_to(event.position - 1);
    const Clock::duration wait = failed(*fault);
    save();
    return Clock::now() + wait;
  }
  move_to(page.looked_at);
  std::uint64_t unsaved = 0;
  {
    const std::scoped_lock lock(bell_.mutex);
    unsaved = progress_.cursor - std::min(saved_.cursor, progress_.cursor);
  }
  if (!page.events.empty() || unsaved >= kUnsavedMax) save();
  return page.more ? Clock::now() : Clock::now() + options_.interval;
}

std::optional<Delivery::Fault> Delivery::send(const Outgoing& event) {
  const auto url = parse_url(webhook_.url);
  if (!url) return Fault{"the URL cannot be read", false};
  if (!url->tls && !options_.allow_http) return Fault{"plain http is not allowed", false};
  const witness::UrlPrefix prefix{url->tls, std::string(url->host), url->port, {}};
  std::string target(url->target);
  if (!target.starts_with('/')) target.insert(0, "/");

  const std::int64_t now = store::system_now().value / 1'000'000;
  const std::array<witness::HttpHeader, 3> headers = {{
      {"webhook-id", event.id},
      {"webhook-timestamp", std::to_string(now)},
      {"webhook-signature", crypto::webhook_signature(key_.view(), event.id, now, event.body)},
  }};
  const auto answer = client_.post(prefix, target, "application/cloudevents+json", event.body, headers);
  if (!answer) return Fault{answer.error().message(), false};
  if (answer->status >= 200 && answer->status < 300) return std::nullopt;
  return Fault{"answered " + std::to_string(answer->status), answer->status == 410};
}

void Delivery::move_to(std::uint64_t cursor) {
  const std::scoped_lock lock(bell_.mutex);
  progress_.cursor = std::max(progress_.cursor, cursor);
}

void Delivery::acknowledged(std::uint64_t position) {
  const std::scoped_lock lock(bell_.mutex);
  progress_ = {.cursor = position, .failing_since = {}, .reason = {}};
  ++delivered_;
}

Delivery::Clock::duration Delivery::failed(const Fault& fault) {
  const TimestampUs now = store::system_now();
  std::string notice;
  milliseconds wait = options_.retry_first;
  {
    const std::scoped_lock lock(bell_.mutex);
    ++progress_.failures;
    progress_.reason = fault.reason;
    if (!progress_.failing_since) progress_.failing_since = now;
    const std::int64_t lasted = now.value - progress_.failing_since->value;
    if (fault.gone || lasted >= std::chrono::microseconds(options_.give_up_after).count()) {
      progress_.paused = true;
      notice = "paused: " + fault.reason;
    } else if (progress_.failures == 1) {
      notice = "will be tried again: " + fault.reason;
    }
    for (std::uint32_t i = 1; i < progress_.failures && wait < options_.retry_longest; ++i) wait *= 2;
  }
  if (!notice.empty()) tell(notice);
  wait = std::min(wait, options_.retry_longest);
  // Receivers that failed together are not all asked again together.
  std::uniform_real_distribution<double> jitter(0.8, 1.2);
  return std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double, std::milli>(static_cast<double>(wait.count()) * jitter(chance_)));
}

void Delivery::save() {
  const std::scoped_lock order(saving_);
  Progress progress;
  {
    const std::scoped_lock lock(bell_.mutex);
    if (progress_ == saved_) return;
    progress = progress_;
  }
  if (const auto saved = cursors_.save(webhook_.id, progress); !saved) {
    tell("its cursor was not saved, so that events may be sent again: " + saved.error().message());
    return;
  }
  const std::scoped_lock lock(bell_.mutex);
  saved_ = std::move(progress);
}

}  // namespace ledger::webhook
