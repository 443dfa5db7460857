#include <algorithm>

#include "events/store/indexes.hpp"
#include "events/store/sealed_row.hpp"
#include "events/store/snapshot_source.hpp"

namespace ledger::store {
namespace {

ViewsRead begin(const Views& views) {
  auto read = views.read();
  if (!read) throw StoreDamage(read.error());
  return std::move(*read);
}

/// The id after this one; false after the last.
bool step(Uuid& id) {
  for (auto byte = id.bytes.rbegin(); byte != id.bytes.rend(); ++byte) {
    if (++*byte != 0) return true;
  }
  return false;
}

}  // namespace

Snapshot::Impl::Impl(const Stores& given)
    : stores(given),
      views(begin(*given.views)),
      lookup(*this, given.views->databases(), given.master, given.documents.get()) {
  // The rows and their size were committed together, so both are the published ones.
  if (const auto meta = given.views->meta(*views)) size = meta->size;
}

std::optional<Bytes> Snapshot::Impl::row(Database database, Bytes key) const {
  return views->get(database, key);
}

void Snapshot::Impl::scan(Database database, Bytes prefix,
                          const std::function<bool(Bytes, Bytes)>& each) const {
  Cursor cursor = views->cursor(database);
  for (bool there = cursor.seek(prefix); there && text_of(cursor.key()).starts_with(text_of(prefix));
       there = cursor.next()) {
    if (!each(cursor.key(), cursor.value())) return;
  }
}

const EntryReader& Snapshot::Impl::log() const {
  if (!reader) {
    auto begun = stores.log->read();
    if (!begun) throw StoreDamage(begun.error());
    reader.emplace(std::move(*begun));
  }
  return *reader;
}

std::optional<Bytes> Snapshot::Impl::entry(std::uint64_t position) const {
  return position < size ? log().entry(position) : std::nullopt;
}

std::optional<Bytes> Snapshot::Impl::sealed(std::uint64_t position) const {
  return position < size ? log().sealed(position) : std::nullopt;
}

std::optional<crypto::SecretKey> Snapshot::Impl::record_key(const Uuid& record) const {
  auto key = stores.vault->find(record);
  if (!key) throw std::runtime_error(key.error().detail);
  return std::move(*key);
}

Snapshot::Snapshot(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Snapshot::Snapshot(Snapshot&&) noexcept = default;
Snapshot::~Snapshot() = default;

std::uint64_t Snapshot::size() const {
  return impl_->size;
}

const Lookup& Snapshot::lookup() const {
  return impl_->lookup;
}

std::optional<Bytes> Snapshot::entry(std::uint64_t position) const {
  return impl_->entry(position);
}

std::optional<Bytes> Snapshot::sealed(std::uint64_t position) const {
  return impl_->sealed(position);
}

std::optional<ReadEvent> Snapshot::event(std::uint64_t position, bool open_private) const {
  const auto entry = impl_->entry(position);
  if (!entry) return std::nullopt;
  auto decoded = codec::decode_entry(*entry);
  if (!decoded) throw StoreDamage({0, "an entry of the log does not decode"});
  ReadEvent read{std::move(decoded->event), std::move(decoded->parts)};
  if (!open_private) return read;
  if (const auto sealed = impl_->sealed(position)) {
    open_values(read.event, read.parts, *sealed,
                [this](const Uuid& record) { return impl_->record_key(record); });
  }
  return read;
}

std::vector<std::uint64_t> Snapshot::stream_positions(const StreamId& stream, std::uint64_t after_version,
                                                      std::size_t limit) const {
  std::vector<std::uint64_t> positions;
  if (limit == 0 || after_version == ~std::uint64_t{0}) return positions;
  const Key last = keys::version(stream, ~std::uint64_t{0});
  Cursor cursor = impl_->views->cursor(impl_->stores.views->databases().streams);
  for (bool there = cursor.seek(keys::version(stream, after_version + 1));
       there && positions.size() < limit && text_of(cursor.key()) <= text_of(last); there = cursor.next()) {
    if (const auto position = position_in(cursor.value())) positions.push_back(*position);
  }
  return positions;
}

std::uint64_t Snapshot::stream_version(const StreamId& stream) const {
  // Its last version row stands right before the place of a version above all.
  Cursor cursor = impl_->views->cursor(impl_->stores.views->databases().streams);
  const Key prefix = keys::begin(stream);
  if (!cursor.seek_before(keys::version(stream, ~std::uint64_t{0}))) return 0;
  const Bytes key = cursor.key();
  if (key.size() != 26 || !text_of(key).starts_with(text_of(Bytes(prefix)))) return 0;
  return get_be<std::uint64_t>(reinterpret_cast<const std::uint8_t*>(key.data()) + 18);
}

std::vector<StreamId> Snapshot::streams_of(const Uuid& subject, std::size_t limit) const {
  std::vector<StreamId> streams;
  if (limit != 0) streams.push_back({StreamKind::subject, subject});
  const IndexDatabases& databases = impl_->stores.views->databases();
  const auto add = [&](Database database, StreamKind kind) {
    if (streams.size() >= limit) return;
    impl_->scan(database, bytes_of(subject.bytes), [&](Bytes, Bytes value) {
      if (const auto id = id_in(value)) streams.push_back({kind, *id});
      return streams.size() < limit;
    });
  };
  add(databases.subject_products, StreamKind::product);
  add(databases.subject_filings, StreamKind::filing);
  return streams;
}

std::optional<std::vector<StreamId>> Snapshot::streams_in_region(std::string_view prefix,
                                                                 std::size_t limit) const {
  std::vector<StreamId> streams;
  const IndexDatabases& databases = impl_->stores.views->databases();
  impl_->scan(databases.numbers, bytes_of(prefix), [&](Bytes, Bytes value) {
    if (const auto id = id_in(value)) streams.push_back({StreamKind::filing, *id});
    return streams.size() <= limit;
  });
  if (streams.size() > limit) return std::nullopt;
  // At most so many again are the same filings; beyond that, they are too many for certain.
  const std::size_t most = streams.size() + limit;
  impl_->scan(databases.regions, bytes_of(prefix), [&](Bytes key, Bytes) {
    const auto subject = id_in(key.subspan(std::min(key.size(), kRegionDigits)));
    if (subject) std::ranges::copy(streams_of(*subject, most + 1), std::back_inserter(streams));
    return streams.size() <= most;
  });
  std::ranges::sort(streams);
  const auto repeated = std::ranges::unique(streams);
  streams.erase(repeated.begin(), repeated.end());
  if (streams.size() > limit) return std::nullopt;
  return streams;
}

std::vector<GrantState> Snapshot::grants(const Uuid& after, std::size_t limit) const {
  std::vector<GrantState> grants;
  Uuid from = after;
  if (!step(from)) return grants;
  Cursor cursor = impl_->views->cursor(impl_->stores.views->databases().grants);
  for (bool there = cursor.seek(bytes_of(from.bytes)); there && grants.size() < limit;
       there = cursor.next()) {
    auto grant = codec::decode_state<GrantState>(cursor.value());
    if (!grant) throw StoreDamage({0, "a grant row of the views does not read"});
    grants.push_back(std::move(*grant));
  }
  return grants;
}

std::vector<Uuid> Snapshot::subjects(const Uuid& after, std::size_t limit) const {
  std::vector<Uuid> ids;
  Uuid from = after;
  Cursor cursor = impl_->views->cursor(impl_->stores.views->databases().streams);
  constexpr auto kKind = static_cast<std::uint8_t>(StreamKind::subject);
  // From one stream to the next, over the rows of its versions.
  while (ids.size() < limit && step(from) && cursor.seek(keys::begin({StreamKind::subject, from}))) {
    if (cursor.key().front() != std::byte{kKind}) break;
    const auto id = id_in(cursor.key().subspan(1, 16));
    if (!id) break;
    ids.push_back(*id);
    from = *id;
  }
  return ids;
}

std::vector<Uuid> Snapshot::products_added(const Uuid& subject, std::uint64_t up_to) const {
  std::vector<Uuid> ids;
  impl_->scan(impl_->stores.views->databases().subject_products, bytes_of(subject.bytes),
              [&](Bytes row, Bytes value) {
                const auto added = position_in(row.subspan(sizeof subject.bytes));
                if (!added || *added > up_to) return false;
                if (const auto id = id_in(value)) ids.push_back(*id);
                return true;
              });
  return ids;
}

const Transaction& Snapshot::views() const {
  return *impl_->views;
}

std::vector<NamedDocument> Snapshot::documents_named(const Digest& digest) const {
  std::vector<NamedDocument> named;
  const Digest key = document_digest(impl_->stores.master, digest);
  impl_->scan(impl_->stores.views->databases().documents, bytes_of(key.bytes), [&](Bytes row, Bytes value) {
    const auto subject = id_in(row.subspan(key.bytes.size(), sizeof(Uuid)));
    const auto position = position_in(value);
    if (!subject || !position) return true;
    // One row a record that names it; rows of a subject are neighbours.
    const bool published = value.back() == std::byte{1};
    if (named.empty() || named.back().subject != *subject) {
      named.push_back({*subject, *position, published});
    } else {
      NamedDocument& document = named.back();
      document.position = std::min(document.position, *position);
      document.published = document.published || published;
    }
    return true;
  });
  return named;
}

}  // namespace ledger::store
