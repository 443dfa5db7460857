// The end of private values: erasure of a subject's personal data.
#include <algorithm>
#include <array>

#include "events/core/guards.hpp"
#include "events/core/limits.hpp"

namespace ledger {

bool is_erasure_basis(std::string_view basis) {
  static constexpr std::array<std::string_view, 3> kBases = {"pipl-47", "court_order", "other"};
  return std::ranges::find(kBases, basis) != kBases.end();
}

Decided decide_on(const EraseSubject& command, const Lookup& lookup, const Context&) {
  const auto subject = lookup.subject(command.subject_id);
  std::vector<FieldError> errors;
  if (command.basis.empty()) {
    errors.push_back({"/basis", "required", "names the legal ground: pipl-47, court_order or other"});
  } else if (!is_erasure_basis(command.basis)) {
    errors.push_back({"/basis", "not_in_list", "is pipl-47, court_order or other"});
  } else if (command.basis == "other" && blank(command.note)) {
    errors.push_back({"/note", "required", "says what the ground is, where it is another"});
  }
  const std::vector<Uuid> all = lookup.records_of(subject->id);
  const std::vector<Uuid>& named = command.records ? *command.records : all;
  for (std::size_t i = 0; command.records && i < named.size(); ++i) {
    if (std::ranges::find(all, named[i]) == all.end())
      errors.push_back({"/records/" + std::to_string(i), "not_found", "no such record of this subject"});
  }
  if (command.records && named.empty()) errors.push_back({"/records", "required", "names at least one"});
  if (!errors.empty()) return refuse_fields(std::move(errors));
  if (subject->held) return refuse_in(subject->status, "legal_hold", "a hold must be lifted first");
  if (named.empty()) return refuse_in(subject->status, "already_erased");

  Decision decision;
  decision.id = subject->id;
  for (std::size_t at = 0; at < named.size(); at += limits::kErasedRecordsMax) {
    const std::size_t count = std::min(limits::kErasedRecordsMax, named.size() - at);
    PersonalDataErased erased;
    erased.basis = command.basis;
    const auto first = named.begin() + static_cast<std::ptrdiff_t>(at);
    erased.records.assign(first, first + static_cast<std::ptrdiff_t>(count));
    // The engine says which key epoch begins with it.
    if (at == 0) erased.note = Private::of(command.note);
    decision.events.push_back({StreamId{StreamKind::subject, subject->id}, std::move(erased), {}});
  }
  return decision;
}

}  // namespace ledger
