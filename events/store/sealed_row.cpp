#include "events/store/sealed_row.hpp"

#include <algorithm>
#include <cstring>

#include "events/codec/private_members.hpp"

namespace ledger::store {
namespace {

constexpr std::size_t kHeaderSize = 4 + 2 + 4;

const std::uint8_t* octets(Bytes bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}

/// Opens values under keys that are looked up once a record.
class Opener {
 public:
  Opener(const codec::EntryParts& parts, const KeyFinder& find) : parts_(parts), find_(find) {}
  std::optional<std::string> open(const Uuid& event_id, const SealedValue& value) {
    if (value.record >= parts_.records.size()) return std::nullopt;
    if (!sealer_ || record_ != value.record) {
      const auto key = find_(parts_.records[value.record]);
      record_ = value.record;
      sealer_.reset();
      if (key) sealer_.emplace(*key);
    }
    if (!sealer_) return std::nullopt;
    return sealer_->open_value(event_id, value.field, value.sealed);
  }

 private:
  const codec::EntryParts& parts_;
  const KeyFinder& find_;
  std::optional<crypto::RecordSealer> sealer_;
  std::uint16_t record_ = 0;
};

}  // namespace

std::size_t unsealed_size(std::string_view value) {
  return kHeaderSize + value.size() + crypto::kTagSize;
}

void add_unsealed(std::vector<std::byte>& row, std::uint32_t field, std::uint16_t record,
                  std::string_view value) {
  std::array<std::uint8_t, kHeaderSize> header;
  put_be(field, header.data());
  put_be(record, header.data() + 4);
  put_be(static_cast<std::uint32_t>(value.size() + crypto::kTagSize), header.data() + 6);
  const Bytes head = bytes_of(header), text = bytes_of(value);
  row.insert(row.end(), head.begin(), head.end());
  row.insert(row.end(), text.begin(), text.end());
  row.resize(row.size() + crypto::kTagSize);
}

void seal_row(std::span<std::byte> row, std::string_view origin, const Uuid& event_id,
              std::span<const crypto::RecordSealer> sealers, const std::function<void(const Digest&)>& each) {
  for (const SealedValue& value : sealed_values(row)) {
    const auto at = static_cast<std::size_t>(value.sealed.data() - row.data());
    each(sealers[value.record].seal_in_place(origin, event_id, value.field,
                                             row.subspan(at, value.sealed.size())));
  }
}

std::vector<SealedValue> sealed_values(Bytes row) {
  std::vector<SealedValue> values;
  while (row.size() >= kHeaderSize) {
    const std::uint8_t* header = octets(row);
    const auto size = get_be<std::uint32_t>(header + 6);
    if (size > row.size() - kHeaderSize) break;
    values.push_back(
        {get_be<std::uint32_t>(header), get_be<std::uint16_t>(header + 4), row.subspan(kHeaderSize, size)});
    row = row.subspan(kHeaderSize + size);
  }
  return values;
}

std::optional<std::string> open_value(const Event& event, const codec::EntryParts& parts, Bytes row,
                                      std::uint32_t field, const KeyFinder& find) {
  for (const SealedValue& value : sealed_values(row)) {
    if (value.field == field) return Opener(parts, find).open(event.header.event_id, value);
  }
  return std::nullopt;
}

void open_values(Event& event, const codec::EntryParts& parts, Bytes row, const KeyFinder& find) {
  Opener opener(parts, find);
  for (const SealedValue& value : sealed_values(row)) {
    if (auto text = opener.open(event.header.event_id, value)) {
      codec::set_private(event.payload, value.field, std::move(*text));
    }
  }
}

HiddenValues::HiddenValues(Payload& payload) {
  codec::for_each_private(payload, [this](std::uint32_t, Private& member) {
    if (!member.value) return;
    values_.emplace_back(&member, std::move(*member.value));
    member.value.reset();
  });
}

HiddenValues::~HiddenValues() {
  for (auto& [member, value] : values_) member->value = std::move(value);
}

std::optional<Uuid> record_of(const codec::EntryParts& parts, RecordKind kind) {
  for (const codec::CommitmentRow& row : parts.commitments) {
    if (record_kind_of(row.field) == kind && row.record < parts.records.size())
      return parts.records[row.record];
  }
  return std::nullopt;
}

std::optional<Uuid> record_to_reuse(const SubjectState& state, const Payload& next) {
  if (std::holds_alternative<SubjectSubmitted>(next) ||
      std::holds_alternative<SubjectChangeSubmitted>(next)) {
    return std::nullopt;
  }
  // The account of an erasure must not go with what it erases.
  if (std::holds_alternative<PersonalDataErased>(next)) return std::nullopt;
  return state.form_record;
}

std::optional<Uuid> record_to_reuse(const ProductState& state, const Payload&) {
  return state.form_record;
}

namespace {

/// The attempt whose text an event carries.
std::uint32_t attempt_of(const FilingState& state, const Payload& payload) {
  if (const auto* saved = std::get_if<DraftSaved>(&payload)) return saved->attempt;
  if (const auto* submitted = std::get_if<FilingSubmitted>(&payload)) return submitted->attempt;
  return state.form_record_attempt;
}

}  // namespace

std::optional<Uuid> record_to_reuse(const FilingState& state, const Payload& next) {
  if (std::holds_alternative<ChangeSubmitted>(next)) return std::nullopt;
  if (attempt_of(state, next) != state.form_record_attempt) return std::nullopt;
  return state.form_record;
}

void note_record(SubjectState& state, const Event& event, const codec::EntryParts& parts) {
  if (std::holds_alternative<PersonalDataErased>(event.payload)) return;
  if (auto record = record_of(parts, RecordKind::form)) state.form_record = record;
}

void note_record(ProductState& state, const Event&, const codec::EntryParts& parts) {
  if (auto record = record_of(parts, RecordKind::form)) state.form_record = record;
}

void note_record(FilingState& state, const Event& event, const codec::EntryParts& parts) {
  const auto record = record_of(parts, RecordKind::form);
  if (!record) return;
  state.form_record_attempt = attempt_of(state, event.payload);
  state.form_record = record;
}

}  // namespace ledger::store
