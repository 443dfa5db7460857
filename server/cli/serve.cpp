// `serve`: the server process, from its first listening moment to its orderly end.
#include <atomic>
#include <cstdlib>
#include <stop_token>
#include <thread>

#include <CLI/CLI.hpp>
#include <spdlog/logger.h>

#include "events/store/clock.hpp"
#include "events/store/directory.hpp"
#include "events/store/rollback.hpp"
#include "projections/read_models.hpp"
#include "server/api/app.hpp"
#include "server/api/cors.hpp"
#include "server/cli/background.hpp"
#include "server/cli/commands.hpp"
#include "server/cli/logging.hpp"
#include "server/cli/signals.hpp"
#include "server/webhook/deliveries.hpp"
#include "server/witness/engine_log.hpp"

namespace ledger::cli {
namespace {

using namespace std::chrono_literals;

/// How long requests in hand may take once the end is asked for, and when the process ends regardless: a
/// supervisor that waits five seconds must not have to kill it.
constexpr auto kDrain = 3000ms;
constexpr auto kEndAtLatest = 4500ms;

struct Options {
  LedgerOptions ledger;
  http::Options transport;
  ledger::server::Options app;
  std::string registration = "open";
  std::string metrics_listen;
  std::string log_level = "info", log_format = "text";
  std::vector<std::string> witnesses;
  BackgroundOptions background;
  bool webhook_private = false;
  unsigned webhook_hours = 72;
};

/// Ends the process when its orderly end takes too long or is asked for twice. Whatever was acknowledged is
/// durable, so nothing is lost by it; the views are only checked at the next start.
class Watchdog {
 public:
  Watchdog(const Signals& signals, std::shared_ptr<spdlog::logger> log)
      : thread_([&signals, log = std::move(log)](const std::stop_token& stop) {
          const auto end = std::chrono::steady_clock::now() + kEndAtLatest;
          while (!stop.stop_requested()) {
            const bool again = signals.wait(20ms);
            if (stop.stop_requested()) return;
            if (!again && std::chrono::steady_clock::now() < end) continue;
            log->warn(again ? "stopped at once" : "closing takes too long: stopped at once");
            log->flush();
            std::_Exit(again ? kFailed : kDone);
          }
        }) {}

 private:
  std::jthread thread_;
};

/// Opens the engine on a thread of its own, so that signals and health are answered meanwhile.
class Opening {
 public:
  Opening(store::EngineOptions options, const projections::ReadModels& models)
      : thread_([this, options = std::move(options), &models]() mutable {
          result_ = store::Engine::open(std::move(options), models.all());
          done_.store(true);
        }) {}
  [[nodiscard]] bool done() const { return done_.load(); }
  [[nodiscard]] std::expected<std::unique_ptr<store::Engine>, store::EngineFault> take() {
    thread_.join();
    return std::move(result_);
  }

 private:
  std::expected<std::unique_ptr<store::Engine>, store::EngineFault> result_;
  std::atomic<bool> done_ = false;
  std::jthread thread_;
};

/// Runs a transport on a thread of its own until stopped.
class Listening {
 public:
  explicit Listening(std::unique_ptr<http::Server> server)
      : server_(std::move(server)), thread_([this] { server_->run(); }) {}
  ~Listening() { stop(0ms); }
  void stop(std::chrono::milliseconds deadline) {
    server_->stop(deadline);
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] http::Server& server() { return *server_; }

 private:
  std::unique_ptr<http::Server> server_;
  std::jthread thread_;
};

/// How it stands with each webhook, for /metrics.
void add_readings(Readings& readings, const webhook::Deliveries& webhooks, std::uint64_t events) {
  const auto standings = webhooks.standings();
  const auto add = [&](const char* name, const char* help, auto&& value) {
    for (const webhook::Standing& standing : standings) {
      readings.push_back(
          {name, help, {{"webhook", standing.id.text()}}, static_cast<double>(value(standing))});
    }
  };
  add("ledger_webhook_lag_events", "Events of the ledger behind the webhook's cursor", [&](const auto& s) {
    const std::uint64_t done = s.progress.cursor + 1;
    return events > done ? events - done : 0;
  });
  add("ledger_webhook_paused", "1 while nothing is sent until somebody resumes it",
      [](const auto& s) { return s.progress.paused ? 1 : 0; });
  add("ledger_webhook_failures", "Attempts since the last acknowledgement",
      [](const auto& s) { return s.progress.failures; });
  add("ledger_webhook_delivered", "Events acknowledged since the start",
      [](const auto& s) { return s.delivered; });
}

webhook::Options webhook_options(const Options& options, std::shared_ptr<spdlog::logger> log) {
  webhook::Options webhooks;
  webhooks.allow_http = options.app.webhook_http;
  webhooks.allow_private = options.webhook_private;
  webhooks.give_up_after = std::chrono::hours(options.webhook_hours);
  webhooks.on_notice = [log = std::move(log)](const std::string& notice) { log->warn("{}", notice); };
  return webhooks;
}

/// What the engine says while it opens goes to the log and to /readyz.
store::EngineOptions engine_options(const Options& options, server::App& app, Bell& bell,
                                    webhook::Deliveries& webhooks, std::shared_ptr<spdlog::logger> log) {
  store::EngineOptions engine = options.ledger.engine();
  engine.on_published = [&app, &bell, &webhooks] {
    app.published();
    bell.ring();
    webhooks.ring();
  };
  engine.on_notice = [log](const std::string& notice) { log->warn("{}", notice); };
  engine.on_progress = [&app, log, next = std::chrono::steady_clock::now() + 1s](
                           std::uint64_t done, std::uint64_t total) mutable {
    app.set_progress(done, total);
    if (const auto now = std::chrono::steady_clock::now(); now >= next) {
      next = now + 5s;
      log->info("opening: {} of {} events", done, total);
    }
  };
  return engine;
}

/// Refuses what would fail anyway, before a port is taken.
std::optional<store::EngineFault> refuse(const store::DataDirectory& directory) {
  using enum store::EngineFailure;
  if (!directory.holds_ledger())
    return store::EngineFault{no_ledger, directory.root.string() + " holds no ledger"};
  if (auto lock = store::DirectoryLock::acquire(directory); !lock) {
    return store::EngineFault{locked, lock.error().message()};
  }
  return std::nullopt;
}

/// Opens the ledger while signals are heard and health is answered.
std::expected<std::unique_ptr<store::Engine>, int> open_engine(const Signals& signals,
                                                               store::EngineOptions options,
                                                               const projections::ReadModels& models,
                                                               spdlog::logger& log) {
  Opening opening(std::move(options), models);
  while (!opening.done()) {
    if (!signals.wait(10ms)) continue;
    // Whatever was being brought up to date is taken up again by the next start; waiting would take too long.
    log.info("stopped before the ledger was open");
    log.flush();
    std::_Exit(kDone);
  }
  auto opened = opening.take();
  if (!opened) return std::unexpected(fail(opened.error()));
  return std::move(*opened);
}

/// The listener that answers `/metrics` alone; null where none is wanted.
std::expected<std::unique_ptr<Listening>, int> listen_for_metrics(const Options& options, server::App& app,
                                                                  spdlog::logger& log) {
  if (options.metrics_listen.empty()) return nullptr;
  http::Options transport = options.transport;
  transport.listen = options.metrics_listen;
  transport.io_threads = 1;
  transport.worker_threads = 1;
  auto made = http::Server::listen(std::move(transport), app.metrics_handler());
  if (!made) return std::unexpected(fail(kListen, "--metrics-listen: " + made.error().text));
  log.info("metrics on http://{}/metrics", (*made)->address());
  return std::make_unique<Listening>(std::move(*made));
}

int serve(Options options) {
  const Signals signals;
  auto configs = witness::parse_configs(options.witnesses);
  if (!configs) return fail(kUsage, "--witness: " + configs.error());
  options.background.witnesses = std::move(*configs);
  const Logs logs =
      make_logs(options.log_format == "json" ? LogFormat::json : LogFormat::text, options.log_level);
  if (const auto refused = refuse({options.ledger.data})) return fail(*refused);

  options.app.registration_open = options.registration == "open";
  options.app.metrics_here = options.metrics_listen.empty();
  options.app.log = logs.log;
  options.app.access_log = logs.access;

  std::unique_ptr<Watchdog> watchdog;
  projections::ReadModels models;
  Bell bell;
  webhook::Deliveries webhooks;
  std::unique_ptr<store::Engine> engine;  // outlives the application, which still names it
  server::App app(options.app);
  auto server = http::Server::listen(options.transport, app);
  if (!server) return fail(kListen, "--listen: " + server.error().text);
  app.set_transport([&counted = **server] { return counted.counters(); });
  const std::string address = (*server)->address();
  Listening api(std::move(*server));
  const auto metrics = listen_for_metrics(options, app, *logs.log);
  if (!metrics) return metrics.error();

  auto opened =
      open_engine(signals, engine_options(options, app, bell, webhooks, logs.log), models, *logs.log);
  if (!opened) return opened.error();
  engine = std::move(*opened);
  if (const auto why = hindrance(*engine, options.background, *logs.log)) {
    engine->stop_signing(*why);
    return fail({store::EngineFailure::rolled_back, *why + ". " + std::string(store::rollback_advice())});
  }
  if (const auto begun = webhooks.begin(*engine, store::DataDirectory{options.ledger.data}.webhooks(),
                                        webhook_options(options, logs.log));
      !begun) {
    return fail({store::EngineFailure::storage, begun.error()});
  }
  app.set_webhooks(webhooks);
  auto background = std::make_shared<Background>(*engine, bell, options.background, logs.log);
  app.set_readings([weak = std::weak_ptr(background), &webhooks, &opened = *engine] {
    Readings readings;
    if (const auto alive = weak.lock()) readings = alive->readings();
    add_readings(readings, webhooks, opened.size());
    return readings;
  });
  app.set_engine(*engine, models);
  logs.log->info("listening on http://{}", address);
  (void)print_line("listening on http://" + address);

  while (!signals.wait(1h)) {
  }
  logs.log->info("stopping");
  watchdog = std::make_unique<Watchdog>(signals, logs.log);
  background->begin_to_stop();
  app.drain();
  api.stop(kDrain);
  if (*metrics) (*metrics)->stop(0ms);
  background.reset();
  webhooks.stop();
  engine->close();
  logs.log->info("stopped at {} events", engine->size());
  return kDone;
}

}  // namespace

void add_serve(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("serve", "Serve a ledger over HTTP until SIGTERM");
  auto options = std::make_shared<Options>();
  add_data_options(*command, options->ledger);
  command->add_option("--listen", options->transport.listen, "Where to listen; port 0 picks one")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  command
      ->add_option("--metrics-listen", options->metrics_listen, "Serve /metrics there and not with the API")
      ->type_name("HOST:PORT");
  command->add_option("--registration", options->registration, "Whether anyone may register a subject")
      ->check(CLI::IsMember({"open", "closed"}))
      ->capture_default_str();
  command
      ->add_option("--public-streams", options->app.public_streams_per_address,
                   "Most public streams of one address at a time; 0: no bound")
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option_function<std::string>(
          "--cors-origin",
          [origin = &options->app.cors_origin](const std::string& text) {
            *origin = text == "none" ? std::string() : text;
          },
          "Whose pages may read what anyone may read: an origin, * for all, or none")
      ->check([](const std::string& text) {
        return text == "none" || server::is_cors_origin(text)
                   ? std::string()
                   : "is no origin such as https://www.example.cn: " + text;
      })
      ->type_name("ORIGIN")
      ->default_str("*");
  command
      ->add_option("--trusted-proxy", options->transport.trusted_proxies,
                   "Address or network whose X-Forwarded-For is believed; may be repeated")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
  command
      ->add_option_function<std::string>(
          "--document-limit",
          [document = &options->app.document_bytes_max](const std::string& text) {
            *document = parse_size(text).value_or(*document);
          },
          "Most bytes of one document")
      ->check([](const std::string& text) {
        return parse_size(text) ? std::string() : "is no size in bytes such as 32M: " + text;
      })
      ->type_name("SIZE")
      ->default_str("32M");
  command
      ->add_option("--witness", options->witnesses,
                   "\"VKEY URL\" of a witness that cosigns the log's checkpoints; may be repeated")
      ->type_name("WITNESS")
      ->allow_extra_args(false);
  command
      ->add_option("--lapse-after-days", options->background.lapse_after_days,
                   "Lapse registrations never submitted; 0: never")
      ->type_name("DAYS")
      ->check(CLI::Range(0U, 36'500U))
      ->capture_default_str();
  command
      ->add_option("--scrub-hours", options->background.scrub_hours,
                   "Hours between two scrubs of everything stored, in the background; 0: never")
      ->type_name("HOURS")
      ->check(CLI::Range(0U, 8'760U))
      ->capture_default_str();
  command->add_flag("--webhook-allow-http", options->app.webhook_http,
                    "Let webhooks be registered with plain http");
  command->add_flag("--webhook-allow-private", options->webhook_private,
                    "Let webhooks lead to loopback, private and other addresses that are not public");
  command
      ->add_option("--webhook-give-up-hours", options->webhook_hours,
                   "Pause a webhook that failed for so long")
      ->type_name("HOURS")
      ->check(CLI::Range(1U, 8'760U))
      ->capture_default_str();
  command->add_option("--threads", options->transport.io_threads, "Threads that serve; 0: one a processor")
      ->type_name("N")
      ->check(CLI::Range(0U, 256U))
      ->capture_default_str();
  command
      ->add_option("--log-level", options->log_level, "Least that is logged; one line a request from info on")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  command->add_option("--log-format", options->log_format, "How the log on standard error is written")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  add_writer_options(*command, options->ledger);
  command->footer(
      "Health answers from the first moment; `listening on http://HOST:PORT` is logged, and printed on "
      "standard output,\n"
      "when the ledger is open. SIGTERM finishes requests in hand and ends within 5 s; a second one ends at "
      "once.\n"
      "\n"
      "Examples:\n"
      "  filing-ledger serve --data ./data\n"
      "  filing-ledger serve --data /var/lib/filing-ledger --master-key /etc/filing-ledger.key \\\n"
      "    --listen 127.0.0.1:8080 --metrics-listen 127.0.0.1:9090 --trusted-proxy 127.0.0.1 --log-format "
      "json");
  command->callback([options, &run] { run = [options] { return serve(std::move(*options)); }; });
}

}  // namespace ledger::cli
