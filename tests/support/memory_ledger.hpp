// A ledger in plain maps, for tests of the pure core: commands go through authorize, decide, admissible and
// evolve just as the engine takes them, but nothing is stored and private values stay in the open.
#pragma once

#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "events/codec/entry_codec.hpp"
#include "events/codec/form_json.hpp"
#include "events/core/decide.hpp"
#include "events/core/filing_number.hpp"

namespace ledger::test {

/// Who acts in a test.
struct Person {
  Uuid principal;
  Role role = Role::public_;
  std::optional<Uuid> subject;
};

class MemoryLedger final : public Lookup {
 public:
  MemoryLedger() {
    LedgerCreated created;
    created.ledger_id = fresh();
    created.origin = "ledger.test/memory";
    created.number_prefix = "演示备";
    const Person op{fresh(), Role::operator_, {}};
    append({StreamId{}, created, {}}, op);
  }

  // --- doing things

  /// Runs a command; on success its events are part of the ledger.
  std::expected<Decision, Refusal> run(const Command& command, const Person& person) {
    Context context;
    context.actor = {person.principal, person.role};
    context.filer_subject = person.subject;
    context.now = now;
    context.new_id = fresh();
    context.new_grant_id = fresh();
    context.new_principal_id = fresh();
    context.next_position = log.size();
    if (auto refused = authorize(command, *this, context)) return std::unexpected(*refused);
    auto decision = decide(command, *this, context);
    if (!decision) return decision;
    for (const NewEvent& event : decision->events) append(event, person);
    return decision;
  }

  /// The violation that appending this payload now would be, without appending it.
  std::optional<Violation> judge(StreamId stream, Payload payload, const Person& person,
                                 std::uint64_t version) {
    return admissible(make({stream, std::move(payload), {}}, person, version), *this);
  }

  /// A staff member with a grant.
  Person staff(Role role) {
    const Person admin{admin_, Role::admin, {}};
    const auto decision = run(GrantAccess{"staff " + std::to_string(++names_), role, {}, {}}, admin);
    return {grants_.at(decision->id).principal_id, role, {}};
  }
  Person admin() const { return {admin_, Role::admin, {}}; }
  /// The filer of a subject.
  Person filer_of(const Uuid& subject) const {
    return {grants_.at(subjects_.at(subject).filer_grant).principal_id, Role::filer, subject};
  }
  Digest upload(const Uuid& subject) {
    Digest digest;
    put_be<std::uint64_t>(++uploads_, digest.bytes.data());
    documents_.insert({subject, digest});
    return digest;
  }

  TimestampUs now{1'790'000'000'000'000};
  std::vector<Event> log;
  std::map<Uuid, std::vector<Uuid>> records;  ///< by subject: what an erasure would destroy

  // --- what decisions ask

  LedgerState ledger() const override { return ledger_; }
  Found<SubjectState> subject(const Uuid& id) const override { return find(subjects_, id); }
  Found<ProductState> product(const Uuid& id) const override { return find(products_, id); }
  Found<FilingState> filing(const Uuid& id) const override { return find(filings_, id); }
  Found<GrantState> grant(const Uuid& id) const override { return find(grants_, id); }

  std::vector<Found<ProductState>> products_of(const Uuid& subject) const override {
    std::vector<Found<ProductState>> out;
    for (const Uuid& id : order_) {
      const auto found = products_.find(id);
      if (found != products_.end() && found->second.subject_id == subject && !found->second.removed) {
        out.push_back(found->second);
      }
    }
    return out;
  }
  std::vector<FilingState> filings_of(const Uuid& subject) const override {
    std::vector<FilingState> out;
    for (const Uuid& id : order_) {
      const auto found = filings_.find(id);
      if (found != filings_.end() && found->second.subject_id == subject) out.push_back(found->second);
    }
    return out;
  }
  std::vector<Uuid> records_of(const Uuid& subject) const override {
    const auto found = records.find(subject);
    return found != records.end() ? found->second : std::vector<Uuid>{};
  }
  Found<std::vector<GrantState>> grants_of(const Uuid& principal) const override {
    std::vector<GrantState> out;
    for (const auto& [id, grant] : grants_) {
      if (grant.principal_id == principal) out.push_back(grant);
    }
    return out;
  }
  std::optional<Uuid> principal_named(std::string_view name) const override {
    return find(principals_, std::string(name));
  }
  std::optional<Uuid> credit_code_owner(std::string_view code) const override {
    for (const auto& [id, state] : subjects_) {
      const bool live = state.status != SubjectStatus::closed && state.status != SubjectStatus::lapsed;
      if (live && state.credit_code == code) return id;
    }
    return std::nullopt;
  }
  std::optional<Uuid> number_owner(std::string_view digits) const override {
    for (const auto& [id, state] : filings_) {
      if (!state.digits.empty() && state.digits == digits) return id;
    }
    return std::nullopt;
  }
  std::uint16_t last_serial(const Uuid& subject, AlgorithmType type) const override {
    std::uint16_t last = 0;
    for (const Event& event : log) {
      const auto* e = std::get_if<NumberAssigned>(&event.payload);
      if (e == nullptr || e->algorithm_type != type) continue;
      if (filings_.at(event.header.stream.id).subject_id == subject) last = std::max(last, e->serial);
    }
    return last;
  }
  std::uint32_t next_subject_number() const override {
    std::set<std::uint32_t> used;
    for (const Event& event : log) {
      if (const auto* e = std::get_if<SubjectApproved>(&event.payload)) used.insert(e->subject_number);
      if (const auto* e = std::get_if<RecordImported>(&event.payload)) {
        if (const auto parts = decode_number(e->digits)) used.insert(parts->subject_number);
      }
    }
    std::uint32_t next = 1'000'001;
    while (used.contains(next)) ++next;
    return next;
  }

  std::optional<std::string> private_text(std::uint64_t position, std::uint32_t field) const override {
    if (position >= log.size() || erased.contains(position)) return std::nullopt;
    for (const auto& value : codec::private_values(log[position].payload)) {
      if (value.field == field) return std::string(value.value);
    }
    return std::nullopt;
  }
  std::optional<FilingForm> filing_form(std::uint64_t position) const override {
    if (position >= log.size() || erased.contains(position)) return std::nullopt;
    const Payload& payload = log[position].payload;
    if (const auto* e = std::get_if<DraftSaved>(&payload)) return codec::parse_filing_form(*e->form.value);
    if (const auto* e = std::get_if<FilingSubmitted>(&payload)) return form_of(e->information);
    if (const auto* e = std::get_if<ChangeSubmitted>(&payload)) return form_of(e->information);
    return std::nullopt;
  }
  std::optional<FrozenScope> frozen_scope(std::uint64_t position) const override {
    if (position >= log.size() || erased.contains(position)) return std::nullopt;
    const FilingInformation* information = nullptr;
    if (const auto* e = std::get_if<FilingSubmitted>(&log[position].payload)) information = &e->information;
    if (const auto* e = std::get_if<ChangeSubmitted>(&log[position].payload)) information = &e->information;
    if (information == nullptr) return std::nullopt;
    return FrozenScope{*codec::parse_scope(*information->scope.value),
                       *codec::parse_ids(*information->resolved_features.value)};
  }
  std::optional<SubjectForm> subject_form(std::uint64_t position) const override {
    if (position >= log.size() || erased.contains(position)) return std::nullopt;
    const SubjectInformation* in = nullptr;
    if (const auto* e = std::get_if<SubjectSubmitted>(&log[position].payload)) in = &e->information;
    if (const auto* e = std::get_if<SubjectChangeSubmitted>(&log[position].payload)) in = &e->information;
    if (in == nullptr) return std::nullopt;
    SubjectForm form;
    form.organization_name = in->organization_name;
    form.credit_code = in->credit_code;
    form.region = in->region;
    form.website_name = in->website_name.value;
    form.website_domain = in->website_domain.value;
    form.daily_visits = std::stoull(*in->daily_visits.value);
    form.basic_information = {in->basic_information.kind.value,
                              in->basic_information.registered_address.value,
                              in->basic_information.industry.value};
    form.certificate = {in->certificate.kind.value, in->certificate.number.value};
    const auto& lr = in->legal_representative;
    form.legal_representative = {lr.name.value, lr.id_number.value, {}, lr.phone.value, lr.email.value};
    const auto& so = in->safety_officer;
    form.safety_officer = {so.name.value, {}, so.position.value, so.phone.value, so.email.value};
    form.documents = {Digest::parse(*in->documents.commitment_letter.value),
                      Digest::parse(*in->documents.responsibility_statement.value)};
    return form;
  }
  bool document_known(const Uuid& subject, const Digest& digest) const override {
    return documents_.contains({subject, digest});
  }

  /// Events whose private values cannot be opened any more.
  std::set<std::uint64_t> erased;

  Uuid fresh() {
    Uuid id;
    put_be<std::uint64_t>(0x0190'0000'0000'7000, id.bytes.data());
    put_be<std::uint64_t>(0x8000'0000'0000'0000 | ++ids_, id.bytes.data() + 8);
    return id;
  }

 private:
  template <typename Map, typename Key>
  static std::optional<typename Map::mapped_type> find(const Map& map, const Key& key) {
    const auto found = map.find(key);
    if (found == map.end()) return std::nullopt;
    return found->second;
  }

  static FilingForm form_of(const FilingInformation& in) {
    FilingForm form;
    form.algorithm_name = in.algorithm_name;
    form.role = in.role;
    form.purpose = in.purpose;
    form.basic =
        FilingForm::Basic{in.algorithm_type, in.application_field.value, Date::parse(*in.launched_on.value),
                          FilingForm::Documents{Digest::parse(*in.documents.self_assessment_report.value),
                                                Digest::parse(*in.documents.public_disclosure.value)}};
    form.details = {in.details.data.value, in.details.model.value, in.details.strategy.value,
                    in.details.risk_and_prevention.value};
    form.scope = codec::parse_scope(*in.scope.value);
    form.scope->technical_service = in.technical_service.value;
    return form;
  }

  Event make(const NewEvent& event, const Person& person, std::uint64_t version) {
    Event out;
    out.header.event_id = fresh();
    out.header.position = {log.size()};
    out.header.stream = event.stream;
    out.header.version = version;
    out.header.recorded_at = now;
    out.header.effective_on = event.effective_on;
    out.header.actor = {person.principal, person.role};
    out.payload = event.payload;
    return out;
  }

  std::uint64_t version_of(const StreamId& stream) const {
    switch (stream.kind) {
      case StreamKind::ledger: return ledger_.version;
      case StreamKind::subject: return subjects_.contains(stream.id) ? subjects_.at(stream.id).version : 0;
      case StreamKind::product: return products_.contains(stream.id) ? products_.at(stream.id).version : 0;
      case StreamKind::filing: return filings_.contains(stream.id) ? filings_.at(stream.id).version : 0;
    }
    return 0;
  }

  void append(const NewEvent& next, const Person& person) {
    const Event event = make(next, person, version_of(next.stream) + 1);
    if (const auto violation = admissible(event, *this)) {
      throw std::logic_error("decided but not admissible: " + std::string(violation->rule) + ": " +
                             violation->detail);
    }
    log.push_back(event);
    const Uuid& id = next.stream.id;
    if (event.header.version == 1) order_.push_back(id);
    switch (next.stream.kind) {
      case StreamKind::ledger: ledger_ = evolve(std::move(ledger_), event); break;
      case StreamKind::subject: subjects_[id] = evolve(subjects_[id], event); break;
      case StreamKind::product: products_[id] = evolve(products_[id], event); break;
      case StreamKind::filing: filings_[id] = evolve(filings_[id], event); break;
    }
    if (const auto granted = granted_by(event)) {
      grants_[granted->grant_id] = *granted;
      if (const auto* e = std::get_if<AccessGranted>(&event.payload); e != nullptr && e->principal.value) {
        principals_[*e->principal.value] = e->principal_id;
      }
    }
    if (const auto* e = std::get_if<AccessRevoked>(&event.payload)) grants_[e->grant_id].revoked = true;
  }

  std::uint64_t ids_ = 0, names_ = 0, uploads_ = 0;
  Uuid admin_ = fresh();
  LedgerState ledger_;
  std::map<Uuid, SubjectState> subjects_;
  std::map<Uuid, ProductState> products_;
  std::map<Uuid, FilingState> filings_;
  std::map<Uuid, GrantState> grants_;
  std::map<std::string, Uuid> principals_;
  std::vector<Uuid> order_;
  std::set<std::pair<Uuid, Digest>> documents_;
};

/// A credit code that checks, the n-th of its kind.
[[nodiscard]] std::string credit_code(unsigned n);
/// A complete subject form with documents uploaded.
[[nodiscard]] SubjectForm subject_form(MemoryLedger& ledger, const Uuid& subject);
/// A complete filing form for these features.
[[nodiscard]] FilingForm filing_form(MemoryLedger& ledger, const Uuid& subject, std::vector<Uuid> features);

}  // namespace ledger::test
