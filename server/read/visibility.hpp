// Who sees what: the rules of DESIGN sections 6 and 8 as pure functions, so that every path, list and stream
// asks the same ones. No lookups, no HTTP. Any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "events/codec/entry_codec.hpp"
#include "events/core/events.hpp"
#include "events/core/states.hpp"

namespace ledger::server {

/// Who is asking: a verified grant, or nobody (`public_`).
struct Reader {
  Role role = Role::public_;
  std::optional<Uuid> subject_id;  ///< a filer's own subject
  [[nodiscard]] bool anonymous() const { return role == Role::public_; }
};

/// How one thing looks to one reader. Two readers with the same sight of a thing get the same bytes, so this
/// is also what answers are cached by.
enum class Sight : std::uint8_t {
  none,       ///< does not exist for them: 404, left out of lists
  public_,    ///< public facts only; roles, no principals
  own,        ///< private values; roles, no principals
  case_,      ///< private values and principals
  committed,  ///< `{"committed": true}` in place of private values; principals
};
inline constexpr std::size_t kSights = 5;

/// Whether private values are shown with their text.
[[nodiscard]] constexpr bool opens_private(Sight sight) {
  return sight == Sight::own || sight == Sight::case_;
}

/// Whether actors are named by their principal as well as by their role.
[[nodiscard]] constexpr bool names_principals(Sight sight) {
  return sight == Sight::case_ || sight == Sight::committed;
}

/// Staff are all who work on cases or watch over them; auditor and admin included.
[[nodiscard]] constexpr bool is_staff(Role role) {
  switch (role) {
    case Role::initial_reviewer:
    case Role::reviewer:
    case Role::registrar:
    case Role::supervisor:
    case Role::auditor:
    case Role::admin: return true;
    case Role::operator_:  // acts on the command line and has no token
    case Role::system:
    case Role::public_:
    case Role::filer: return false;
  }
  return false;
}

/// The sight that a staff role has of any case: the two reviewing roles read what they decide on.
[[nodiscard]] constexpr Sight sight_of_staff(Role role) {
  if (!is_staff(role)) return Sight::none;
  return role == Role::initial_reviewer || role == Role::reviewer ? Sight::case_ : Sight::committed;
}

/// Whether the reader is a filer of this subject. The nil id, which imported records have, is nobody's.
[[nodiscard]] inline bool owns(const Reader& reader, const Uuid& subject) {
  return reader.role == Role::filer && reader.subject_id && !subject.is_nil() &&
         *reader.subject_id == subject;
}

/// A subject, and with it its product tree.
[[nodiscard]] inline Sight sight_of_subject(const Reader& reader, const Uuid& subject) {
  return owns(reader, subject) ? Sight::own : sight_of_staff(reader.role);
}

/// A filing. `disclosed` is FilingState::disclosed(): until its first submission only its filer knows of it.
[[nodiscard]] inline Sight sight_of_filing(const Reader& reader, const Uuid& subject, bool disclosed) {
  if (owns(reader, subject)) return Sight::own;
  return disclosed ? sight_of_staff(reader.role) : Sight::none;
}

/// What an event's stream adds to the question of who sees it.
struct EventOwner {
  Uuid subject;            ///< whose stream it is; nil for the ledger's own and for imported records
  bool disclosed = true;   ///< false for a filing that was never submitted
  bool published = false;  ///< true for a filing that has a public record by now
};

/// What visibility asks about an event itself.
struct EventFacts {
  StreamKind kind = StreamKind::ledger;
  bool first_draft = false;      ///< saved before the filing's first submission
  bool number_assigned = false;  ///< becomes public with the publication
  bool public_event = false;     ///< codec::is_public
};

[[nodiscard]] inline EventFacts facts_of(const Event& event) {
  const auto* draft = std::get_if<DraftSaved>(&event.payload);
  return {event.header.stream.kind, draft != nullptr && draft->attempt <= 1,
          std::holds_alternative<NumberAssigned>(event.payload), codec::is_public(event)};
}

/// One event, on any path. Public events are shown to everybody, if only as such; `number.assigned` becomes
/// one with the publication. An auditor sees every event, undisclosed drafts too, but nothing private in it:
/// the sequence of positions has no holes for whoever checks it.
[[nodiscard]] inline Sight sight_of_event(const Reader& reader, const EventFacts& event,
                                          const EventOwner& owner) {
  Sight sight = Sight::none;
  switch (event.kind) {
    case StreamKind::ledger:
      // All staff see who may act; only those who grant it read the names they gave.
      sight = reader.role == Role::admin ? Sight::case_
                                         : (is_staff(reader.role) ? Sight::committed : Sight::none);
      break;
    case StreamKind::subject:
    case StreamKind::product: sight = sight_of_subject(reader, owner.subject); break;
    case StreamKind::filing:
      sight = sight_of_filing(reader, owner.subject, owner.disclosed);
      if (sight == Sight::none && reader.role == Role::auditor) sight = Sight::committed;
      // What a filer wrote before the first submission stays theirs after it, too.
      if (event.first_draft && sight == Sight::case_) sight = Sight::committed;
      break;
  }
  if (sight != Sight::none) return sight;
  return event.public_event || (owner.published && event.number_assigned) ? Sight::public_ : Sight::none;
}
[[nodiscard]] inline Sight sight_of_event(const Reader& reader, const Event& event, const EventOwner& owner) {
  return sight_of_event(reader, facts_of(event), owner);
}

}  // namespace ledger::server
