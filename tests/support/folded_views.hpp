// A ledger without engine: hand-made events folded through the core's `evolve` into the read models, whose
// rows lie in a real LMDB environment. Nothing is decided here, so a test may also fold what `decide` would
// refuse.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "events/core/lookup.hpp"
#include "projections/read_models.hpp"
#include "tests/support/temp_dir.hpp"

namespace ledger::test {

/// Rows of an open LMDB transaction, as the live writer has them. Counts what is written.
class TxnRows final : public store::Rows {
 public:
  explicit TxnRows(store::WriteTxn& txn) : txn_(txn) {}
  std::optional<Bytes> get(store::Database database, Bytes key) override { return txn_.get(database, key); }
  store::StoreResult<void> put(store::Database database, Bytes key, Bytes value) override {
    ++writes;
    return txn_.put(database, key, value);
  }
  store::StoreResult<void> del(store::Database database, Bytes key) override {
    ++writes;
    return txn_.del(database, key);
  }
  std::size_t writes = 0;

 private:
  store::WriteTxn& txn_;
};

/// Rows in a map, as a rebuild's buffer has them: what `get` hands out dies at the next call.
class MapRows final : public store::Rows {
 public:
  using Dump = std::map<std::pair<unsigned, std::string>, std::string>;

  std::optional<Bytes> get(store::Database database, Bytes key) override {
    const auto found = rows.find({database.handle, std::string(text_of(key))});
    if (found == rows.end()) return std::nullopt;
    handed_out_ = std::make_unique<std::string>(found->second);
    return bytes_of(std::string_view(*handed_out_));
  }
  store::StoreResult<void> put(store::Database database, Bytes key, Bytes value) override {
    std::string copy(text_of(value));
    handed_out_.reset();
    rows[{database.handle, std::string(text_of(key))}] = std::move(copy);
    return {};
  }
  store::StoreResult<void> del(store::Database database, Bytes key) override {
    const std::string copy(text_of(key));
    handed_out_.reset();
    rows.erase({database.handle, copy});
    return {};
  }
  Dump rows;

 private:
  std::unique_ptr<std::string> handed_out_;
};

/// Answers states from plain maps, and nothing else.
class MapLookup final : public Lookup {
 public:
  std::map<Uuid, SubjectState> subjects;
  std::map<Uuid, ProductState> products;
  std::map<Uuid, FilingState> filings;
  LedgerState ledger_state;

  LedgerState ledger() const override { return ledger_state; }
  Found<SubjectState> subject(const Uuid& id) const override { return in(subjects, id); }
  Found<ProductState> product(const Uuid& id) const override { return in(products, id); }
  Found<FilingState> filing(const Uuid& id) const override { return in(filings, id); }
  Found<GrantState> grant(const Uuid&) const override { return std::nullopt; }
  std::vector<Found<ProductState>> products_of(const Uuid&) const override { return {}; }
  std::vector<FilingState> filings_of(const Uuid&) const override { return {}; }
  Found<std::vector<GrantState>> grants_of(const Uuid&) const override { return std::vector<GrantState>(); }
  std::vector<Uuid> records_of(const Uuid&) const override { return {}; }
  std::optional<Uuid> principal_named(std::string_view) const override { return std::nullopt; }
  std::optional<Uuid> credit_code_owner(std::string_view) const override { return std::nullopt; }
  std::optional<Uuid> number_owner(std::string_view) const override { return std::nullopt; }
  std::uint16_t last_serial(const Uuid&, AlgorithmType) const override { return 0; }
  std::uint32_t next_subject_number() const override { return 0; }
  std::optional<std::string> private_text(std::uint64_t, std::uint32_t) const override {
    return std::nullopt;
  }
  std::optional<FilingForm> filing_form(std::uint64_t) const override { return std::nullopt; }
  std::optional<FrozenScope> frozen_scope(std::uint64_t) const override { return std::nullopt; }
  std::optional<SubjectForm> subject_form(std::uint64_t) const override { return std::nullopt; }
  bool document_known(const Uuid&, const Digest&) const override { return false; }

 private:
  template <typename T>
  static std::optional<T> in(const std::map<Uuid, T>& states, const Uuid& id) {
    const auto found = states.find(id);
    return found == states.end() ? std::nullopt : std::optional<T>(found->second);
  }
};

/// A id that sorts by its number, as UUIDv7 sort by their time.
inline Uuid id_of(std::uint64_t number, std::uint8_t family = 0) {
  Uuid id;
  put_be(number, id.bytes.data());
  id.bytes[15] = 1;
  id.bytes[14] = family;
  return id;
}

inline StreamId filing_stream(const Uuid& id) {
  return {StreamKind::filing, id};
}
inline StreamId subject_stream(const Uuid& id) {
  return {StreamKind::subject, id};
}

class FoldedViews {
 public:
  FoldedViews() {
    auto opened = store::Environment::open({.path = directory_ / "views",
                                            .map_size = std::uint64_t{1} << 30,
                                            .max_databases = 32,
                                            .no_sync = true});
    environment_ = std::move(opened.value());
    for (store::Projection* model : models.all()) {
      std::vector<store::Database> databases;
      for (const char* name : model->databases()) {
        databases.push_back(environment_->open_databases({name}).value().front());
        names_.emplace_back(databases.back(), name);
      }
      model->open(databases);
    }
  }

  projections::ReadModels models;
  MapLookup lookup;
  std::vector<Event> history;

  /// Folds one event in a transaction of its own and answers how many rows it wrote. One minute passes before
  /// it.
  std::size_t append(const StreamId& stream, Payload payload, Role role = Role::filer) {
    auto txn = environment_->write().value();
    TxnRows rows(txn);
    fold(rows, make(stream, std::move(payload), role));
    commit(std::move(txn));
    return rows.writes;
  }
  /// Folds many events in one transaction.
  void append_all(std::vector<std::pair<StreamId, Payload>> events, Role role) {
    auto txn = environment_->write().value();
    TxnRows rows(txn);
    for (auto& [stream, payload] : events) fold(rows, make(stream, std::move(payload), role));
    commit(std::move(txn));
  }

  /// A snapshot of the views; of no other use once the next one is made.
  const store::Transaction& views() {
    snapshot_.reset();
    snapshot_.emplace(environment_->read().value());
    return *snapshot_;
  }
  [[nodiscard]] std::uint64_t position() const { return history.size() - 1; }
  [[nodiscard]] TimestampUs now() const { return now_; }
  /// Lets more time pass before the next event.
  void pass(std::int64_t microseconds) { now_.value += microseconds; }

  /// Every row, by database and key.
  MapRows::Dump dump() {
    MapRows::Dump all;
    const store::Transaction& txn = views();
    for (const auto& [database, name] : names_) {
      store::Cursor row = txn.cursor(database);
      while (row.next())
        all[{database.handle, std::string(text_of(row.key()))}] = std::string(text_of(row.value()));
    }
    return all;
  }
  /// The rows that folding the whole history again into fresh rows gives.
  MapRows::Dump rebuilt() {
    MapRows rows;
    const MapLookup kept = std::exchange(lookup, {});
    for (const Event& event : history) apply(rows, event);
    lookup = kept;
    return rows.rows;
  }

 private:
  Event make(const StreamId& stream, Payload payload, Role role) {
    now_.value += 60'000'000;
    Event event;
    event.header.position = Position{history.size()};
    event.header.event_id = id_of(history.size(), 0xEE);
    event.header.stream = stream;
    event.header.version = ++versions_[stream];
    event.header.recorded_at = now_;
    event.header.actor = {id_of(static_cast<std::uint64_t>(role), 0xAC), role};
    event.payload = std::move(payload);
    return event;
  }

  void fold(store::Rows& rows, Event event) {
    history.push_back(std::move(event));
    apply(rows, history.back());
  }

  void apply(store::Rows& rows, const Event& event) {
    const codec::EntryParts parts;
    store::Change change{.event = event, .parts = parts};
    const Uuid& id = event.header.stream.id;
    switch (event.header.stream.kind) {
      case StreamKind::ledger:
        lookup.ledger_state = evolve(lookup.ledger_state, event);
        change.ledger = &lookup.ledger_state;
        apply(rows, change);
        return;
      case StreamKind::subject: {
        const SubjectState before = lookup.subjects[id];
        change.subject_before = &before;
        change.subject = &(lookup.subjects[id] = evolve(before, event));
        apply(rows, change);
        return;
      }
      case StreamKind::product: {
        const ProductState before = lookup.products[id];
        change.product_before = &before;
        change.product = &(lookup.products[id] = evolve(before, event));
        apply(rows, change);
        return;
      }
      case StreamKind::filing: {
        const FilingState before = lookup.filings[id];
        change.filing_before = &before;
        change.filing = &(lookup.filings[id] = evolve(before, event));
        apply(rows, change);
        return;
      }
    }
  }
  void apply(store::Rows& rows, const store::Change& change) {
    for (store::Projection* model : models.all()) {
      if (auto applied = model->apply(rows, change); !applied)
        throw std::runtime_error(applied.error().message());
    }
  }
  static void commit(store::WriteTxn txn) {
    if (auto done = std::move(txn).commit(); !done) throw std::runtime_error(done.error().message());
  }

  TempDir directory_;
  std::unique_ptr<store::Environment> environment_;
  std::vector<std::pair<store::Database, std::string>> names_;
  std::optional<store::ReadTxn> snapshot_;
  std::map<StreamId, std::uint64_t> versions_;
  TimestampUs now_{1'700'000'000'000'000};
};

// Payloads with nothing in them but what the read models look at.

inline DraftSaved draft_saved(const Uuid& subject, std::uint32_t attempt = 1) {
  DraftSaved e;
  e.subject_id = subject;
  e.attempt = attempt;
  e.form = Private::of(std::string("SECRET draft"));
  return e;
}

inline FilingInformation information(std::string name,
                                     AlgorithmType type = AlgorithmType::personalized_push) {
  FilingInformation information;
  information.algorithm_name = std::move(name);
  information.algorithm_type = type;
  information.role = AlgorithmRole::provider;
  information.purpose = "用途";
  information.details.data = Private::of(std::string("SECRET details"));
  return information;
}

inline FilingSubmitted submitted(std::uint32_t attempt, std::string name = "算法",
                                 AlgorithmType type = AlgorithmType::personalized_push) {
  FilingSubmitted e;
  e.attempt = attempt;
  e.information = information(std::move(name), type);
  return e;
}

inline SubjectApproved subject_approved(std::uint32_t attempt) {
  SubjectApproved e;
  e.attempt = attempt;
  e.subject_number = 1000001;
  return e;
}

inline PublicRecord public_record(std::string number, std::string name) {
  PublicRecord record;
  record.number = std::move(number);
  record.algorithm_name = std::move(name);
  record.type = AlgorithmType::personalized_push;
  record.role = AlgorithmRole::provider;
  record.organization_name = "示例科技有限公司";
  record.products = "示例（APP）";
  record.purpose = "应用于资讯推荐场景";
  record.series = Series::algorithm;
  record.batch = 1;
  record.announced_on = Date{20'000};
  record.status = "published";
  return record;
}

inline NumberAssigned number_assigned(std::string digits) {
  NumberAssigned e;
  e.prefix = "演示备";
  e.digits = std::move(digits);
  return e;
}

/// Draft, submission, review, approval, number and publication of one filing, as two attempts would not
/// change.
inline void publish(FoldedViews& ledger, const Uuid& filing, const Uuid& subject,
                    const PublicRecord& record) {
  const StreamId stream = filing_stream(filing);
  ledger.append(stream, draft_saved(subject));
  ledger.append(stream,
                submitted(1, record.algorithm_name, record.type.value_or(AlgorithmType::personalized_push)));
  ledger.append(stream, ReviewStarted{1}, Role::reviewer);
  ledger.append(stream, FilingApproved{1, 0}, Role::reviewer);
  std::string digits = record.number;
  std::erase_if(digits, [](char c) { return c < '0' || c > '9'; });
  ledger.append(stream, number_assigned(digits), Role::registrar);
  ledger.append(stream, FilingPublished{record, std::nullopt}, Role::registrar);
}

inline RecordImported imported(const PublicRecord& record) {
  RecordImported e;
  e.source_number = record.number;
  e.public_record = record;
  std::erase_if(e.digits = record.number, [](char c) { return c < '0' || c > '9'; });
  return e;
}

}  // namespace ledger::test
