// Turns decided events into staged entries: place, admissibility, sealing, encoding, indexes. Everything
// stays in memory until the writer commits the batch, so that a command, or the whole batch, can be taken
// back.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "events/core/decide.hpp"
#include "events/crypto/commitment.hpp"
#include "events/store/indexes.hpp"
#include "events/store/random_pool.hpp"
#include "events/store/staged_batch.hpp"
#include "events/store/store_lookup.hpp"
#include "events/store/stores.hpp"

namespace ledger::store {

/// Where a command came from, for the headers of its events.
struct Provenance {
  Actor actor;
  Uuid command_id;
  Uuid correlation_id;
  std::optional<Uuid> causation_id;
  std::optional<TraceParent> trace;
  TimestampUs recorded_at;
  std::optional<Digest> key_tag;  ///< with it, the request below is tagged too
  std::string_view method, path, body;
};

/// HMAC over method, path and body, each length-prefixed.
[[nodiscard]] Digest request_tag(const crypto::SecretKey& key, std::string_view method, std::string_view path,
                                 std::string_view body);

/// What of a staged event its answer needs.
struct StagedEvent {
  EventHeader header;
  EventType type = 0;
  bool unchanged = false;  ///< a submission equal to the one before
  Uuid thing;              ///< what the event made or acted on
  std::optional<Uuid> grant;
};
[[nodiscard]] StagedEvent staged_facts(const Event& event);

/// The deciding thread only, but for what `freeze` gives away.
class Appender final : private LedgerSource, private PrivateSource {
 public:
  /// With a seed, all that is random in entries and keys follows from it.
  Appender(Stores& stores, Indexes& indexes, const std::optional<SimulationSeed>& seed = std::nullopt);
  ~Appender() override;

  /// Begins on top of what is committed: `size` events, the last one recorded at `last`. Again after commits
  /// that failed: whatever was staged is forgotten.
  [[nodiscard]] StoreResult<void> restart(std::uint64_t size, TimestampUs last);
  /// States and indexes as of every staged event.
  [[nodiscard]] const StoreLookup& lookup() const;
  [[nodiscard]] Indexes& indexes() { return indexes_; }
  [[nodiscard]] RandomPool& random() { return random_; }
  /// Never below the recorded time of the last event, staged ones included.
  [[nodiscard]] TimestampUs not_before(TimestampUs now) const {
    return std::max(now, active_->last_recorded);
  }

  /// Stages all events of one command, or none. Refusals: `entry_too_large`; `internal_error` where what was
  /// decided is not admissible, which a test should have found.
  [[nodiscard]] std::expected<std::vector<StagedEvent>, Refusal> append(const Provenance& from,
                                                                        std::vector<NewEvent> events);

  /// A command is to be decided: nothing that `lookup` lent is in use.
  void begin_decision();
  [[nodiscard]] bool empty() const { return active_->rows.empty(); }
  /// Events staged and not yet given away.
  [[nodiscard]] std::size_t staged() const { return active_->rows.size(); }
  [[nodiscard]] std::uint64_t size() const { return active_->end(); }
  [[nodiscard]] TimestampUs last_recorded() const { return active_->last_recorded; }
  /// What the views' rows take that were not given away yet, about; 0 where there are none.
  [[nodiscard]] std::size_t view_bytes() { return holds_views_ ? indexes_.rows().used_bytes() : 0; }
  /// Gives the staged batch away to be committed, and goes on behind it. An earlier batch was given up by
  /// `thaw`. Whoever gets it seals what of a simulation is not sealed. `with_views`: the rows of the views
  /// with it, also those that earlier batches left behind; at least one event or row is there.
  [[nodiscard]] StoreResult<StagedBatch*> freeze(bool with_views);
  /// The batch given away is committed.
  [[nodiscard]] StoreResult<void> thaw();
  /// Lets the transactions that it reads in go; `restart` before the next command.
  void end_reads();
  /// The key of a record, one that this batch makes included.
  [[nodiscard]] std::optional<crypto::SecretKey> record_key(const Uuid& record) const override;

 private:
  class WriterLookup;
  /// What goes beside the event that is being appended.
  struct Sealing {
    codec::EntryParts parts;     ///< its commitments without their digests
    std::vector<std::byte> row;  ///< its values, not sealed yet
    std::size_t first_sealer = 0;
  };

  std::optional<Bytes> row(Database database, Bytes key) const override;
  void scan(Database database, Bytes prefix, const std::function<bool(Bytes, Bytes)>& each) const override;
  std::optional<Bytes> entry(std::uint64_t position) const override;
  std::optional<Bytes> sealed(std::uint64_t position) const override;
  std::optional<std::string> open(const Event&, const codec::EntryParts&, std::uint32_t) override {
    return std::nullopt;  // events on their way in hold their values openly
  }

  [[nodiscard]] std::expected<StagedEvent, Refusal> append_one(const Provenance& from, NewEvent& next,
                                                               std::uint16_t step, std::uint16_t steps);
  [[nodiscard]] std::uint64_t version_of(const StreamId& stream) const;
  [[nodiscard]] std::optional<Uuid> record_to_reuse_for(const StreamId& stream, const Payload& payload) const;
  /// The key epoch that begins when the erasures of the batch at hand are carried out.
  [[nodiscard]] std::uint32_t erasing_epoch() const;
  Uuid new_record(const Uuid& id);
  /// Null where its key is gone. It lives until the next call.
  const crypto::RecordSealer* sealer_of(const Uuid& record);
  void lay_out(const Event& event, Sealing& sealing);
  void stage(const Uuid& event_id, Bytes entry);
  [[nodiscard]] const EntryReader& log() const;
  [[nodiscard]] StoreResult<void> begin_reads();
  /// The row of an event that is not committed yet, sealed; null for one that is.
  [[nodiscard]] const StoredRow* staged_row(std::uint64_t position) const;

  Stores& stores_;
  Indexes& indexes_;
  RandomPool random_;
  std::unique_ptr<WriterLookup> lookup_;

  std::optional<ViewsRead> views_;                ///< everything before `frozen_`, or before `active_`
  mutable std::optional<EntryReader> log_;        ///< the same, begun when needed
  std::unique_ptr<StagedBatch> active_, frozen_;  ///< frozen_: rows only while it is being committed
  bool is_frozen_ = false;
  bool holds_views_ = false;  ///< rows of the views that were not given away
  Digest last_leaf_;          ///< of the last event that was given away
  std::uint32_t epoch_ = 0;   ///< of the vault when nothing was being committed
  Sealing sealing_;
  std::unordered_map<Uuid, crypto::RecordSealer> sealers_, old_sealers_;
};

}  // namespace ledger::store
