#include "server/read/bundle.hpp"

#include <algorithm>
#include <bit>
#include <set>
#include <unordered_map>
#include <utility>

#include "events/crypto/base64.hpp"
#include "events/store/sealed_row.hpp"

namespace ledger::server {
namespace {

/// Text that one piece holds at least.
constexpr std::size_t kPieceBytes = std::size_t{32} << 10;
/// Text at most, in bytes: of the head but for the checkpoint; around an entry; around a disclosed value with
/// its name and salt, and the document that it may name.
constexpr std::size_t kHeadFrame = 1024;
constexpr std::size_t kEntryFrame = 64;
constexpr std::size_t kDisclosureFrame = 512;
constexpr std::size_t kHashText = 47;

struct Planned {
  std::uint64_t position = 0;
  bool opens = false;  ///< it has private values, and the reader may see them
  bool names = false;  ///< it names documents in clear
};

/// Ids of everything in a product tree, each with its product.
std::unordered_map<Uuid, Uuid> tree_of(const std::vector<ProductState>& products) {
  std::unordered_map<Uuid, Uuid> product_of;
  for (const ProductState& product : products) {
    product_of.emplace(product.id, product.id);
    for (const AccessPathState& path : product.paths) {
      product_of.emplace(path.id, product.id);
      for (const FeatureState& feature : path.features) product_of.emplace(feature.id, product.id);
    }
  }
  return product_of;
}

/// Decides what goes into a bundle, from one snapshot.
class Plan {
 public:
  Plan(const store::Snapshot& snapshot, const BundleSources& sources, const Reader& reader)
      : snapshot_(snapshot),
        size_(std::min(sources.size, snapshot.size())),
        bytes_max_(sources.bytes_max),
        reader_(reader),
        bytes_(kHeadFrame + sources.checkpoint.size() * 2) {}

  std::optional<BundleRefusal> make(const Uuid& filing) {
    const auto state = snapshot_.lookup().filing(filing);
    if (!state) return BundleRefusal::not_found;
    const Sight sight = sight_of_filing(reader_, state->subject_id, state->disclosed());
    if (sight == Sight::none) return BundleRefusal::not_found;
    head.filing = filing;
    const EventOwner owner{state->subject_id, state->disclosed(), state->public_record.has_value()};
    if (!add_stream({StreamKind::filing, filing}, owner)) return BundleRefusal::too_large;
    if (entries.empty()) return BundleRefusal::not_found;
    bool fits = add(0, {});
    if (!state->subject_id.is_nil()) {
      const EventOwner subject{.subject = state->subject_id};
      head.subject = state->subject_id;
      fits = fits && add_stream({StreamKind::subject, state->subject_id}, subject);
      for (const Uuid& product : products(state->subject_id, sight)) {
        fits = fits && add_stream({StreamKind::product, product}, subject);
      }
    }
    if (!fits) return BundleRefusal::too_large;
    std::ranges::sort(entries, {}, &Planned::position);
    return std::nullopt;
  }

  replay::BundleHead head;
  std::vector<Planned> entries;

 private:
  bool add_stream(const StreamId& stream, const EventOwner& owner) {
    for (const std::uint64_t position :
         snapshot_.stream_positions(stream, 0, static_cast<std::size_t>(snapshot_.stream_version(stream)))) {
      if (position < size_ && !add(position, owner)) return false;
    }
    return true;
  }

  /// False once the bundle is too large.
  bool add(std::uint64_t position, const EventOwner& owner) {
    const auto bytes = snapshot_.entry(position);
    const auto read = snapshot_.event(position, false);
    if (!bytes || !read) throw store::StoreDamage({0, "an entry that an index names is missing"});
    head.schema = std::max(head.schema, read->event.header.schema);
    const auto& payload = read->event.payload;
    if (std::holds_alternative<FilingSubmitted>(payload) ||
        std::holds_alternative<ChangeSubmitted>(payload)) {
      scopes_.push_back(position);
    }
    bytes_ += bytes->size() * 4 / 3 + kEntryFrame + kHashText * std::bit_width(size_);
    Planned planned{position, false, !replay::documents_named(read->event).empty()};
    if (planned.names) bytes_ += kDisclosureFrame;
    if (!read->parts.commitments.empty() && opens_private(sight_of_event(reader_, read->event, owner))) {
      if (const auto row = snapshot_.sealed(position)) {
        planned.opens = true;
        // Quotes of JSON in JSON double at most what is already text.
        for (const auto& value : store::sealed_values(*row))
          bytes_ += value.sealed.size() * 2 + kDisclosureFrame;
      }
    }
    entries.push_back(planned);
    return bytes_ <= bytes_max_;
  }

  /// Products of the subject that the filing's scopes name, as far as that is to be told.
  std::set<Uuid> products(const Uuid& subject, Sight sight) const {
    const Lookup& lookup = snapshot_.lookup();
    const std::vector<ProductState> present = kept(lookup.products_of(subject));
    std::set<Uuid> named;
    if (!opens_private(sight) || !named_by_scopes(subject, tree_of(present), named)) {
      for (const ProductState& product : present) named.insert(product.id);
    }
    return named;
  }

  /// False where not everything that the scopes name could be found.
  bool named_by_scopes(const Uuid& subject, const std::unordered_map<Uuid, Uuid>& product_of,
                       std::set<Uuid>& named) const {
    const auto name = [&](const Uuid& id) {
      const auto found = product_of.find(id);
      if (found != product_of.end()) named.insert(found->second);
      return found != product_of.end();
    };
    bool whole = true;
    for (const std::uint64_t position : scopes_) {
      const auto scope = snapshot_.lookup().frozen_scope(position);
      if (!scope) return false;
      for (const Uuid& id : scope->selectors.products.value_or(std::vector<Uuid>{})) {
        if (name(id)) continue;
        const auto removed = snapshot_.lookup().product(id);
        if (removed && removed->subject_id == subject) named.insert(id);
      }
      for (const auto* ids : {&scope->selectors.access_paths, &scope->selectors.features}) {
        for (const Uuid& id : ids->value_or(std::vector<Uuid>{})) whole = name(id) && whole;
      }
      for (const Uuid& id : scope->resolved) whole = name(id) && whole;
    }
    return whole;
  }

  const store::Snapshot& snapshot_;
  const std::uint64_t size_;
  const std::size_t bytes_max_;
  const Reader& reader_;
  std::vector<std::uint64_t> scopes_;
  std::size_t bytes_;
};

/// Writes what was planned: the entries, then once more over those that open, then the documents they named.
class BundleProducer final : public http::ChunkProducer {
 public:
  BundleProducer(BundleSources sources, replay::BundleHead head, std::vector<Planned> entries)
      : sources_(std::move(sources)), entries_(std::move(entries)), writer_(text_) {
    writer_.begin(head);
  }

  http::Chunk next() override {
    if (done_) return http::Chunk::end();
    // No key is kept while a client takes its time: it may be destroyed meanwhile.
    record_.reset();
    sealer_.reset();
    const store::Snapshot snapshot = sources_.snapshot();
    while (!done_ && text_.size() < kPieceBytes) {
      if (written_ < entries_.size()) {
        if (!write_entry(snapshot, entries_[written_++].position)) return fail();
      } else if (opened_ < entries_.size()) {
        const Planned& planned = entries_[opened_++];
        if ((planned.opens || planned.names) && !open_entry(snapshot, planned)) return fail();
      } else {
        for (const replay::BundleDocument& document : documents_) writer_.document(document);
        writer_.end();
        done_ = true;
      }
    }
    return http::Chunk::data(std::exchange(text_, {}));
  }

 private:
  http::Chunk fail() {
    done_ = true;
    return http::Chunk::failed();
  }

  bool write_entry(const store::Snapshot& snapshot, std::uint64_t position) {
    const auto bytes = snapshot.entry(position);
    const auto path = bytes ? sources_.inclusion_path(position) : std::nullopt;
    if (path) writer_.entry(position, *bytes, *path);
    return path.has_value();
  }

  bool open_entry(const store::Snapshot& snapshot, const Planned& planned) {
    auto read = snapshot.event(planned.position, false);
    if (!read) return false;
    const auto row = planned.opens ? snapshot.sealed(planned.position) : std::nullopt;
    if (row) {
      for (const store::SealedValue& value : store::sealed_values(*row)) disclose(*read, value);
    }
    std::ranges::move(replay::documents_named(read->event), std::back_inserter(documents_));
    return true;
  }

  void disclose(store::ReadEvent& read, const store::SealedValue& value) {
    if (value.record >= read.parts.records.size()) return;
    const Uuid& event_id = read.event.header.event_id;
    const crypto::RecordSealer* sealer = sealer_of(read.parts.records[value.record]);
    if (sealer == nullptr) return;
    auto text = sealer->open_value(event_id, value.field, value.sealed);
    auto name = replay::private_field_pointer(read.event.payload, value.field);
    if (!text || !name) return;
    writer_.disclosure({read.event.header.position.value, value.field, std::move(*name),
                        sealer->salt(event_id, value.field), *text});
    codec::set_private(read.event.payload, value.field, std::move(*text));
  }

  /// Most values share their record with the one before. Null once its key was destroyed.
  const crypto::RecordSealer* sealer_of(const Uuid& record) {
    if (record_ != record) {
      record_ = record;
      sealer_.reset();
      if (const auto key = sources_.record_key(record)) sealer_.emplace(*key);
    }
    return sealer_ ? &*sealer_ : nullptr;
  }

  const BundleSources sources_;
  const std::vector<Planned> entries_;
  std::string text_;
  replay::BundleWriter writer_;
  std::size_t written_ = 0, opened_ = 0;
  std::vector<replay::BundleDocument> documents_;
  std::optional<Uuid> record_;
  std::optional<crypto::RecordSealer> sealer_;
  bool done_ = false;
};

}  // namespace

std::expected<std::shared_ptr<http::ChunkProducer>, BundleRefusal> collect_bundle(BundleSources sources,
                                                                                  const Uuid& filing,
                                                                                  const Reader& reader) {
  std::vector<Planned> entries;
  replay::BundleHead head;
  {
    const store::Snapshot snapshot = sources.snapshot();
    Plan plan(snapshot, sources, reader);
    if (const auto refusal = plan.make(filing)) return std::unexpected(*refusal);
    head = std::move(plan.head);
    entries = std::move(plan.entries);
  }
  head.origin = sources.origin;
  head.checkpoint = sources.checkpoint;
  return std::make_shared<BundleProducer>(std::move(sources), std::move(head), std::move(entries));
}

}  // namespace ledger::server
