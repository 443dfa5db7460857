// Looking a filing number up: the record that has it, or what is wrong with it and which number was likely
// meant. Knows public numbers only, that is announced and imported ones: a number that is assigned but not
// yet published is unknown here, and no suggestion gives it away. The prefix is not compared: the digits are
// unique without it.
//
// Rows, integers big-endian: database `numbers.known`, key the digits as printed (or the whole printed text
// where it is no number), value filing[16] position[8] of the event that made it known; a corrected misprint
// stays findable. Database `numbers.serials`, key region[6] subject[7] type[2] as digits, value the
// serials[2] of well-formed public numbers, ascending, each with the position[8] that made it known. What is
// known once stays known, so as of a past position is whatever became known until then.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/filing_number.hpp"
#include "events/store/projection.hpp"
#include "projections/announcements.hpp"

namespace ledger::projections {

/// A rule that a number breaks.
struct NumberAnomaly {
  NumberFault fault{};                   ///< its code: `code_of`
  std::string detail;                    ///< one English sentence
  std::vector<std::string> suggestions;  ///< 21 digits each, likeliest first; may be empty
};

/// `record` there: 200, with the anomalies of a misprinted official number. Else no anomalies: 404
/// `number_unknown`. Else 422 with the code of the first anomaly.
struct NumberAnswer {
  std::string digits;                  ///< as asked for; empty when the text holds no number
  std::optional<Announcement> record;  ///< the newest item of the filing that has the number
  std::vector<NumberAnomaly>
      anomalies;  ///< what is wrong with the number itself, in the order of NumberFault
};

class Numbers final : public store::Projection {
 public:
  [[nodiscard]] std::string_view name() const override { return "numbers"; }
  [[nodiscard]] std::uint32_t version() const override { return 2; }
  [[nodiscard]] std::span<const char* const> databases() const override;
  void open(std::span<const store::Database> databases) override;
  [[nodiscard]] store::StoreResult<void> apply(store::Rows& rows, const store::Change& change) const override;

  /// Looks up a number with or without prefix and 号; `text` is valid UTF-8. `announcements` is the
  /// projection of the same views. Looking back, neither record nor suggestion is known that was not known
  /// then. Any thread with its own snapshot.
  [[nodiscard]] NumberAnswer look_up(const store::Transaction& views, const Announcements& announcements,
                                     std::string_view text, AsOf as_of = {}) const;

 private:
  store::StoreResult<void> learn(store::Rows& rows, const EventHeader& header,
                                 std::string_view printed) const;

  store::Database known_;
  store::Database serials_;
};

}  // namespace ledger::projections
