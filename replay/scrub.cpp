#include "replay/scrub.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include "events/store/clock.hpp"
#include "replay/verify_data.hpp"

namespace ledger::replay {
namespace {

constexpr int kLowestPriority = 19;
/// Problems told of one pass; damage rarely comes alone.
constexpr std::size_t kProblemsMax = 16;

}  // namespace

Scrub::Scrub(const store::Stores& stores, Options options)
    : stores_(stores), options_(std::move(options)), thread_([this] { run(); }) {}

Scrub::~Scrub() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

Scrub::Figures Scrub::figures() const {
  return {.position = position_.load(std::memory_order_relaxed),
          .passes = passes_.load(std::memory_order_relaxed),
          .problems = problems_.load(std::memory_order_relaxed),
          .failures = failures_.load(std::memory_order_relaxed),
          .last_good = {last_good_.load(std::memory_order_relaxed)}};
}

void Scrub::run() {
  // Of this thread alone: on Linux a thread id names one.
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kLowestPriority);
  while (!stopping()) {
    pass();
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, options_.interval, [this] { return stopping(); });
  }
}

void Scrub::pass() {
  VerifyOptions options;
  options.scratch = stores_.directory.root / "scrub";
  options.problems_max = kProblemsMax;
  options.events_per_second = options_.events_per_second;
  options.should_stop = [this] { return stopping(); };
  options.position = &position_;
  const auto report = verify_data(VerifiedStores::of(stores_), options);
  if (!report) {
    ++failures_;
    if (options_.on_problem)
      options_.on_problem({std::nullopt, "the scrub could not be made: " + report.error().detail});
    return;
  }
  if (report->stopped) return;
  position_ = report->size;
  ++passes_;
  if (report->good()) last_good_ = store::system_now().value;
  problems_ += report->problems.size();
  if (!options_.on_problem) return;
  for (const VerifyProblem& problem : report->problems) options_.on_problem(problem);
}

}  // namespace ledger::replay
