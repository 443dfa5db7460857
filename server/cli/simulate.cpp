// `simulate`: a made-up history for a ledger fresh from `init`.
#include "replay/simulate.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/fmt/fmt.h>

#include "events/store/clock.hpp"
#include "projections/json_writer.hpp"
#include "projections/read_models.hpp"
#include "replay/office_hours.hpp"
#include "server/cli/commands.hpp"
#include "server/cli/signals.hpp"

namespace ledger::cli {
namespace {

constexpr std::size_t kParameterErrorsShown = 5;

struct Options {
  LedgerOptions ledger;
  std::uint64_t filings = 0, seed = 0;
  std::string from, to;
  std::filesystem::path parameters;
  bool json = false;
};

/// The moment that a day of the command line stands for: its start, or for the last day its end. `near` is
/// taken where the day is the very one that holds it.
std::optional<TimestampUs> moment_of(const std::string& text, bool end, TimestampUs near) {
  const auto day = Date::parse(text);
  if (!day) return TimestampUs::parse(text);
  if (*day == Date::of(near)) return near;
  if (!end) return replay::start_of(*day);
  return TimestampUs{replay::start_of({day->days + 1}).value - 1'000'000};
}

std::string json_report(const replay::SimulateReport& report, std::uint64_t seed) {
  std::string text;
  projections::JsonWriter json(text);
  json.begin_object();
  json.member("simulated", true);
  json.member("seed", seed);
  json.member("events", report.events);
  json.member("filings", report.filings);
  json.member("subjects", report.subjects);
  json.member("from", report.from.text());
  json.member("to", report.to.text());
  json.member("stopped", report.stopped);
  json.member_raw("seconds", fmt::format("{:.6f}", report.seconds));
  json.member_raw("events_per_second", fmt::format("{:.0f}", report.events_per_second()));
  json.end_object();
  return text;
}

std::expected<replay::SimulationParameters, std::string> read_parameters(const std::filesystem::path& path) {
  if (path.empty()) return replay::SimulationParameters{};
  const auto text = read_input(path);
  if (!text) return std::unexpected(text.error());
  auto parameters = replay::parse_parameters(*text);
  if (parameters) return *parameters;
  std::string message;
  for (std::size_t i = 0; i < parameters.error().size() && i < kParameterErrorsShown; ++i) {
    const FieldError& error = parameters.error()[i];
    message +=
        (i == 0 ? "" : "; ") + (error.pointer.empty() ? "the file" : error.pointer) + ": " + error.code;
    if (!error.detail.empty()) message += " (" + error.detail + ")";
  }
  return std::unexpected(message);
}

int fail(const replay::SimulateFault& fault) {
  using enum replay::SimulateFault::Kind;
  switch (fault.kind) {
    case filings: return cli::fail(kUsage, "--filings: " + fault.detail);
    case from: return cli::fail(kUsage, "--from: " + fault.detail);
    case to: return cli::fail(kUsage, "--to: " + fault.detail);
    case used: return cli::fail(kLedger, fault.detail);
    case engine: break;
  }
  return cli::fail(store::EngineFault{fault.engine, fault.detail});
}

int simulate(const Options& options) {
  const TimestampUs now = store::system_now();
  replay::SimulateOptions simulation;
  simulation.engine = options.ledger.engine();
  // Beyond what a history can have, any number is the same mistake.
  simulation.filings =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(options.filings, replay::kSimulatedFilingsMax + 1));
  simulation.seed = options.seed;
  simulation.now = now;
  if (!options.from.empty()) {
    simulation.from = moment_of(options.from, false, {});
    if (!simulation.from)
      return cli::fail(kUsage, "--from: no day such as 2024-01-31, nor a time: " + options.from);
    simulation.from_day = Date::parse(options.from);
  }
  if (!options.to.empty()) {
    simulation.to = moment_of(options.to, true, now);
    if (!simulation.to)
      return cli::fail(kUsage, "--to: no day such as 2024-01-31, nor a time: " + options.to);
  }
  auto parameters = read_parameters(options.parameters);
  if (!parameters) return cli::fail(kUsage, "--parameters: " + parameters.error());
  simulation.parameters = *parameters;

  const Signals signals;  // before the ledger's own threads begin
  simulation.should_stop = [&] { return signals.wait(std::chrono::milliseconds(0)); };
  projections::ReadModels models;
  std::expected<replay::SimulateReport, replay::SimulateFault> report;
  {
    Progress progress("simulating", "events");
    simulation.on_progress = [&](std::uint64_t done, std::uint64_t total) { progress.show(done, total); };
    report = replay::simulate(simulation, models.all());
  }
  if (!report) return fail(report.error());
  const std::string table =
      fmt::format("{} filings of {} subjects, {} events from {} to {}, in {:.3f} s, {:.0f} events/s",
                  report->filings, report->subjects, report->events, report->from.text(), report->to.text(),
                  report->seconds, report->events_per_second());
  const int printed = print_line(options.json ? json_report(*report, options.seed) : table);
  if (printed != kDone || !report->stopped) return printed;
  return cli::fail(kFailed,
                   fmt::format("stopped at {}: the ledger is whole as far as it goes and can be served; "
                               "simulate again needs one fresh from init",
                               report->to.text()));
}

}  // namespace

void add_simulate(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("simulate", "Give a ledger fresh from init a made-up history, the same for a seed");
  auto options = std::make_shared<Options>();
  add_data_options(*command, options->ledger);
  command->add_option("--filings", options->filings, "How many filings begin in it")
      ->required()
      ->type_name("N");
  command->add_option("--seed", options->seed, "Another seed, another history")->required()->type_name("S");
  command
      ->add_option("--from", options->from,
                   "First day (Asia/Shanghai) or time (default: the ledger's last entry)")
      ->type_name("DATE");
  command->add_option("--to", options->to, "Last day or time (default: now)")->type_name("DATE");
  command
      ->add_option("--parameters", options->parameters,
                   "JSON object of rates, chances and stage times; see docs/simulation.md")
      ->type_name("FILE");
  command->add_flag("--json", options->json, "Print the report as one JSON object");
  add_writer_options(*command, options->ledger);
  command->footer(
      "Everything goes through the ledger's own rules, dated by a clock of its own. The ledger says for ever "
      "that "
      "it is\n"
      "simulated: every answer of its server carries `simulated: true`. Whoever knows the seed knows its "
      "keys: keep\n"
      "nothing real in it.\n"
      "\n"
      "Example:\n"
      "  filing-ledger init --data ./data --origin ledger.example.cn/demo --at 2024-01-01T00:00:00Z\n"
      "  filing-ledger simulate --data ./data --filings 500 --seed 1");
  command->callback([options, &run] { run = [options] { return simulate(*options); }; });
}

}  // namespace ledger::cli
