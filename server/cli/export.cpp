// `export`: the public list, the log and the samples of statistics as files, read beside a running server or
// without one.
#include <CLI/CLI.hpp>

#include "projections/announcement_format.hpp"
#include "replay/offline.hpp"
#include "replay/stage_index.hpp"
#include "server/cli/commands.hpp"
#include "server/cli/output.hpp"
#include "server/read/durations.hpp"
#include "server/read/render.hpp"

namespace ledger::cli {
namespace {

/// Events of one read transaction, so that a long export beside a server holds no snapshot for long.
constexpr std::uint64_t kEventsAtOnce = 4096;
constexpr std::size_t kItemsAtOnce = 1000;

struct Options {
  std::filesystem::path data, out;
  std::string format;
  std::optional<std::uint64_t> at_position;
};

std::expected<std::unique_ptr<replay::OfflineLedger>, int> open_ledger(const Options& options) {
  auto ledger = replay::OfflineLedger::open(options.data);
  if (!ledger) return std::unexpected(fail(ledger.error()));
  return std::move(*ledger);
}

int finish(Output& output) {
  if (auto finished = output.finish(); !finished) return fail(kFailed, finished.error());
  return kDone;
}

/// All items, newest first.
projections::Page<std::uint64_t> every_item(const projections::Announcements& list,
                                            const store::Transaction& txn) {
  projections::Page<std::uint64_t> all;
  std::optional<std::string> cursor;
  do {
    auto page = list.find(txn, {}, cursor, kItemsAtOnce);
    if (!page) throw std::logic_error("the list does not take its own cursor");
    all.items.insert(all.items.end(), page->items.begin(), page->items.end());
    cursor = std::move(page->next_cursor);
  } while (cursor);
  return all;
}

/// Opens the ledger's read models, building them where there are none that can be believed.
int open_models(replay::OfflineLedger& ledger) {
  Progress progress("reading the log", "events");
  auto opened =
      ledger.open_models([&](std::uint64_t done, std::uint64_t total) { progress.show(done, total); });
  return opened ? kDone : fail(opened.error());
}

int export_announcements(const Options& options) {
  using projections::ListFormat;
  auto ledger = open_ledger(options);
  if (!ledger) return ledger.error();
  if (const int code = open_models(**ledger); code != kDone) return code;
  const projections::Announcements& list = (*ledger)->models().announcements;
  const ListFormat format = options.format == "csv"    ? ListFormat::csv
                            : options.format == "atom" ? ListFormat::atom
                                                       : ListFormat::json;
  const std::string base = "https://" + (*ledger)->origin();
  const projections::FeedFacts facts{.ledger_id = (*ledger)->ledger_id(),
                                     .origin = (*ledger)->origin(),
                                     .self_url = base + "/v1/announcements",
                                     .next_url = {},
                                     .item_url = base + "/v1/events/"};
  std::optional<projections::AnnouncementPage> page;
  {
    const store::ReadTxn txn = (*ledger)->read_models();
    page.emplace(list, format, every_item(list, txn), (*ledger)->models_meta(txn).size - 1,
                 list.last_change(txn), facts);
  }
  auto output = Output::open(options.out);
  if (!output) return fail(kFailed, output.error());
  while (true) {
    const store::ReadTxn txn = (*ledger)->read_models();
    const auto chunk = page->next_chunk(txn);
    if (!chunk || !output->write(*chunk)) break;
  }
  if (format == ListFormat::json) (void)output->write("\n");
  return finish(*output);
}

int export_events(const Options& options) {
  auto ledger = open_ledger(options);
  if (!ledger) return ledger.error();
  auto output = Output::open(options.out);
  if (!output) return fail(kFailed, output.error());
  Progress progress("exporting", "events");
  std::uint64_t at = 0;
  for (bool more = true; more;) {
    auto reader = (*ledger)->log().read();
    if (!reader) return fail(store::fault_of(reader.error(), "ledger"));
    const std::uint64_t size = reader->size();
    for (const std::uint64_t end = std::min(size, at + kEventsAtOnce); at < end; ++at) {
      const auto bytes = reader->entry(at);
      const auto entry = bytes ? codec::decode_entry(*bytes) : std::unexpected(codec::CodecError::malformed);
      if (!entry) {
        return fail({store::EngineFailure::damaged,
                     "the entry at position " + std::to_string(at) + " does not decode"});
      }
      std::string line = ledger::server::render_cloud_event(entry->event, (*ledger)->origin(),
                                                            ledger::server::Sight::committed);
      line += '\n';
      if (!output->write(line)) return finish(*output);
    }
    progress.show(at, size);
    more = at < size;
  }
  return finish(*output);
}

int export_durations(const Options& options) {
  auto ledger = open_ledger(options);
  if (!ledger) return ledger.error();
  if (const int code = open_models(**ledger); code != kDone) return code;
  replay::StageIndex stages;
  replay::Moment moment;
  {
    const store::ReadTxn txn = (*ledger)->read_models();
    const std::uint64_t size = (*ledger)->models_meta(txn).size;
    if (options.at_position && *options.at_position >= size) {
      return fail(kUsage, "--at-position: the ledger has " + std::to_string(size) +
                              " events, the last one at position " + std::to_string(size - 1));
    }
    moment.position = options.at_position.value_or(size - 1);
    stages.catch_up(txn, (*ledger)->models().timeline, size);
  }
  {
    auto reader = (*ledger)->log().read();
    if (!reader) return fail(store::fault_of(reader.error(), "ledger"));
    const auto bytes = reader->entry(moment.position);
    const auto entry = bytes ? codec::decode_header(*bytes) : std::unexpected(codec::CodecError::malformed);
    if (!entry) {
      return fail({store::EngineFailure::damaged,
                   "the entry at position " + std::to_string(moment.position) + " does not decode"});
    }
    moment.at = entry->header.recorded_at;
  }
  auto output = Output::open(options.out);
  if (!output) return fail(kFailed, output.error());
  constexpr std::size_t kPieceBytes = 64 * 1024;
  std::string piece(ledger::server::kSampleColumns);
  bool written = true;
  stages.for_each(moment.position, [&](const replay::StageSample& sample) {
    ledger::server::append_sample(piece, sample, moment.at);
    if (piece.size() < kPieceBytes) return;
    written = written && output->write(piece);
    piece.clear();
  });
  if (written) (void)output->write(piece);
  return finish(*output);
}

CLI::App* add_kind(CLI::App& parent, const char* name, const char* about,
                   const std::shared_ptr<Options>& options, std::vector<std::string> formats) {
  CLI::App* command = parent.add_subcommand(name, about);
  command->add_option("--data", options->data, "The ledger's data directory")->required()->type_name("DIR");
  options->format = formats.front();
  command->add_option("--format", options->format, "What to write")
      ->check(CLI::IsMember(std::move(formats)))
      ->capture_default_str();
  command
      ->add_option("--out", options->out, "Write this file, whole or not at all (default: standard output)")
      ->type_name("FILE");
  return command;
}

}  // namespace

void add_export(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("export", "Write the public list, the log or the samples of statistics as a file");
  command->require_subcommand(1);
  command->footer("Needs neither the lock nor the master key: it may run beside the server.");

  auto list = std::make_shared<Options>();
  CLI::App* announcements =
      add_kind(*command, "announcements", "The public list, newest first", list, {"csv", "json", "atom"});
  announcements->footer(
      "Example:\n  filing-ledger export announcements --data ./data --format csv --out list.csv");
  announcements->callback([list, &run] { run = [list] { return export_announcements(*list); }; });

  auto log = std::make_shared<Options>();
  CLI::App* events = add_kind(
      *command, "events", "Every event as one CloudEvents JSON object a line, oldest first", log, {"ndjson"});
  events->footer(
      "Private values are shown as {\"committed\": true}.\n\n"
      "Example:\n  filing-ledger export events --data ./data --format ndjson | jq .type");
  events->callback([log, &run] { run = [log] { return export_events(*log); }; });

  auto samples = std::make_shared<Options>();
  CLI::App* durations = add_kind(
      *command, "durations", "Every stay in a stage, open ones censored, in the order in which they began",
      samples, {"csv"});
  durations
      ->add_option("--at-position", samples->at_position,
                   "As of this position: only what was recorded by then (default: the last one)")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  durations->footer(
      "Columns: stage, attempt, days, event (1 ended, 0 still open), outcome, type, region.\n\n"
      "Example:\n"
      "  filing-ledger export durations --data ./data --out durations.csv\n"
      "  Rscript -e 'library(survival); d <- read.csv(\"durations.csv\"); "
      "survfit(Surv(days, event) ~ 1, subset(d, stage == \"review\"), timefix = FALSE)'");
  durations->callback([samples, &run] { run = [samples] { return export_durations(*samples); }; });
}

}  // namespace ledger::cli
