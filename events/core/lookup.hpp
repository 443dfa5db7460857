// What a decision may ask about the rest of the ledger. The engine answers from its open transaction, so that
// each decision sees every earlier one; tests answer from plain maps. Read-only: asking changes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/forms.hpp"
#include "events/core/states.hpp"

namespace ledger {

/// A scope as it was frozen at submission: the selectors as sent and the features that they resolved to.
struct FrozenScope {
  FilingForm::Scope selectors;
  std::vector<Uuid> resolved;
};

/// A state, or a list of them, that a lookup found, or none: its own copy, or lent from where the one who
/// answers keeps it. A state is full of texts, and a decision asks for several. It is good until the next
/// event.
template <typename State>
class Found {
 public:
  Found() = default;
  Found(std::nullopt_t) {}
  Found(State own) : own_(std::move(own)) {}
  Found(std::optional<State> own) : own_(std::move(own)) {}
  /// Null: none.
  [[nodiscard]] static Found lent(const State* state) {
    Found found;
    found.lent_ = state;
    return found;
  }
  [[nodiscard]] bool has_value() const { return lent_ != nullptr || own_.has_value(); }
  explicit operator bool() const { return has_value(); }
  const State& operator*() const { return lent_ != nullptr ? *lent_ : *own_; }
  const State* operator->() const { return &**this; }
  /// To keep beyond the next event.
  [[nodiscard]] std::optional<State> kept() && {
    if (lent_ != nullptr) return *lent_;
    return std::move(own_);
  }

 private:
  const State* lent_ = nullptr;
  std::optional<State> own_;
};

/// A list of states, to keep beyond the next event.
template <typename State>
[[nodiscard]] std::vector<State> kept(std::vector<Found<State>> found) {
  std::vector<State> states;
  states.reserve(found.size());
  for (Found<State>& one : found) states.push_back(*std::move(one).kept());
  return states;
}

class Lookup {
 public:
  virtual ~Lookup() = default;

  [[nodiscard]] virtual LedgerState ledger() const = 0;
  // States of streams and grants; nullopt for an id that no event has.
  [[nodiscard]] virtual Found<SubjectState> subject(const Uuid& id) const = 0;
  [[nodiscard]] virtual Found<ProductState> product(const Uuid& id) const = 0;
  [[nodiscard]] virtual Found<FilingState> filing(const Uuid& id) const = 0;
  [[nodiscard]] virtual Found<GrantState> grant(const Uuid& id) const = 0;

  /// Products of a subject in the order they were added, removed ones left out.
  [[nodiscard]] virtual std::vector<Found<ProductState>> products_of(const Uuid& subject) const = 0;
  /// Filings of a subject in the order of their first drafts.
  [[nodiscard]] virtual std::vector<FilingState> filings_of(const Uuid& subject) const = 0;
  /// All grants that a principal ever had, revoked ones included; always a list.
  [[nodiscard]] virtual Found<std::vector<GrantState>> grants_of(const Uuid& principal) const = 0;
  /// The principal with this display name, if one was granted anything and the name is not erased.
  [[nodiscard]] virtual std::optional<Uuid> principal_named(std::string_view name) const = 0;

  /// The live subject with this credit code; lapsed and closed ones have given theirs back.
  [[nodiscard]] virtual std::optional<Uuid> credit_code_owner(std::string_view code) const = 0;
  /// The filing whose number has these 21 digits, whatever the prefix.
  [[nodiscard]] virtual std::optional<Uuid> number_owner(std::string_view digits) const = 0;
  /// The last serial given to a subject number in a type, 0 for none.
  [[nodiscard]] virtual std::uint16_t last_serial(const Uuid& subject, AlgorithmType type) const = 0;
  /// The next free subject number: from 1000001 up, those seen in imports skipped; above 9999999 when used
  /// up.
  [[nodiscard]] virtual std::uint32_t next_subject_number() const = 0;

  // Private values, opened. nullopt where the record key is gone, or the event carries no such value.
  [[nodiscard]] virtual std::optional<std::string> private_text(std::uint64_t position,
                                                                std::uint32_t field) const = 0;
  /// The form that a `draft.saved`, `filing.submitted` or `change.submitted` at this position carries.
  [[nodiscard]] virtual std::optional<FilingForm> filing_form(std::uint64_t position) const = 0;
  /// The scope that a `filing.submitted` or `change.submitted` at this position froze.
  [[nodiscard]] virtual std::optional<FrozenScope> frozen_scope(std::uint64_t position) const = 0;
  /// The form that a `subject.submitted` or `subject.change_submitted` at this position carries.
  [[nodiscard]] virtual std::optional<SubjectForm> subject_form(std::uint64_t position) const = 0;

  /// The records with a key whose destruction erases a subject's personal data: of its own stream, its
  /// products, its filings and its filers' grants, in this order, and of its documents last. Those that hold
  /// the notes of earlier erasures are not among them.
  [[nodiscard]] virtual std::vector<Uuid> records_of(const Uuid& subject) const = 0;

  /// Whether a subject uploaded a document with this digest and it is still there.
  [[nodiscard]] virtual bool document_known(const Uuid& subject, const Digest& digest) const = 0;
};

}  // namespace ledger
