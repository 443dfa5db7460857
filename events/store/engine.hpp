// The ledger itself: one writer thread that decides, seals, appends and commits; snapshots for everyone who
// reads.
//
// Order of a batch (DESIGN section 5): take what is queued; for each command in order: authenticate again,
// idempotency, expected version, decide, admissible, evolve, encode. Then, while the next batch is decided:
// put the rows of indexes and projections into an open transaction; secure room; vault keys durable; put
// entries, sealed values, hashes and the signed checkpoint, commit the ledger with fsync; write the
// checkpoint file; destroy the keys that the batch erases; commit the views; publish checkpoint and position;
// answer. A failure after the ledger commit begins ends the process (std::abort with a message): its outcome
// is unknown.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "events/core/decide.hpp"
#include "events/crypto/master_key.hpp"
#include "events/store/checkpoints.hpp"
#include "events/store/entry_store.hpp"
#include "events/store/projection.hpp"

namespace ledger::store {

class DocumentStore;
struct RebuildStatus;  // rebuild_status.hpp
class Simulation;
class SimulationSeed;
struct Stores;
class Vault;
class Writer;

/// Nobody's token: `public`.
struct Anonymous {};
/// Whoever runs the command line, or the server itself: acts without a grant.
struct Trusted {
  Role role = Role::operator_;
};
/// A grant whose token was verified; the writer checks again that it is active.
struct Granted {
  Uuid grant_id;
};

/// What `If-Match` said: any of these versions, or `*`.
struct ExpectedVersion {
  bool any = false;
  std::vector<std::uint64_t> versions;
};

/// One command on its way in.
struct Submission {
  Command command;
  std::variant<Anonymous, Trusted, Granted> caller;
  /// For the request tag; only read where there is an idempotency key. Path is as received, without the
  /// query.
  std::string method, path, body;
  /// 1 to 255 bytes of printable ASCII. Keys are each principal's own; callers without one (registration, the
  /// operator, the server) share a scope, so theirs must be random.
  std::optional<std::string> idempotency_key;
  std::optional<ExpectedVersion> expected;
  std::optional<TraceParent> trace;
  Uuid correlation_id;
  std::optional<Uuid> causation_id;
  std::optional<TimestampUs> at;  ///< dates the event; Trusted callers of a fresh ledger only (`init --at`)
};

/// What a command led to: the fold of its stream up to its last event, so that a repeat gives the same.
struct Accepted {
  struct Happened {
    EventType type = 0;
    std::uint64_t position = 0;
  };
  Uuid id;
  StreamId stream;
  std::uint64_t version = 0;
  std::uint64_t position = 0;
  std::string state;  ///< `draft`, ...; `present`/`removed` for products, `active`/`revoked` for grants,
                      ///< `active`/`removed` for webhooks
  std::vector<Happened> events;
  std::vector<std::string> warnings;  ///< codes, e.g. `unchanged`
  std::optional<Uuid> grant_id;       ///< of a grant that was made
  std::optional<std::string> token;   ///< its token; absent in repeats after 24 hours
  bool made_grant = false;
  std::optional<std::string> webhook_secret;  ///< of a webhook that was made; absent in the same repeats
  bool made_webhook = false;
  bool repeated = false;  ///< answered from history: nothing was appended now
};

using Outcome = std::expected<Accepted, Refusal>;
using Answer = std::move_only_function<void(Outcome)>;

/// An event as read back: private values opened where asked for and possible.
struct ReadEvent {
  Event event;
  codec::EntryParts parts;
};

/// A document that submissions of a subject name.
struct NamedDocument {
  Uuid subject;
  std::uint64_t position = 0;  ///< of the first submission that names it
  bool published = false;      ///< as the 拟公示内容 of a published filing
};

/// A consistent view of everything up to `position()`. Short-lived: make one, read, let go, before any wait.
/// Not for use by two threads at once.
class Snapshot {
 public:
  ~Snapshot();
  Snapshot(Snapshot&&) noexcept;

  /// Events below this number are in the snapshot: the last one's position is `size() - 1`.
  [[nodiscard]] std::uint64_t size() const;
  /// States, grants and private values as of this snapshot; document_known answers from the store.
  [[nodiscard]] const Lookup& lookup() const;
  /// The entry bytes as stored; nullopt at or beyond `size()`. They live as long as the snapshot.
  [[nodiscard]] std::optional<Bytes> entry(std::uint64_t position) const;
  /// The row of sealed values beside it (sealed_row.hpp); nullopt where it has none.
  [[nodiscard]] std::optional<Bytes> sealed(std::uint64_t position) const;
  /// The decoded event; `open_private` joins the private values whose keys exist.
  [[nodiscard]] std::optional<ReadEvent> event(std::uint64_t position, bool open_private) const;
  /// Positions of a stream's events with versions in (after_version, after_version + limit], in order.
  [[nodiscard]] std::vector<std::uint64_t> stream_positions(const StreamId& stream,
                                                            std::uint64_t after_version,
                                                            std::size_t limit) const;
  /// The version of a stream, 0 where it has no event; cheap.
  [[nodiscard]] std::uint64_t stream_version(const StreamId& stream) const;
  /// The streams of a subject, at most `limit`: its own, its products', removed ones too, its filings'.
  [[nodiscard]] std::vector<StreamId> streams_of(const Uuid& subject, std::size_t limit) const;
  /// The streams of all subjects whose region begins so, and of all filings whose number does (an imported
  /// record has no subject), in order, each once. nullopt where they are more than `limit`.
  [[nodiscard]] std::optional<std::vector<StreamId>> streams_in_region(std::string_view prefix,
                                                                       std::size_t limit) const;
  /// All grants, in the order of their ids; at most `limit` after `after`.
  [[nodiscard]] std::vector<GrantState> grants(const Uuid& after, std::size_t limit) const;
  /// Subjects, in the order of their ids; at most `limit` after `after`.
  [[nodiscard]] std::vector<Uuid> subjects(const Uuid& after, std::size_t limit) const;
  /// The products that a subject added at or before a position, oldest first; also those removed since.
  [[nodiscard]] std::vector<Uuid> products_added(const Uuid& subject, std::uint64_t up_to) const;
  /// Who names a document in a submission: an own upload alone, or a draft, does not count.
  [[nodiscard]] std::vector<NamedDocument> documents_named(const Digest& digest) const;
  /// The views' transaction, for projections' own queries.
  [[nodiscard]] const Transaction& views() const;

 private:
  friend class Engine;
  struct Impl;  // snapshot_source.hpp
  explicit Snapshot(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct EngineOptions {
  std::filesystem::path data;
  std::filesystem::path master_key;                          ///< empty: `DIR.key`
  std::uint64_t ledger_map_bytes = std::uint64_t{64} << 30;  ///< address space
  std::uint64_t views_map_bytes = std::uint64_t{64} << 30;
  std::size_t queue_max = 4096;          ///< waiting commands; beyond: `queue_full`
  std::size_t batch_commands_max = 512;  ///< of a simulation: events
  /// A second place for the last signed checkpoint (checkpoint_file.hpp); empty: none.
  std::filesystem::path checkpoint_file;
  bool accept_clock = false;           ///< accept a gap of more than 30 days since the last entry
  std::function<TimestampUs()> clock;  ///< wall clock; empty: the system's. Tests give their own.
  /// Any steady clock in microseconds, against which a jump of the wall clock shows. Empty: the system's,
  /// unless `clock` is given, which then is free to jump forward.
  std::function<TimestampUs()> monotonic;
  std::size_t states_max = 8192;  ///< decoded states kept, times two; a rebuild keeps 8 times as many
  /// Rows that a rebuild holds before it writes them; LMDB and decoded states need half as much again.
  std::size_t rebuild_buffer_bytes = std::size_t{128} << 20;
  /// Told about progress while the tree is made for a ledger of a time before it, and while the views are
  /// caught up or rebuilt at start: done and total events.
  std::function<void(std::uint64_t, std::uint64_t)> on_progress;
  /// Told after each published batch, on the committing thread; must not block.
  std::function<void()> on_published;
  /// Only to measure what tree and checkpoints cost: commits go without them, and nothing is signed.
  bool without_tree = false;
  /// Told once for what an operator should read (a rebuild and why, a distrusted clock); no private value.
  std::function<void(std::string)> on_notice;
};

enum class EngineFailure {
  no_ledger,      ///< the directory holds none; `init` makes one
  ledger_exists,  ///< `init` on a directory that has one
  invalid,        ///< `init` with an origin or prefix that is none
  locked,         ///< another process holds the directory
  master_key,     ///< missing, unreadable, or not this ledger's
  signing_key,    ///< a signing key in force is missing or unreadable
  rolled_back,    ///< the ledger is not the continuation of what was published, or must not sign any more
  clock,          ///< the clock is not to be trusted
  damaged,        ///< what is stored contradicts itself
  storage,        ///< the machine failed
};

struct EngineFault {
  EngineFailure kind = EngineFailure::storage;
  std::string detail;
};

/// What `create` made.
struct Created {
  std::string origin, vkey, admin_token;
};

struct CreateOptions {
  std::filesystem::path data, master_key;
  std::string origin;
  std::string number_prefix = "演示备";
  std::optional<TimestampUs> at;
  /// Working-day calendars to publish with the first events; `init` gives the shipped ones.
  std::vector<CalendarPublished> calendars = {};
};

class Engine {
 public:
  /// Makes a ledger: directory, keys, and as one command `ledger.created`, the first `access.granted` and a
  /// `calendar.published` for each calendar given. Leaves nothing behind
  /// when it fails, and refuses a directory that holds a ledger.
  [[nodiscard]] static std::expected<Created, EngineFault> create(const CreateOptions& options);

  /// Opens a ledger for writing: takes the lock, checks the clock, brings the views up to date (catch-up
  /// where they are trusted, else rebuild beside the old file and swap), starts the writer. `projections`
  /// outlive the engine.
  [[nodiscard]] static std::expected<std::unique_ptr<Engine>, EngineFault> open(
      EngineOptions options, std::span<Projection* const> projections);

  /// As `close`; then marks the views clean.
  ~Engine();

  /// Queues a command. `answer` is called exactly once, on the writer thread after the commit, or at once on
  /// the caller's thread when the queue is full (`queue_full`) or closing (`shutting_down`). It must not
  /// block.
  void submit(Submission submission, Answer answer);
  /// `submit` and wait; for the command line.
  [[nodiscard]] Outcome execute(Submission submission);

  /// A snapshot at the published position. Any thread. The engine outlives it. Machine failures throw
  /// StoreDamage.
  [[nodiscard]] Snapshot snapshot() const;
  /// Number of published events. Any thread, no transaction.
  [[nodiscard]] std::uint64_t size() const;
  // What an auditor reads.

  /// The newest published checkpoint, for whoever shows it to somebody: it will be kept. Any thread.
  [[nodiscard]] CheckpointPtr checkpoint() const;
  /// The newest one with a cosignature of a witness; null while there is none.
  [[nodiscard]] CheckpointPtr cosigned_checkpoint() const;
  /// A signed checkpoint of a past size (at most the published one): the kept one, or one signed now, which
  /// is the same statement as was signed then or could have been. nullopt beyond, at 0, and where signing is
  /// stopped and none is kept.
  [[nodiscard]] std::optional<std::string> checkpoint_at(std::uint64_t size) const;
  /// The log as of now, hashes included; it may go on behind the published size. Short-lived. Throws
  /// StoreDamage.
  [[nodiscard]] EntryReader read_log() const;
  /// Puts cosignatures behind a checkpoint that `checkpoint` gave; they were verified. Durable some time
  /// later, and shown from then on.
  void add_cosignatures(std::uint64_t size, std::span<const tlog::NoteSignature> signatures);
  /// A witness knows another history: nothing is signed from here on, every write is refused with
  /// `signing_stopped`, and so is the next start, until an operator has looked. Durable on return, as far as
  /// the disk allows.
  void stop_signing(const std::string& reason);
  /// Rises whenever personal data was erased: what was rendered before it must not be shown after.
  [[nodiscard]] std::uint32_t key_epoch() const;
  /// The key of a record, for whoever may disclose what is sealed under it; nullopt once it is erased.
  [[nodiscard]] std::optional<crypto::SecretKey> record_key(const Uuid& record) const;
  /// The opened parts, for the scrub that checks them at leisure. It changes nothing.
  [[nodiscard]] const Stores& stores() const;

  /// Time of the newest published entry.
  [[nodiscard]] TimestampUs last_recorded() const;

  /// Verifies a token's form and MAC and finds its grant as of now. Any thread; fast (one HMAC, one lookup).
  /// Refusals: token_unknown, token_expired.
  [[nodiscard]] std::expected<GrantState, Refusal> authenticate(std::string_view token) const;

  [[nodiscard]] DocumentStore& documents();
  /// The key that a subject's documents are sealed under; nullopt once erased.
  [[nodiscard]] std::optional<crypto::SecretKey> document_key(const Uuid& subject) const;
  [[nodiscard]] const std::string& origin() const;
  /// What signs the deliveries to a webhook. Any thread.
  [[nodiscard]] crypto::SecretKey webhook_key(const Uuid& webhook) const;

  /// Begins to make all views anew from the log, beside the ones that go on serving, and swaps them in at the
  /// end (live_rebuild.hpp). Refusals: `rebuild_running`, `storage_full`, `shutting_down`. Any thread.
  [[nodiscard]] std::expected<void, Refusal> start_rebuild();
  /// How the last one stands. Any thread; cheap.
  [[nodiscard]] RebuildStatus rebuild_status() const;

  /// Ends a rebuild that runs, stops accepting, drains. Later submits are refused with `shutting_down`.
  void close();

  struct Metrics {
    std::uint64_t queued = 0, batches = 0, commands = 0, refused = 0, events = 0;
    std::uint64_t ledger_bytes = 0, views_bytes = 0, vault_records = 0;
    /// False while the last batch met a full disk or map, the clock is distrusted, or signing is stopped.
    bool writable = true;
    bool signing_stopped = false;
    std::uint64_t checkpoint_size = 0, cosigned_size = 0;
  };
  [[nodiscard]] Metrics metrics() const;

 private:
  friend class Simulation;
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  /// `open`; with a seed, for a simulation, which decides on its own thread.
  [[nodiscard]] static std::expected<std::unique_ptr<Engine>, EngineFault> open(
      EngineOptions options, std::span<Projection* const> projections,
      const std::optional<SimulationSeed>& simulation);
  [[nodiscard]] Writer& writer();
  std::unique_ptr<Impl> impl_;
};

}  // namespace ledger::store
