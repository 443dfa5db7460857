// `signing-key`: the keys that sign the log's checkpoints are exchanged with an overlap in which both sign.
// Offline, with the operator's authority.
#include <algorithm>

#include <CLI/CLI.hpp>

#include "events/crypto/primitives.hpp"
#include "events/store/log_signer.hpp"
#include "projections/json_writer.hpp"
#include "projections/read_models.hpp"
#include "replay/offline.hpp"
#include "server/cli/commands.hpp"

namespace ledger::cli {
namespace {

struct Options {
  LedgerOptions ledger;
  std::string vkey;
};

/// Runs one command of the operator; what the ledger says against it goes to standard error.
int execute(store::Engine& engine, Command command) {
  store::Submission submission;
  submission.command = std::move(command);
  submission.caller = store::Trusted{Role::operator_};
  submission.correlation_id = crypto::random_id();
  const store::Outcome outcome = engine.execute(std::move(submission));
  if (outcome) return kDone;
  const std::string why = outcome.error().detail.empty() ? "" : " (" + outcome.error().detail + ")";
  return fail(kFailed, "the ledger refuses: " + std::string(outcome.error().code) + why);
}

/// The keys in force and the checkpoint that they signed, as one JSON object.
int print_keys(const store::Engine& engine) {
  const LedgerState ledger = engine.snapshot().lookup().ledger();
  std::string text;
  projections::JsonWriter json(text);
  json.begin_object();
  json.key("vkeys").begin_array();
  for (const std::string& vkey : ledger.vkeys) json.value(vkey);
  json.end_array();
  json.member("checkpoint", engine.checkpoint()->text);
  json.end_object();
  return print_line(text);
}

int add(const Options& options) {
  const store::DataDirectory directory{options.ledger.data};
  std::string origin;
  {
    const auto ledger = replay::OfflineLedger::open(options.ledger.data);
    if (!ledger) return fail(ledger.error());
    origin = (*ledger)->origin();
    // Before a key is made that the ledger would not come to know.
    if (auto lock = store::DirectoryLock::acquire(directory); !lock)
      return fail({store::EngineFailure::locked, lock.error().message()});
  }
  const auto made = store::LogSigner::make_key(directory, origin);
  if (!made) return fail(kFailed, made.error().message());
  // A key that does not come into force leaves no file.
  const auto refused = [&](int code) {
    std::error_code ignored;
    std::filesystem::remove(store::LogSigner::file_of(directory, origin, *made), ignored);
    return code;
  };
  projections::ReadModels models;
  auto engine = store::Engine::open(options.ledger.engine(), models.all());
  if (!engine) return refused(fail(engine.error()));
  if (const int code = execute(**engine, AddSigningKey{*made}); code != kDone) return refused(code);
  return print_keys(**engine);
}

int retire(const Options& options) {
  projections::ReadModels models;
  int code = kDone;
  {
    auto engine = store::Engine::open(options.ledger.engine(), models.all());
    if (!engine) return fail(engine.error());
    const std::string origin = (*engine)->origin();
    code = execute(**engine, RetireSigningKey{options.vkey});
    const LedgerState ledger = (*engine)->snapshot().lookup().ledger();
    const bool in_force = std::ranges::find(ledger.vkeys, options.vkey) != ledger.vkeys.end();
    // A retired key signs nothing any more, and what it signed is verified with the public half alone. Also
    // where an earlier run was ended before it could remove the file.
    const auto file = store::LogSigner::file_of({options.ledger.data}, origin, options.vkey);
    std::error_code failed;
    if (!in_force && !file.empty() && !std::filesystem::remove(file, failed))
      return fail(kFailed, "the retired key's file is still there: " + file.string());
    if (code == kDone) code = print_keys(**engine);
  }
  return code;
}

int list(const Options& options) {
  const auto ledger = replay::OfflineLedger::open(options.ledger.data);
  if (!ledger) return fail(ledger.error());
  auto reader = (*ledger)->log().read();
  if (!reader) return fail(store::fault_of(reader.error(), "ledger"));
  LedgerState state;
  for (std::uint64_t at = 0; at < reader->size(); ++at) {
    const auto bytes = reader->entry(at);
    const auto header = bytes ? codec::decode_header(*bytes) : std::unexpected(codec::CodecError::malformed);
    if (!header) return fail({store::EngineFailure::damaged, "an entry does not decode"});
    if (header->header.stream.kind != StreamKind::ledger) continue;
    const auto entry = codec::decode_entry(*bytes);
    if (!entry) return fail({store::EngineFailure::damaged, "an entry does not decode"});
    state = evolve(std::move(state), entry->event);
  }
  for (const std::string& vkey : state.vkeys) {
    if (const int code = print_line(vkey); code != kDone) return code;
  }
  return kDone;
}

}  // namespace

void add_signing_key(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("signing-key", "Exchange the keys that sign the log's checkpoints");
  command->require_subcommand(1);
  command->footer(
      "All keys in force sign every checkpoint. To exchange one: add the next, give its verifier key to\n"
      "everyone who verifies (witnesses first), wait until they have it, then retire the old one.\n"
      "The server must be stopped while keys are added or retired.\n"
      "\n"
      "Examples:\n"
      "  filing-ledger signing-key add --data ./data\n"
      "  filing-ledger signing-key list --data ./data\n"
      "  filing-ledger signing-key retire --data ./data --vkey ledger.example.cn/filings+0123abcd+AX...");

  auto options = std::make_shared<Options>();
  CLI::App* adding = command->add_subcommand("add", "Make a key and bring it into force beside the others");
  add_data_options(*adding, options->ledger);
  add_writer_options(*adding, options->ledger);
  adding->callback([options, &run] { run = [options] { return add(*options); }; });

  CLI::App* retiring = command->add_subcommand("retire", "End a key; its file goes");
  add_data_options(*retiring, options->ledger);
  add_writer_options(*retiring, options->ledger);
  retiring->add_option("--vkey", options->vkey, "The verifier key to retire")->required()->type_name("KEY");
  retiring->callback([options, &run] { run = [options] { return retire(*options); }; });

  CLI::App* listing = command->add_subcommand("list", "Print the verifier keys in force, oldest first");
  listing->add_option("--data", options->ledger.data, "The ledger's data directory")
      ->required()
      ->type_name("DIR");
  listing->callback([options, &run] { run = [options] { return list(*options); }; });
}

}  // namespace ledger::cli
