#include "replay/legality.hpp"

#include <unordered_map>
#include <utility>

#include "events/store/indexes.hpp"
#include "events/store/store_lookup.hpp"

namespace ledger::replay {
namespace {

constexpr std::uint64_t kMapBytes = std::uint64_t{64} << 30;
constexpr std::size_t kStatesMax = 16'384;
constexpr std::size_t kStepBytes = std::size_t{8} << 20;
constexpr std::size_t kPrincipalsMax = 16'384;

template <typename T>
T worked(store::StoreResult<T> result) {
  if (!result) throw ScratchFailure("scratch views: " + result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// What `admissible` never asks for.
class NoPrivates final : public store::PrivateSource {
 public:
  std::optional<std::string> open(const Event&, const codec::EntryParts&, std::uint32_t) override {
    return std::nullopt;
  }
};

class RowsSource final : public store::LedgerSource {
 public:
  explicit RowsSource(store::Indexes& indexes) : indexes_(indexes) {}
  std::optional<Bytes> row(store::Database database, Bytes key) const override {
    return indexes_.rows().get(database, key);
  }
  void scan(store::Database database, Bytes prefix,
            const std::function<bool(Bytes, Bytes)>& each) const override {
    indexes_.rows().scan(database, prefix, each);
  }
  std::optional<Bytes> entry(std::uint64_t) const override { return std::nullopt; }
  std::optional<Bytes> sealed(std::uint64_t) const override { return std::nullopt; }
  std::optional<crypto::SecretKey> record_key(const Uuid&) const override { return std::nullopt; }

 private:
  store::Indexes& indexes_;
};

/// States come from the fold's caches instead of their rows, and the grants of those who act often from
/// memory.
class FoldLookup final : public store::StoreLookup {
 public:
  FoldLookup(const store::LedgerSource& source, store::Indexes& indexes, const crypto::MasterKey& master)
      : StoreLookup(source, indexes.databases(), master, nullptr), indexes_(indexes) {}

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
  Found<std::vector<GrantState>> grants_of(const Uuid& principal) const override {
    std::vector<GrantState> grants;
    for (const Uuid& id : grant_ids(principal)) {
      if (const GrantState* state = indexes_.grant(id)) grants.push_back(*state);
    }
    return grants;
  }

  void set_base(const store::Transaction* base) { base_ = base; }
  /// A grant was given.
  void granted(const Uuid& principal, const Uuid& grant) {
    fresh_[principal].push_back(grant);
    if (const auto at = known_.find(principal); at != known_.end()) at->second.push_back(grant);
  }
  /// Everything given so far is in the base.
  void flushed() { fresh_.clear(); }

 private:
  template <typename State>
  static std::optional<State> of(const State* state) {
    return state != nullptr ? std::optional<State>(*state) : std::nullopt;
  }

  /// A scan for each event would ask the file each time.
  const std::vector<Uuid>& grant_ids(const Uuid& principal) const {
    if (const auto at = known_.find(principal); at != known_.end()) return at->second;
    if (known_.size() >= kPrincipalsMax) known_.clear();
    std::vector<Uuid>& ids = known_[principal];
    const Bytes prefix = bytes_of(principal.bytes);
    store::Cursor cursor = base_->cursor(indexes_.databases().principal_grants);
    for (bool there = cursor.seek(prefix); there && text_of(cursor.key()).starts_with(text_of(prefix));
         there = cursor.next()) {
      if (const auto id = store::id_in(cursor.key().subspan(prefix.size()))) ids.push_back(*id);
    }
    if (const auto at = fresh_.find(principal); at != fresh_.end())
      ids.insert(ids.end(), at->second.begin(), at->second.end());
    return ids;
  }

  store::Indexes& indexes_;
  const store::Transaction* base_ = nullptr;
  std::unordered_map<Uuid, std::vector<Uuid>> fresh_;
  mutable std::unordered_map<Uuid, std::vector<Uuid>> known_;
};

}  // namespace

struct LegalityReplay::Impl {
  const std::size_t buffer_bytes;
  // Keys of the indexes of private values, which stay empty.
  const crypto::MasterKey master{crypto::SecretKey::random()};
  std::unique_ptr<store::Views> views;
  std::optional<store::ViewsRead> base;
  store::Indexes indexes;
  RowsSource source{indexes};
  FoldLookup lookup{source, indexes, master};
  NoPrivates privates;
  std::uint64_t applied = 0;

  Impl(const std::filesystem::path& directory, std::size_t buffer_size)
      : buffer_bytes(buffer_size),
        views(worked(store::Views::open(directory, kMapBytes, {}))),
        indexes(*views, master, {}, kStatesMax, store::IndexUse::admission) {
    read_base();
  }

  void read_base() {
    base.emplace(worked(views->read()));
    indexes.rows().set_base(&**base);
    lookup.set_base(&**base);
  }

  void flush() {
    worked(indexes.finish(applied, {}));
    indexes.rows().set_base(nullptr);
    base.reset();
    worked(indexes.rows().flush_in_steps(*views->file(), kStepBytes));
    indexes.flushed();
    lookup.flushed();
    read_base();
  }
};

LegalityReplay::LegalityReplay(const std::filesystem::path& directory, std::size_t buffer_bytes)
    : impl_(std::make_unique<Impl>(directory, buffer_bytes)) {}

LegalityReplay::~LegalityReplay() = default;

std::optional<Violation> LegalityReplay::judge(const Event& event) const {
  try {
    return admissible(event, impl_->lookup);
  } catch (const store::StoreDamage& damage) {
    throw ScratchFailure(std::string("scratch views: ") + damage.what());
  }
}

void LegalityReplay::apply(Event& event, const codec::EntryParts& parts) {
  try {
    if (const auto grant = granted_by(event)) impl_->lookup.granted(grant->principal_id, grant->grant_id);
    worked(impl_->indexes.apply(event, parts, impl_->privates));
    impl_->indexes.keep();
    ++impl_->applied;
  } catch (const store::StoreDamage& damage) {
    throw ScratchFailure(std::string("scratch views: ") + damage.what());
  }
}

void LegalityReplay::settle() {
  try {
    impl_->indexes.trim();
    if (impl_->indexes.rows().held_bytes() >= impl_->buffer_bytes) impl_->flush();
  } catch (const store::StoreDamage& damage) {
    throw ScratchFailure(std::string("scratch views: ") + damage.what());
  }
}

std::span<const std::string> LegalityReplay::vkeys() const {
  const LedgerState* ledger = impl_->indexes.ledger();
  return ledger != nullptr ? std::span<const std::string>(ledger->vkeys) : std::span<const std::string>();
}

std::optional<Uuid> LegalityReplay::subject_of(const StreamId& stream) const {
  if (stream.kind == StreamKind::subject) return stream.id;
  const FilingState* filing = stream.kind == StreamKind::filing ? impl_->indexes.filing(stream.id) : nullptr;
  if (filing == nullptr || filing->subject_id == Uuid{}) return std::nullopt;
  return filing->subject_id;
}

}  // namespace ledger::replay
