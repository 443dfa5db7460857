// `token`: a new admin token, for whoever lost the last one. Offline, with the operator's authority.
#include <CLI/CLI.hpp>

#include "events/crypto/primitives.hpp"
#include "projections/json_writer.hpp"
#include "projections/read_models.hpp"
#include "server/cli/commands.hpp"

namespace ledger::cli {
namespace {

struct Options {
  LedgerOptions ledger;
  std::string principal = "admin";
};

int token(const Options& options) {
  projections::ReadModels models;
  auto engine = store::Engine::open(options.ledger.engine(), models.all());
  if (!engine) return fail(engine.error());
  store::Submission submission;
  submission.command =
      GrantAccess{.principal = options.principal, .role = Role::admin, .subject_id = {}, .expires_at = {}};
  submission.caller = store::Trusted{Role::operator_};
  submission.correlation_id = crypto::random_id();
  const store::Outcome outcome = (*engine)->execute(std::move(submission));
  if (!outcome) {
    const std::string why = outcome.error().detail.empty() ? "" : " (" + outcome.error().detail + ")";
    return fail(kFailed, "the ledger grants no token: " + std::string(outcome.error().code) + why);
  }
  std::string text;
  projections::JsonWriter json(text);
  json.begin_object();
  json.member("grant_id", outcome->grant_id.value_or(Uuid{}).text());
  json.member("token", outcome->token.value_or(""));
  json.end_object();
  return print_line(text);
}

}  // namespace

void add_token(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("token", "Grant and print a new admin token; the server must be stopped");
  auto options = std::make_shared<Options>();
  add_data_options(*command, options->ledger);
  command
      ->add_option("--principal", options->principal,
                   "Who gets it: a display name, or the id of a known principal")
      ->type_name("NAME")
      ->capture_default_str()
      ->check([](const std::string& name) {
        return name.empty() || name.size() > 64 ? std::string("is not 1 to 64 bytes long") : std::string();
      });
  add_writer_options(*command, options->ledger);
  command->footer(
      "Prints one JSON object: {\"grant_id\", \"token\"}. It is one more grant: revoke lost ones with\n"
      "DELETE /v1/access/grants/{id}.\n"
      "\n"
      "Example:\n"
      "  filing-ledger token --data ./data");
  command->callback([options, &run] { run = [options] { return token(*options); }; });
}

}  // namespace ledger::cli
