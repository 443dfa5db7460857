#include "events/store/live_rebuild.hpp"

#include <chrono>
#include <sys/resource.h>
#include <unistd.h>

#include "events/store/clock.hpp"
#include "events/store/writer.hpp"

namespace ledger::store {
namespace {

/// So few events are applied while the writer waits. A round over the tail takes longer than they do to come.
constexpr std::uint64_t kTailMax = 512;
/// A log that grows faster than it is read is told of, not chased for ever.
constexpr int kRoundsMax = 1000;
constexpr std::chrono::milliseconds kBetweenLooks{5};
/// Readers are done within one answer; whoever takes longer closes the old file by itself.
constexpr int kLooksMax = 1000;
constexpr int kNice = 10;

std::unexpected<EngineFault> failed(EngineFailure kind, std::string detail) {
  return std::unexpected(fault_of(kind, std::move(detail)));
}

/// Whether both end at the same event of the same log.
bool says_the_same(const Views& one, const Views& other) {
  const auto meta = [](const Views& views) {
    const auto read = views.read();
    if (!read) throw StoreDamage(read.error());
    return views.meta(**read);
  };
  return meta(one) == meta(other);
}

}  // namespace

std::string_view code_of(RebuildState state) {
  switch (state) {
    case RebuildState::none: return "none";
    case RebuildState::running: return "running";
    case RebuildState::done: return "done";
    case RebuildState::failed: return "failed";
    case RebuildState::stopped: return "stopped";
  }
  return {};
}

LiveRebuild::LiveRebuild(Stores& stores, Writer& writer, std::span<Projection* const> projections,
                         ViewsOptions options, std::function<TimestampUs()> clock,
                         std::function<void(std::string)> notice)
    : stores_(stores),
      writer_(writer),
      projections_(projections),
      clock_(std::move(clock)),
      notice_(std::move(notice)),
      options_(std::move(options)) {
  options_.stop = &stopping_;
  options_.on_progress = [this](std::uint64_t done, std::uint64_t total) {
    const std::lock_guard lock(mutex_);
    status_.events = done;
    status_.total = total;
  };
}

LiveRebuild::~LiveRebuild() {
  stop();
}

std::expected<void, Refusal> LiveRebuild::start() {
  const auto refuse = [](std::string_view code) {
    return std::unexpected(Refusal{.code = code, .errors = {}, .state = {}, .detail = {}});
  };
  const std::lock_guard lock(mutex_);
  if (stopping_.load()) return refuse("shutting_down");
  if (status_.state == RebuildState::running) return refuse("rebuild_running");
  std::error_code code;
  const std::filesystem::space_info disk = std::filesystem::space(stores_.directory.root, code);
  if (!code && disk.available < stores_.views->file()->usage().used_bytes) return refuse("storage_full");
  if (thread_.joinable()) thread_.join();  // it has said its last word
  status_ = {};
  status_.state = RebuildState::running;
  status_.total = writer_.published_size();
  status_.started_at = clock_();
  begun_ = monotonic_now();
  thread_ = std::thread([this] { run(); });
  return {};
}

RebuildStatus LiveRebuild::status() const {
  const std::lock_guard lock(mutex_);
  RebuildStatus status = status_;
  if (status.state == RebuildState::running)
    status.seconds = static_cast<double>(monotonic_now().value - begun_.value) / 1e6;
  return status;
}

void LiveRebuild::stop() {
  std::thread running;
  {
    const std::lock_guard lock(mutex_);
    stopping_.store(true);
    running = std::move(thread_);
  }
  if (running.joinable()) running.join();
}

void LiveRebuild::end(RebuildState state, std::string failure) {
  RebuildStatus ended = status();
  if (notice_ && state == RebuildState::done) {
    notice_("the views were rebuilt and swapped in: " + std::to_string(ended.events) + " events, " +
            std::to_string(static_cast<std::uint64_t>(ended.events_per_second())) + " a second");
  } else if (notice_ && state == RebuildState::failed) {
    notice_("the rebuild of the views was given up, the old ones go on: " + failure);
  }
  ended.state = state;
  ended.failure = std::move(failure);
  const std::lock_guard lock(mutex_);
  status_ = std::move(ended);
}

void LiveRebuild::run() {
  // Whoever is served goes first. Linux keeps this of each thread; where it is refused, nothing is lost.
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);
  std::expected<void, EngineFault> done;
  try {
    done = rebuild();
  } catch (const std::exception& failure) {
    done = failed(EngineFailure::damaged, failure.what());
  }
  // Whatever lies beside by now takes room and serves nobody.
  if (!done) (void)place_beside(stores_);
  if (done) return end(RebuildState::done, {});
  if (stopping_.load()) return end(RebuildState::stopped, {});
  end(RebuildState::failed, std::move(done.error().detail));
}

std::expected<void, EngineFault> LiveRebuild::rebuild() {
  const auto place = place_beside(stores_);
  if (!place) return std::unexpected(place.error());
  auto beside = stores_.views->make_beside(*place, options_.map_bytes);
  if (!beside) return std::unexpected(fault_of(beside.error(), "views"));
  return build_and_swap(**beside, *place);
}

std::expected<void, EngineFault> LiveRebuild::build_and_swap(Views& beside,
                                                             const std::filesystem::path& place) {
  std::shared_ptr<Environment> old;
  {
    ViewsBuild build(stores_, beside, projections_, options_, /*trusted=*/false);
    for (int round = 0; round < kRoundsMax; ++round) {
      const auto size = build.catch_up();
      if (!size) return std::unexpected(fault_of(size.error(), "views"));
      if (stopping_.load()) return failed(EngineFailure::storage, "stopped");
      if (*size + kTailMax >= writer_.published_size()) break;
    }
    // Believed during this boot, once it has its place: all of it is in the page cache then.
    if (auto marked = TrustMark(place).set_open(); !marked)
      return failed(EngineFailure::storage, marked.error().message());
    std::expected<void, EngineFault> swapped;
    const bool ran = writer_.between_batches([&] {
      // What throws here is a log or a file that does not read; the old views go on.
      try {
        swapped = [&]() -> std::expected<void, EngineFault> {
          const auto size = build.catch_up();
          if (!size) return std::unexpected(fault_of(size.error(), "views"));
          if (stopping_.load() || *size != writer_.published_size())
            return failed(EngineFailure::storage, "stopped");
          if (!says_the_same(beside, *stores_.views))
            return failed(EngineFailure::damaged, "the new views say another log than the old ones");
          if (auto put = put_in_place(stores_); !put) return put;
          old = stores_.views->take_file(beside);
          return {};
        }();
      } catch (const std::exception& failure) {
        swapped = failed(EngineFailure::damaged, failure.what());
      }
    });
    if (!ran) return failed(EngineFailure::storage, "stopped");
    if (!swapped) return swapped;
  }
  let_go(std::move(old));
  // Not durable yet, it is still right: after a power cut neither file would be believed.
  (void)crypto::sync_directory(stores_.directory.root);
  return {};
}

void LiveRebuild::let_go(std::shared_ptr<Environment> old) {
  // So that closing a large file is not the business of whoever happens to read last.
  for (int look = 0; look < kLooksMax && old.use_count() > 1 && !stopping_.load(); ++look)
    std::this_thread::sleep_for(kBetweenLooks);
}

}  // namespace ledger::store
