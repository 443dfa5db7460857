// `filing-ledger`: the one binary. Everything that it can do is a command of server/cli.
#include <algorithm>
#include <exception>

#include <CLI/CLI.hpp>

#include "server/cli/commands.hpp"

using namespace ledger;

namespace {

constexpr const char* kAbout =
    "A ledger of regulatory filings: every action is one immutable event, and everything else is folded from "
    "them.\n"
    "\n"
    "First steps:\n"
    "  filing-ledger init --data ./data --origin ledger.example.cn/filings\n"
    "  filing-ledger serve --data ./data --listen 127.0.0.1:8080\n";

/// What was wrong with the arguments, and where the right ones are told. CLI11 calls an unknown command a
/// missing one.
int refuse(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  std::string message = error.what();
  std::string path = app.get_name();
  const CLI::App* at = &app;
  for (int i = 1; i < argc && argv[i][0] != '-'; ++i) {
    const auto commands = at->get_subcommands([](const CLI::App*) { return true; });
    const auto named = std::ranges::find(commands, std::string(argv[i]), &CLI::App::get_name);
    if (named == commands.end()) {
      if (!commands.empty()) message = std::string("unknown command: ") + argv[i];
      break;
    }
    at = *named;
    path += " " + at->get_name();
  }
  return cli::fail(cli::kUsage, message + "; see: " + path + " --help");
}

int run(int argc, char** argv) {
  CLI::App app(kAbout, "filing-ledger");
  app.require_subcommand(1);
  app.get_formatter()->column_width(36);
  app.set_version_flag("--version", "filing-ledger " LEDGER_VERSION);
  cli::Run command;
  cli::add_init(app, command);
  cli::add_serve(app, command);
  cli::add_import(app, command);
  cli::add_simulate(app, command);
  cli::add_rebuild(app, command);
  cli::add_export(app, command);
  cli::add_estimate(app, command);
  cli::add_backtest(app, command);
  cli::add_signing_key(app, command);
  cli::add_token(app, command);
  cli::add_witness(app, command);
  cli::add_verify(app, command);
  cli::add_backup(app, command);
  cli::add_restore(app, command);
  cli::add_bench(app, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    return refuse(app, error, argc, argv);
  }
  return command();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const store::StoreDamage& damage) {
    return cli::fail({store::EngineFailure::damaged, damage.what()});
  } catch (const std::exception& error) {
    return cli::fail(cli::kFailed, error.what());
  }
}
