// `backup` and `restore`: a copy of a ledger without its keys, and a data directory made of one.
#include <CLI/CLI.hpp>
#include <spdlog/fmt/fmt.h>

#include "projections/json_writer.hpp"
#include "replay/restore.hpp"
#include "server/cli/commands.hpp"
#include "server/witness/engine_log.hpp"

namespace ledger::cli {
namespace {

constexpr double kMegabyte = 1e6;

struct BackupArguments {
  replay::BackupOptions backup;
  bool json = false;
};

struct RestoreArguments {
  replay::RestoreOptions restore;
  std::vector<std::string> witnesses;
  bool json = false;
};

/// Members that both commands tell.
void write_facts(projections::JsonWriter& json, const replay::BackupFacts& facts) {
  json.member("origin", facts.origin);
  json.member("ledger_id", facts.ledger_id.text());
  json.member("size", facts.size);
  json.member("root", facts.root.text());
  json.member("documents", facts.documents);
  json.member("bytes", facts.bytes);
}

int backup(const BackupArguments& arguments) {
  std::expected<replay::BackupFacts, store::EngineFault> facts;
  {
    Progress progress("copying", "bytes");
    replay::BackupOptions options = arguments.backup;
    options.on_progress = [&](auto done, auto total) { progress.show(done, total); };
    facts = replay::backup(options);
  }
  if (!facts) {
    if (facts.error().kind == store::EngineFailure::invalid)
      return fail(kUsage, "--to: " + facts.error().detail);
    return fail(facts.error());
  }
  if (!facts->signing_stopped.empty())
    fmt::print(stderr,
               "filing-ledger: this ledger has stopped signing; what is restored from it does not write\n");
  if (!arguments.json) {
    return print_line(fmt::format(
        "{} events, {} documents, {:.1f} MB in {}, without keys: back those up apart", facts->size,
        facts->documents, static_cast<double>(facts->bytes) / kMegabyte, arguments.backup.to.string()));
  }
  std::string text;
  projections::JsonWriter json(text);
  json.begin_object();
  write_facts(json, *facts);
  json.member("vault_epoch", facts->vault_epoch);
  json.end_object();
  return print_line(text);
}

int fail_restore(const store::EngineFault& fault) {
  using enum store::EngineFailure;
  if (fault.kind == invalid) return fail(kUsage, fault.detail);
  if (fault.kind == no_ledger)
    return fail(kLedger, fault.detail + "; name a directory that filing-ledger backup has made");
  if (fault.kind == signing_key) return fail(kKey, fault.detail + "; name its file with --signing-key");
  if (fault.kind == master_key)
    return fail(kKey, fault.detail + "; --master-key names the file; see docs/backup.md");
  if (fault.kind == rolled_back)
    return fail(kRolledBack, fault.detail + " --allow-behind lays this backup out for reading");
  return fail(fault);
}

/// What an operator should know before trusting the directory.
void warn(const replay::Restored& restored) {
  if (!restored.read_only.empty()) {
    fmt::print(stderr, "filing-ledger: for reading only, it will not serve: {}\n", restored.read_only);
    if (!restored.vault_opens)
      fmt::print(stderr,
                 "filing-ledger: the master key does not open its vault: private values stay closed\n");
  } else if (!restored.checked_file && !restored.checked_witnesses) {
    fmt::print(
        stderr,
        "filing-ledger: nothing could tell whether events are missing behind this backup: no checkpoint "
        "file and no witness was asked\n");
  }
}

/// How long each witness may take to say what it knows.
constexpr std::chrono::seconds kAskWitness{5};

int restore(const RestoreArguments& arguments) {
  const auto witnesses = witness::parse_configs(arguments.witnesses);
  if (!witnesses) return fail(kUsage, "--witness: " + witnesses.error());
  std::expected<replay::Restored, store::EngineFault> restored;
  {
    Progress progress("restoring", "bytes");
    Progress verifying("verifying the copy", "events");
    replay::RestoreOptions options = arguments.restore;
    options.on_progress = [&](auto done, auto total) { progress.show(done, total); };
    options.on_verified = [&](auto done, auto total) { verifying.show(done, total); };
    if (!witnesses->empty()) {
      options.ask_witnesses =
          [&witnesses](const store::EntryReader& reader) -> std::expected<bool, std::string> {
        witness::StoredLog log(reader);
        witness::Heard heard = witness::hear_witnesses(*witnesses, log, kAskWitness);
        for (const std::string& silent : heard.silent)
          fmt::print(stderr, "filing-ledger: not heard: {}\n", silent);
        if (heard.hindrance) return std::unexpected(std::move(*heard.hindrance));
        return heard.answered != 0;
      };
    }
    restored = replay::restore(options);
  }
  if (!restored) return fail_restore(restored.error());
  warn(*restored);
  const bool writable = restored->read_only.empty();
  if (!arguments.json) {
    return print_line(fmt::format("{} events, {} documents restored to {}{}", restored->facts.size,
                                  restored->facts.documents, arguments.restore.data.string(),
                                  writable ? "" : ", for reading only"));
  }
  std::string text;
  projections::JsonWriter json(text);
  json.begin_object();
  write_facts(json, restored->facts);
  json.member("writable", writable);
  if (!writable) json.member("reason", restored->read_only);
  json.member("checked_checkpoint_file", restored->checked_file);
  json.member("checked_witnesses", restored->checked_witnesses);
  json.member("erasures", restored->erasures);
  json.end_object();
  return print_line(text);
}

}  // namespace

void add_backup(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("backup", "Copy the ledger, without its keys, while it is served");
  auto arguments = std::make_shared<BackupArguments>();
  command->add_option("--data", arguments->backup.data, "The ledger's data directory")
      ->required()
      ->type_name("DIR");
  command->add_option("--to", arguments->backup.to, "The directory to make; it must not be there")
      ->required()
      ->type_name("DIR2");
  command->add_flag("--json", arguments->json,
                    "Print {\"origin\", \"ledger_id\", \"size\", \"root\", \"documents\", \"bytes\", "
                    "\"vault_epoch\"}");
  command->footer(
      "Needs neither the lock nor any key: it may run beside the server. The copy holds the log, the wrapped "
      "keys of private\n"
      "values and the sealed documents, never the master key or a signing key: keep copies of those apart. "
      "After an erasure\n"
      "every older backup's vault is unreadable: make a new backup, and copy the master key file anew.\n"
      "\n"
      "Example:\n"
      "  filing-ledger backup --data ./data --to /backup/ledger-2026-10-01 --json");
  command->callback([arguments, &run] { run = [arguments] { return backup(*arguments); }; });
}

void add_restore(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("restore", "Make a data directory of a backup");
  auto arguments = std::make_shared<RestoreArguments>();
  replay::RestoreOptions& options = arguments->restore;
  command->add_option("--from", options.from, "A directory that backup made; it is only read")
      ->required()
      ->type_name("DIR2");
  command->add_option("--data", options.data, "The data directory to make")->required()->type_name("DIR");
  command->add_option("--master-key", options.master_key, "The master key file of today (default: DIR.key)")
      ->type_name("FILE");
  command
      ->add_option("--signing-key", options.signing_keys,
                   "A copy of a signing key in force; may be repeated, all of them are needed")
      ->type_name("FILE")
      ->allow_extra_args(false);
  command
      ->add_option("--checkpoint-file", options.checkpoint_file,
                   "The file that serve wrote: tells whether events are missing behind the backup")
      ->type_name("FILE");
  command
      ->add_option("--witness", arguments->witnesses,
                   "\"VKEY URL\" of a witness to ask for the same; may be repeated")
      ->type_name("WITNESS")
      ->allow_extra_args(false);
  command->add_flag("--allow-behind", options.allow_behind,
                    "Lay out a backup that must not write any more, for export and verify");
  command->add_flag("--json", arguments->json,
                    "Print what was restored, and whether it may write, as one object");
  command->footer(
      "A backup that is behind what was published is refused (exit 9): going on from it would sign a second "
      "history.\n"
      "Erasures that came after the backup are carried out again. A refusal leaves nothing behind.\n"
      "\n"
      "Examples:\n"
      "  filing-ledger restore --from /backup/ledger-2026-10-01 --data ./data --master-key "
      "/etc/filing-ledger.key "
      "\\\n"
      "    --signing-key /safe/signing.key --checkpoint-file /mnt/other/checkpoint\n"
      "  filing-ledger restore --from /backup/ledger-2026-09-01 --data ./old --allow-behind \\\n"
      "    --checkpoint-file /mnt/other/checkpoint");
  command->callback([arguments, &run] { run = [arguments] { return restore(*arguments); }; });
}

}  // namespace ledger::cli
