// `init`: makes a ledger. The one command that prints secrets: the first admin's token.
#include <CLI/CLI.hpp>

#include "events/core/calendars.hpp"
#include "events/core/filing_number.hpp"
#include "projections/json_writer.hpp"
#include "server/cli/commands.hpp"

namespace ledger::cli {
namespace {

struct Options {
  store::CreateOptions create;
  std::string at;
};

int init(Options options) {
  if (!options.at.empty()) {
    options.create.at = TimestampUs::parse(options.at);
    if (!options.create.at) {
      return fail(kUsage, "--at: no time such as 2024-01-31T08:00:00Z: " + options.at);
    }
  }
  if (!is_number_prefix(options.create.number_prefix)) {
    return fail(kUsage, "--number-prefix: 1 to 16 characters, no digit, no blank, no 号");
  }
  options.create.calendars = shipped_calendars();
  const auto created = store::Engine::create(options.create);
  if (!created) {
    // What is left to be wrong with the arguments themselves has one flag each.
    using enum store::EngineFailure;
    if (created.error().kind == invalid) return fail(kUsage, "--origin: " + created.error().detail);
    if (created.error().kind == clock) return fail(kUsage, "--at: " + created.error().detail);
    return fail(created.error());
  }
  std::string text;
  projections::JsonWriter json(text);
  json.begin_object();
  json.member("origin", created->origin);
  json.member("vkey", created->vkey);
  json.member("admin_token", created->admin_token);
  json.end_object();
  return print_line(text);
}

}  // namespace

void add_init(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("init", "Make a ledger in a new directory and print its first admin token");
  auto options = std::make_shared<Options>();
  store::CreateOptions& create = options->create;
  command->add_option("--data", create.data, "The directory to make")->required()->type_name("DIR");
  command
      ->add_option("--origin", create.origin,
                   "The ledger's name for ever, such as a host and path; part of every proof")
      ->required()
      ->type_name("NAME");
  command->add_option("--number-prefix", create.number_prefix, "What filing numbers begin with")
      ->type_name("P")
      ->capture_default_str();
  command->add_option("--master-key", create.master_key, "Where to write the master key (default: DIR.key)")
      ->type_name("FILE");
  command->add_option("--at", options->at, "Date the first events: RFC 3339, not in the future")
      ->type_name("TIME");
  command->footer(
      "Prints one JSON object: {\"origin\", \"vkey\", \"admin_token\"}. Keep the token: it is shown once.\n"
      "Keep the master key file apart from the data: who has both reads everything, who loses it can write "
      "no more.\n"
      "\n"
      "Example:\n"
      "  filing-ledger init --data ./data --origin ledger.example.cn/filings > ledger.json");
  command->callback([options, &run] { run = [options] { return init(std::move(*options)); }; });
}

}  // namespace ledger::cli
