#include "replay/verify_private.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "events/core/fields.hpp"
#include "events/store/indexes.hpp"
#include "events/store/sealed_row.hpp"

namespace ledger::replay {
namespace {

constexpr std::size_t kSealersMax = 65'536;
constexpr std::size_t kSealedHeader = 4 + 2 + 4;
constexpr std::size_t kVaultRowsAtOnce = 1024;
/// A live server exchanges the epoch's secret and the vault's rows one after the other.
constexpr int kTriesMax = 20;
constexpr auto kBetweenTries = std::chrono::milliseconds(20);

bool names_document(std::uint32_t field) {
  return field == field::kCommitmentLetter || field == field::kResponsibilityStatement ||
         field == field::kSelfAssessmentReport || field == field::kPublicDisclosure;
}

/// The digest of a document that an event names in clear.
std::optional<Digest> published_document(const Payload& payload) {
  if (const auto* published = std::get_if<FilingPublished>(&payload)) return published->public_disclosure;
  if (const auto* approved = std::get_if<ChangeApproved>(&payload)) return approved->public_disclosure;
  return std::nullopt;
}

std::string of_field(std::uint32_t field) {
  return " of field " + std::to_string(field);
}

/// Asks the vault until it does not contradict itself any more; the error is damage.
template <typename T, typename Ask>
std::expected<T, std::string> ask_vault(Ask ask) {
  for (int tries = 1;; ++tries) {
    auto answer = ask();
    if (answer) return std::move(*answer);
    const bool may_pass = answer.error().kind == store::VaultFailure::epoch_file ||
                          answer.error().kind == store::VaultFailure::damaged;
    if (may_pass && tries < kTriesMax) {
      std::this_thread::sleep_for(kBetweenTries);
      continue;
    }
    if (answer.error().kind == store::VaultFailure::damaged) return std::unexpected(answer.error().detail);
    throw KeyFailure(answer.error().detail);
  }
}

std::string name_of(const store::DocumentFault& fault, std::string_view name) {
  return std::string(name) + ": " + fault.operation;
}

}  // namespace

// ---- keys

std::expected<std::optional<crypto::SecretKey>, std::string> PrivateCheck::key_of(const Uuid& record) const {
  return ask_vault<std::optional<crypto::SecretKey>>([&] { return stores_.vault->find(record); });
}

const crypto::RecordSealer* PrivateCheck::sealer_of(const Uuid& record, std::uint64_t position,
                                                    VerifyProblems& problems) {
  // Keys that an erasure destroyed must not live on here.
  if (const std::uint32_t epoch = stores_.vault->current_epoch(); epoch != epoch_) {
    sealers_.clear();
    epoch_ = epoch;
  }
  if (const auto at = sealers_.find(record); at != sealers_.end()) return at->second ? &*at->second : nullptr;
  if (sealers_.size() >= kSealersMax) sealers_.clear();
  const auto key = key_of(record);
  if (!key) problems.push_back({position, key.error()});
  if (key && !*key) gone_.emplace(record, position);
  auto& sealer = sealers_[record];
  if (key && *key) sealer.emplace(**key);
  return sealer ? &*sealer : nullptr;
}

// ---- sealed values

void PrivateCheck::event(const Event& event, const codec::EntryParts& parts, Bytes row,
                         const std::optional<Uuid>& subject, VerifyProblems& problems) {
  const std::uint64_t position = event.header.position.value;
  if (const auto* erased = std::get_if<PersonalDataErased>(&event.payload)) {
    for (const Uuid& record : erased->records) erased_.emplace(record, position);
  }
  const std::vector<store::SealedValue> values =
      row.empty() ? std::vector<store::SealedValue>() : store::sealed_values(row);
  std::size_t taken = 0;
  for (const store::SealedValue& value : values) taken += kSealedHeader + value.sealed.size();
  if (taken != row.size()) problems.push_back({position, "the row of sealed values is cut or too long"});

  // Both are in order of their fields.
  std::size_t next = 0;
  for (const codec::CommitmentRow& committed : parts.commitments) {
    if (next < values.size() && values[next].field < committed.field) break;
    const Uuid& record = parts.records[committed.record];
    const crypto::RecordSealer* sealer =
        stores_.vault != nullptr ? sealer_of(record, position, problems) : nullptr;
    if (stores_.vault != nullptr && sealer == nullptr) ++figures_.erased;
    if (next == values.size() || values[next].field != committed.field) {
      if (sealer != nullptr)
        problems.push_back({position, "the sealed value" + of_field(committed.field) + " is missing"});
      continue;
    }
    const store::SealedValue& sealed = values[next++];
    if (sealed.record != committed.record) {
      problems.push_back(
          {position, "the sealed value" + of_field(committed.field) + " names another record"});
    } else if (sealer != nullptr) {
      value(event, committed, *sealer, sealed.sealed, subject, problems);
    }
  }
  if (next != values.size()) {
    problems.push_back(
        {position, "a sealed value" + of_field(values[next].field) + " is out of order or not committed to"});
  }
  if (stores_.vault != nullptr) name_document(position, subject, published_document(event.payload));
}

void PrivateCheck::value(const Event& event, const codec::CommitmentRow& committed,
                         const crypto::RecordSealer& sealer, Bytes sealed, const std::optional<Uuid>& subject,
                         VerifyProblems& problems) {
  const std::uint64_t position = event.header.position.value;
  const Uuid& id = event.header.event_id;
  const auto text = sealer.open_value(id, committed.field, sealed);
  if (!text) {
    problems.push_back({position, "the sealed value" + of_field(committed.field) + " does not open"});
    return;
  }
  if (crypto::commit(origin_, id, committed.field, sealer.salt(id, committed.field), *text) !=
      committed.digest) {
    problems.push_back(
        {position, "the sealed value" + of_field(committed.field) + " is not the one committed to"});
    return;
  }
  ++figures_.opened;
  if (names_document(committed.field)) name_document(position, subject, Digest::parse(*text));
}

// ---- documents

void PrivateCheck::name_document(std::uint64_t position, const std::optional<Uuid>& subject,
                                 const std::optional<Digest>& digest) {
  if (digest && subject) named_.push_back({position, *subject, *digest});
}

void PrivateCheck::read_document(const Named& named, VerifyProblems& problems) {
  const Uuid record = store::document_record(*stores_.master, named.subject);
  const auto key = key_of(record);
  if (!key) problems.push_back({named.position, key.error()});
  if (!key) return;
  if (!*key) {
    gone_.emplace(record, named.position);
    return;
  }
  const std::string name = store::DocumentStore::keyed_name(**key, named.digest);
  if (!seen_.insert(hex(named.subject.bytes) + "/" + name).second) return;
  const auto listing = stores_.documents->verify(named.subject, **key, named.digest);
  if (listing) {
    ++figures_.documents;
    figures_.document_bytes += listing->size;
    return;
  }
  if (listing.error().kind == store::DocumentFailure::io) throw KeyFailure(listing.error().message());
  // Erased while it was read.
  if (const auto again = key_of(record); again && !*again) return;
  problems.push_back({named.position, "the document " + name_of(listing.error(), name)});
}

void PrivateCheck::read_documents(const std::function<bool()>& should_stop, VerifyProblems& problems) {
  for (const Named& named : named_) {
    if (should_stop && should_stop()) return;
    read_document(named, problems);
  }
  named_.clear();
}

void PrivateCheck::check_files(const std::function<bool()>& should_stop, VerifyProblems& problems) {
  const auto subjects = stores_.documents->subjects();
  if (!subjects) throw KeyFailure(subjects.error().message());
  for (const Uuid& subject : *subjects) {
    const auto files = stores_.documents->list(subject);
    if (!files) throw KeyFailure(files.error().message());
    const Uuid record = store::document_record(*stores_.master, subject);
    const auto key = key_of(record);
    if (!key || !*key) {
      figures_.closed_documents += files->size();
      continue;  // a row that does not open was reported with the vault
    }
    for (const store::DocumentListing& file : *files) {
      if (should_stop && should_stop()) return;
      if (seen_.contains(hex(subject.bytes) + "/" + file.name)) continue;
      const auto listing = stores_.documents->verify_file(subject, **key, file.name);
      if (listing) {
        ++figures_.documents;
        figures_.document_bytes += listing->size;
        continue;
      }
      if (listing.error().kind == store::DocumentFailure::unknown) continue;  // removed meanwhile
      if (listing.error().kind == store::DocumentFailure::io) throw KeyFailure(listing.error().message());
      if (const auto again = key_of(record); again && !*again) break;
      problems.push_back(
          {std::nullopt, "the document " + hex(subject.bytes) + "/" + name_of(listing.error(), file.name)});
    }
  }
}

// ---- the vault, and what was erased

void PrivateCheck::check_vault(const std::function<bool()>& should_stop, VerifyProblems& problems) {
  std::optional<Uuid> last;
  do {
    if (should_stop && should_stop()) return;
    const auto checked =
        ask_vault<std::optional<Uuid>>([&] { return stores_.vault->check(last, kVaultRowsAtOnce); });
    if (!checked) {
      problems.push_back({std::nullopt, "the vault: " + checked.error()});
      return;
    }
    last = *checked;
  } while (last);
  figures_.vault_records = stores_.vault->count();
}

void PrivateCheck::end(const std::function<bool()>& should_stop, VerifyProblems& problems) {
  if (stores_.vault == nullptr) return;
  check_vault(should_stop, problems);
  check_files(should_stop, problems);
}

void PrivateCheck::report_gone(VerifyProblems& problems) const {
  for (const auto& [record, position] : gone_) {
    if (erased_.contains(record)) continue;
    problems.push_back(
        {position, "the key of record " + record.text() + " is gone, and no erasure of the log names it"});
  }
}

void PrivateCheck::report_not_carried_out(VerifyProblems& problems) const {
  if (stores_.vault == nullptr) return;
  for (const auto& [record, position] : erased_) {
    const auto key = key_of(record);
    if (key && !*key) continue;
    problems.push_back({position, "the erasure was not carried out: the key of record " + record.text() +
                                      " is still there; the next start of its server carries it out"});
  }
}

}  // namespace ledger::replay
