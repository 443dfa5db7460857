#include "server/witness/witness_server.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "events/store/clock.hpp"
#include "events/tlog/checkpoint.hpp"
#include "events/tlog/cosignature.hpp"
#include "events/tlog/witness_message.hpp"

namespace ledger::witness {
namespace {

using Level = WitnessOptions::Level;
using tlog::WitnessStatus;

constexpr const char* kTextType = "text/plain; charset=utf-8";
constexpr const char* kSizeType = "text/x.tlog.size";
/// How often a comparison may be lost to another writer of the store before the client is sent away.
constexpr int kAttempts = 3;

http::Response text(unsigned status, std::string body, const char* type = kTextType) {
  http::Response response;
  response.status = status;
  response.content_type = type;
  response.body = std::move(body);
  return response;
}

http::Response busy(const char* why) {
  http::Response response = text(503, why);
  response.headers.add("Retry-After", "1");
  return response;
}

http::Response not_allowed(const char* allowed) {
  http::Response response = text(405, "method not allowed\n");
  response.headers.add("Allow", allowed);
  return response;
}

bool reads(const http::Request& request) {
  return request.method == http::Method::get || request.method == http::Method::head;
}

/// On one line, for the log.
std::string one_line(const std::string& note) {
  std::string line;
  for (const char c : note) {
    if (c == '\n') {
      line += "\\n";
    } else {
      line += c;
    }
  }
  return line;
}

std::string told(const tlog::Checkpoint& checkpoint) {
  return checkpoint.origin + " at " + std::to_string(checkpoint.size) + " entries, root " +
         tlog::hash_text(checkpoint.root);
}

}  // namespace

struct WitnessServer::Impl {
  Impl(WitnessStore& witness_store, WitnessOptions given) : store(witness_store), options(std::move(given)) {
    for (const crypto::VerifierKey& key : options.log_keys) logs[key.name].push_back(key);
    worker = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  struct Job {
    std::string body;
    http::Reply reply;
  };

  void add(std::string body, http::Reply reply) {
    {
      const std::scoped_lock lock(mutex);
      if (jobs.size() < options.queue_max) {
        jobs.push_back({std::move(body), std::move(reply)});
      }
    }
    if (reply) return reply(busy("too many requests wait already\n"));
    bell.notify_one();
  }

  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    while (bell.wait(lock, stop, [this] { return !jobs.empty(); })) {
      if (stop.stop_requested()) break;
      Job job = std::move(jobs.front());
      jobs.pop_front();
      lock.unlock();
      job.reply(answer(job.body));
      lock.lock();
    }
    for (Job& job : jobs) job.reply(busy("stopping\n"));
    jobs.clear();
  }

  http::Response answer(const std::string& body) {
    if (broken.load()) return busy("the store failed\n");
    try {
      const auto request = tlog::parse_add_checkpoint(body);
      if (!request) return text(400, request.error().message() + "\n");
      for (int attempt = 0; attempt < kAttempts; ++attempt) {
        if (auto response = judge(*request)) return std::move(*response);
      }
      return busy("another request came between\n");
    } catch (const store::StoreDamage& damage) {
      return break_off(damage.what());
    }
  }

  /// nullopt: what had been seen changed meanwhile; judge again.
  std::optional<http::Response> judge(const tlog::AddCheckpoint& request) {
    const tlog::Checkpoint& checkpoint = request.checkpoint.checkpoint;
    const auto log = logs.find(checkpoint.origin);
    if (log == logs.end()) return text(404, "this log is not followed here\n");
    const tlog::SeenCheckpoint seen = store.seen(checkpoint.origin);
    switch (tlog::judge_checkpoint(request, seen, log->second)) {
      case WitnessStatus::cosigned: return cosign(request, seen, log->second);
      case WitnessStatus::malformed: return text(400, "old lies above the checkpoint's size\n");
      case WitnessStatus::untrusted:
        notice(Level::info, "refused, not signed by a known key: " + told(checkpoint));
        return text(403, "no signature of a key known here, or one that does not verify\n");
      case WitnessStatus::unknown_origin: return text(404, "this log is not followed here\n");
      case WitnessStatus::stale: return text(409, tlog::format_size(seen.size), kSizeType);
      case WitnessStatus::inconsistent:
        // The log's own signature stands under it: this line is evidence.
        notice(Level::alarm, "refused, not proved to have grown from " + std::to_string(seen.size) +
                                 " entries, root " + tlog::hash_text(seen.root) + ": " +
                                 one_line(request.checkpoint.text()));
        return text(422, "no proof that the log only grew from what was cosigned before\n");
    }
    std::unreachable();
  }

  std::optional<http::Response> cosign(const tlog::AddCheckpoint& request, const tlog::SeenCheckpoint& seen,
                                       const std::vector<crypto::VerifierKey>& keys) {
    const tlog::Checkpoint& checkpoint = request.checkpoint.checkpoint;
    // A re-encoding of what was understood is signed. Of the signatures only those that were verified stay:
    // another one could have been made to look like ours.
    tlog::Note note{.text = tlog::checkpoint_body(checkpoint), .signatures = {}};
    const auto signers = tlog::verify_checkpoint(request.checkpoint, keys, {});
    for (const tlog::VerifiedSignature& signer : signers.value().log) {
      note.signatures.push_back(request.checkpoint.note.signatures.at(signer.signature));
    }
    const auto cosignature = tlog::cosign(options.name, store.key(), now(), note.text);
    note.signatures.push_back(cosignature);

    const auto advanced =
        store.advance(checkpoint.origin, seen, {checkpoint.size, checkpoint.root}, tlog::format_note(note));
    if (!advanced) {
      if (!advanced.error().is_full()) return break_off(advanced.error().message().c_str());
      notice(Level::alarm, "no room: " + advanced.error().message());
      return text(507, "no room to remember it\n");
    }
    if (!*advanced) return std::nullopt;
    notice(Level::info, "cosigned " + told(checkpoint));
    return text(200, tlog::format_cosignatures({&cosignature, 1}));
  }

  http::Response break_off(const char* why) {
    broken.store(true);
    notice(Level::alarm, std::string("the store failed, nothing is signed any more: ") + why);
    if (options.on_broken) options.on_broken();
    return busy("the store failed\n");
  }

  [[nodiscard]] std::uint64_t now() const {
    if (options.now) return options.now();
    return static_cast<std::uint64_t>(store::system_now().value / 1'000'000);
  }
  void notice(Level level, const std::string& line) const {
    if (options.on_notice) options.on_notice(level, line);
  }

  WitnessStore& store;
  const WitnessOptions options;
  std::map<std::string, std::vector<crypto::VerifierKey>, std::less<>> logs;  // constant once the worker runs
  std::atomic<bool> broken = false;
  std::mutex mutex;
  std::condition_variable_any bell;
  std::deque<Job> jobs;  // guarded by mutex
  std::jthread worker;
};

WitnessServer::WitnessServer(WitnessStore& store, WitnessOptions options)
    : impl_(std::make_unique<Impl>(store, std::move(options))) {}
WitnessServer::~WitnessServer() = default;

http::Admission WitnessServer::admit(const http::Request&) {
  return http::Admission::collect(tlog::kAddCheckpointSizeMax);
}

void WitnessServer::handle(http::Request&& request, http::Reply reply) {
  const std::vector<std::string>& path = request.path;
  if (path == std::vector<std::string>{"add-checkpoint"}) {
    if (request.method != http::Method::post) return reply(not_allowed("POST"));
    return impl_->add(std::move(request.body), std::move(reply));
  }
  if (path == std::vector<std::string>{"healthz"}) {
    if (!reads(request)) return reply(not_allowed("GET, HEAD"));
    return reply(impl_->broken.load() ? busy("the store failed\n") : text(200, "ok\n"));
  }
  if (path.size() == 2 && path[1] == "checkpoint") {
    if (!reads(request)) return reply(not_allowed("GET, HEAD"));
    auto checkpoint = impl_->store.checkpoint(path[0]);
    if (!checkpoint) return reply(text(404, "nothing was cosigned of such a log\n"));
    http::Response response = text(200, std::move(*checkpoint));
    response.headers.add("Cache-Control", "no-cache");
    response.headers.add("Access-Control-Allow-Origin", "*");  // pages compare what ledger and witness show
    return reply(std::move(response));
  }
  reply(text(404, "POST /add-checkpoint, GET /<origin hash>/checkpoint, GET /healthz\n"));
}

http::Response WitnessServer::problem(const http::Problem& problem) {
  return text(problem.status, std::string(problem.detail) + "\n");
}

void WitnessServer::fault(std::string_view what) {
  impl_->notice(Level::alarm, std::string(what));
}

}  // namespace ledger::witness
