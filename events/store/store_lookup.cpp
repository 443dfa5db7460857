#include "events/store/store_lookup.hpp"

#include <algorithm>
#include <unordered_set>

#include "events/codec/form_json.hpp"
#include "events/codec/state_codec.hpp"
#include "events/store/documents.hpp"
#include "events/store/indexes.hpp"
#include "events/store/sealed_row.hpp"

namespace ledger::store {
namespace {

/// Of opened events, for each that may be kept; but of few, many large ones.
constexpr std::size_t kOpenedBytesEach = 1'024;
constexpr std::size_t kOpenedBytesMin = std::size_t{8} << 20;
constexpr std::uint32_t kFirstSubjectNumber = 1'000'001;
constexpr std::uint32_t kLastSubjectNumber = 9'999'999;

template <typename State>
std::optional<State> decode(const std::optional<Bytes>& row) {
  if (!row) return std::nullopt;
  auto state = codec::decode_state<State>(*row);
  if (!state) throw StoreDamage({0, "a state row of the views does not read"});
  return std::move(*state);
}

std::optional<Digest> digest_in(const Private& value) {
  return value.value ? Digest::parse(*value.value) : std::nullopt;
}

/// Whether the event is committed to a value that could not be opened.
bool lost(const Private& value) {
  return value.committed && !value.value;
}

std::optional<FilingForm> form_of(const FilingInformation& information) {
  const FilingInformation& from = information;
  for (const Private* value :
       {&from.application_field, &from.launched_on, &from.documents.self_assessment_report,
        &from.documents.public_disclosure, &from.details.data, &from.details.model, &from.details.strategy,
        &from.details.risk_and_prevention, &from.scope, &from.technical_service}) {
    if (lost(*value)) return std::nullopt;
  }
  FilingForm form;
  form.algorithm_name = from.algorithm_name;
  form.role = from.role;
  form.purpose = from.purpose;
  FilingForm::Basic& basic = form.basic.emplace();
  basic.algorithm_type = from.algorithm_type;
  basic.application_field = from.application_field.value;
  if (from.launched_on.value) basic.launched_on = Date::parse(*from.launched_on.value);
  basic.documents = FilingForm::Documents{digest_in(from.documents.self_assessment_report),
                                          digest_in(from.documents.public_disclosure)};
  form.details = FilingForm::Details{from.details.data.value, from.details.model.value,
                                     from.details.strategy.value, from.details.risk_and_prevention.value};
  if (from.scope.value) form.scope = codec::parse_scope(*from.scope.value);
  if (from.technical_service.value) {
    if (!form.scope) form.scope.emplace();
    form.scope->technical_service = from.technical_service.value;
  }
  return form;
}

SubjectForm form_of(const SubjectInformation& from) {
  SubjectForm form;
  form.organization_name = from.organization_name;
  form.credit_code = from.credit_code;
  form.region = from.region;
  form.website_name = from.website_name.value;
  form.website_domain = from.website_domain.value;
  if (from.daily_visits.value)
    form.daily_visits = std::strtoull(from.daily_visits.value->c_str(), nullptr, 10);
  form.basic_information = SubjectForm::BasicInformation{from.basic_information.kind.value,
                                                         from.basic_information.registered_address.value,
                                                         from.basic_information.industry.value};
  form.certificate = SubjectForm::Certificate{from.certificate.kind.value, from.certificate.number.value};
  const LegalRepresentative& representative = from.legal_representative;
  form.legal_representative = SubjectForm::Person{.name = representative.name.value,
                                                  .id_number = representative.id_number.value,
                                                  .position = {},
                                                  .phone = representative.phone.value,
                                                  .email = representative.email.value};
  const SafetyOfficer& officer = from.safety_officer;
  form.safety_officer = SubjectForm::Person{.name = officer.name.value,
                                            .id_number = {},
                                            .position = officer.position.value,
                                            .phone = officer.phone.value,
                                            .email = officer.email.value};
  form.documents = SubjectForm::Documents{digest_in(from.documents.commitment_letter),
                                          digest_in(from.documents.responsibility_statement)};
  form.confirmed = true;
  return form;
}

/// The filing information that an event carries, if it does.
const FilingInformation* filing_information(const Payload& payload) {
  if (const auto* e = std::get_if<FilingSubmitted>(&payload)) return &e->information;
  if (const auto* e = std::get_if<ChangeSubmitted>(&payload)) return &e->information;
  return nullptr;
}

}  // namespace

StoreLookup::StoreLookup(const LedgerSource& source, const IndexDatabases& databases,
                         const crypto::MasterKey& master, const DocumentStore* documents,
                         std::size_t opened_max)
    : source_(source),
      db_(databases),
      master_(master),
      documents_(documents),
      opened_(opened_max, std::max(kOpenedBytesMin, opened_max * kOpenedBytesEach)) {}

LedgerState StoreLookup::ledger() const {
  return decode<LedgerState>(source_.row(db_.streams, keys::state({}))).value_or(LedgerState{});
}

Found<SubjectState> StoreLookup::subject(const Uuid& id) const {
  return decode<SubjectState>(source_.row(db_.streams, keys::state({StreamKind::subject, id})));
}

Found<ProductState> StoreLookup::product(const Uuid& id) const {
  return decode<ProductState>(source_.row(db_.streams, keys::state({StreamKind::product, id})));
}

Found<FilingState> StoreLookup::filing(const Uuid& id) const {
  return decode<FilingState>(source_.row(db_.streams, keys::state({StreamKind::filing, id})));
}

Found<GrantState> StoreLookup::grant(const Uuid& id) const {
  return decode<GrantState>(source_.row(db_.grants, bytes_of(id.bytes)));
}

std::vector<Uuid> StoreLookup::product_ids_of(const Uuid& subject) const {
  std::vector<Uuid> ids;
  source_.scan(db_.subject_products, bytes_of(subject.bytes), [&](Bytes, Bytes value) {
    if (const auto id = id_in(value)) ids.push_back(*id);
    return true;
  });
  return ids;
}

std::vector<Found<ProductState>> StoreLookup::products_of(const Uuid& subject) const {
  std::vector<Found<ProductState>> products;
  for (const Uuid& id : product_ids_of(subject)) {
    if (auto state = product(id); state && !state->removed) products.push_back(std::move(state));
  }
  return products;
}

std::vector<FilingState> StoreLookup::filings_of(const Uuid& subject) const {
  std::vector<Uuid> ids;
  source_.scan(db_.subject_filings, bytes_of(subject.bytes), [&](Bytes, Bytes value) {
    if (const auto id = id_in(value)) ids.push_back(*id);
    return true;
  });
  std::vector<FilingState> filings;
  for (const Uuid& id : ids) {
    if (auto state = filing(id).kept()) filings.push_back(std::move(*state));
  }
  return filings;
}

Found<std::vector<GrantState>> StoreLookup::grants_of(const Uuid& principal) const {
  std::vector<Uuid> ids;
  source_.scan(db_.principal_grants, bytes_of(principal.bytes), [&](Bytes key, Bytes) {
    if (const auto id = id_in(key.subspan(principal.bytes.size()))) ids.push_back(*id);
    return true;
  });
  std::vector<GrantState> grants;
  for (const Uuid& id : ids) {
    if (auto state = grant(id).kept()) grants.push_back(std::move(*state));
  }
  return grants;
}

std::optional<Uuid> StoreLookup::principal_named(std::string_view name) const {
  std::optional<Uuid> principal;
  const Digest digest = name_digest(master_, name);
  source_.scan(db_.names, bytes_of(digest.bytes), [&](Bytes, Bytes value) {
    principal = id_in(value);
    return false;  // all rows of a name lead to the same principal
  });
  return principal;
}

std::optional<Uuid> StoreLookup::credit_code_owner(std::string_view code) const {
  const auto row = source_.row(db_.credit_codes, bytes_of(code));
  return row ? id_in(*row) : std::nullopt;
}

std::optional<Uuid> StoreLookup::number_owner(std::string_view digits) const {
  const auto row = source_.row(db_.numbers, bytes_of(digits));
  return row ? id_in(*row) : std::nullopt;
}

std::uint16_t StoreLookup::last_serial(const Uuid& subject, AlgorithmType type) const {
  const auto row = source_.row(db_.serials, Key().add(subject).number(static_cast<std::uint8_t>(type)));
  if (!row || row->size() != 2) return 0;
  return get_be<std::uint16_t>(reinterpret_cast<const std::uint8_t*>(row->data()));
}

std::uint32_t StoreLookup::next_subject_number() const {
  std::uint32_t next = kFirstSubjectNumber;
  if (const auto row = source_.row(db_.meta, bytes_of("subject_number")); row && row->size() == 4) {
    next = get_be<std::uint32_t>(reinterpret_cast<const std::uint8_t*>(row->data())) + 1;
  }
  while (next <= kLastSubjectNumber && source_.row(db_.subject_numbers, Key().number(next))) ++next;
  return next;
}

const OpenedEvent* StoreLookup::opened(std::uint64_t position) const {
  if (const OpenedEvent* known = opened_.find(position)) return known;
  const auto entry = source_.entry(position);
  if (!entry) return nullptr;
  auto decoded = codec::decode_entry(*entry);
  if (!decoded) throw StoreDamage({0, "an entry of the log does not decode"});
  OpenedEvent event{std::move(decoded->event), std::move(decoded->parts)};
  std::size_t bytes = entry->size();
  if (const auto sealed = source_.sealed(position)) {
    bytes += sealed->size();
    open_values(event.event, event.parts, *sealed,
                [this](const Uuid& record) { return source_.record_key(record); });
  }
  return &opened_.put(position, std::move(event), bytes);
}

std::optional<std::uint64_t> StoreLookup::command_position(const Uuid& principal,
                                                           const Digest& key_tag) const {
  const auto row = source_.row(db_.idempotency, Key().add(principal).add(key_tag));
  return row ? position_in(*row) : std::nullopt;
}

std::optional<std::uint64_t> StoreLookup::position_of(const StreamId& stream, std::uint64_t version) const {
  const auto row = source_.row(db_.streams, keys::version(stream, version));
  return row ? position_in(*row) : std::nullopt;
}

std::optional<std::string> StoreLookup::private_text(std::uint64_t position, std::uint32_t field) const {
  const OpenedEvent* event = opened(position);
  if (event == nullptr) return std::nullopt;
  for (const codec::PrivateValue& value : codec::private_values(event->event.payload)) {
    if (value.field == field) return std::string(value.value);
  }
  return std::nullopt;
}

std::optional<FilingForm> StoreLookup::filing_form(std::uint64_t position) const {
  const OpenedEvent* event = opened(position);
  if (event == nullptr) return std::nullopt;
  if (const auto* draft = std::get_if<DraftSaved>(&event->event.payload)) {
    return draft->form.value ? codec::parse_filing_form(*draft->form.value) : std::nullopt;
  }
  const FilingInformation* information = filing_information(event->event.payload);
  return information != nullptr ? form_of(*information) : std::nullopt;
}

std::optional<FrozenScope> StoreLookup::frozen_scope(std::uint64_t position) const {
  const OpenedEvent* event = opened(position);
  const FilingInformation* information =
      event != nullptr ? filing_information(event->event.payload) : nullptr;
  if (information == nullptr || lost(information->scope) || lost(information->resolved_features))
    return std::nullopt;
  FrozenScope frozen;
  if (information->scope.value) {
    auto selectors = codec::parse_scope(*information->scope.value);
    if (!selectors) return std::nullopt;
    frozen.selectors = std::move(*selectors);
  }
  frozen.selectors.technical_service = information->technical_service.value;
  if (information->resolved_features.value) {
    auto resolved = codec::parse_ids(*information->resolved_features.value);
    if (!resolved) return std::nullopt;
    frozen.resolved = std::move(*resolved);
  }
  return frozen;
}

std::optional<SubjectForm> StoreLookup::subject_form(std::uint64_t position) const {
  const OpenedEvent* event = opened(position);
  if (event == nullptr) return std::nullopt;
  if (const auto* e = std::get_if<SubjectSubmitted>(&event->event.payload)) return form_of(e->information);
  if (const auto* e = std::get_if<SubjectChangeSubmitted>(&event->event.payload))
    return form_of(e->information);
  return std::nullopt;
}

std::vector<Uuid> StoreLookup::records_of(const Uuid& subject) const {
  std::vector<StreamId> streams = {{StreamKind::subject, subject}};
  const auto add_streams = [&](Database index, StreamKind kind) {
    source_.scan(index, bytes_of(subject.bytes), [&](Bytes, Bytes value) {
      if (const auto id = id_in(value)) streams.push_back({kind, *id});
      return true;
    });
  };
  add_streams(db_.subject_products, StreamKind::product);
  add_streams(db_.subject_filings, StreamKind::filing);
  std::vector<std::uint64_t> positions;
  for (const StreamId& stream : streams) {
    source_.scan(db_.streams, keys::versions(stream), [&](Bytes, Bytes value) {
      if (const auto position = position_in(value)) positions.push_back(*position);
      return true;
    });
  }
  source_.scan(db_.grants, {}, [&](Bytes, Bytes value) {
    const auto grant = codec::decode_state<GrantState>(value);
    if (grant && grant->subject_id == subject) positions.push_back(grant->position);
    return true;
  });
  std::vector<Uuid> records;
  std::unordered_set<Uuid> seen;
  const auto add = [&](const Uuid& record) {
    if (seen.insert(record).second && source_.record_key(record)) records.push_back(record);
  };
  for (const std::uint64_t position : positions) {
    const auto bytes = source_.entry(position);
    const auto entry = bytes ? codec::decode_entry(*bytes) : std::unexpected(codec::CodecError::malformed);
    if (!entry) throw StoreDamage({0, "an entry of the log does not decode"});
    // The account of an earlier erasure outlives it, and this one's too.
    if (std::holds_alternative<PersonalDataErased>(entry->event.payload)) continue;
    std::ranges::for_each(entry->parts.records, add);
  }
  add(document_record(master_, subject));
  return records;
}

bool StoreLookup::document_known(const Uuid& subject, const Digest& digest) const {
  if (documents_ == nullptr) return false;
  const auto key = source_.record_key(document_record(master_, subject));
  if (!key) return false;
  return documents_->known(subject, *key, digest).value_or(false);
}

}  // namespace ledger::store
