// What a read model implements to be kept up to date by the writer and rebuilt from the log.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "events/codec/entry_codec.hpp"
#include "events/core/states.hpp"
#include "events/store/rows.hpp"

namespace ledger::store {

/// One event and what it did to its stream. Exactly one pair of states is set, by the stream's kind; `before`
/// is the empty state for a stream's first event. Private values are not opened: a read model holds nothing
/// private. Nor are the digests of the commitments there: the writer makes them after the views.
struct Change {
  const Event& event;
  const codec::EntryParts& parts;
  const LedgerState* ledger = nullptr;
  const SubjectState *subject_before = nullptr, *subject = nullptr;
  const ProductState *product_before = nullptr, *product = nullptr;
  const FilingState *filing_before = nullptr, *filing = nullptr;
};

/// A read model folded from events. Deterministic: the same log gives the same rows, byte for byte. Called by
/// the writer thread, or by a rebuild, one event at a time in the order of the log. It holds its handles and
/// nothing else, which `apply` being const is to say: while a rebuild makes new rows beside the ones that
/// serve, two threads fold the same log at two places with one object.
class Projection {
 public:
  virtual ~Projection() = default;
  /// Names the model and its databases; stable.
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// Raised whenever the rows' meaning changes; another version in the file means rebuild.
  [[nodiscard]] virtual std::uint32_t version() const = 0;
  /// The names of its databases in the views environment, in the order in which `open` gets them.
  [[nodiscard]] virtual std::span<const char* const> databases() const = 0;
  /// Takes the handles, once, before anything else.
  virtual void open(std::span<const Database> databases) = 0;
  /// Brings the rows up to date with one more event.
  [[nodiscard]] virtual StoreResult<void> apply(Rows& rows, const Change& change) const = 0;
};

}  // namespace ledger::store
