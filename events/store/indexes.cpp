#include "events/store/indexes.hpp"

#include <algorithm>

#include "events/crypto/primitives.hpp"
#include "events/store/sealed_row.hpp"

namespace ledger::store {
namespace {

constexpr std::string_view kSubjectNumberRow = "subject_number";
constexpr std::size_t kNumberDigits = 21;
/// Which database a row of `erasable` leads to.
constexpr std::uint8_t kErasableName = 1;
constexpr std::uint8_t kErasableDocument = 2;

/// The record that one private field of an event is sealed under.
Uuid record_under(const codec::EntryParts& parts, std::uint32_t field) {
  const auto row = std::ranges::lower_bound(parts.commitments, field, {}, &codec::CommitmentRow::field);
  if (row == parts.commitments.end() || row->field != field || row->record >= parts.records.size()) return {};
  return parts.records[row->record];
}

std::array<std::uint8_t, 4> be32(std::uint32_t value) {
  std::array<std::uint8_t, 4> out;
  put_be(value, out.data());
  return out;
}

std::array<std::uint8_t, 2> be16(std::uint16_t value) {
  std::array<std::uint8_t, 2> out;
  put_be(value, out.data());
  return out;
}

/// The subject number inside 21 digits; nullopt for digits that an official list misprints.
std::optional<std::uint32_t> subject_number_in(std::string_view digits) {
  if (digits.size() != kNumberDigits) return std::nullopt;
  std::uint32_t number = 0;
  for (const char digit : digits.substr(6, 7)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint32_t>(digit - '0');
  }
  return number;
}

auto keys_of(StreamKind kind) {
  return [kind](const Uuid& id) { return keys::state({kind, id}); };
}

Key grant_key(const Uuid& id) {
  return Key().add(id);
}

/// The credit code that a subject holds; lapsed and closed ones have given theirs back.
std::string_view held_code(const SubjectState& state) {
  const bool live = state.status != SubjectStatus{} && state.status != SubjectStatus::lapsed &&
                    state.status != SubjectStatus::closed;
  return live ? std::string_view(state.credit_code) : std::string_view();
}

}  // namespace

Digest name_digest(const crypto::MasterKey& master, std::string_view name) {
  return crypto::hmac_sha256(master.index_key(), {bytes_of("principal"), bytes_of(name)});
}

Digest document_digest(const crypto::MasterKey& master, const Digest& digest) {
  return crypto::hmac_sha256(master.index_key(), {bytes_of("document"), bytes_of(digest.bytes)});
}

Uuid document_record(const crypto::MasterKey& master, const Uuid& subject) {
  const Digest digest =
      crypto::hmac_sha256(master.index_key(), {bytes_of("documents"), bytes_of(subject.bytes)});
  Uuid record;
  std::copy_n(digest.bytes.begin(), record.bytes.size(), record.bytes.begin());
  return record;
}

Indexes::Indexes(const Views& views, const crypto::MasterKey& master,
                 std::span<Projection* const> projections, std::size_t states_max, IndexUse use)
    : views_(views),
      master_(master),
      db_(views.databases()),
      projections_(projections.begin(), projections.end()),
      use_(use),
      states_max_(states_max),
      ledgers_(rows_),
      subjects_(rows_),
      products_(rows_),
      filings_(rows_),
      grants_(rows_) {}

template <typename State>
void Indexes::evolve_stream(StateCache<State>& cache, const Event& event, const codec::EntryParts& parts) {
  const StreamId& stream = event.header.stream;
  const Key row = key(stream);
  if (event.header.version == 1) cache.expect_new(stream.id);
  cache.change(db_.streams, stream.id, row, [&](State&& state) {
    State after = evolve(std::move(state), event);
    note_record(after, event, parts);
    return after;
  });
}

StoreResult<void> Indexes::apply(Event& event, const codec::EntryParts& parts, PrivateSource& privates) {
  const EventHeader& header = event.header;
  Change change{.event = event, .parts = parts};
  if (use_ == IndexUse::everything) {
    put(db_.streams, keys::version(header.stream, header.version), Key().number(header.position.value));
    if (header.key_tag && header.step == 1) {
      put(db_.idempotency, Key().add(header.actor.principal).add(*header.key_tag),
          Key().number(header.position.value));
    }
  }
  switch (header.stream.kind) {
    case StreamKind::ledger:
      evolve_stream(ledgers_, event, parts);
      index_ledger(event, parts, privates);
      change.ledger = ledger();
      break;
    case StreamKind::subject:
      evolve_stream(subjects_, event, parts);
      index_subject(event, parts, privates);
      change.subject_before = &subjects_.before();
      change.subject = subject(header.stream.id);
      break;
    case StreamKind::product:
      evolve_stream(products_, event, parts);
      index_product(event);
      change.product_before = &products_.before();
      change.product = product(header.stream.id);
      break;
    case StreamKind::filing:
      evolve_stream(filings_, event, parts);
      index_filing(event, parts, privates);
      change.filing_before = &filings_.before();
      change.filing = filing(header.stream.id);
      break;
  }
  const HiddenValues hidden(event.payload);
  for (Projection* projection : projections_) {
    if (auto applied = projection->apply(rows_, change); !applied) return applied;
  }
  return {};
}

void Indexes::add_grant(const Event& event) {
  auto grant = granted_by(event);
  if (!grant) return;
  put(db_.principal_grants, Key().add(grant->principal_id).add(grant->grant_id), {});
  (void)this->grant(grant->grant_id);
  put_grant(std::move(*grant));
}

/// The row at once, not with the others' at the end of a batch: an erasure looks for a subject's grants among
/// the rows, and one may have been given a command before.
void Indexes::put_grant(GrantState grant) {
  const Uuid id = grant.grant_id;
  put(db_.grants, bytes_of(id.bytes), codec::encode_state_view(grant));
  grants_.replace(db_.grants, id, bytes_of(id.bytes), std::move(grant));
}

void Indexes::index_ledger(const Event& event, const codec::EntryParts& parts, PrivateSource& privates) {
  add_grant(event);
  if (const auto* granted = std::get_if<AccessGranted>(&event.payload)) {
    if (!granted->principal.committed) return;
    auto name = granted->principal.value;
    if (!name) name = privates.open(event, parts, field::kPrincipalName);
    if (!name) return;
    const Digest digest = name_digest(master_, *name);
    const Uuid record = record_under(parts, field::kPrincipalName);
    put(db_.names, Key().add(digest).add(record), bytes_of(granted->principal_id.bytes));
    put(db_.erasable, Key().add(record).number(kErasableName).add(digest), {});
  } else if (const auto* revoked = std::get_if<AccessRevoked>(&event.payload)) {
    if (const GrantState* now = grant(revoked->grant_id)) {
      GrantState after = *now;
      after.revoked = true;
      put_grant(std::move(after));
    }
  }
}

void Indexes::index_subject(const Event& event, const codec::EntryParts& parts, PrivateSource& privates) {
  add_grant(event);
  const Uuid id = event.header.stream.id;
  const SubjectState& before = subjects_.before();
  const SubjectState& after = *subject(id);
  if (const std::string_view had = held_code(before), has = held_code(after); had != has) {
    // Another subject may hold the code by now, where rules of a later version let it.
    const auto owner = had.empty() ? std::nullopt : rows_.get(db_.credit_codes, bytes_of(had));
    if (owner && id_in(*owner) == id) (void)rows_.del(db_.credit_codes, bytes_of(had));
    if (!has.empty()) put(db_.credit_codes, bytes_of(has), bytes_of(id.bytes));
  }
  if (before.region != after.region) {
    const auto row = [&](const std::string& region) { return Key().add(bytes_of(region)).add(id); };
    if (before.region.size() == kRegionDigits) (void)rows_.del(db_.regions, row(before.region));
    if (after.region.size() == kRegionDigits) put(db_.regions, row(after.region), {});
  }
  const auto submitted = [&](const SubjectInformation& information) {
    const SubjectDocuments& documents = information.documents;
    index_document(event, parts, privates, documents.commitment_letter, field::kCommitmentLetter, id);
    index_document(event, parts, privates, documents.responsibility_statement,
                   field::kResponsibilityStatement, id);
  };
  if (const auto* e = std::get_if<SubjectSubmitted>(&event.payload)) {
    submitted(e->information);
  } else if (const auto* c = std::get_if<SubjectChangeSubmitted>(&event.payload)) {
    submitted(c->information);
  } else if (const auto* erased = std::get_if<PersonalDataErased>(&event.payload)) {
    put(db_.erasures, Key().number(event.header.position.value), {});
    for (const Uuid& record : erased->records) erase_rows(record);
  } else if (const auto* a = std::get_if<SubjectApproved>(&event.payload);
             a != nullptr && a->subject_number != 0) {
    put(db_.subject_numbers, bytes_of(be32(a->subject_number)), {});
    const auto last = rows_.get(db_.meta, bytes_of(kSubjectNumberRow));
    if (!last ||
        get_be<std::uint32_t>(reinterpret_cast<const std::uint8_t*>(last->data())) < a->subject_number) {
      put(db_.meta, bytes_of(kSubjectNumberRow), bytes_of(be32(a->subject_number)));
    }
  }
}

void Indexes::index_product(const Event& event) {
  if (const auto* added = std::get_if<ProductAdded>(&event.payload)) {
    put(db_.subject_products, Key().add(added->subject_id).number(event.header.position.value),
        bytes_of(event.header.stream.id.bytes));
  }
}

void Indexes::index_filing(const Event& event, const codec::EntryParts& parts, PrivateSource& privates) {
  const EventHeader& header = event.header;
  const Uuid id = header.stream.id;
  const Uuid subject = filing(id)->subject_id;
  const auto submitted = [&](const FilingInformation& information) {
    const FilingDocuments& documents = information.documents;
    index_document(event, parts, privates, documents.self_assessment_report, field::kSelfAssessmentReport,
                   subject);
    index_document(event, parts, privates, documents.public_disclosure, field::kPublicDisclosure, subject);
  };
  const auto published = [&](const std::optional<Digest>& disclosure) {
    if (!disclosure) return;
    document_row(document_digest(master_, *disclosure), subject, {}, header.position.value, true);
  };
  if (std::holds_alternative<DraftSaved>(event.payload)) {
    if (header.version == 1) {
      put(db_.subject_filings, Key().add(subject).number(header.position.value), bytes_of(id.bytes));
    }
  } else if (const auto* s = std::get_if<FilingSubmitted>(&event.payload)) {
    submitted(s->information);
  } else if (const auto* c = std::get_if<ChangeSubmitted>(&event.payload)) {
    submitted(c->information);
  } else if (const auto* n = std::get_if<NumberAssigned>(&event.payload)) {
    put(db_.numbers, bytes_of(n->digits), bytes_of(id.bytes));
    put(db_.serials, Key().add(subject).number(static_cast<std::uint8_t>(n->algorithm_type)),
        bytes_of(be16(n->serial)));
  } else if (const auto* p = std::get_if<FilingPublished>(&event.payload)) {
    published(p->public_disclosure);
  } else if (const auto* a = std::get_if<ChangeApproved>(&event.payload)) {
    published(a->public_disclosure);
  } else if (const auto* r = std::get_if<RecordImported>(&event.payload)) {
    if (!r->digits.empty()) put(db_.numbers, bytes_of(r->digits), bytes_of(id.bytes));
    if (const auto number = subject_number_in(r->digits))
      put(db_.subject_numbers, bytes_of(be32(*number)), {});
  }
}

void Indexes::index_document(const Event& event, const codec::EntryParts& parts, PrivateSource& privates,
                             const Private& value, std::uint32_t field, const Uuid& subject) {
  if (!value.committed) return;
  auto text = value.value;
  if (!text) text = privates.open(event, parts, field);
  if (!text) return;
  const auto digest = Digest::parse(*text);
  if (!digest) return;
  const Uuid record = record_under(parts, field);
  const Digest keyed = document_digest(master_, *digest);
  document_row(keyed, subject, record, event.header.position.value, false);
  put(db_.erasable, Key().add(record).number(kErasableDocument).add(keyed).add(subject), {});
}

void Indexes::document_row(const Digest& keyed, const Uuid& subject, const Uuid& record,
                           std::uint64_t position, bool published) {
  const Key row = Key().add(keyed).add(subject).add(record);
  if (rows_.get(db_.documents, row)) return;  // the first one that names it
  put(db_.documents, row, Key().number(position).number(static_cast<std::uint8_t>(published)));
}

void Indexes::erase_rows(const Uuid& record) {
  std::vector<std::vector<std::byte>> found;
  rows_.scan(db_.erasable, bytes_of(record.bytes), [&](Bytes key, Bytes) {
    found.emplace_back(key.begin(), key.end());
    return true;
  });
  constexpr std::size_t kRestAt = sizeof record.bytes + 1;
  for (const std::vector<std::byte>& key : found) {
    const Bytes rest = Bytes(key).subspan(kRestAt);
    const bool name = key[sizeof record.bytes] == std::byte{kErasableName};
    (void)rows_.del(name ? db_.names : db_.documents, Key().add(rest).add(record));
    (void)rows_.del(db_.erasable, key);
  }
}

void Indexes::rollback() {
  rows_.rollback();
  ledgers_.rollback();
  subjects_.rollback();
  products_.rollback();
  filings_.rollback();
  grants_.rollback();
}

void Indexes::keep() {
  rows_.keep();
  ledgers_.keep();
  subjects_.keep();
  products_.keep();
  filings_.keep();
  grants_.keep();
}

void Indexes::write_back() {
  ledgers_.write_back(db_.streams, keys_of(StreamKind::ledger));
  subjects_.write_back(db_.streams, keys_of(StreamKind::subject));
  products_.write_back(db_.streams, keys_of(StreamKind::product));
  filings_.write_back(db_.streams, keys_of(StreamKind::filing));
  grants_.write_back(db_.grants, grant_key);
}

StoreResult<void> Indexes::finish(std::uint64_t size, const Digest& last_leaf) {
  write_back();
  return views_.put_progress(rows_, size, last_leaf);
}

void Indexes::freeze(RowBuffer& rows, bool keep_memory) {
  rows.clear(keep_memory);
  std::swap(rows_, rows);
  rows.set_base(nullptr);
  rows_.set_under(&rows);
}

void Indexes::flushed() {
  rows_.clear(/*keep_memory=*/true);
  trim();
}

void Indexes::clear() {
  rows_.clear();
  ledgers_.clear();
  subjects_.clear();
  products_.clear();
  filings_.clear();
  grants_.clear();
}

void Indexes::trim() {
  if (subjects_.used() + products_.used() + filings_.used() + grants_.used() < states_max_) return;
  subjects_.age(db_.streams, keys_of(StreamKind::subject));
  products_.age(db_.streams, keys_of(StreamKind::product));
  filings_.age(db_.streams, keys_of(StreamKind::filing));
  grants_.age(db_.grants, grant_key);
}

}  // namespace ledger::store
