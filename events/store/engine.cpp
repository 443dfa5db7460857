#include "events/store/engine.hpp"

#include <future>

#include "events/crypto/token.hpp"
#include "events/store/snapshot_source.hpp"
#include "events/store/views_builder.hpp"
#include "events/store/writer.hpp"

namespace ledger::store {
namespace {

Refusal refusal(std::string_view code) {
  return {.code = code, .errors = {}, .state = {}, .detail = {}};
}

/// Time of the newest entry, and how many there are.
struct LogEnd {
  std::uint64_t size = 0;
  TimestampUs last;
};

std::expected<LogEnd, EngineFault> end_of(const EntryStore& log) {
  auto reader = log.read();
  if (!reader) return std::unexpected(fault_of(reader.error(), "ledger"));
  LogEnd end{.size = reader->size(), .last = {}};
  const auto entry = reader->entry(end.size - 1);
  const auto decoded = entry ? codec::decode_header(*entry) : std::unexpected(codec::CodecError::malformed);
  if (!decoded) return std::unexpected(fault_of(EngineFailure::damaged, "the newest entry does not decode"));
  end.last = decoded->header.recorded_at;
  return end;
}

}  // namespace

struct Engine::Impl {
  EngineOptions options;
  std::vector<Projection*> projections;
  std::optional<DirectoryLock> lock;
  std::unique_ptr<Stores> stores;
  std::unique_ptr<Writer> writer;
};

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Engine::~Engine() {
  impl_->writer->close();
  // Clean only once everything is on the disk; whatever fails here leaves the file distrusted after the next
  // boot.
  if (impl_->stores->views->environment().sync()) {
    (void)TrustMark(impl_->stores->directory.views()).set_clean();
  }
}

std::expected<std::unique_ptr<Engine>, EngineFault> Engine::open(EngineOptions options,
                                                                 std::span<Projection* const> projections) {
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  impl->projections.assign(projections.begin(), projections.end());
  const EngineOptions& given = impl->options;
  const DataDirectory directory{given.data};
  try {
    if (!directory.holds_ledger()) {
      return std::unexpected(
          fault_of(EngineFailure::no_ledger, given.data.string() + " holds no ledger: make one with init"));
    }
    auto lock = DirectoryLock::acquire(directory);
    if (!lock) return std::unexpected(fault_of(EngineFailure::locked, lock.error().message()));
    impl->lock.emplace(std::move(*lock));
    auto stores = open_stores(given.data, given.master_key, given.ledger_map_bytes);
    if (!stores) return std::unexpected(std::move(stores.error()));
    impl->stores = std::move(*stores);
    const auto end = end_of(*impl->stores->log);
    if (!end) return std::unexpected(end.error());
    const TimestampUs now = given.clock ? given.clock() : system_now();
    if (now.value - end->last.value > kClockGapMaxUs && !given.accept_clock) {
      return std::unexpected(
          fault_of(EngineFailure::clock, "the clock says " + now.text() +
                                             ", more than 30 days after the newest entry of " +
                                             end->last.text() + ": --accept-clock if it is right"));
    }
    const ViewsOptions views{.map_bytes = given.views_map_bytes,
                             .buffer_bytes = given.rebuild_buffer_bytes,
                             .states_max = given.states_max,
                             .on_progress = given.on_progress};
    if (auto opened = open_views(*impl->stores, impl->projections, views, given.on_notice); !opened) {
      return std::unexpected(std::move(opened.error()));
    }
    impl->writer = std::make_unique<Writer>(*impl->stores, given, impl->projections, end->size, end->last);
  } catch (const StoreDamage& damage) {
    return std::unexpected(fault_of(EngineFailure::damaged, damage.what()));
  } catch (const std::runtime_error& failure) {
    return std::unexpected(fault_of(EngineFailure::storage, failure.what()));
  }
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

void Engine::submit(Submission submission, Answer answer) {
  impl_->writer->submit(std::move(submission), std::move(answer));
}

Outcome Engine::execute(Submission submission) {
  std::promise<Outcome> promise;
  submit(std::move(submission), [&promise](Outcome outcome) { promise.set_value(std::move(outcome)); });
  return promise.get_future().get();
}

Snapshot Engine::snapshot() const {
  return Snapshot(std::make_unique<Snapshot::Impl>(*impl_->stores));
}

std::uint64_t Engine::size() const {
  return impl_->writer->published_size();
}

TimestampUs Engine::last_recorded() const {
  return impl_->writer->published_time();
}

std::expected<GrantState, Refusal> Engine::authenticate(std::string_view token) const {
  const auto opened = crypto::open_token(impl_->stores->master, token);
  if (!opened) return std::unexpected(refusal("token_unknown"));
  auto txn = impl_->stores->views->environment().read();
  if (!txn) throw StoreDamage(txn.error());
  const auto row = txn->get(impl_->stores->views->databases().grants, bytes_of(opened->grant.bytes));
  auto grant = row ? codec::decode_state<GrantState>(*row) : std::unexpected(codec::CodecError::malformed);
  if (!grant || grant->token_epoch != opened->epoch) return std::unexpected(refusal("token_unknown"));
  const Digest digest = crypto::token_digest(token);
  if (!crypto::equal_in_constant_time(bytes_of(digest.bytes), bytes_of(grant->token_digest.bytes))) {
    return std::unexpected(refusal("token_unknown"));
  }
  if (grant->revoked) return std::unexpected(refusal("token_revoked"));
  const TimestampUs now = impl_->options.clock ? impl_->options.clock() : system_now();
  if (!grant->active(std::max(now, last_recorded()))) return std::unexpected(refusal("token_expired"));
  return std::move(*grant);
}

DocumentStore& Engine::documents() {
  return *impl_->stores->documents;
}

std::optional<crypto::SecretKey> Engine::document_key(const Uuid& subject) const {
  auto key = impl_->stores->vault->find(document_record(impl_->stores->master, subject));
  if (!key) throw std::runtime_error(key.error().detail);
  return std::move(*key);
}

const std::string& Engine::origin() const {
  return impl_->stores->origin;
}

void Engine::close() {
  impl_->writer->close();
}

Engine::Metrics Engine::metrics() const {
  Metrics metrics = impl_->writer->metrics();
  metrics.ledger_bytes = impl_->stores->log->usage().used_bytes;
  metrics.views_bytes = impl_->stores->views->environment().usage().used_bytes;
  metrics.vault_records = impl_->stores->vault->count();
  return metrics;
}

}  // namespace ledger::store
