// Taking official lists into a ledger: every row becomes `record.imported`, every row of the cancellation
// notices `filing.cancelled`, through the same gate as every other event. Nothing is refused silently: what
// breaks a rule is kept and reported. Repeatable: a row that is there already appends nothing.
#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ledger::store {
class Engine;
}

namespace ledger::replay {

struct ImportOptions {
  std::string_view filings;                       ///< CSV text; columns as in official_list.hpp
  std::optional<std::string_view> cancellations;  ///< CSV text
  std::function<void(std::size_t done, std::size_t total)>
      on_progress;  ///< the caller's thread; total may be an estimate
};

/// One rule that one row breaks. `row` counts from 1 behind the header, in the cancellations for codes that
/// begin with `cancellation_`, else in the filings.
struct ImportAnomaly {
  std::size_t row = 0;
  std::string number;  ///< as printed; empty where it could not be read
  std::string code;    ///< of official_list.hpp; `csv_<fault>`; `refused_<code>`; see docs/cli.md
  bool operator==(const ImportAnomaly&) const = default;
};

/// What the files hold, the same however often they are imported, but for `appended`.
struct ImportReport {
  std::size_t rows = 0;                  ///< of the filings, unreadable ones too
  std::size_t records = 0;               ///< rows that made a record
  std::size_t repeats = 0;               ///< rows that announce a record which was there already
  std::size_t cancellations = 0;         ///< records that the notices cancelled
  std::size_t appended = 0;              ///< events written by this run
  std::vector<ImportAnomaly> anomalies;  ///< filings first, each by row and code
  /// Rows of either file that the ledger does not hold now.
  std::size_t unrecorded = 0;
};

/// Why an import stopped: a file that is no such list (nothing was appended), or the machine (what was
/// appended stays; importing again goes on where it stopped). One line for an operator.
struct ImportFault {
  std::string detail;
  bool unreadable_list = false;
};

/// Imports with the operator's authority. Blocks; the engine's owner's thread.
[[nodiscard]] std::expected<ImportReport, ImportFault> import_lists(store::Engine& engine,
                                                                    const ImportOptions& options);

}  // namespace ledger::replay
