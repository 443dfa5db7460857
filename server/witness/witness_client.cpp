#include "server/witness/witness_client.hpp"

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <thread>
#include <utility>

#include "events/store/clock.hpp"
#include "events/tlog/witness_message.hpp"

namespace ledger::witness {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// After a 409: how often a request is made anew at once, and the pauses before.
constexpr unsigned kQuickTries = 3;
constexpr milliseconds kQuickPause = 10ms;
constexpr int kQuickPauseFactor = 5;
constexpr milliseconds kQuickPauseMax = 250ms;

/// Waits that long; false when it is time to end.
using Pause = std::function<bool(milliseconds)>;

WitnessOpinion unavailable(std::string detail) {
  return {.verdict = WitnessVerdict::unavailable, .size = 0, .detail = std::move(detail)};
}

WitnessOpinion refused(tlog::WitnessStatus status) {
  using enum tlog::WitnessStatus;
  const auto unknown = [](const char* detail) {
    return WitnessOpinion{.verdict = WitnessVerdict::unknown_log, .size = 0, .detail = detail};
  };
  if (status == unknown_origin) return unknown("it does not follow this log (404)");
  if (status == untrusted) return unknown("it does not know the key that signed (403)");
  return unavailable("it calls the request malformed (400)");
}

/// One witness and how far it is known to have come. One thread.
class Dialogue {
 public:
  Dialogue(WitnessConfig config, WitnessedLog& log, HttpLimits limits)
      : config_(std::move(config)), log_(log), http_(std::move(limits)) {}

  /// Has the newest checkpoint cosigned, or says why not.
  WitnessOpinion ask(const Pause& pause) {
    milliseconds delay = kQuickPause;
    for (unsigned tries = 0;; ++tries) {
      if (auto opinion = ask_once()) return std::move(*opinion);
      if (tries == kQuickTries) return unavailable("it names another size each time (409)");
      if (!pause(delay)) return unavailable("stopped");
      delay = std::min(delay * kQuickPauseFactor, kQuickPauseMax);
    }
  }
  /// Any thread.
  void stop() { http_.stop(); }

  [[nodiscard]] const WitnessConfig& config() const { return config_; }
  /// The body of the last checkpoint that it cosigned; empty when there is none.
  [[nodiscard]] const std::string& cosigned() const { return cosigned_; }

 private:
  std::expected<tlog::AddCheckpoint, std::string> request() {
    tlog::AddCheckpoint request{.old_size = seen_, .proof = {}, .checkpoint = log_.newest()};
    const std::uint64_t size = request.checkpoint.checkpoint.size;
    // It has seen more than there is: asked from nothing it tells how much.
    if (request.old_size > size) request.old_size = 0;
    if (request.old_size == 0 || request.old_size == size) return request;
    auto proof = log_.consistency(request.old_size, size);
    if (!proof) {
      return std::unexpected("no consistency proof from " + std::to_string(request.old_size) + " to " +
                             std::to_string(size) + " can be made here");
    }
    request.proof = std::move(*proof);
    return request;
  }

  /// nullopt: the witness stands elsewhere, which is noted; ask again.
  std::optional<WitnessOpinion> ask_once() {
    const auto sent = request();
    if (!sent) return unavailable(sent.error());
    const auto answer = http_.post(config_.url, "/add-checkpoint", "text/plain; charset=utf-8", sent->text());
    if (!answer) return unavailable(answer.error().message());
    const auto reply = tlog::read_reply(*sent, answer->status, answer->body, std::span(&config_.key, 1));
    return std::visit([&](const auto& of_kind) { return take(*sent, answer->status, of_kind); }, reply);
  }

  using Reply = std::optional<WitnessOpinion>;
  Reply take(const tlog::AddCheckpoint& sent, unsigned, const tlog::witness_reply::Cosigned& cosigned) {
    seen_ = sent.checkpoint.checkpoint.size;
    cosigned_ = sent.checkpoint.note.text;
    log_.add_cosignatures(sent.checkpoint, cosigned.signatures);
    return WitnessOpinion{.verdict = WitnessVerdict::agrees, .size = seen_, .detail = {}};
  }
  Reply take(const tlog::AddCheckpoint&, unsigned, const tlog::witness_reply::SendFrom& from) {
    seen_ = from.size;
    return std::nullopt;
  }
  Reply take(const tlog::AddCheckpoint&, unsigned, const tlog::witness_reply::Ahead& ahead) {
    const std::uint64_t ours = log_.newest().checkpoint.size;
    if (ahead.size > ours) {
      return WitnessOpinion{.verdict = WitnessVerdict::ahead,
                            .size = ahead.size,
                            .detail = "it has cosigned " + std::to_string(ahead.size) +
                                      " entries of this log, which holds " + std::to_string(ours)};
    }
    seen_ = ahead.size;  // a newer checkpoint went out meanwhile
    return std::nullopt;
  }
  Reply take(const tlog::AddCheckpoint& sent, unsigned status, const tlog::witness_reply::Conflict&) {
    return WitnessOpinion{.verdict = WitnessVerdict::conflict,
                          .size = sent.old_size,
                          .detail = "it refuses that this log grew from " + std::to_string(sent.old_size) +
                                    " to " + std::to_string(sent.checkpoint.checkpoint.size) + " entries (" +
                                    std::to_string(status) + ")"};
  }
  Reply take(const tlog::AddCheckpoint&, unsigned, const tlog::witness_reply::Refused& refusal) {
    return refused(refusal.status);
  }
  Reply take(const tlog::AddCheckpoint&, unsigned status, const tlog::witness_reply::Unavailable& none) {
    return unavailable(std::string(none.reason) + " (" + std::to_string(status) + ")");
  }

  const WitnessConfig config_;
  WitnessedLog& log_;
  HttpClient http_;
  std::uint64_t seen_ = 0;
  std::string cosigned_;
};

}  // namespace

std::expected<WitnessConfig, std::string> WitnessConfig::parse(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  const auto key_end = std::ranges::find_if(text, is_blank);
  const std::string key_text(text.begin(), key_end);
  const std::string_view url_text(std::ranges::find_if_not(key_end, text.end(), is_blank), text.end());
  if (url_text.empty())
    return std::unexpected("not `VKEY URL`, a verifier key and where to ask: " + key_text);
  auto key = crypto::VerifierKey::parse(key_text);
  if (!key) return std::unexpected("not a verifier key, NAME+ID+BASE64: " + key_text);
  if (key->type != crypto::kCosignatureType) {
    return std::unexpected("the key of a log, not of a witness (`filing-ledger witness` prints its own): " +
                           key_text);
  }
  auto url = UrlPrefix::parse(url_text);
  if (!url) return std::unexpected(url.error() + ": " + std::string(url_text));
  return WitnessConfig{.key = std::move(*key), .url = std::move(*url)};
}

std::string_view name_of(WitnessVerdict verdict) {
  switch (verdict) {
    case WitnessVerdict::agrees: return "agrees";
    case WitnessVerdict::unknown_log: return "unknown_log";
    case WitnessVerdict::unavailable: return "unavailable";
    case WitnessVerdict::ahead: return "ahead";
    case WitnessVerdict::conflict: return "conflict";
  }
  std::unreachable();
}

WitnessOpinion ask_witness(const WitnessConfig& config, WitnessedLog& log, milliseconds timeout,
                           HttpLimits limits) {
  limits.end_by = std::min(limits.end_by, Clock::now() + timeout);
  const Clock::time_point end_by = limits.end_by;
  Dialogue dialogue(config, log, std::move(limits));
  return dialogue.ask([end_by](milliseconds time) {
    if (Clock::now() + time > end_by) return false;
    std::this_thread::sleep_for(time);
    return true;
  });
}

/// One witness and its thread.
class WitnessClients::Worker {
 public:
  Worker(WitnessConfig config, WitnessedLog& log, const WitnessTimes& times)
      : log_(log),
        times_(times),
        dialogue_(std::move(config), log, times.http),
        chance_(std::random_device{}()),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}

  void ring() {
    {
      const std::scoped_lock lock(mutex_);
      rung_ = true;
    }
    bell_.notify_all();
  }
  void request_stop() {
    thread_.request_stop();
    dialogue_.stop();
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] WitnessStanding standing() const {
    const std::scoped_lock lock(mutex_);
    WitnessStanding standing = standing_;
    standing.name = dialogue_.config().key.name;
    standing.url = dialogue_.config().url.text();
    return standing;
  }

 private:
  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto begun = Clock::now();
      const WitnessOpinion opinion = ask(stop);
      if (stop.stop_requested()) return;
      const unsigned failures = note(opinion);
      if (opinion.verdict == WitnessVerdict::ahead || opinion.verdict == WitnessVerdict::conflict) {
        // Asking on would change nothing: an operator must look, and start the ledger again.
        log_.conflict(dialogue_.config().key.name, opinion.detail);
        return;
      }
      if (failures != 0) {
        wait_until(stop, Clock::now() + retry_pause(failures));
        continue;
      }
      wait_until(stop, begun + times_.interval);
      while (!stop.stop_requested() && !has_news()) wait_for_ring(stop);
    }
  }

  WitnessOpinion ask(const std::stop_token& stop) {
    {
      const std::scoped_lock lock(mutex_);
      rung_ = false;  // before the newest checkpoint is read: a later one rings again
    }
    try {
      return dialogue_.ask([&](milliseconds time) { return wait_until(stop, Clock::now() + time); });
    } catch (const std::exception& error) {
      return unavailable(error.what());
    }
  }

  /// True also when the log cannot tell: asking then says why.
  bool has_news() {
    {
      const std::scoped_lock lock(mutex_);
      rung_ = false;
    }
    try {
      return log_.newest().note.text != dialogue_.cosigned();
    } catch (const std::exception&) {
      return true;
    }
  }

  /// Answers how many rounds have failed one after the other.
  unsigned note(const WitnessOpinion& opinion) {
    const std::scoped_lock lock(mutex_);
    standing_.asked = true;
    standing_.verdict = opinion.verdict;
    if (opinion.verdict == WitnessVerdict::agrees) {
      standing_.cosigned_size = opinion.size;
      standing_.cosigned_at = store::system_now();
      standing_.failures = 0;
    } else {
      ++standing_.failures;
      standing_.reason = opinion.detail;
    }
    return standing_.failures;
  }

  /// Between half and all of it, so that ledgers that lost one witness together do not return together.
  milliseconds retry_pause(unsigned failures) {
    milliseconds pause = times_.retry_first;
    for (unsigned i = 1; i < failures && pause < times_.retry_longest; ++i) pause *= 2;
    pause = std::min(pause, times_.retry_longest);
    std::uniform_int_distribution<milliseconds::rep> between(pause.count() / 2, pause.count());
    return milliseconds(between(chance_));
  }

  /// False when it is time to end.
  bool wait_until(const std::stop_token& stop, Clock::time_point time) {
    std::unique_lock lock(mutex_);
    bell_.wait_until(lock, stop, time, [] { return false; });
    return !stop.stop_requested();
  }
  void wait_for_ring(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    bell_.wait(lock, stop, [this] { return rung_; });
  }

  // Constant after construction.
  WitnessedLog& log_;
  const WitnessTimes times_;

  Dialogue dialogue_;  // the thread's own, but `stop` and the config
  std::minstd_rand chance_;

  mutable std::mutex mutex_;
  std::condition_variable_any bell_;
  bool rung_ = false;         // guarded by mutex_, as is:
  WitnessStanding standing_;  // ... what the last rounds came to

  std::jthread thread_;  // last: begins when all else is there, ends before any of it goes
};

WitnessClients::WitnessClients(std::vector<WitnessConfig> configs, WitnessedLog& log, WitnessTimes times) {
  workers_.reserve(configs.size());
  for (WitnessConfig& config : configs) {
    workers_.push_back(std::make_unique<Worker>(std::move(config), log, times));
  }
}

WitnessClients::~WitnessClients() {
  stop();
}

void WitnessClients::ring() {
  for (const auto& worker : workers_) worker->ring();
}

std::vector<WitnessStanding> WitnessClients::standings() const {
  std::vector<WitnessStanding> standings;
  standings.reserve(workers_.size());
  for (const auto& worker : workers_) standings.push_back(worker->standing());
  return standings;
}

void WitnessClients::stop() {
  for (const auto& worker : workers_) worker->request_stop();
  for (const auto& worker : workers_) worker->join();
}

}  // namespace ledger::witness
