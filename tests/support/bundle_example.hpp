// A small evidence bundle made in code: one filing from its subject's registration to its publication, in a
// log that holds other things too. The same bytes on every machine.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "events/codec/entry_codec.hpp"
#include "events/crypto/commitment.hpp"
#include "events/tlog/checkpoint.hpp"
#include "events/tlog/cosignature.hpp"
#include "replay/verify_bundle.hpp"
#include "tests/support/memory_hashes.hpp"

namespace ledger::test {

inline constexpr std::string_view kBundleOrigin = "ledger.example.cn/bundles";

inline Uuid id_of(std::uint8_t n) {
  Uuid id;
  id.bytes.back() = n;
  id.bytes[0] = 1;
  return id;
}

inline crypto::SigningKey key_of(std::uint8_t n) {
  crypto::SecretKey seed;
  seed.octets()[0] = n;
  return crypto::SigningKey::from_seed(seed);
}

/// A log in memory whose private values all lie under one record key.
class BundleLog {
 public:
  /// Appends an event with its private values in the open; answers its position.
  std::uint64_t append(StreamId stream, Payload payload, Role role) {
    Event event{{}, std::move(payload)};
    event.header.position = {entries.size()};
    event.header.event_id = id_of(static_cast<std::uint8_t>(100 + entries.size()));
    event.header.stream = stream;
    event.header.version = ++versions_[stream];
    event.header.recorded_at = {1'790'000'000'000'000 + static_cast<std::int64_t>(entries.size())};
    event.header.actor = {id_of(90), role};
    codec::EntryParts parts;
    for (const codec::PrivateValue& value : codec::private_values(event.payload)) {
      if (parts.records.empty()) parts.records.push_back(id_of(91));
      const auto sealed = sealer.seal_field(kBundleOrigin, event.header.event_id, value.field, value.value);
      parts.commitments.push_back({value.field, 0, sealed.commitment});
    }
    entries.push_back(codec::encode_entry(event, parts).value());
    hashes.append(tlog::leaf_hash(entries.back()));
    events.push_back(std::move(event));
    return events.size() - 1;
  }

  [[nodiscard]] tlog::SignedCheckpoint checkpoint(std::uint64_t size) const {
    const crypto::SigningKey keys[] = {key_of(1)};
    return tlog::sign_checkpoint({std::string(kBundleOrigin), size, tlog::root_at(hashes, size).value()},
                                 keys);
  }
  [[nodiscard]] replay::BundleEntry entry(std::uint64_t position, std::uint64_t size) const {
    return {position, entries.at(position), tlog::inclusion_path(hashes, position, size).value()};
  }
  [[nodiscard]] replay::BundleDisclosure disclosure(std::uint64_t position, std::uint32_t field) const {
    const Event& event = events.at(position);
    for (const codec::PrivateValue& value : codec::private_values(event.payload)) {
      if (value.field != field) continue;
      return {position, field, replay::private_field_pointer(event.payload, field).value(),
              sealer.salt(event.header.event_id, field), std::string(value.value)};
    }
    throw std::logic_error("the event has no such field");
  }

  std::vector<Event> events;
  std::vector<std::vector<std::byte>> entries;
  tlog::MemoryHashes hashes;
  crypto::RecordSealer sealer{crypto::SecretKey()};

 private:
  std::map<StreamId, std::uint64_t> versions_;
};

inline const StreamId kSubjectStream{StreamKind::subject, id_of(1)};
inline const StreamId kProductStream{StreamKind::product, id_of(2)};
inline const StreamId kFilingStream{StreamKind::filing, id_of(3)};

inline SubjectInformation example_subject() {
  SubjectInformation information;
  information.organization_name = "示例科技有限公司";
  information.credit_code = "91110108MA01EXAMPL";
  information.region = "110108";
  information.documents.commitment_letter = Private::of(crypto::sha256(bytes_of("letter")).text());
  return information;
}

inline FilingInformation example_filing() {
  FilingInformation information;
  information.algorithm_name = "示例推荐算法";
  information.algorithm_type = AlgorithmType::personalized_push;
  information.role = AlgorithmRole::provider;
  information.purpose = "应用于资讯推荐场景";
  information.documents.self_assessment_report = Private::of(crypto::sha256(bytes_of("report")).text());
  information.documents.public_disclosure = Private::of(crypto::sha256(bytes_of("disclosure")).text());
  information.details.model = Private::of(std::string("协同过滤 \"甲\"\n"));
  return information;
}

inline FilingPublished example_publication() {
  FilingPublished published;
  published.public_record.number = "演示备110108100000102260017号";
  published.public_record.algorithm_name = "示例推荐算法";
  published.public_record.status = "published";
  published.public_disclosure = crypto::sha256(bytes_of("disclosure"));
  return published;
}

/// The life of the filing, with an event of others here and there.
inline BundleLog example_log() {
  BundleLog log;
  log.append({}, LedgerCreated{id_of(80), std::string(kBundleOrigin), "演示备", "vkey"}, Role::operator_);
  log.append({}, AccessRevoked{id_of(81)}, Role::admin);
  SubjectRegistered registered;
  registered.contact.name = Private::of(std::string("王五"));
  log.append(kSubjectStream, registered, Role::public_);
  log.append(kSubjectStream, SubjectSubmitted{1, false, example_subject()}, Role::filer);
  log.append(kSubjectStream, SubjectApproved{1, 1'000'001}, Role::initial_reviewer);
  log.append(kProductStream, ProductAdded{id_of(1), ProductForm::app, Private::of(std::string("示例应用"))},
             Role::filer);
  log.append(kFilingStream, DraftSaved{id_of(1), 1, Private::of(std::string("{}"))}, Role::filer);
  log.append({StreamKind::filing, id_of(4)}, DraftSaved{id_of(5), 1, Private::of(std::string("{}"))},
             Role::filer);
  const auto submission = log.append(kFilingStream, FilingSubmitted{1, false, example_filing()}, Role::filer);
  log.append(kFilingStream, ReviewStarted{1}, Role::reviewer);
  log.append(kFilingStream, FilingApproved{1, submission}, Role::reviewer);
  NumberAssigned number{"演示备", "110108100000102260017", "110108", 1'000'001, {}, 26, 1};
  number.algorithm_type = AlgorithmType::personalized_push;
  log.append(kFilingStream, number, Role::registrar);
  log.append(kFilingStream, example_publication(), Role::registrar);
  log.append({}, AccessRevoked{id_of(82)}, Role::admin);
  return log;
}

/// What is the filing's in `log`, as of its first `size` entries; some of its private values disclosed.
inline replay::Bundle bundle_of(const BundleLog& log, std::uint64_t size) {
  replay::Bundle bundle;
  bundle.head = {.origin = std::string(kBundleOrigin),
                 .filing = kFilingStream.id,
                 .subject = kSubjectStream.id,
                 .schema = kSchemaVersion,
                 .checkpoint = log.checkpoint(size).text()};
  for (std::uint64_t at = 0; at < size; ++at) {
    Event event = log.events[at];
    const StreamId& stream = event.header.stream;
    const bool own = stream == kSubjectStream || stream == kProductStream || stream == kFilingStream;
    if (at != 0 && !own) continue;
    bundle.entries.push_back(log.entry(at, size));
    for (const codec::PrivateValue& value : codec::private_values(event.payload)) {
      if (value.field < 1000) continue;  // a person's stay closed
      bundle.disclosures.push_back(log.disclosure(at, value.field));
    }
    std::ranges::copy(replay::documents_named(event), std::back_inserter(bundle.documents));
  }
  return bundle;
}

inline crypto::VerifierKey example_vkey(std::uint8_t n = 1) {
  return {.name = std::string(kBundleOrigin), .type = crypto::kEd25519Type, .key = key_of(n).public_key()};
}

}  // namespace ledger::test
