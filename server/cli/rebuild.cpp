// `rebuild`: all views anew from the log, whether or not they are trusted.
#include <CLI/CLI.hpp>
#include <spdlog/fmt/fmt.h>

#include "events/store/directory.hpp"
#include "events/store/views_builder.hpp"
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
  const store::DataDirectory directory{options.ledger.data};
  if (!directory.holds_ledger()) {
    return fail({store::EngineFailure::no_ledger, directory.root.string() + " holds no ledger"});
  }
  const auto lock = store::DirectoryLock::acquire(directory);
  if (!lock) return fail({store::EngineFailure::locked, lock.error().message()});
  auto stores =
      store::open_stores(options.ledger.data, options.ledger.master_key, options.ledger.ledger_map_bytes);
  if (!stores) return fail(stores.error());
  projections::ReadModels models;
  Progress progress("rebuilding", "events");
  std::uint64_t events = 0;
  const auto begun = std::chrono::steady_clock::now();
  store::ViewsOptions views;
  views.map_bytes = options.ledger.views_map_bytes;
  views.on_progress = [&](std::uint64_t done, std::uint64_t total) {
    events = done;
    progress.show(done, total);
  };
  if (auto rebuilt = store::rebuild_views(**stores, models.all(), views); !rebuilt)
    return fail(rebuilt.error());
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  const double rate = seconds > 0 ? static_cast<double>(events) / seconds : 0;
  if (!options.json)
    return print_line(fmt::format("{} events in {:.3f} s, {:.0f} events/s", events, seconds, rate));
  std::string text;
  projections::JsonWriter json(text);
  json.begin_object();
  json.member("events", events);
  json.member_raw("seconds", fmt::format("{:.6f}", seconds));
  json.member_raw("events_per_second", fmt::format("{:.0f}", rate));
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
  add_writer_options(*command, options->ledger);
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
