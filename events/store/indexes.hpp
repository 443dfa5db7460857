// What the views hold besides the projections: states of streams and grants, and the indexes that decisions
// ask. One event at a time, by the live writer and by rebuilds alike, so that both give the same rows.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "events/crypto/master_key.hpp"
#include "events/store/row_buffer.hpp"
#include "events/store/state_cache.hpp"
#include "events/store/views.hpp"

namespace ledger::store {

/// Gives the private values that an index needs of an event that does not hold them openly.
class PrivateSource {
 public:
  virtual ~PrivateSource() = default;
  /// nullopt where the record key is gone.
  [[nodiscard]] virtual std::optional<std::string> open(const Event& event, const codec::EntryParts& parts,
                                                        std::uint32_t field) = 0;
};

/// Keyed digests under which private values are indexed.
[[nodiscard]] Digest name_digest(const crypto::MasterKey& master, std::string_view name);
[[nodiscard]] Digest document_digest(const crypto::MasterKey& master, const Digest& digest);
/// The vault record of a subject's documents.
[[nodiscard]] Uuid document_record(const crypto::MasterKey& master, const Uuid& subject);

/// What the rows are to answer: everything, or only what `admissible` asks, for whoever judges a whole log
/// once and throws them away.
enum class IndexUse { everything, admission };

/// One thread. Rows and states stay in memory until the owner flushes `rows()`.
class Indexes {
 public:
  /// `states_max`: how many states to keep decoded, times two. `views` and `master` outlive it.
  Indexes(const Views& views, const crypto::MasterKey& master, std::span<Projection* const> projections,
          std::size_t states_max, IndexUse use = IndexUse::everything);

  [[nodiscard]] RowBuffer& rows() { return rows_; }
  [[nodiscard]] const IndexDatabases& databases() const { return db_; }

  // States as of everything applied; null where no event made one. They live until the next call.
  [[nodiscard]] const LedgerState* ledger() {
    return ledgers_.find(db_.streams, Uuid{}, key({StreamKind::ledger, {}}));
  }
  [[nodiscard]] const SubjectState* subject(const Uuid& id) {
    return subjects_.find(db_.streams, id, key({StreamKind::subject, id}));
  }
  [[nodiscard]] const ProductState* product(const Uuid& id) {
    return products_.find(db_.streams, id, key({StreamKind::product, id}));
  }
  [[nodiscard]] const FilingState* filing(const Uuid& id) {
    return filings_.find(db_.streams, id, key({StreamKind::filing, id}));
  }
  [[nodiscard]] const GrantState* grant(const Uuid& id) {
    return grants_.find(db_.grants, id, bytes_of(id.bytes));
  }

  /// Brings states, indexes and projections up to date with one more event, whose private values are hidden
  /// from the projections (read models see none).
  [[nodiscard]] StoreResult<void> apply(Event& event, const codec::EntryParts& parts,
                                        PrivateSource& privates);

  /// From here on applied events can be taken back.
  void mark() { rows_.mark(); }
  void rollback();
  void keep();

  /// Writes changed states and the progress into the rows, which then are ready to be flushed.
  [[nodiscard]] StoreResult<void> finish(std::uint64_t size, const Digest& last_leaf);
  /// Gives the rows away, to be flushed by another thread, and goes on above them. Until `thaw` they must
  /// neither move nor change. `keep_memory`: of the rows that it is given in exchange, for as many more.
  void freeze(RowBuffer& rows, bool keep_memory);
  /// They are in the base by now, or gone: no longer looked at.
  void thaw() { rows_.set_under(nullptr); }
  /// After a flush of `rows()` was committed: rows go, states stay.
  void flushed();
  /// After a flush that failed: everything goes and is read anew.
  void clear();
  /// Lets go of states that were not used lately, after `freeze` too. Between events only.
  void trim();

 private:
  static Key key(const StreamId& stream) { return keys::state(stream); }
  template <typename State>
  void evolve_stream(StateCache<State>& cache, const Event& event, const codec::EntryParts& parts);
  void index_ledger(const Event& event, const codec::EntryParts& parts, PrivateSource& privates);
  void index_subject(const Event& event, const codec::EntryParts& parts, PrivateSource& privates);
  void index_product(const Event& event);
  void index_filing(const Event& event, const codec::EntryParts& parts, PrivateSource& privates);
  void index_document(const Event& event, const codec::EntryParts& parts, PrivateSource& privates,
                      const Private& value, std::uint32_t field, const Uuid& subject);
  void document_row(const Digest& keyed, const Uuid& subject, const Uuid& record, std::uint64_t position,
                    bool published);
  /// Takes away what was indexed by private values of a record. Needs none of them, so it gives the same
  /// whether their keys are gone by now or not.
  void erase_rows(const Uuid& record);
  void add_grant(const Event& event);
  void put_grant(GrantState grant);
  void write_back();
  void put(Database database, Bytes key, Bytes value) { (void)rows_.put(database, key, value); }

  const Views& views_;
  const crypto::MasterKey& master_;
  const IndexDatabases& db_;
  std::vector<Projection*> projections_;
  const IndexUse use_;
  const std::size_t states_max_;
  RowBuffer rows_;
  StateCache<LedgerState> ledgers_;
  StateCache<SubjectState> subjects_;
  StateCache<ProductState> products_;
  StateCache<FilingState> filings_;
  StateCache<GrantState> grants_;
};

}  // namespace ledger::store
