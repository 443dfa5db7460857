#include "events/store/appender.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "events/store/sealed_row.hpp"

namespace ledger::store {
namespace {

/// Sealers kept at hand, times two; each holds 32 secret bytes and spares a vault lookup and two HMACs.
constexpr std::size_t kSealersMax = 32'768;

/// Opened events kept at hand: a form is asked for when it is submitted, reviewed and published, a product's
/// texts with each one added.
constexpr std::size_t kOpenedMax = 8'192;
/// A simulation goes through all filings of a register at once, where the writer sees those of a few
/// commands.
constexpr std::size_t kOpenedMaxSimulated = 32'768;

Refusal refusal(std::string_view code, std::string detail = {}) {
  return {.code = code, .errors = {}, .state = {}, .detail = std::move(detail)};
}

}  // namespace

void die(std::string_view why) {
  std::fprintf(stderr, "filing-ledger: %.*s\n", static_cast<int>(why.size()), why.data());
  std::abort();
}

Digest request_tag(const crypto::SecretKey& key, std::string_view method, std::string_view path,
                   std::string_view body) {
  return crypto::hmac_parts(
      key, {bytes_of("filing-ledger/request/v1"), bytes_of(method), bytes_of(path), bytes_of(body)});
}

StagedEvent staged_facts(const Event& event) {
  StagedEvent facts{
      .header = event.header, .type = type_of(event.payload), .thing = event.header.stream.id, .grant = {}};
  if (const auto grant = granted_by(event)) facts.grant = grant->grant_id;
  std::visit(
      [&]<typename P>(const P& payload) {
        if constexpr (requires { payload.unchanged; }) facts.unchanged = payload.unchanged;
        if constexpr (requires { payload.feature_id; }) {
          facts.thing = payload.feature_id;
        } else if constexpr (requires { payload.path_id; }) {
          facts.thing = payload.path_id;
        } else if constexpr (requires { payload.webhook_id; }) {
          facts.thing = payload.webhook_id;
        } else if constexpr (std::is_same_v<P, AccessGranted> || std::is_same_v<P, AccessRevoked>) {
          facts.thing = payload.grant_id;
        }
      },
      event.payload);
  return facts;
}

/// States come from the writer's caches instead of their rows.
class Appender::WriterLookup final : public StoreLookup {
 public:
  WriterLookup(const LedgerSource& source, Stores& stores, Indexes& indexes, std::size_t opened_max)
      : StoreLookup(source, indexes.databases(), stores.master, stores.documents.get(), opened_max),
        indexes_(indexes) {}
  LedgerState ledger() const override { return of(indexes_.ledger()).value_or(LedgerState{}); }
  Found<SubjectState> subject(const Uuid& id) const override {
    return Found<SubjectState>::lent(indexes_.subject(id));
  }
  Found<ProductState> product(const Uuid& id) const override {
    return Found<ProductState>::lent(indexes_.product(id));
  }
  Found<FilingState> filing(const Uuid& id) const override {
    return Found<FilingState>::lent(indexes_.filing(id));
  }
  Found<GrantState> grant(const Uuid& id) const override {
    return Found<GrantState>::lent(indexes_.grant(id));
  }
  /// Asked twice for every event of a filer, and a scan each time.
  Found<std::vector<GrantState>> grants_of(const Uuid& principal) const override {
    auto known = grants_.find(principal);
    if (known == grants_.end())
      known = grants_.emplace(principal, *StoreLookup::grants_of(principal).kept()).first;
    return Found<std::vector<GrantState>>::lent(&known->second);
  }
  /// Asked for each submission, and for each change of the tree.
  std::vector<Uuid> product_ids_of(const Uuid& subject) const override {
    if (const auto known = products_.find(subject); known != products_.end()) return known->second;
    return products_.emplace(subject, StoreLookup::product_ids_of(subject)).first->second;
  }
  /// Between decisions, when nothing of it is lent: lets go of lists where they are many.
  void trim() const {
    if (grants_.size() >= kListsMax) grants_.clear();
    if (products_.size() >= kListsMax) products_.clear();
  }
  void forget() const {
    StoreLookup::forget();
    grants_.clear();
    products_.clear();
  }
  /// Another product of this subject.
  void forget_products(const Uuid& subject) const { products_.erase(subject); }
  /// Another grant of this principal, or the end of one.
  void forget_grants(const Uuid& principal) const { grants_.erase(principal); }

 private:
  static constexpr std::size_t kListsMax = 16'384;
  template <typename State>
  static std::optional<State> of(const State* state) {
    return state != nullptr ? std::optional<State>(*state) : std::nullopt;
  }
  Indexes& indexes_;
  mutable std::unordered_map<Uuid, std::vector<GrantState>> grants_;
  mutable std::unordered_map<Uuid, std::vector<Uuid>> products_;
};

Appender::Appender(Stores& stores, Indexes& indexes, const std::optional<SimulationSeed>& seed)
    : stores_(stores),
      indexes_(indexes),
      random_(seed),
      lookup_(
          new WriterLookup(*this, stores, indexes, random_.simulated() ? kOpenedMaxSimulated : kOpenedMax)),
      active_(std::make_unique<StagedBatch>()),
      frozen_(std::make_unique<StagedBatch>()) {}

Appender::~Appender() = default;

StoreResult<void> Appender::restart(std::uint64_t size, TimestampUs last) {
  indexes_.clear();
  lookup_->forget();
  // Records of a batch that was given up may be without a key.
  sealers_.clear();
  old_sealers_.clear();
  is_frozen_ = false;
  holds_views_ = false;
  frozen_->restart(0, {}, false);
  active_->restart(size, last, false);
  return begin_reads();
}

StoreResult<void> Appender::begin_reads() {
  epoch_ = stores_.vault->current_epoch();
  log_.reset();
  views_.reset();
  auto views = stores_.views->read();
  if (!views) return std::unexpected(views.error());
  views_.emplace(std::move(*views));
  indexes_.rows().set_base(&**views_);
  return {};
}

void Appender::end_reads() {
  indexes_.rows().set_base(nullptr);
  log_.reset();
  views_.reset();
}

StoreResult<StagedBatch*> Appender::freeze(bool with_views) {
  StagedBatch& batch = *active_;
  // Only a simulation leaves that to whoever commits, since it never waits for one event's answer.
  if (!random_.simulated()) batch.seal_all(stores_.origin);
  if (!batch.rows.empty()) {
    batch.seal(batch.rows.size() - 1, stores_.origin);
    last_leaf_ = batch.rows.back().leaf;
  }
  if (with_views) {
    if (auto done = indexes_.finish(batch.end(), last_leaf_); !done) return std::unexpected(done.error());
  }
  batch.vkeys = indexes_.ledger()->vkeys;
  std::swap(active_, frozen_);
  is_frozen_ = true;
  // Only a simulation fills one large batch after another.
  const bool keep_memory = random_.simulated();
  if (with_views) {
    indexes_.freeze(frozen_->view_rows, keep_memory);
    holds_views_ = false;
  }
  indexes_.trim();
  indexes_.rows().set_base(&**views_);
  active_->restart(frozen_->end(), frozen_->last_recorded, keep_memory);
  return frozen_.get();
}

StoreResult<void> Appender::thaw() {
  is_frozen_ = false;
  indexes_.thaw();
  return begin_reads();
}

const StoredRow* Appender::staged_row(std::uint64_t position) const {
  if (active_->holds(position)) {
    const auto row = static_cast<std::size_t>(position - active_->first);
    active_->seal(row, stores_.origin);
    return &active_->rows[row];
  }
  if (!is_frozen_ || !frozen_->holds(position)) return nullptr;
  frozen_->await_sealed();
  return &frozen_->rows[position - frozen_->first];
}

void Appender::begin_decision() {
  lookup_->trim();
}

const StoreLookup& Appender::lookup() const {
  return *lookup_;
}

std::optional<Bytes> Appender::row(Database database, Bytes key) const {
  return indexes_.rows().get(database, key);
}

void Appender::scan(Database database, Bytes prefix, const std::function<bool(Bytes, Bytes)>& each) const {
  indexes_.rows().scan(database, prefix, each);
}

const EntryReader& Appender::log() const {
  if (!log_) {
    auto reader = stores_.log->read();
    if (!reader) throw StoreDamage(reader.error());
    log_.emplace(std::move(*reader));
  }
  return *log_;
}

std::optional<Bytes> Appender::entry(std::uint64_t position) const {
  if (position >= size()) return std::nullopt;
  if (const StoredRow* staged = staged_row(position)) return staged->entry;
  return log().entry(position);
}

std::optional<Bytes> Appender::sealed(std::uint64_t position) const {
  if (position >= size()) return std::nullopt;
  if (const StoredRow* staged = staged_row(position)) return staged->sealed;
  return log().sealed(position);
}

std::optional<crypto::SecretKey> Appender::record_key(const Uuid& record) const {
  // Erased by an event that is staged: gone for every later one, though the vault still has it.
  if (active_->erases(record) || (is_frozen_ && frozen_->erases(record))) return std::nullopt;
  if (auto key = active_->key(record)) return key;
  if (is_frozen_) {
    if (auto key = frozen_->key(record)) return key;
  }
  auto key = stores_.vault->find(record);
  if (!key) throw std::runtime_error(key.error().detail);
  return std::move(*key);
}

std::uint64_t Appender::version_of(const StreamId& stream) const {
  const auto version = [](const auto* state) { return state != nullptr ? state->version : 0; };
  switch (stream.kind) {
    case StreamKind::ledger: return version(indexes_.ledger());
    case StreamKind::subject: return version(indexes_.subject(stream.id));
    case StreamKind::product: return version(indexes_.product(stream.id));
    case StreamKind::filing: return version(indexes_.filing(stream.id));
  }
  return 0;
}

std::optional<Uuid> Appender::record_to_reuse_for(const StreamId& stream, const Payload& payload) const {
  const auto of = [&](const auto* state) {
    return state != nullptr ? record_to_reuse(*state, payload) : std::nullopt;
  };
  switch (stream.kind) {
    case StreamKind::ledger: return std::nullopt;
    case StreamKind::subject: return of(indexes_.subject(stream.id));
    case StreamKind::product: return of(indexes_.product(stream.id));
    case StreamKind::filing: return of(indexes_.filing(stream.id));
  }
  return std::nullopt;
}

std::uint32_t Appender::erasing_epoch() const {
  // All erasures of a batch turn the epoch once. The vault itself may or may not have turned by now for the
  // batch that is being committed.
  const bool turning = is_frozen_ && !frozen_->erasures.empty();
  return epoch_ + (turning ? 2 : 1);
}

Uuid Appender::new_record(const Uuid& id) {
  active_->key_at.emplace(id, active_->keys.size());
  active_->keys.push_back({id, random_.key()});
  return id;
}

const crypto::RecordSealer* Appender::sealer_of(const Uuid& record) {
  if (const auto at = sealers_.find(record); at != sealers_.end()) return &at->second;
  if (auto aged = old_sealers_.extract(record)) return &sealers_.insert(std::move(aged)).position->second;
  if (sealers_.size() >= kSealersMax) {
    old_sealers_ = std::move(sealers_);
    sealers_.clear();
  }
  const auto key = record_key(record);
  return key ? &sealers_.emplace(record, *key).first->second : nullptr;
}

void Appender::lay_out(const Event& event, Sealing& sealing) {
  sealing.parts.records.clear();
  sealing.parts.commitments.clear();
  crypto::wipe(sealing.row);  // of one that was not staged
  sealing.row.clear();
  sealing.first_sealer = active_->sealers.size();
  std::array<std::optional<std::uint16_t>, 8> chosen;  // by kind: index into parts.records
  const std::vector<codec::PrivateValue> values = codec::private_values(event.payload);
  // Once: a row that moves leaves its values behind.
  std::size_t size = 0;
  for (const codec::PrivateValue& value : values) size += unsealed_size(value.value);
  sealing.row.reserve(size);
  for (const codec::PrivateValue& value : values) {
    const RecordKind kind = record_kind_of(value.field);
    auto& index = chosen[static_cast<std::size_t>(kind)];
    if (!index) {
      std::optional<Uuid> record;
      if (kind == RecordKind::form) record = record_to_reuse_for(event.header.stream, event.payload);
      const crypto::RecordSealer* sealer = record ? sealer_of(*record) : nullptr;
      if (sealer == nullptr) {  // none, or erased: then it serves no more
        record = new_record(random_.id());
        sealer = sealer_of(*record);
      }
      index = static_cast<std::uint16_t>(sealing.parts.records.size());
      sealing.parts.records.push_back(*record);
      active_->sealers.push_back(*sealer);
    }
    sealing.parts.commitments.push_back({value.field, *index, {}});
    add_unsealed(sealing.row, value.field, *index, value.value);
  }
}

void Appender::stage(const Uuid& event_id, Bytes entry) {
  StagedBatch& batch = *active_;
  const auto place = [&](Bytes bytes) { return std::span(batch.arena.take(bytes.size()), bytes.size()); };
  UnsealedEvent unsealed;
  unsealed.event_id = event_id;
  unsealed.digests = codec::digest_places(entry);
  unsealed.entry = place(entry);
  std::ranges::copy(entry, unsealed.entry.begin());
  if (!sealing_.row.empty()) unsealed.values = place(sealing_.row);
  std::ranges::copy(sealing_.row, unsealed.values.begin());
  crypto::wipe(sealing_.row);
  unsealed.first_sealer = sealing_.first_sealer;
  unsealed.sealers = batch.sealers.size() - sealing_.first_sealer;
  batch.rows.push_back({.entry = unsealed.entry, .sealed = unsealed.values, .leaf = {}});
  batch.unsealed.push_back(unsealed);
  if (random_.simulated()) return;
  batch.seal(batch.rows.size() - 1, stores_.origin);
  batch.sealers.clear();
}

std::expected<StagedEvent, Refusal> Appender::append_one(const Provenance& from, NewEvent& next,
                                                         std::uint16_t step, std::uint16_t steps) {
  Event event{.header = {}, .payload = std::move(next.payload)};
  EventHeader& header = event.header;
  header.event_id = random_.id();
  header.position = Position{size()};
  header.stream = next.stream;
  header.version = version_of(next.stream) + 1;
  header.recorded_at = not_before(from.recorded_at);
  header.effective_on = next.effective_on;
  header.actor = from.actor;
  header.command_id = from.command_id;
  header.step = step;
  header.steps = steps;
  header.correlation_id = from.correlation_id;
  header.causation_id = from.causation_id;
  header.trace = from.trace;
  if (auto* erased = std::get_if<PersonalDataErased>(&event.payload)) erased->key_epoch = erasing_epoch();
  if (const auto violation = admissible(event, *lookup_)) {
    return std::unexpected(refusal(
        "internal_error", "not admissible: " + std::string(violation->rule) + ": " + violation->detail));
  }
  lay_out(event, sealing_);
  if (from.key_tag && step == 1) {
    header.key_tag = from.key_tag;
    header.request_tag_from_record = !sealing_.parts.records.empty();
    const crypto::SecretKey key = header.request_tag_from_record
                                      ? crypto::record_request_key(*record_key(sealing_.parts.records[0]))
                                      : stores_.master.request_key();
    header.request_tag = request_tag(key, from.method, from.path, from.body);
  }
  const auto entry = codec::encode_entry_view(event, sealing_.parts);
  if (!entry) {
    if (entry.error() == codec::CodecError::too_large) return std::unexpected(refusal("entry_too_large"));
    return std::unexpected(
        refusal("internal_error", "not encodable: " + std::string(name_of(entry.error()))));
  }
  stage(header.event_id, *entry);
  active_->last_recorded = header.recorded_at;
  if (std::holds_alternative<SubjectRegistered>(event.payload)) {
    new_record(document_record(stores_.master, header.stream.id));
  }
  StagedEvent facts = staged_facts(event);
  if (const auto grant = granted_by(event)) {
    lookup_->forget_grants(grant->principal_id);
  } else if (const auto* revoked = std::get_if<AccessRevoked>(&event.payload)) {
    const GrantState* ended = indexes_.grant(revoked->grant_id);
    if (ended != nullptr) lookup_->forget_grants(ended->principal_id);
  } else if (const auto* added = std::get_if<ProductAdded>(&event.payload)) {
    lookup_->forget_products(added->subject_id);
  }
  if (auto applied = indexes_.apply(event, sealing_.parts, *this); !applied) {
    return std::unexpected(refusal("internal_error", applied.error().message()));
  }
  if (auto* erased = std::get_if<PersonalDataErased>(&event.payload)) {
    active_->erasures.push_back({header.position.value, header.stream.id, std::move(erased->records)});
    sealers_.clear();
    old_sealers_.clear();
    lookup_->forget();
  } else if (!sealing_.parts.commitments.empty()) {
    // Forms and the names in a product's tree are asked for soon: so they need not be read and opened.
    const std::size_t bytes = active_->rows.back().entry.size() + sealing_.row.size();
    lookup_->remember(header.position.value, {std::move(event), sealing_.parts}, bytes);
  }
  return facts;
}

std::expected<std::vector<StagedEvent>, Refusal> Appender::append(const Provenance& from,
                                                                  std::vector<NewEvent> events) {
  StagedBatch& batch = *active_;
  const std::size_t rows_before = batch.rows.size();
  const std::size_t keys_before = batch.keys.size();
  const std::size_t erasures_before = batch.erasures.size();
  const TimestampUs last_before = batch.last_recorded;
  std::vector<StagedEvent> staged;
  indexes_.mark();
  for (std::size_t i = 0; i < events.size(); ++i) {
    auto one = append_one(from, events[i], static_cast<std::uint16_t>(i + 1),
                          static_cast<std::uint16_t>(events.size()));
    if (!one) {
      indexes_.rollback();
      batch.take_back(rows_before);
      while (batch.keys.size() > keys_before) {
        sealers_.erase(batch.keys.back().record);
        old_sealers_.erase(batch.keys.back().record);
        batch.key_at.erase(batch.keys.back().record);
        batch.keys.pop_back();
      }
      batch.erasures.resize(erasures_before);
      batch.last_recorded = last_before;
      lookup_->forget();
      return std::unexpected(std::move(one.error()));
    }
    staged.push_back(std::move(*one));
  }
  indexes_.keep();
  holds_views_ = true;
  return staged;
}

}  // namespace ledger::store
