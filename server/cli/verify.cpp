// `verify`: a filing's evidence bundle, or a whole data directory.
#include "server/cli/verify.hpp"

#include <CLI/CLI.hpp>

#include "server/cli/commands.hpp"
#include "server/cli/verify_data.hpp"

namespace ledger::cli {
namespace {

struct Options {
  VerifyDataOptions data;
  VerifyBundleOptions bundle;
  std::vector<std::string> vkeys;
  bool json = false;
};

int verify(Options options) {
  if (!options.bundle.bundle.empty()) {
    options.bundle.vkeys = std::move(options.vkeys);
    options.bundle.json = options.json;
    return verify_bundle(options.bundle);
  }
  if (options.data.data.empty())
    return fail(kUsage, "name what to verify, with --data or --bundle; see: filing-ledger verify --help");
  if (options.vkeys.size() > 1)
    return fail(kUsage, "--vkey: with --data it is the log's first key, given once");
  if (!options.vkeys.empty() && options.vkeys.front().empty()) return fail(kUsage, "--vkey: is empty");
  if (!options.vkeys.empty()) options.data.vkey = std::move(options.vkeys.front());
  options.data.json = options.json;
  return verify_data(options.data);
}

/// What a whole data directory is verified with.
void add_data_part(CLI::App& command, VerifyDataOptions& options, CLI::Option* data) {
  command
      .add_option("--master-key", options.master_key,
                  "The master key file (default: DIR.key where it is); without it private values stay closed")
      ->type_name("FILE")
      ->needs(data);
  command
      .add_option("--checkpoint-file", options.checkpoint_file,
                  "The log must continue the checkpoint in this file")
      ->type_name("FILE")
      ->needs(data);
}

}  // namespace

void add_verify(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("verify", "Check that nothing was changed, hidden or reordered");
  auto options = std::make_shared<Options>();
  VerifyBundleOptions& bundle = options->bundle;
  CLI::Option* data =
      command->add_option("--data", options->data.data, "A data directory, beside a server or without one")
          ->type_name("DIR");
  CLI::Option* file =
      command->add_option("--bundle", bundle.bundle, "A filing's evidence bundle")->type_name("FILE");
  file->excludes(data);
  add_data_part(*command, options->data, data);
  CLI::Option* vkey =
      command
          ->add_option(
              "--vkey", options->vkeys,
              "A key of the log that you trust, from somewhere else than the bundle; with --data the "
              "one that the log must begin with")
          ->type_name("KEY")
          ->expected(1)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  file->needs(vkey);
  command->add_option("--witness", bundle.witnesses, "A key of a witness that you trust")
      ->type_name("KEY")
      ->needs(file)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      ->add_option("--witnesses-min", bundle.witnesses_min,
                   "How many of these must have cosigned (default 0)")
      ->type_name("N")
      ->needs(file);
  command->add_option("--document", bundle.documents, "A file that must be one of the filing's documents")
      ->type_name("FILE")
      ->needs(file)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_flag("--json", options->json,
                    "Print one JSON object: {\"verified\", \"origin\", \"size\", ..., \"problem\"}");
  command->footer(
      "Needs neither the server nor the network, and changes nothing. Exit code 0 when everything holds; 7 "
      "when\n"
      "something does not, and the first bad position or member is named; 2 when the file is no bundle; 1 "
      "when\n"
      "it could not be checked; 3 when there is no ledger; 5 when the master key is not its own.\n"
      "\n"
      "Examples:\n"
      "  filing-ledger verify --bundle filing.bundle.json --vkey 'ledger.example.cn/filings+0123abcd+AX...'\n"
      "  filing-ledger verify --data ./data --checkpoint-file /mnt/other/checkpoint");
  command->callback([options, &run] { run = [options] { return verify(std::move(*options)); }; });
}

}  // namespace ledger::cli
