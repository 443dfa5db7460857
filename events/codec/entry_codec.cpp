#include "events/codec/entry_codec.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

#include <flatbuffers/flatbuffers.h>

#include "events/codec/private_members.hpp"
#include "events/codec/table_codec.hpp"
#include "events/core/limits.hpp"
#include "schema/wire/ledger_generated.h"

namespace ledger::codec {
namespace {

constexpr std::size_t kTypes = std::variant_size_v<Payload>;
static_assert(kTypes == static_cast<std::size_t>(wire::Payload::MAX),
              "the union has one member an event type");
static_assert(sizeof(wire::Id) == sizeof(Uuid) && sizeof(wire::Hash) == sizeof(Digest));

/// The deepest payload nests entry, payload, a list's table; a rejection holds at most limits::kReasonsMax
/// reasons.
constexpr flatbuffers::uoffset_t kDepthMax = 8;
constexpr flatbuffers::uoffset_t kTablesMax = 512;

/// Calls `each(number, member)` for every private value of a table, those of its tables and lists included.
template <class Each>
struct PrivateVisitor {
  Each& each;
  std::uint32_t index = 0;  // of the list element that is being visited

  template <class T>
  void field(unsigned, std::string_view, T& member) {
    using Member = std::remove_const_t<T>;
    if constexpr (DescribedTable<Member>) {
      Member::fields(member, *this);
    } else if constexpr (Optional<Member>) {
      using Element = typename ElementOf<Member>::Type;
      if constexpr (DescribedTable<Element>) {
        if (member) Element::fields(*member, *this);
      }
    } else if constexpr (List<Member>) {
      using Element = typename ElementOf<Member>::Type;
      if constexpr (DescribedTable<Element>) {
        index = 0;
        for (auto& element : member) {
          Element::fields(element, *this);
          ++index;
        }
        index = 0;
      }
    }
  }
  void hidden(std::uint32_t number, std::string_view, auto& member) { each(number + index, member); }
  template <class T>
  void group(std::string_view, T& member) {
    std::remove_const_t<T>::fields(member, *this);
  }
};

template <class T, class Each>
void each_private_of(T& table, Each& each) {
  PrivateVisitor<Each> visit{each};
  std::remove_const_t<T>::fields(table, visit);
}

template <class AnyPayload, class Each>
void each_private(AnyPayload& payload, Each each) {
  std::visit([&](auto& table) { each_private_of(table, each); }, payload);
}

wire::Id wire_id(const Uuid& id) {
  wire::Id out;
  std::memcpy(&out, id.bytes.data(), sizeof out);
  return out;
}

wire::Hash wire_hash(const Digest& digest) {
  wire::Hash out;
  std::memcpy(&out, digest.bytes.data(), sizeof out);
  return out;
}

Uuid from_wire(const wire::Id* id) {
  Uuid out;
  if (id != nullptr) std::memcpy(out.bytes.data(), id, sizeof *id);
  return out;
}

Digest from_wire(const wire::Hash& hash) {
  Digest out;
  std::memcpy(out.bytes.data(), &hash, sizeof hash);
  return out;
}

/// Rows in strictly ascending order of field, each naming a record that is there.
bool in_order(const EntryParts& parts) {
  const CommitmentRow* before = nullptr;
  for (const CommitmentRow& row : parts.commitments) {
    if (row.record >= parts.records.size() || (before != nullptr && row.field <= before->field)) return false;
    before = &row;
  }
  return true;
}

bool commitments_match(const Payload& payload, const EntryParts& parts) {
  const std::vector<std::uint32_t> fields = private_fields(payload);
  return std::ranges::equal(fields, parts.commitments, {}, {}, &CommitmentRow::field);
}

void add_optional_id(flatbuffers::FlatBufferBuilder& builder, flatbuffers::voffset_t slot, const Uuid& id) {
  if (id.is_nil()) return;
  const wire::Id value = wire_id(id);
  builder.AddStruct(slot, &value);
}

void add_optional_hash(flatbuffers::FlatBufferBuilder& builder, flatbuffers::voffset_t slot,
                       const std::optional<Digest>& digest) {
  if (!digest) return;
  const wire::Hash value = wire_hash(*digest);
  builder.AddStruct(slot, &value);
}

flatbuffers::Offset<flatbuffers::Vector<const wire::Commitment*>> write_commitments(
    flatbuffers::FlatBufferBuilder& builder, const std::vector<CommitmentRow>& rows) {
  if (rows.empty()) return 0;
  std::vector<wire::Commitment> wire_rows;
  wire_rows.reserve(rows.size());
  for (const CommitmentRow& row : rows) wire_rows.emplace_back(row.field, row.record, wire_hash(row.digest));
  return builder.CreateVectorOfStructs(wire_rows);
}

/// The header, in falling size, behind children that are already written.
void write_entry(flatbuffers::FlatBufferBuilder& builder, const Event& event,
                 flatbuffers::Offset<flatbuffers::Table> payload, const EntryParts& parts) {
  const EventHeader& header = event.header;
  const auto commitments = write_commitments(builder, parts.commitments);
  flatbuffers::Offset<flatbuffers::Vector<const wire::Id*>> records;
  if (!parts.records.empty()) {
    records = builder.CreateVectorOfStructs(reinterpret_cast<const wire::Id*>(parts.records.data()),
                                            parts.records.size());
  }
  wire::EntryBuilder entry(builder);
  entry.add_recorded_at(header.recorded_at.value);
  entry.add_version(header.version);
  entry.add_position(header.position.value);
  entry.add_commitments(commitments);
  entry.add_records(records);
  entry.add_payload(flatbuffers::Offset<void>(payload.o));
  if (header.effective_on) entry.add_effective_on(header.effective_on->days);
  entry.add_steps(header.steps);
  entry.add_step(header.step);
  entry.add_rules(header.rules);
  entry.add_schema(header.schema);
  if (header.trace) {
    const wire::Trace trace(std::span(header.trace->trace_id), std::span(header.trace->parent_id),
                            header.trace->flags);
    entry.add_trace(&trace);
  }
  if (header.causation_id) {
    const wire::Id causation_id = wire_id(*header.causation_id);
    entry.add_causation_id(&causation_id);
  }
  add_optional_id(builder, wire::Entry::VT_CORRELATION_ID, header.correlation_id);
  add_optional_hash(builder, wire::Entry::VT_REQUEST_TAG, header.request_tag);
  add_optional_hash(builder, wire::Entry::VT_KEY_TAG, header.key_tag);
  add_optional_id(builder, wire::Entry::VT_COMMAND_ID, header.command_id);
  add_optional_id(builder, wire::Entry::VT_ACTOR_PRINCIPAL, header.actor.principal);
  add_optional_id(builder, wire::Entry::VT_STREAM_ID, header.stream.id);
  add_optional_id(builder, wire::Entry::VT_EVENT_ID, header.event_id);
  entry.add_payload_type(static_cast<wire::Payload>(type_of(event.payload)));
  entry.add_request_tag_from_record(header.request_tag_from_record);
  entry.add_actor_role(static_cast<wire::Role>(header.actor.role));
  entry.add_stream_kind(static_cast<wire::StreamKind>(header.stream.kind));
  wire::FinishEntryBuffer(builder, entry.Finish());
}

bool is_stream_kind(StreamKind kind) {
  return kind >= StreamKind::ledger && kind <= StreamKind::filing;
}

std::optional<CodecError> read_header(const wire::Entry& entry, EventHeader& out) {
  out.schema = entry.schema();
  out.rules = entry.rules();
  out.event_id = from_wire(entry.event_id());
  out.position = Position{entry.position()};
  out.stream = {static_cast<StreamKind>(entry.stream_kind()), from_wire(entry.stream_id())};
  out.version = entry.version();
  out.recorded_at = TimestampUs{entry.recorded_at()};
  if (const auto days = entry.effective_on()) out.effective_on = Date{*days};
  out.actor = {from_wire(entry.actor_principal()), static_cast<Role>(entry.actor_role())};
  out.command_id = from_wire(entry.command_id());
  out.step = entry.step();
  out.steps = entry.steps();
  if (const auto* tag = entry.key_tag()) out.key_tag = from_wire(*tag);
  if (const auto* tag = entry.request_tag()) out.request_tag = from_wire(*tag);
  out.request_tag_from_record = entry.request_tag_from_record();
  out.correlation_id = from_wire(entry.correlation_id());
  if (const auto* id = entry.causation_id()) out.causation_id = from_wire(id);
  if (const auto* trace = entry.trace()) {
    TraceParent& to = out.trace.emplace();
    std::memcpy(to.trace_id.data(), trace->trace_id()->data(), to.trace_id.size());
    std::memcpy(to.parent_id.data(), trace->parent_id()->data(), to.parent_id.size());
    to.flags = trace->flags();
  }
  if (!is_stream_kind(out.stream.kind) || code_of(out.actor.role).empty()) return CodecError::unknown_value;
  return std::nullopt;
}

void read_parts(const wire::Entry& entry, EntryParts& out) {
  if (const auto* records = entry.records(); records != nullptr && records->size() != 0) {
    out.records.resize(records->size());
    std::memcpy(out.records.data(), records->Data(), out.records.size() * sizeof(Uuid));
  }
  if (const auto* commitments = entry.commitments()) {
    out.commitments.reserve(commitments->size());
    for (const wire::Commitment* row : *commitments) {
      out.commitments.push_back({row->field(), row->record(), from_wire(row->digest())});
    }
  }
}

/// Marks what the entry commits to; false when a commitment belongs to no private field of the payload.
template <class T>
bool mark_committed(T& table, const std::vector<CommitmentRow>& rows) {
  if (rows.empty()) return true;
  std::size_t found = 0;
  const auto mark = [&](std::uint32_t number, Private& member) {
    member.committed = std::ranges::binary_search(rows, number, {}, &CommitmentRow::field);
    if (member.committed) ++found;
  };
  each_private_of(table, mark);
  return found == rows.size();
}

template <std::size_t Index>
std::optional<CodecError> read_payload(const flatbuffers::Table& table, const EntryParts& parts,
                                       TableReader& reader, Payload& out) {
  auto& payload = out.emplace<Index>();
  reader.read(table, payload);
  if (reader.fault()) return reader.fault();
  if (!mark_committed(payload, parts.commitments)) return CodecError::malformed;
  return std::nullopt;
}

using PayloadReader = std::optional<CodecError> (*)(const flatbuffers::Table&, const EntryParts&,
                                                    TableReader&, Payload&);
template <std::size_t... Index>
constexpr std::array<PayloadReader, sizeof...(Index)> payload_readers(std::index_sequence<Index...>) {
  return {&read_payload<Index>...};
}
constexpr auto kPayloadReaders = payload_readers(std::make_index_sequence<kTypes>{});

/// The verified entry in `bytes`; it lives as long as they do, or until this thread's next call.
std::expected<const wire::Entry*, CodecError> verified(Bytes bytes) {
  if (bytes.size() > limits::kEntryBytesMax) return std::unexpected(CodecError::too_large);
  constexpr std::size_t kIdentifierEnd = sizeof(flatbuffers::uoffset_t) + flatbuffers::kFileIdentifierLength;
  if (bytes.size() < kIdentifierEnd) return std::unexpected(CodecError::malformed);
  thread_local std::vector<std::uint64_t> copy;
  const std::uint8_t* data = aligned(bytes, copy);
  if (!wire::EntryBufferHasIdentifier(data)) return std::unexpected(CodecError::wrong_identifier);
  flatbuffers::Verifier verifier(data, bytes.size(), kDepthMax, kTablesMax);
  if (!wire::VerifyEntryBuffer(verifier)) return std::unexpected(CodecError::malformed);
  const wire::Entry* entry = wire::GetEntry(data);
  if (entry->schema() == 0) return std::unexpected(CodecError::malformed);
  if (entry->schema() > kSchemaVersion) return std::unexpected(CodecError::unknown_schema);
  const auto type = static_cast<std::size_t>(entry->payload_type());
  if (type < 1 || type > kTypes) return std::unexpected(CodecError::unknown_type);
  if (entry->payload() == nullptr) return std::unexpected(CodecError::malformed);
  return entry;
}

}  // namespace

std::string_view name_of(CodecError error) {
  switch (error) {
    case CodecError::malformed: return "malformed";
    case CodecError::too_large: return "too_large";
    case CodecError::wrong_identifier: return "wrong_identifier";
    case CodecError::unknown_schema: return "unknown_schema";
    case CodecError::unknown_type: return "unknown_type";
    case CodecError::unknown_value: return "unknown_value";
    case CodecError::bad_parts: return "bad_parts";
  }
  return {};
}

std::vector<PrivateValue> private_values(const Payload& payload) {
  std::vector<PrivateValue> values;
  each_private(payload, [&](std::uint32_t number, const Private& member) {
    if (member.value) values.push_back({number, *member.value});
  });
  std::ranges::sort(values, {}, &PrivateValue::field);
  return values;
}

std::vector<std::uint32_t> private_fields(const Payload& payload) {
  std::vector<std::uint32_t> fields;
  each_private(payload, [&](std::uint32_t number, const Private& member) {
    if (member.value || member.committed) fields.push_back(number);
  });
  std::ranges::sort(fields);
  return fields;
}

void for_each_private(Payload& payload,
                      const std::function<void(std::uint32_t field, Private& member)>& each) {
  each_private(payload, [&](std::uint32_t number, Private& member) { each(number, member); });
}

bool set_private(Payload& payload, std::uint32_t field, std::string value) {
  Private* found = nullptr;
  each_private(payload, [&](std::uint32_t number, Private& member) {
    if (number == field) found = &member;
  });
  if (found == nullptr) return false;
  found->value = std::move(value);
  found->committed = true;
  return true;
}

std::expected<Bytes, CodecError> encode_entry_view(const Event& event, const EntryParts& parts) {
  if (!is_stream_kind(event.header.stream.kind) || code_of(event.header.actor.role).empty()) {
    return std::unexpected(CodecError::unknown_value);
  }
  if (!in_order(parts) || !commitments_match(event.payload, parts))
    return std::unexpected(CodecError::bad_parts);
  thread_local flatbuffers::FlatBufferBuilder builder(4096);
  builder.Clear();
  TableWriter writer(builder);
  const auto payload = std::visit([&](const auto& table) { return writer.write(table); }, event.payload);
  if (writer.fault()) return std::unexpected(*writer.fault());
  write_entry(builder, event, payload, parts);
  if (builder.GetSize() > limits::kEntryBytesMax) return std::unexpected(CodecError::too_large);
  return std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
}

DigestPlaces digest_places(Bytes encoded) {
  const auto* commitments = wire::GetEntry(encoded.data())->commitments();
  if (commitments == nullptr || commitments->size() == 0) return {};
  const auto* digest = commitments->Get(0)->digest().bytes()->Data();
  return {.first = static_cast<std::size_t>(reinterpret_cast<const std::byte*>(digest) - encoded.data())};
}

void DigestPlaces::put(std::span<std::byte> entry, std::size_t index, const Digest& digest) const {
  std::ranges::copy(bytes_of(digest.bytes),
                    entry.subspan(first + index * sizeof(wire::Commitment), digest.bytes.size()).begin());
}

std::expected<std::vector<std::byte>, CodecError> encode_entry(const Event& event, const EntryParts& parts) {
  const auto bytes = encode_entry_view(event, parts);
  if (!bytes) return std::unexpected(bytes.error());
  return std::vector<std::byte>(bytes->begin(), bytes->end());
}

std::expected<DecodedEntry, CodecError> decode_entry(Bytes bytes) {
  const auto entry = verified(bytes);
  if (!entry) return std::unexpected(entry.error());
  std::expected<DecodedEntry, CodecError> decoded(std::in_place);
  if (const auto fault = read_header(**entry, decoded->event.header)) return std::unexpected(*fault);
  read_parts(**entry, decoded->parts);
  if (!in_order(decoded->parts)) return std::unexpected(CodecError::malformed);
  const auto* table = static_cast<const flatbuffers::Table*>((*entry)->payload());
  TableReader reader(bytes.size());
  const auto index = static_cast<std::size_t>((*entry)->payload_type()) - 1;
  if (const auto fault = kPayloadReaders[index](*table, decoded->parts, reader, decoded->event.payload)) {
    return std::unexpected(*fault);
  }
  return decoded;
}

std::expected<DecodedHeader, CodecError> decode_header(Bytes bytes) {
  const auto entry = verified(bytes);
  if (!entry) return std::unexpected(entry.error());
  DecodedHeader decoded;
  if (const auto fault = read_header(**entry, decoded.header)) return std::unexpected(*fault);
  decoded.type = static_cast<EventType>((*entry)->payload_type());
  return decoded;
}

bool is_public(const Event& event) {
  if (!is_public_type(type_of(event.payload))) return false;
  return std::visit(
      [](const auto& payload) {
        if constexpr (requires { payload.public_record.has_value(); }) {
          return payload.public_record.has_value();
        } else {
          return true;
        }
      },
      event.payload);
}

}  // namespace ledger::codec
