#include "events/store/engine.hpp"

#include <algorithm>
#include <future>

#include "events/crypto/token.hpp"
#include "events/crypto/webhook.hpp"
#include "events/store/erasure.hpp"
#include "events/store/live_rebuild.hpp"
#include "events/store/rollback.hpp"
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

/// A rebuild goes through all streams at once, where the writer sees those of a few commands.
constexpr std::size_t kRebuildStates = 8;

}  // namespace

struct Engine::Impl {
  EngineOptions options;
  std::vector<Projection*> projections;
  std::optional<DirectoryLock> lock;
  std::unique_ptr<Stores> stores;
  std::unique_ptr<Writer> writer;
  std::unique_ptr<LiveRebuild> rebuild;

  /// Everything between the lock and the first command: the log with its tree, its history, the views, what
  /// an erasure left undone.
  [[nodiscard]] std::expected<Writer::Start, EngineFault> prepare();
  [[nodiscard]] ViewsOptions views_options() const {
    return {.map_bytes = options.views_map_bytes,
            .buffer_bytes = options.rebuild_buffer_bytes,
            .states_max = kRebuildStates * options.states_max,
            .on_progress = options.on_progress};
  }
};

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Engine::~Engine() {
  close();
  // Clean only once everything is on the disk; whatever fails here leaves the file distrusted after the next
  // boot.
  if (impl_->writer->views_whole() && impl_->stores->views->file()->sync()) {
    (void)TrustMark(impl_->stores->directory.views()).set_clean();
  }
}

namespace {

EngineFault fault_of(const TreeFault& fault) {
  return fault_of(fault.kind == TreeFault::Kind::damaged ? EngineFailure::damaged : EngineFailure::storage,
                  fault.detail);
}

constexpr std::size_t kReasonBytesMax = 64 * 1024;
/// Kept checkpoints looked at for the newest one that a witness cosigned.
constexpr std::size_t kCheckpointsLookedAt = 10'000;

std::unexpected<EngineFault> refuse(EngineFailure kind, std::string detail) {
  return std::unexpected(fault_of(kind, std::move(detail)));
}

/// What tells that this ledger must not sign: its own mark, a checkpoint that it does not continue, or an
/// erasure that it does not know of.
std::expected<void, EngineFault> check_history(const Stores& stores, const CheckpointFile* file,
                                               const std::filesystem::path& checkpoint_file) {
  const auto mark = crypto::load_file(stores.directory.signing_stopped(), kReasonBytesMax);
  if (mark || !mark.error().is_missing()) {
    return refuse(EngineFailure::rolled_back,
                  "signing was stopped: " + (mark ? *mark : mark.error().message()) + "\nRemove " +
                      stores.directory.signing_stopped().string() +
                      " only once it is known which history is the true one.");
  }
  if (file == nullptr) return {};
  auto reader = stores.log->read();
  if (!reader) return std::unexpected(fault_of(reader.error(), "ledger"));
  std::optional<std::string> why;
  if (file->last()) why = contradiction(*reader, stores.origin, *file->last());
  const auto erasures = read_erasures(erasures_path(checkpoint_file));
  if (!erasures) return refuse(EngineFailure::storage, erasures.error().message());
  const std::uint64_t size = reader->size();
  if (!why && std::ranges::any_of(*erasures, [&](const Erasure& e) { return e.position >= size; }))
    why = "an erasure was recorded behind the end of this ledger";
  if (!why) return {};
  // Later starts are refused too, also without the file; but for a file of another ledger, which says
  // nothing.
  const auto known =
      file->last() ? tlog::parse_checkpoint(*file->last()) : std::unexpected(tlog::FormatError{});
  if (known && known->checkpoint.origin == stores.origin) {
    const std::string text = system_now().text() + " " + *why + "\n";
    (void)crypto::replace_file(stores.directory.signing_stopped(), bytes_of(text));
  }
  return refuse(EngineFailure::rolled_back, *why + "\n" + std::string(rollback_advice()));
}

/// The checkpoint file, which once it was used must not be missing: a disk that was not mounted would hide
/// that the ledger fell behind.
std::expected<std::optional<CheckpointFile>, EngineFault> open_second_place(const Stores& stores,
                                                                            const EngineOptions& given) {
  const std::filesystem::path mark = stores.directory.second_place();
  const bool used = std::filesystem::exists(mark);
  if (given.checkpoint_file.empty()) {
    if (used && given.on_notice)
      given.on_notice("this ledger has a checkpoint file, and was started without it: see " + mark.string());
    return std::nullopt;
  }
  if (used && !std::filesystem::exists(given.checkpoint_file)) {
    return refuse(
        EngineFailure::rolled_back,
        "the checkpoint file " + given.checkpoint_file.string() +
            " is missing, though this ledger has one: bring it back (is its disk mounted?), or remove " +
            mark.string() + " if it is lost and this is the newest copy of the ledger");
  }
  if (lies_in(given.checkpoint_file, stores.directory.root))
    return refuse(EngineFailure::invalid, "the checkpoint file lies outside the data directory");
  auto file = CheckpointFile::open(given.checkpoint_file);
  if (!file) return refuse(EngineFailure::storage, file.error().message());
  if (used && !file->last()) {
    return refuse(EngineFailure::rolled_back, given.checkpoint_file.string() +
                                                  " holds no checkpoint, though this ledger wrote one: bring "
                                                  "the right file back, or remove " +
                                                  mark.string() + " if it is lost");
  }
  return std::optional<CheckpointFile>(std::move(*file));
}

/// Notes that this ledger has a checkpoint file: only once it holds a checkpoint, or a first write that fails
/// would pass for a loss at the next start.
std::expected<void, EngineFault> mark_second_place(const Stores& stores, const EngineOptions& given) {
  const std::filesystem::path mark = stores.directory.second_place();
  if (std::filesystem::exists(mark)) return {};
  const std::string path = std::filesystem::absolute(given.checkpoint_file).string() + "\n";
  if (auto marked = crypto::replace_file(mark, bytes_of(path)); !marked)
    return refuse(EngineFailure::storage, marked.error().message());
  return {};
}

/// The newest kept checkpoint that somebody else than the log has signed, as far as it is worth looking.
std::optional<PublishedCheckpoint> newest_cosigned(const Stores& stores) {
  auto reader = stores.log->read();
  if (!reader) throw StoreDamage(reader.error());
  Cursor cursor = reader->checkpoints();
  bool there = cursor.last();
  for (std::size_t i = 0; there && i < kCheckpointsLookedAt; ++i, there = cursor.prev()) {
    const auto kept = read_checkpoint_row(cursor.key(), cursor.value());
    auto parsed = kept ? tlog::parse_checkpoint(kept->text) : std::unexpected(tlog::FormatError{});
    if (!parsed || without_cosignatures(*parsed) == *parsed) continue;
    PublishedCheckpoint cosigned;
    cosigned.text = std::string(kept->text);
    cosigned.checkpoint = std::move(*parsed);
    cosigned.at = kept->at;
    cosigned.cosigned = true;
    return cosigned;
  }
  return std::nullopt;
}

/// The newest checkpoint, with every key in force at hand and its signatures right.
std::expected<tlog::SignedCheckpoint, EngineFault> newest_checkpoint(Stores& stores,
                                                                     const LedgerState& ledger,
                                                                     TimestampUs last) {
  auto signer = LogSigner::load(stores.directory, stores.origin);
  if (!signer) return refuse(EngineFailure::signing_key, signer.error().message());
  if (const auto missing = signer->missing(ledger.vkeys); !missing.empty()) {
    return refuse(EngineFailure::signing_key, "no key file in " + stores.directory.root.string() +
                                                  " holds the key of " + missing.front());
  }
  stores.log->set_signer(std::move(*signer));
  auto newest = stores.log->seal_log(last, ledger.vkeys);
  if (!newest) return std::unexpected(fault_of(newest.error()));
  const std::vector<crypto::VerifierKey> keys = crypto::parse_verifier_keys(ledger.vkeys);
  if (auto signers = tlog::verify_checkpoint(*newest, keys, {}); !signers)
    return refuse(EngineFailure::damaged, "the newest checkpoint: " + signers.error().message());
  return std::move(*newest);
}

}  // namespace

std::expected<Writer::Start, EngineFault> Engine::Impl::prepare() {
  const EngineOptions& given = options;
  const auto end = end_of(*stores->log);
  if (!end) return std::unexpected(end.error());
  const TimestampUs now = given.clock ? given.clock() : system_now();
  if (now.value - end->last.value > kClockGapMaxUs && !given.accept_clock) {
    return refuse(EngineFailure::clock, "the clock says " + now.text() +
                                            ", more than 30 days after the newest entry of " +
                                            end->last.text() + ": --accept-clock if it is right");
  }
  Writer::Start start{
      .size = end->size, .last = end->last, .checkpoint = {}, .cosigned = {}, .file = {}, .simulation = {}};
  if (auto loaded = stores->log->load_tree(given.on_progress); !loaded)
    return std::unexpected(fault_of(loaded.error()));
  if (auto found = open_second_place(*stores, given); !found) {
    return std::unexpected(std::move(found.error()));
  } else {
    start.file = std::move(*found);
  }
  if (auto right = check_history(*stores, start.file ? &*start.file : nullptr, given.checkpoint_file); !right)
    return std::unexpected(right.error());

  if (auto opened = open_views(*stores, projections, views_options(), given.on_notice); !opened)
    return std::unexpected(std::move(opened.error()));
  const auto erased = replay_erasures(*stores, given.checkpoint_file);
  if (!erased) return refuse(EngineFailure::storage, "erasures: " + erased.error());
  if (*erased && given.on_notice) given.on_notice("erasures are not noted in the second place: " + **erased);
  auto newest = newest_checkpoint(*stores, Snapshot::Impl(*stores).lookup.ledger(), end->last);
  if (!newest) return std::unexpected(std::move(newest.error()));
  if (start.file) {
    if (auto written = start.file->write(without_cosignatures(*newest).text()); !written)
      return refuse(EngineFailure::storage, written.error().message());
    if (auto marked = mark_second_place(*stores, given); !marked) return std::unexpected(marked.error());
  }
  start.checkpoint = std::move(*newest);
  start.cosigned = newest_cosigned(*stores);
  if (given.without_tree) stores->log->leave_tree_out();
  return start;
}

std::expected<std::unique_ptr<Engine>, EngineFault> Engine::open(EngineOptions options,
                                                                 std::span<Projection* const> projections) {
  return open(std::move(options), projections, std::nullopt);
}

Writer& Engine::writer() {
  return *impl_->writer;
}

std::expected<std::unique_ptr<Engine>, EngineFault> Engine::open(
    EngineOptions options, std::span<Projection* const> projections,
    const std::optional<SimulationSeed>& simulation) {
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
    auto start = impl->prepare();
    if (!start) return std::unexpected(std::move(start.error()));
    if (simulation) start->simulation.emplace(simulation->bound_to(impl->stores->origin));
    impl->writer = std::make_unique<Writer>(*impl->stores, given, impl->projections, std::move(*start));
    impl->rebuild =
        std::make_unique<LiveRebuild>(*impl->stores, *impl->writer, impl->projections, impl->views_options(),
                                      given.clock ? given.clock : TimeSource(system_now), given.on_notice);
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
  auto views = impl_->stores->views->read();
  if (!views) throw StoreDamage(views.error());
  const auto row = (*views)->get(impl_->stores->views->databases().grants, bytes_of(opened->grant.bytes));
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
  return record_key(document_record(impl_->stores->master, subject));
}

const std::string& Engine::origin() const {
  return impl_->stores->origin;
}

crypto::SecretKey Engine::webhook_key(const Uuid& webhook) const {
  return crypto::webhook_key(impl_->stores->master, webhook);
}

void Engine::close() {
  impl_->rebuild->stop();  // it needs an open writer
  impl_->writer->close();
}

std::expected<void, Refusal> Engine::start_rebuild() {
  return impl_->rebuild->start();
}

RebuildStatus Engine::rebuild_status() const {
  return impl_->rebuild->status();
}

// ---- for auditors

CheckpointPtr Engine::checkpoint() const {
  return impl_->writer->checkpoints().serve();
}

CheckpointPtr Engine::cosigned_checkpoint() const {
  return impl_->writer->checkpoints().newest_cosigned();
}

std::optional<std::string> Engine::checkpoint_at(std::uint64_t size) const {
  if (size == 0 || size > impl_->writer->published_size()) return std::nullopt;
  // Before it is looked for, so that no commit forgets it meanwhile.
  impl_->writer->checkpoints().show(size);
  const EntryReader reader = read_log();
  if (const auto kept = reader.checkpoint(size)) return std::string(kept->text);
  if (impl_->writer->signing_stopped()) return std::nullopt;
  const auto root = tlog::root_at(tlog::RowHashReader(reader), size);
  if (!root) throw StoreDamage({0, "the log misses a hash"});
  const LedgerState ledger = snapshot().lookup().ledger();
  return impl_->stores->log->signer().sign(size, *root, ledger.vkeys).text();
}

EntryReader Engine::read_log() const {
  auto reader = impl_->stores->log->read();
  if (!reader) throw StoreDamage(reader.error());
  return std::move(*reader);
}

void Engine::add_cosignatures(std::uint64_t size, std::span<const tlog::NoteSignature> signatures) {
  impl_->writer->cosign(size, signatures);
}

void Engine::stop_signing(const std::string& reason) {
  impl_->writer->stop_signing();
  const std::string text = TimestampUs(system_now()).text() + " " + reason + "\n";
  auto marked = crypto::replace_file(impl_->stores->directory.signing_stopped(), bytes_of(text));
  if (!impl_->options.on_notice) return;
  impl_->options.on_notice("SIGNING STOPPED, writes are refused: " + reason);
  if (!marked) impl_->options.on_notice("the mark of it was not written: " + marked.error().message());
}

std::uint32_t Engine::key_epoch() const {
  return impl_->stores->vault->current_epoch();
}

std::optional<crypto::SecretKey> Engine::record_key(const Uuid& record) const {
  auto key = impl_->stores->vault->find(record);
  if (!key) throw std::runtime_error(key.error().detail);
  return std::move(*key);
}

const Stores& Engine::stores() const {
  return *impl_->stores;
}

Engine::Metrics Engine::metrics() const {
  Metrics metrics = impl_->writer->metrics();
  metrics.ledger_bytes = impl_->stores->log->usage().used_bytes;
  metrics.views_bytes = impl_->stores->views->file()->usage().used_bytes;
  metrics.vault_records = impl_->stores->vault->count();
  metrics.checkpoint_size = impl_->writer->checkpoints().newest()->size();
  if (const auto cosigned = cosigned_checkpoint()) metrics.cosigned_size = cosigned->size();
  return metrics;
}

}  // namespace ledger::store
