// The commands of `filing-ledger`, one file each. Every function adds a subcommand with its options and help;
// once the whole line is understood, `run` holds what to do.
#pragma once

#include "server/cli/support.hpp"

namespace ledger::cli {

void add_init(CLI::App& app, Run& run);
void add_serve(CLI::App& app, Run& run);
void add_import(CLI::App& app, Run& run);
void add_rebuild(CLI::App& app, Run& run);
void add_export(CLI::App& app, Run& run);
void add_signing_key(CLI::App& app, Run& run);
void add_token(CLI::App& app, Run& run);
void add_witness(CLI::App& app, Run& run);
void add_verify(CLI::App& app, Run& run);
void add_estimate(CLI::App& app, Run& run);
void add_backtest(CLI::App& app, Run& run);
void add_bench(CLI::App& app, Run& run);
void add_backup(CLI::App& app, Run& run);
void add_restore(CLI::App& app, Run& run);
void add_simulate(CLI::App& app, Run& run);

}  // namespace ledger::cli
