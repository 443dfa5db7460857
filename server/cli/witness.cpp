// `witness`: cosigns the checkpoints of logs that it is told to follow, for a second office.
#include <atomic>
#include <thread>

#include <CLI/CLI.hpp>
#include <spdlog/fmt/fmt.h>
#include <spdlog/logger.h>

#include "events/tlog/cosignature.hpp"
#include "events/tlog/note.hpp"
#include "server/cli/commands.hpp"
#include "server/cli/logging.hpp"
#include "server/cli/signals.hpp"
#include "server/http/server.hpp"
#include "server/witness/witness_server.hpp"
#include "server/witness/witness_store.hpp"

namespace ledger::cli {
namespace {

using namespace std::chrono_literals;
using witness::WitnessFault;
using witness::WitnessStore;

constexpr auto kDrain = 3000ms;
constexpr auto kLook = 250ms;  // how soon a broken store ends the process

struct Options {
  std::filesystem::path data;
  std::string name;
  std::vector<std::string> logs;
  http::Options transport;
  std::string log_format = "text";
  bool print_vkey = false;
};

int fail(const WitnessFault& fault) {
  using enum WitnessFault::Kind;
  switch (fault.kind) {
    case not_witness: return fail(kLedger, fault.detail);
    case other_name: return fail(kUsage, "--name: " + fault.detail);
    case locked: return fail(kLocked, fault.detail);
    case damaged: return fail(kDamaged, fault.detail + "; begin a new witness in another directory");
    case storage: return fail(kFailed, fault.detail);
  }
  return kFailed;
}

/// The keys of the logs, or what is wrong with one.
std::expected<std::vector<crypto::VerifierKey>, std::string> log_keys(const std::vector<std::string>& texts) {
  std::vector<crypto::VerifierKey> keys;
  for (const std::string& text : texts) {
    auto key = crypto::VerifierKey::parse(text);
    if (!key) return std::unexpected("--log: not a verifier key, NAME+ID+BASE64: " + text);
    if (key->type != crypto::kEd25519Type) {
      return std::unexpected("--log: the key of a witness, not of a log: " + text);
    }
    keys.push_back(std::move(*key));
  }
  return keys;
}

/// Makes the witness where there is none yet.
std::expected<void, WitnessFault> make_if_new(const Options& options) {
  if (!WitnessStore::is_vacant(options.data)) return {};
  if (auto made = WitnessStore::create(options.data, options.name); !made) return made;
  fmt::print(stderr, "filing-ledger: made the new witness {} in {}\n", options.name, options.data.string());
  return {};
}

int print_vkey(const Options& options) {
  const auto key = WitnessStore::verifier_key(options.data);
  if (!key) return fail(key.error());
  if (key->name != options.name) {
    return fail(kUsage, "--name: " + options.data.string() + " is the witness " + key->name);
  }
  return print_line(key->text());
}

int serve(const Options& options, const Signals& signals, WitnessStore& store,
          std::vector<crypto::VerifierKey> keys) {
  const Logs logs = make_logs(options.log_format == "json" ? LogFormat::json : LogFormat::text, "info");
  std::atomic<bool> broken = false;
  witness::WitnessServer app(store,
                             {.name = options.name,
                              .log_keys = std::move(keys),
                              .now = {},
                              .on_notice =
                                  [log = logs.log](witness::WitnessOptions::Level level, const auto& line) {
                                    const bool alarm = level == witness::WitnessOptions::Level::alarm;
                                    log->log(alarm ? spdlog::level::err : spdlog::level::info, "{}", line);
                                    log->flush();
                                  },
                              .on_broken = [&broken] { broken.store(true); }});
  auto server = http::Server::listen(options.transport, app);
  if (!server) return fail(kListen, "--listen: " + server.error().text);
  const std::string vkey = tlog::cosigner_key(options.name, store.key().public_key()).text();
  std::jthread serving([&transport = **server] { transport.run(); });
  (void)print_line("vkey " + vkey);
  (void)print_line("listening on http://" + (*server)->address());
  while (!broken.load() && !signals.wait(kLook)) {
  }
  logs.log->info("stopping");
  (*server)->stop(kDrain);
  serving.join();
  return broken.load() ? fail(kFailed, "the store failed; see the log, look after the disk, start again")
                       : kDone;
}

int run_witness(const Options& options) {
  const Signals signals;
  if (!tlog::is_key_name(options.name)) {
    return fail(kUsage,
                "--name: a name without blanks and +, such as witness.example.cn/w1: " + options.name);
  }
  auto keys = log_keys(options.logs);
  if (!keys) return fail(kUsage, keys.error());
  if (keys->empty() && !options.print_vkey) return fail(kUsage, "--log: name at least one log by its vkey");
  if (auto made = make_if_new(options); !made) return fail(made.error());
  if (options.print_vkey) return print_vkey(options);
  auto store = WitnessStore::open(options.data, options.name);
  if (!store) return fail(store.error());
  return serve(options, signals, **store, std::move(*keys));
}

}  // namespace

void add_witness(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("witness", "Cosign the checkpoints of other offices' logs, over HTTP until SIGTERM");
  auto options = std::make_shared<Options>();
  options->transport.listen = "127.0.0.1:8081";
  options->transport.io_threads = 1;
  options->transport.worker_threads = 1;
  command->add_option("--data", options->data, "The witness's directory; made, with a new key, if absent")
      ->required()
      ->type_name("DIR");
  command->add_option("--name", options->name, "The witness's name for ever, such as a host and path")
      ->required()
      ->type_name("NAME");
  command
      ->add_option("--log", options->logs,
                   "The vkey of a log to follow; may be repeated, also for the keys of one log")
      ->type_name("VKEY")
      ->allow_extra_args(false);
  command->add_option("--listen", options->transport.listen, "Where to listen; port 0 picks one")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  command->add_option("--log-format", options->log_format, "How the log on standard error is written")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->add_flag("--print-vkey", options->print_vkey, "Print the witness's vkey and do nothing else");
  command->footer(
      "Prints `vkey VKEY`, which the ledger is to be started with, and `listening on http://HOST:PORT`. A "
      "witness never\n"
      "forgets what it has cosigned: do not put back a copy of its directory, begin a new one.\n"
      "\n"
      "Examples:\n"
      "  filing-ledger witness --data ./witness --name witness.example.cn/w1 --print-vkey\n"
      "  filing-ledger witness --data ./witness --name witness.example.cn/w1 --listen 127.0.0.1:8081 \\\n"
      "    --log ledger.example.cn/filings+f745db19+AV6M...");
  command->callback([options, &run] { run = [options] { return run_witness(*options); }; });
}

}  // namespace ledger::cli
