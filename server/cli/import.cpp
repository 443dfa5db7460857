// `import`: official lists and cancellation notices into the ledger.
#include "replay/import.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/fmt/fmt.h>

#include "projections/json_writer.hpp"
#include "projections/read_models.hpp"
#include "server/cli/commands.hpp"

namespace ledger::cli {
namespace {

struct Options {
  LedgerOptions ledger;
  std::filesystem::path filings, cancellations;
  bool json = false;
};

std::string json_report(const replay::ImportReport& report) {
  std::string text;
  projections::JsonWriter json(text);
  json.begin_object();
  json.member("rows", std::uint64_t{report.rows});
  json.member("records", std::uint64_t{report.records});
  json.member("repeats", std::uint64_t{report.repeats});
  json.member("cancellations", std::uint64_t{report.cancellations});
  json.member("appended", std::uint64_t{report.appended});
  json.member("unrecorded", std::uint64_t{report.unrecorded});
  json.key("anomalies");
  json.begin_array();
  for (const replay::ImportAnomaly& anomaly : report.anomalies) {
    json.begin_object();
    json.member("row", std::uint64_t{anomaly.row});
    json.member("number", anomaly.number);
    json.member("code", anomaly.code);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return text;
}

std::string table_report(const replay::ImportReport& report) {
  std::string text = fmt::format(
      "rows           {:>9}\n"
      "records        {:>9}\n"
      "repeats        {:>9}\n"
      "cancellations  {:>9}\n"
      "events written {:>9}\n"
      "not recorded   {:>9}\n"
      "anomalies      {:>9}",
      report.rows, report.records, report.repeats, report.cancellations, report.appended, report.unrecorded,
      report.anomalies.size());
  if (!report.anomalies.empty()) text += fmt::format("\n\n{:>8}  {:<28}  {}", "row", "anomaly", "number");
  for (const replay::ImportAnomaly& anomaly : report.anomalies) {
    text += fmt::format("\n{:>8}  {:<28}  {}", anomaly.row, anomaly.code, anomaly.number);
  }
  return text;
}

int import(const Options& options) {
  const auto filings = read_input(options.filings);
  if (!filings) return fail(kUsage, filings.error());
  std::string notices;
  if (!options.cancellations.empty()) {
    auto read = read_input(options.cancellations);
    if (!read) return fail(kUsage, "--cancellations: " + read.error());
    notices = std::move(*read);
  }
  projections::ReadModels models;
  auto engine = store::Engine::open(options.ledger.engine(), models.all());
  if (!engine) return fail(engine.error());
  Progress progress("importing", "rows");
  replay::ImportOptions import;
  import.filings = *filings;
  if (!options.cancellations.empty()) import.cancellations = notices;
  import.on_progress = [&](std::size_t done, std::size_t total) { progress.show(done, total);
};
const auto report = replay::import_lists(**engine, import);
if (!report) {
  return fail(report.error().unreadable_list ? kUsage : kFailed,
              report.error().detail + (report.error().unreadable_list
                                           ? "; nothing was imported"
                                           : "; import the same file again once that is mended, it goes on"));
}
const int printed = print_line(options.json ? json_report(*report) : table_report(*report));
if (printed != kDone) return printed;
if (report->unrecorded == 0) return kDone;
return fail(kFailed, fmt::format("{} rows are not recorded; the report names them", report->unrecorded));
}  // namespace

}  // namespace ledger::cli

void add_import(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("import", "Take official announcement lists into the ledger");
  auto options = std::make_shared<Options>();
  add_data_options(*command, options->ledger);
  command
      ->add_option("FILE", options->filings, "The list: CSV with columns list, batch_no, algorithm_name, ...")
      ->required()
      ->type_name("");
  command
      ->add_option("--cancellations", options->cancellations,
                   "Cancellation notices: CSV with filing_number, notice_date")
      ->type_name("FILE");
  command->add_flag("--json", options->json, "Print the report as one JSON object");
  add_writer_options(*command, options->ledger);
  command->footer(
      "Every row is kept; rows that break a rule are reported. The same file again appends nothing.\n"
      "Exit code 0 when every row is recorded, 1 when some are not.\n"
      "\n"
      "Example:\n"
      "  filing-ledger import --data ./data lists/filings.csv --cancellations lists/cancellations.csv "
      "--json");
  command->callback([options, &run] { run = [options] { return import(*options); }; });
}

}  // namespace ledger::cli
