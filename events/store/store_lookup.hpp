// Answers what decisions and readers ask (events/core/lookup.hpp) from the views, the log, the vault and the
// documents.
#pragma once

#include <functional>
#include <optional>

#include "events/core/lookup.hpp"
#include "events/crypto/master_key.hpp"
#include "events/store/opened_events.hpp"
#include "events/store/views.hpp"

namespace ledger::store {

class DocumentStore;

/// Where a lookup reads: a snapshot, or the writer's batch over the last commit.
class LedgerSource {
 public:
  virtual ~LedgerSource() = default;
  /// Bytes live until the next call.
  [[nodiscard]] virtual std::optional<Bytes> row(Database database, Bytes key) const = 0;
  /// Every row whose key starts with `prefix`, in order, until `each` answers false.
  virtual void scan(Database database, Bytes prefix, const std::function<bool(Bytes, Bytes)>& each) const = 0;
  [[nodiscard]] virtual std::optional<Bytes> entry(std::uint64_t position) const = 0;
  [[nodiscard]] virtual std::optional<Bytes> sealed(std::uint64_t position) const = 0;
  /// nullopt where it is gone.
  [[nodiscard]] virtual std::optional<crypto::SecretKey> record_key(const Uuid& record) const = 0;
};

/// A row that does not read, an entry that does not decode: StoreDamage. One thread at a time.
class StoreLookup : public Lookup {
 public:
  static constexpr std::size_t kOpenedFew = 8;

  /// Everything named outlives it. `documents` may be null: then no document is known. `opened_max`:
  /// how many opened events are kept at most.
  StoreLookup(const LedgerSource& source, const IndexDatabases& databases, const crypto::MasterKey& master,
              const DocumentStore* documents, std::size_t opened_max = kOpenedFew);

  [[nodiscard]] LedgerState ledger() const override;
  [[nodiscard]] Found<SubjectState> subject(const Uuid& id) const override;
  [[nodiscard]] Found<ProductState> product(const Uuid& id) const override;
  [[nodiscard]] Found<FilingState> filing(const Uuid& id) const override;
  [[nodiscard]] Found<GrantState> grant(const Uuid& id) const override;
  [[nodiscard]] std::vector<Found<ProductState>> products_of(const Uuid& subject) const override;
  [[nodiscard]] std::vector<FilingState> filings_of(const Uuid& subject) const override;
  [[nodiscard]] Found<std::vector<GrantState>> grants_of(const Uuid& principal) const override;
  [[nodiscard]] std::optional<Uuid> principal_named(std::string_view name) const override;
  [[nodiscard]] std::optional<Uuid> credit_code_owner(std::string_view code) const override;
  [[nodiscard]] std::optional<Uuid> number_owner(std::string_view digits) const override;
  [[nodiscard]] std::uint16_t last_serial(const Uuid& subject, AlgorithmType type) const override;
  [[nodiscard]] std::uint32_t next_subject_number() const override;
  [[nodiscard]] std::optional<std::string> private_text(std::uint64_t position,
                                                        std::uint32_t field) const override;
  [[nodiscard]] std::optional<FilingForm> filing_form(std::uint64_t position) const override;
  [[nodiscard]] std::optional<FrozenScope> frozen_scope(std::uint64_t position) const override;
  [[nodiscard]] std::optional<SubjectForm> subject_form(std::uint64_t position) const override;
  [[nodiscard]] std::vector<Uuid> records_of(const Uuid& subject) const override;
  [[nodiscard]] bool document_known(const Uuid& subject, const Digest& digest) const override;

  /// The event at a position, opened; null beyond the end. It lives until the next is.
  [[nodiscard]] const OpenedEvent* opened(std::uint64_t position) const;
  /// The first position of the command that this principal gave under this key.
  [[nodiscard]] std::optional<std::uint64_t> command_position(const Uuid& principal,
                                                              const Digest& key_tag) const;
  /// The position of one event of a stream; nullopt beyond its version.
  [[nodiscard]] std::optional<std::uint64_t> position_of(const StreamId& stream, std::uint64_t version) const;
  /// Keeps an event that was just appended, as `opened` would give it. `bytes` as OpenedEvents::put.
  void remember(std::uint64_t position, OpenedEvent event, std::size_t bytes) const {
    (void)opened_.put(position, std::move(event), bytes);
  }
  /// Forgets opened events: positions were given up, or keys destroyed.
  void forget() const { opened_.clear(); }

 protected:
  /// Removed ones too, in the order in which they were added.
  [[nodiscard]] virtual std::vector<Uuid> product_ids_of(const Uuid& subject) const;

 private:
  const LedgerSource& source_;
  const IndexDatabases& db_;
  const crypto::MasterKey& master_;
  const DocumentStore* documents_;
  mutable OpenedEvents opened_;
};

}  // namespace ledger::store
