#include "replay/import.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <tuple>
#include <unordered_map>

#include "events/crypto/primitives.hpp"
#include "events/store/engine.hpp"
#include "replay/official_list.hpp"
#include "schema/codes.hpp"

namespace ledger::replay {
namespace {

/// Commands on their way at once: enough for full batches, far below the engine's queue.
constexpr std::size_t kInFlightMax = 1024;
constexpr std::size_t kRowsBetweenReports = 256;
constexpr unsigned kServerFault = 500;
constexpr std::string_view kGround = "official_notice";

/// Lets only so many commands be on their way, and waits for the last one. Engine's thread and ours.
class Window {
 public:
  void enter() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return in_flight_ < kInFlightMax; });
    ++in_flight_;
  }
  void leave() {
    const std::scoped_lock lock(mutex_);
    --in_flight_;
    changed_.notify_all();
  }
  void wait_for_all() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return in_flight_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t in_flight_ = 0;
};

/// Equal rows get different keys by counting them, and the same ones in every run.
class Keys {
 public:
  explicit Keys(std::string_view kind) : kind_(kind) {}
  std::string next(std::string_view content) {
    const Digest digest = crypto::sha256(bytes_of(content));
    const std::size_t count = ++seen_[digest.hex()];
    return std::string(kind_) + "-" + digest.hex() + "-" + std::to_string(count);
  }

 private:
  std::string_view kind_;
  std::unordered_map<std::string, std::size_t> seen_;
};

class Import {
 public:
  Import(store::Engine& engine, const ImportOptions& options)
      : engine_(engine),
        options_(options),
        // A guess good enough for a progress line: nobody reads the files twice for it.
        lines_(count_lines(options.filings) +
               count_lines(options.cancellations.value_or(std::string_view()))) {}

  std::expected<ImportReport, ImportFault> run() {
    auto filings = open(options_.filings, "the list", missing_filing_columns);
    if (!filings) return std::unexpected(std::move(filings.error()));
    std::optional<CsvReader> notices;
    if (options_.cancellations) {
      auto opened = open(*options_.cancellations, "the cancellations", missing_cancellation_columns);
      if (!opened) return std::unexpected(std::move(opened.error()));
      notices.emplace(std::move(*opened));
    }
    import_filings(*filings);
    window_.wait_for_all();
    if (!fault_ && notices) import_cancellations(*notices);
    window_.wait_for_all();
    if (fault_) return std::unexpected(ImportFault{*fault_});
    report_.anomalies = std::move(filing_anomalies_);
    report_.anomalies.insert(report_.anomalies.end(), notice_anomalies_.begin(), notice_anomalies_.end());
    if (options_.on_progress) options_.on_progress(lines_, lines_);
    return std::move(report_);
  }

 private:
  static std::size_t count_lines(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
  }

  static std::expected<CsvReader, ImportFault> open(
      std::string_view text, const std::string& what,
      std::vector<std::string_view> (*missing)(const CsvReader&)) {
    auto reader = CsvReader::open(text);
    if (!reader) {
      return std::unexpected(ImportFault{
          what + ": no CSV with a header line (" + std::string(code_of(reader.error().fault)) + ")", true});
    }
    std::string names;
    for (const std::string_view name : missing(*reader)) names.append(names.empty() ? "" : ", ").append(name);
    if (!names.empty()) return std::unexpected(ImportFault{what + ": no column " + names, true});
    return std::move(*reader);
  }

  /// Calls `take` for each row that can be read and reports the others. Stops at a fault of the machine.
  template <typename Take>
  void for_rows(CsvReader& reader, std::vector<ImportAnomaly>& anomalies, const char* prefix,
                const Take& take) {
    while (!stopped()) {
      const auto row = reader.next();
      if (row && !*row) return;
      if (++lines_done_ % kRowsBetweenReports == 0 && options_.on_progress) {
        options_.on_progress(std::min(lines_done_, lines_), lines_);
      }
      if (row) {
        take(**row);
        continue;
      }
      const std::scoped_lock lock(mutex_);
      anomalies.push_back({row.error().row, {}, prefix + std::string(code_of(row.error().fault))});
      ++report_.unrecorded;
    }
  }

  void import_filings(CsvReader& reader) {
    Keys keys("import");
    std::size_t unreadable = 0;
    for_rows(reader, filing_anomalies_, "csv_", [&](const CsvRow& csv) {
      OfficialRow row = read_official_row(reader, csv);
      ++report_.rows;
      note(filing_anomalies_, csv.number, row.record.source_number, row.record.anomalies);
      store::Submission submission = prepare("/import/filings", std::move(row.content), keys);
      std::string number = row.record.source_number;
      submission.command = ImportRecord{std::move(row.record)};
      submit(std::move(submission),
             [this, at = csv.number, number = std::move(number)](store::Outcome outcome) {
               if (!outcome) return refused(filing_anomalies_, at, number, "refused_", outcome.error());
               ++(outcome->version == 1 ? report_.records : report_.repeats);
               if (!outcome->repeated) report_.appended += outcome->events.size();
             });
    });
    window_.wait_for_all();
    for (const ImportAnomaly& anomaly : filing_anomalies_)
      unreadable += anomaly.code.starts_with("csv_") ? 1 : 0;
    report_.rows += unreadable;
    sort(filing_anomalies_);
  }

  void import_cancellations(CsvReader& reader) {
    Keys keys("cancel");
    for_rows(reader, notice_anomalies_, "cancellation_csv_", [&](const CsvRow& csv) {
      CancellationRow row = read_cancellation_row(reader, csv);
      note(notice_anomalies_, row.row, row.number, row.anomalies);
      const auto filing =
          row.digits.empty() ? std::nullopt : engine_.snapshot().lookup().number_owner(row.digits);
      if (!filing) {
        const std::scoped_lock lock(mutex_);
        if (!row.digits.empty()) notice_anomalies_.push_back({row.row, row.number, "cancellation_unmatched"});
        ++report_.unrecorded;
        return;
      }
      store::Submission submission = prepare("/import/cancellations", std::move(row.content), keys);
      submission.command = CancelFiling{
          .filing_id = *filing, .ground = std::string(kGround), .ended_on = {}, .noticed_on = row.noticed_on};
      submit(std::move(submission), [this, at = row.row, number = row.number](store::Outcome outcome) {
        if (!outcome) return refused(notice_anomalies_, at, number, "cancellation_refused_", outcome.error());
        ++report_.cancellations;
        if (!outcome->repeated) report_.appended += outcome->events.size();
      });
    });
    window_.wait_for_all();
    sort(notice_anomalies_);
  }

  static void sort(std::vector<ImportAnomaly>& anomalies) {
    std::ranges::sort(anomalies, [](const ImportAnomaly& a, const ImportAnomaly& b) {
      return std::tie(a.row, a.code) < std::tie(b.row, b.code);
    });
  }

  static store::Submission prepare(const char* path, std::string content, Keys& keys) {
    store::Submission submission;
    submission.caller = store::Trusted{Role::operator_};
    submission.method = "IMPORT";
    submission.path = path;
    submission.idempotency_key = keys.next(content);
    submission.correlation_id = crypto::random_id();
    submission.body = std::move(content);
    return submission;
  }

  /// Answers come on the writer's thread.
  template <typename Take>
  void submit(store::Submission submission, Take take) {
    window_.enter();
    engine_.submit(std::move(submission), [this, take = std::move(take)](store::Outcome outcome) {
      {
        const std::scoped_lock lock(mutex_);
        take(std::move(outcome));
      }
      window_.leave();
    });
  }

  void note(std::vector<ImportAnomaly>& anomalies, std::size_t row, const std::string& number,
            const std::vector<std::string>& codes) {
    if (codes.empty()) return;
    const std::scoped_lock lock(mutex_);
    for (const std::string& code : codes) anomalies.push_back({row, number, code});
  }

  /// What the rules refuse is this row's matter; what the machine refuses ends the import.
  void refused(std::vector<ImportAnomaly>& anomalies, std::size_t row, const std::string& number,
               const char* prefix, const Refusal& refusal) {
    const auto* known = schema::find_refusal(refusal.code);
    if (known == nullptr || known->status >= kServerFault) {
      if (!fault_) {
        fault_ = "the ledger takes no writes now: " + std::string(refusal.code) +
                 (refusal.detail.empty() ? "" : " (" + refusal.detail + ")");
      }
      return;
    }
    anomalies.push_back({row, number, prefix + std::string(refusal.code)});
    ++report_.unrecorded;
  }

  bool stopped() {
    const std::scoped_lock lock(mutex_);
    return fault_.has_value();
  }

  store::Engine& engine_;
  const ImportOptions& options_;
  const std::size_t lines_;
  std::size_t lines_done_ = 0;
  Window window_;
  // Everything below is shared with the writer's thread.
  std::mutex mutex_;
  ImportReport report_;
  std::vector<ImportAnomaly> filing_anomalies_, notice_anomalies_;
  std::optional<std::string> fault_;
};

}  // namespace

std::expected<ImportReport, ImportFault> import_lists(store::Engine& engine, const ImportOptions& options) {
  return Import(engine, options).run();
}

}  // namespace ledger::replay
