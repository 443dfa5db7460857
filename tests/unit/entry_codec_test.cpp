#include "events/codec/entry_codec.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include <catch2/catch.hpp>

#include "events/core/limits.hpp"
#include "schema/wire/ledger_generated.h"
#include "tests/support/codec_examples.hpp"

namespace ledger {
namespace {

using codec::CodecError;
using codec::EntryParts;
using examples::example;
using examples::Fill;
using examples::kTypes;
using examples::same_bytes;

constexpr std::uint64_t kGoldenSeed = 1;

Private secret(std::string text) {
  return Private::of(std::move(text));
}

std::vector<std::byte> encoded(const Event& event, const EntryParts& parts) {
  auto bytes = codec::encode_entry(event, parts);
  REQUIRE(bytes.has_value());
  return *bytes;
}

/// Everything that a decoded entry says must be what went in, private values apart.
void require_round_trip(const Event& event, const EntryParts& parts) {
  const auto bytes = encoded(event, parts);
  REQUIRE(bytes.size() <= limits::kEntryBytesMax);
  const auto decoded = codec::decode_entry(bytes);
  REQUIRE(decoded.has_value());
  REQUIRE(examples::dump(*decoded) == examples::dump(codec::DecodedEntry{event, parts}));
  REQUIRE(codec::private_fields(decoded->event.payload) == codec::private_fields(event.payload));
  REQUIRE(codec::private_values(decoded->event.payload).empty());
  REQUIRE(same_bytes(encoded(decoded->event, decoded->parts), bytes));

  const auto header = codec::decode_header(bytes);
  REQUIRE(header.has_value());
  REQUIRE(header->type == type_of(event.payload));
  REQUIRE(header->header.position == event.header.position);
  REQUIRE(header->header.key_tag == event.header.key_tag);
}

CodecError decode_fault(Bytes bytes) {
  const auto decoded = codec::decode_entry(bytes);
  REQUIRE_FALSE(decoded.has_value());
  return decoded.error();
}

CodecError encode_fault(const Event& event, const EntryParts& parts) {
  const auto bytes = codec::encode_entry(event, parts);
  REQUIRE_FALSE(bytes.has_value());
  return bytes.error();
}

/// The entry's own table, to damage it.
flatbuffers::Table* entry_in(std::vector<std::byte>& bytes) {
  return flatbuffers::GetMutableRoot<flatbuffers::Table>(bytes.data());
}

/// A finished entry of `draft.discarded` with whatever else `add` puts into it.
template <class Add>
std::vector<std::byte> built(Add add) {
  flatbuffers::FlatBufferBuilder builder;
  const auto entry = add(builder);
  wire::FinishEntryBuffer(builder, entry);
  const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  return {bytes.begin(), bytes.end()};
}

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<std::byte> unhex(std::string_view text) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

}  // namespace

TEST_CASE("every event type comes back from its bytes as it went in") {
  for (std::size_t index = 0; index < kTypes; ++index) {
    CAPTURE(name_of(static_cast<EventType>(index + 1)));
    const auto [event, parts] = example(index, 7, Fill::all);
    require_round_trip(event, parts);
  }
}

TEST_CASE("random events come back from their bytes") {
  const char* given = std::getenv("LEDGER_TEST_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  WARN("LEDGER_TEST_SEED=" << seed);
  for (std::uint64_t round = 0; round < 40; ++round) {
    for (std::size_t index = 0; index < kTypes; ++index) {
      CAPTURE(seed, round, name_of(static_cast<EventType>(index + 1)));
      const auto [event, parts] = example(index, seed + round, Fill::some);
      require_round_trip(event, parts);
    }
  }
}

TEST_CASE("the same event gives the same bytes, whatever was encoded before") {
  const auto [event, parts] = example(type_number<FilingSubmitted>() - 1, 3, Fill::all);
  const auto first = encoded(event, parts);
  const auto [other, other_parts] = example(type_number<RecordImported>() - 1, 4, Fill::all);
  (void)encoded(other, other_parts);
  REQUIRE(same_bytes(encoded(event, parts), first));
  const auto view = codec::encode_entry_view(event, parts);
  REQUIRE(view.has_value());
  REQUIRE(same_bytes(*view, first));
}

TEST_CASE("digests put into an entry that was laid out without them give the bytes of one that had them") {
  std::size_t with_commitments = 0;
  for (std::size_t index = 0; index < kTypes; ++index) {
    CAPTURE(name_of(static_cast<EventType>(index + 1)));
    const auto [event, parts] = example(index, 11, Fill::all);
    codec::EntryParts without = parts;
    for (codec::CommitmentRow& row : without.commitments) row.digest = {};
    const auto view = codec::encode_entry_view(event, without);
    REQUIRE(view);
    const codec::DigestPlaces places = codec::digest_places(*view);
    std::vector<std::byte> entry(view->begin(), view->end());
    for (std::size_t i = 0; i < parts.commitments.size(); ++i)
      places.put(entry, i, parts.commitments[i].digest);
    CHECK(same_bytes(entry, encoded(event, parts)));
    with_commitments += parts.commitments.empty() ? 0 : 1;
  }
  CHECK(with_commitments > 5);
}

TEST_CASE("golden entries of every released schema are read for ever") {
  const std::string folder = LEDGER_GOLDEN_DIR;
  if (const char* out = std::getenv("LEDGER_GOLDEN_WRITE")) {  // once a release, by hand
    std::ofstream hex_file(std::string(out) + "/entries.v1.hex"),
        dump_file(std::string(out) + "/entries.v1.txt");
    for (std::size_t index = 0; index < kTypes; ++index) {
      const auto [event, parts] = example(index, kGoldenSeed, Fill::all);
      const auto bytes = encoded(event, parts);
      hex_file << name_of(static_cast<EventType>(index + 1)) << ' '
               << hex(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size())) << '\n';
      dump_file << examples::dump(codec::DecodedEntry{event, parts}) << '\n';
    }
  }
  std::istringstream lines(slurp(folder + "/entries.v1.hex"));
  const std::string expected = slurp(folder + "/entries.v1.txt");
  std::string name, text, dumped;
  std::size_t count = 0;
  while (lines >> name >> text) {
    CAPTURE(name);
    const auto bytes = unhex(text);
    const auto decoded = codec::decode_entry(bytes);
    REQUIRE(decoded.has_value());
    CHECK(name_of(type_of(decoded->event.payload)) == name);
    CHECK(same_bytes(encoded(decoded->event, decoded->parts), bytes));
    dumped += examples::dump(*decoded) + "\n";
    ++count;
  }
  CHECK(count == 50);
  CHECK(dumped == expected);
}

TEST_CASE("the generated accessors read what the codec wrote") {
  const auto [event, parts] = example(type_number<FilingPublished>() - 1, 5, Fill::all);
  const auto bytes = encoded(event, parts);
  const wire::Entry* entry = wire::GetEntry(bytes.data());
  const EventHeader& header = event.header;
  CHECK(entry->schema() == kSchemaVersion);
  CHECK(entry->rules() == kRulesVersion);
  CHECK(entry->position() == header.position.value);
  CHECK(entry->version() == header.version);
  CHECK(entry->recorded_at() == header.recorded_at.value);
  CHECK(entry->effective_on() == header.effective_on->days);
  CHECK(static_cast<int>(entry->stream_kind()) == static_cast<int>(header.stream.kind));
  CHECK(static_cast<int>(entry->actor_role()) == static_cast<int>(header.actor.role));
  CHECK(entry->step() == header.step);
  CHECK(entry->steps() == header.steps);
  CHECK(std::ranges::equal(*entry->event_id()->bytes(), header.event_id.bytes));
  CHECK(std::ranges::equal(*entry->key_tag()->bytes(), header.key_tag->bytes));
  CHECK(std::ranges::equal(*entry->trace()->parent_id(), header.trace->parent_id));
  REQUIRE(entry->payload_type() == wire::Payload::FilingPublished);
  const auto& record = std::get<FilingPublished>(event.payload).public_record;
  const auto* wire_record = entry->payload_as_FilingPublished()->public_record();
  CHECK(wire_record->number()->str() == record.number);
  CHECK(wire_record->organization_name()->str() == record.organization_name);
  CHECK(static_cast<int>(wire_record->type().value()) == static_cast<int>(*record.type));
  CHECK(wire_record->batch() == *record.batch);
  CHECK(wire_record->announced_on() == record.announced_on->days);
}

TEST_CASE("commitments stand in the entry and mark the private values") {
  DraftSaved draft;
  draft.form = secret("{}");
  Event event;
  event.payload = draft;
  Digest digest;
  digest.bytes.fill(7);
  const EntryParts parts{{Uuid{{1}}}, {{field::kDraftForm, 0, digest}}};
  const auto bytes = encoded(event, parts);
  const wire::Entry* entry = wire::GetEntry(bytes.data());
  REQUIRE(entry->commitments()->size() == 1);
  CHECK(entry->commitments()->Get(0)->field() == 1101);
  CHECK(std::ranges::equal(*entry->commitments()->Get(0)->digest().bytes(), digest.bytes));
  CHECK(text_of(bytes).find("{}") == std::string_view::npos);

  const auto decoded = codec::decode_entry(bytes);
  REQUIRE(decoded.has_value());
  CHECK(decoded->parts == parts);
  const Private& form = std::get<DraftSaved>(decoded->event.payload).form;
  CHECK(form.committed);
  CHECK_FALSE(form.value.has_value());
}

TEST_CASE("private values are listed by number and joined by number") {
  FilingRejected rejected;
  rejected.reasons.resize(3);
  rejected.reasons[0].note = secret("first");
  rejected.reasons[2].note = secret("third");
  Payload payload = rejected;
  const auto values = codec::private_values(payload);
  REQUIRE(values.size() == 2);
  CHECK(values[0].field == field::kReasonNote);
  CHECK(values[0].value == "first");
  CHECK(values[1].field == field::kReasonNote + 2);
  CHECK(values[1].value == "third");

  CHECK(codec::set_private(payload, field::kReasonNote + 1, "second"));
  const Private& second = std::get<FilingRejected>(payload).reasons[1].note;
  CHECK(second.committed);
  CHECK(second.value == "second");
  CHECK_FALSE(codec::set_private(payload, field::kReasonNote + 3, "none"));
  CHECK_FALSE(codec::set_private(payload, field::kDraftForm, "elsewhere"));

  SubjectSubmitted submitted;
  submitted.information.documents.commitment_letter = secret("d");
  submitted.information.legal_representative.name = secret("n");
  submitted.information.website_name = secret("w");
  payload = submitted;
  CHECK(codec::private_fields(payload) == std::vector<std::uint32_t>{field::kRepresentativeName,
                                                                     field::kWebsiteName,
                                                                     field::kCommitmentLetter});
}

TEST_CASE("commitments that do not fit the event are refused when encoding") {
  Event event;
  DraftSaved draft;
  draft.form = secret("{}");
  event.payload = draft;
  const std::vector<Uuid> records{Uuid{{1}}};
  CHECK(encode_fault(event, {records, {}}) == CodecError::bad_parts);
  CHECK(encode_fault(event, {records, {{field::kDraftForm, 1, {}}}}) == CodecError::bad_parts);
  CHECK(encode_fault(event, {records, {{field::kDraftForm, 0, {}}, {field::kNote, 0, {}}}}) ==
        CodecError::bad_parts);
  CHECK(encode_fault(event, {records, {{field::kDraftForm, 0, {}}, {field::kDraftForm, 0, {}}}}) ==
        CodecError::bad_parts);
  CHECK(codec::encode_entry(event, {records, {{field::kDraftForm, 0, {}}}}).has_value());

  FilingDetails details;
  details.data = secret("a");
  details.model = secret("b");
  FilingSubmitted submitted;
  submitted.information.algorithm_type = AlgorithmType::personalized_push;
  submitted.information.role = AlgorithmRole::provider;
  submitted.information.details = details;
  event.payload = submitted;
  CHECK(encode_fault(event, {records, {{field::kDetailsModel, 0, {}}, {field::kDetailsData, 0, {}}}}) ==
        CodecError::bad_parts);
}

TEST_CASE("values outside their lists and texts that are not UTF-8 are refused when encoding") {
  Event event;
  event.payload = NumberAssigned{};  // no algorithm type
  CHECK(encode_fault(event, {}) == CodecError::unknown_value);
  event.payload = ReviewStarted{1};
  event.header.actor.role = static_cast<Role>(99);
  CHECK(encode_fault(event, {}) == CodecError::unknown_value);
  event.header.actor.role = Role::reviewer;
  event.header.stream.kind = static_cast<StreamKind>(0);
  CHECK(encode_fault(event, {}) == CodecError::unknown_value);
  event.header.stream.kind = StreamKind::ledger;
  event.payload = SigningKeyAdded{"\xC3\x28"};
  CHECK(encode_fault(event, {}) == CodecError::malformed);
}

TEST_CASE("an entry longer than 65,535 bytes is refused both ways") {
  Event event;
  event.payload = SigningKeyAdded{std::string(65'200, 'x')};
  const auto largest = codec::encode_entry(event, {});
  REQUIRE(largest.has_value());
  CHECK(codec::decode_entry(*largest).has_value());
  event.payload = SigningKeyAdded{std::string(65'536, 'x')};
  CHECK(encode_fault(event, {}) == CodecError::too_large);
  CHECK(decode_fault(std::vector<std::byte>(65'536)) == CodecError::too_large);
}

TEST_CASE("bytes at any address decode alike") {
  const auto [event, parts] = example(type_number<SubjectSubmitted>() - 1, 9, Fill::all);
  const auto bytes = encoded(event, parts);
  const std::string expected = examples::dump(*codec::decode_entry(bytes));
  for (std::size_t shift = 0; shift < 8; ++shift) {
    std::vector<std::byte> moved(bytes.size() + shift);
    std::ranges::copy(bytes, moved.begin() + static_cast<std::ptrdiff_t>(shift));
    const auto decoded = codec::decode_entry(Bytes(moved).subspan(shift));
    REQUIRE(decoded.has_value());
    CHECK(examples::dump(*decoded) == expected);
  }
}

TEST_CASE("each truncation of an entry is refused or reads the same") {
  const auto [event, parts] = example(type_number<ChangeApproved>() - 1, 11, Fill::all);
  const auto bytes = encoded(event, parts);
  const std::string expected = examples::dump(*codec::decode_entry(bytes));
  std::size_t refused = 0;
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
    const auto decoded = codec::decode_entry(cut);
    if (decoded) CHECK(examples::dump(*decoded) == expected);
    if (!decoded) ++refused;
  }
  CHECK(refused >= bytes.size() - 8);
}

TEST_CASE("a damaged byte never gives an entry that cannot be encoded again") {
  for (const std::size_t index : {type_number<FilingRejected>() - 1, type_number<RecordImported>() - 1}) {
    const auto [event, parts] = example(index, 13, Fill::all);
    const auto bytes = encoded(event, parts);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      for (const int flip : {0x01, 0x80, 0xFF}) {
        auto damaged = bytes;
        damaged[at] ^= static_cast<std::byte>(flip);
        const auto decoded = codec::decode_entry(damaged);
        if (decoded) CHECK(codec::encode_entry(decoded->event, decoded->parts).has_value());
      }
    }
  }
}

TEST_CASE("bytes that are no entry say what they are") {
  CHECK(decode_fault({}) == CodecError::malformed);
  CHECK(decode_fault(bytes_of("FLE1")) == CodecError::malformed);
  CHECK(decode_fault(bytes_of("{\"json\": true, \"entry\": false}")) == CodecError::wrong_identifier);

  Event event;
  event.payload = DraftDiscarded{};
  event.header.schema = kSchemaVersion + 1;
  CHECK(decode_fault(encoded(event, {})) == CodecError::unknown_schema);
  event.header.schema = 0;
  CHECK(decode_fault(encoded(event, {})) == CodecError::malformed);
  event.header.schema = kSchemaVersion;

  auto bytes = encoded(event, {});
  auto* type = entry_in(bytes)->GetAddressOf(wire::Entry::VT_PAYLOAD_TYPE);
  *type = 51;
  CHECK(decode_fault(bytes) == CodecError::unknown_type);
  *type = 0;
  CHECK(decode_fault(bytes) == CodecError::unknown_type);

  bytes = encoded(event, {});
  *entry_in(bytes)->GetAddressOf(wire::Entry::VT_ACTOR_ROLE) = 11;
  CHECK(decode_fault(bytes) == CodecError::unknown_value);
  CHECK(codec::decode_header(bytes).error() == CodecError::unknown_value);
}

TEST_CASE("a payload's code outside its list is refused") {
  Event event;
  event.payload = DisplayRecorded{DisplayChannel::app, {}};
  auto bytes = encoded(event, {});
  auto* payload = entry_in(bytes)->GetPointer<flatbuffers::Table*>(wire::Entry::VT_PAYLOAD);
  *payload->GetAddressOf(4) = 6;
  CHECK(decode_fault(bytes) == CodecError::unknown_value);
}

TEST_CASE("commitments out of order, of unknown fields or records are refused when decoding") {
  const auto with_rows = [](std::vector<std::uint32_t> fields, std::uint16_t record) {
    return built([&](flatbuffers::FlatBufferBuilder& builder) {
      const auto payload = wire::CreateSubjectClosed(builder);
      std::vector<wire::Commitment> rows;
      for (const std::uint32_t number : fields) rows.emplace_back(number, record, wire::Hash());
      const auto commitments = builder.CreateVectorOfStructs(rows);
      const std::vector<wire::Id> ids(1);
      const auto records = builder.CreateVectorOfStructs(ids);
      wire::EntryBuilder entry(builder);
      entry.add_schema(1);
      entry.add_stream_kind(wire::StreamKind::subject);
      entry.add_actor_role(wire::Role::admin);
      entry.add_payload_type(wire::Payload::SubjectClosed);
      entry.add_payload(payload.Union());
      entry.add_records(records);
      entry.add_commitments(commitments);
      return entry.Finish();
    });
  };
  CHECK(codec::decode_entry(with_rows({field::kNote}, 0)).has_value());
  CHECK(decode_fault(with_rows({field::kNote}, 1)) == CodecError::malformed);
  CHECK(decode_fault(with_rows({field::kNote, field::kNote}, 0)) == CodecError::malformed);
  CHECK(decode_fault(with_rows({field::kDraftForm}, 0)) == CodecError::malformed);
  CHECK(decode_fault(with_rows({field::kDraftForm, field::kNote}, 0)) == CodecError::malformed);
}

TEST_CASE("empty lists that another writer stored are read as absent ones") {
  const auto bytes = built([](flatbuffers::FlatBufferBuilder& builder) {
    const auto records = builder.CreateVectorOfStructs(static_cast<const wire::Id*>(nullptr), 0);
    const auto commitments = builder.CreateVectorOfStructs(static_cast<const wire::Commitment*>(nullptr), 0);
    const auto payload = wire::CreatePersonalDataErased(builder, builder.CreateString(""), records);
    wire::EntryBuilder entry(builder);
    entry.add_schema(1);
    entry.add_stream_kind(wire::StreamKind::subject);
    entry.add_actor_role(wire::Role::admin);
    entry.add_payload_type(wire::Payload::PersonalDataErased);
    entry.add_payload(payload.Union());
    entry.add_records(records);
    entry.add_commitments(commitments);
    return entry.Finish();
  });
  const auto decoded = codec::decode_entry(bytes);
  REQUIRE(decoded.has_value());
  CHECK(decoded->parts == EntryParts{});
  CHECK(std::get<PersonalDataErased>(decoded->event.payload).records.empty());
}

TEST_CASE("one text named ten thousand times does not grow a small entry into a large value") {
  const auto bytes = built([](flatbuffers::FlatBufferBuilder& builder) {
    const auto text = builder.CreateString(std::string(20'000, 'x'));
    const auto texts =
        builder.CreateVector(std::vector<flatbuffers::Offset<flatbuffers::String>>(10'000, text));
    const auto payload = wire::CreateWebhookRegistered(builder, nullptr, 0, texts);
    wire::EntryBuilder entry(builder);
    entry.add_schema(1);
    entry.add_stream_kind(wire::StreamKind::ledger);
    entry.add_actor_role(wire::Role::admin);
    entry.add_payload_type(wire::Payload::WebhookRegistered);
    entry.add_payload(payload.Union());
    return entry.Finish();
  });
  REQUIRE(bytes.size() < limits::kEntryBytesMax);
  CHECK(decode_fault(bytes) == CodecError::malformed);
}

TEST_CASE("a payload without its inner table, or with a text that is not UTF-8, is refused") {
  const auto with = [](auto payload_type, auto make) {
    return built([&](flatbuffers::FlatBufferBuilder& builder) {
      const flatbuffers::Offset<void> payload = make(builder);
      wire::EntryBuilder entry(builder);
      entry.add_schema(1);
      entry.add_stream_kind(wire::StreamKind::ledger);
      entry.add_actor_role(wire::Role::admin);
      entry.add_payload_type(payload_type);
      entry.add_payload(payload);
      return entry.Finish();
    });
  };
  CHECK(decode_fault(with(wire::Payload::FilingPublished, [](auto& builder) {
          return wire::CreateFilingPublished(builder).Union();
        })) == CodecError::malformed);
  CHECK(decode_fault(with(wire::Payload::SigningKeyAdded, [](auto& builder) {
          return wire::CreateSigningKeyAdded(builder, builder.CreateString("\xFF")).Union();
        })) == CodecError::malformed);
  CHECK(codec::decode_entry(with(wire::Payload::SigningKeyAdded, [](auto& builder) {
          return wire::CreateSigningKeyAdded(builder, builder.CreateString("钥")).Union();
        })).has_value());
}

TEST_CASE("an event is public when its type is and it carries its public record") {
  Event event;
  event.payload = FilingPublished{};
  CHECK(codec::is_public(event));
  event.payload = RecordImported{};
  CHECK(codec::is_public(event));
  event.payload = FilingCancelled{};
  CHECK_FALSE(codec::is_public(event));
  event.payload = FilingCancelled{"", {}, {}, false, PublicRecord{}};
  CHECK(codec::is_public(event));
  event.payload = ChangeApproved{};
  CHECK_FALSE(codec::is_public(event));
  event.payload = NumberAssigned{};
  CHECK_FALSE(codec::is_public(event));
}

}  // namespace ledger
