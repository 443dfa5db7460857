// `verify`: a filing's evidence bundle, or a whole data directory.
#include "server/cli/verify.hpp"

#include <CLI/CLI.hpp>

#include "server/cli/commands.hpp"

namespace ledger::cli {
namespace {

struct Options {
  std::filesystem::path data;
  VerifyBundleOptions bundle;
};

int verify(const Options& options) {
  if (!options.bundle.bundle.empty()) return verify_bundle(options.bundle);
  return fail(kUsage, options.data.empty()
                          ? "name what to verify, with --data or --bundle; see: filing-ledger verify --help"
                          : "--data: this build verifies bundles only");
}

}  // namespace

void add_verify(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("verify", "Check that nothing was changed, hidden or reordered");
  auto options = std::make_shared<Options>();
  VerifyBundleOptions& bundle = options->bundle;
  CLI::Option* data =
      command->add_option("--data", options->data, "A ledger's data directory")->type_name("DIR");
  CLI::Option* file =
      command->add_option("--bundle", bundle.bundle, "A filing's evidence bundle")->type_name("FILE");
  file->excludes(data);
  CLI::Option* vkey = command
                          ->add_option("--vkey", bundle.vkeys,
                                       "A key of the log that you trust, from somewhere else than the bundle")
                          ->type_name("KEY")
                          ->needs(file)
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
  command->add_flag("--json", bundle.json,
                    "Print one JSON object: {\"verified\", \"origin\", \"size\", ..., \"problem\"}");
  command->footer(
      "Needs neither the server nor the network. Exit code 0 when everything holds, 7 when something does "
      "not,\n"
      "2 when the file is no bundle at all.\n"
      "\n"
      "Example:\n"
      "  filing-ledger verify --bundle filing.bundle --vkey ledger.example.cn/filings+f745db19+AV6M...");
  command->callback([options, &run] { run = [options] { return verify(*options); }; });
}

}  // namespace ledger::cli
