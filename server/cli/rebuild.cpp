// `rebuild`: all views anew from the log, whether or not they are trusted.
#include "replay/rebuild.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/fmt/fmt.h>

#include "projections/json_writer.hpp"
#include "projections/read_models.hpp"
#include "server/cli/commands.hpp"

namespace ledger::cli {
namespace {

struct Options {
  LedgerOptions ledger;
  bool json = false;
};

int rebuild(const Options& options) {
  projections::ReadModels models;
  std::expected<replay::RebuildFigures, store::EngineFault> figures;
  {
    Progress progress("rebuilding", "events");
    figures = replay::rebuild({.data = options.ledger.data,
                               .master_key = options.ledger.master_key,
                               .on_progress = [&](auto done, auto total) { progress.show(done, total); }},
                              models.all());
  }
  if (!figures) return fail(figures.error());
  if (!options.json) {
    return print_line(fmt::format("{} events in {:.3f} s, {:.0f} events/s", figures->events, figures->seconds,
                                  figures->events_per_second()));
  }
  std::string text;
  projections::JsonWriter json(text);
  json.begin_object();
  json.member("events", figures->events);
  json.member_raw("seconds", fmt::format("{:.6f}", figures->seconds));
  json.member_raw("events_per_second", fmt::format("{:.0f}", figures->events_per_second()));
  json.end_object();
  return print_line(text);
}

}  // namespace

void add_rebuild(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("rebuild", "Build all views anew from the log; the server must be stopped");
  auto options = std::make_shared<Options>();
  add_data_options(*command, options->ledger);
  command->add_flag("--json", options->json, "Print {\"events\", \"seconds\", \"events_per_second\"}");
  command->footer(
      "The views are only a cache: `serve` rebuilds them by itself where it must. The new ones are built "
      "beside the old\n"
      "and take their place at the end.\n"
      "\n"
      "Example:\n"
      "  filing-ledger rebuild --data ./data --json");
  command->callback([options, &run] { run = [options] { return rebuild(*options); }; });
}

}  // namespace ledger::cli
