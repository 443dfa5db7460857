// `estimate` and `backtest`: how long until a filing is published, and whether such answers were right. Read
// beside a running server or without one.
#include <algorithm>

#include <CLI/CLI.hpp>
#include <spdlog/fmt/fmt.h>

#include "projections/announcements.hpp"
#include "projections/json_writer.hpp"
#include "replay/backtest.hpp"
#include "replay/estimator.hpp"
#include "replay/offline.hpp"
#include "schema/codes.hpp"
#include "server/cli/commands.hpp"
#include "server/cli/output.hpp"
#include "server/read/estimate_json.hpp"

namespace ledger::cli {
namespace {

using ledger::server::EstimateAnswer;
using projections::Stage;

struct EstimateOptions {
  std::filesystem::path data;
  std::string filing, type, region, role, stage = "queued";
  std::uint32_t rejections = 0;
  std::optional<std::uint64_t> at_position;
  bool once_more = false, json = false;
};

struct BacktestOptions {
  std::filesystem::path data, svg;
  unsigned cutoffs = 12;
  bool json = false;
};

/// A ledger whose stays are in memory, with what estimates ask of its log.
class StagesOffline {
 public:
  static std::expected<std::unique_ptr<StagesOffline>, int> open(const std::filesystem::path& data) {
    auto ledger = replay::OfflineLedger::open(data);
    if (!ledger) return std::unexpected(fail(ledger.error()));
    {
      Progress progress("reading the log", "events");
      auto opened = (*ledger)->open_models(
          [&](std::uint64_t done, std::uint64_t total) { progress.show(done, total); });
      if (!opened) return std::unexpected(fail(opened.error()));
    }
    auto reader = (*ledger)->log().read();
    if (!reader) return std::unexpected(fail(store::fault_of(reader.error(), "ledger")));
    return std::unique_ptr<StagesOffline>(new StagesOffline(std::move(*ledger), std::move(*reader)));
  }

  [[nodiscard]] const replay::EstimateLog& log() const { return log_; }
  [[nodiscard]] const replay::StageIndex& stages() const { return stages_; }
  /// Whether the history is made up: a ledger says so among its first events, or never.
  [[nodiscard]] bool simulated() const {
    for (std::uint64_t position = 0; position < std::min(log_.size, kSimulatedBy); ++position) {
      const auto bytes = reader_.entry(position);
      const auto entry = bytes ? codec::decode_entry(*bytes) : std::unexpected(codec::CodecError::malformed);
      if (entry && std::holds_alternative<LedgerSimulated>(entry->event.payload)) return true;
    }
    return false;
  }
  /// `json` as the server would answer it, or lines for people.
  [[nodiscard]] int print(std::string text, bool json) const {
    if (simulated() && json) text.insert(1, "\"simulated\":true,");
    if (simulated() && !json) text += "\n\n  模拟数据 This ledger is simulated: its history is made up.";
    return print_line(text);
  }

 private:
  StagesOffline(std::unique_ptr<replay::OfflineLedger> ledger, store::EntryReader reader)
      : ledger_(std::move(ledger)),
        reader_(std::move(reader)),
        rows_(ledger_->read_models()),
        log_{.views = rows_,
             .timeline = ledger_->models().timeline,
             .size = std::min(ledger_->models_meta(rows_).size, reader_.size()),
             .recorded_at = [this](std::uint64_t position) { return recorded_at(position); }} {
    stages_.catch_up(rows_, ledger_->models().timeline, ledger_->models_meta(rows_).size);
  }
  [[nodiscard]] TimestampUs recorded_at(std::uint64_t position) const {
    const auto bytes = reader_.entry(position);
    const auto header = bytes ? codec::decode_header(*bytes) : std::unexpected(codec::CodecError::malformed);
    if (!header) throw store::StoreDamage({0, "read the header of an entry"});
    return header->header.recorded_at;
  }

  /// Events that `init` makes and more: simulation begins on a fresh ledger.
  static constexpr std::uint64_t kSimulatedBy = 256;

  const std::unique_ptr<replay::OfflineLedger> ledger_;
  const store::EntryReader reader_;
  const store::ReadTxn rows_;
  const replay::EstimateLog log_;
  replay::StageIndex stages_;
};

std::expected<replay::EstimateCase, int> hypothetical(const EstimateOptions& options) {
  replay::EstimateCase of;
  const auto stage = projections::stage_from(options.stage);
  if (!stage || *stage > Stage::publication) {
    return std::unexpected(
        fail(kUsage, "--stage must be one of drafting, queued, review, rework, numbering, publication"));
  }
  of.stage = *stage;
  of.attempt = 1 + options.rejections;
  if (!options.type.empty()) {
    of.type = from_code<AlgorithmType>(options.type);
    if (!of.type) {
      return std::unexpected(
          fail(kUsage,
               "--type must be one of generation_synthesis, personalized_push, ranking_selection, "
               "information_retrieval, content_filtering, dispatch_decision"));
    }
  }
  if (!options.role.empty()) {
    of.role = from_code<AlgorithmRole>(options.role);
    if (!of.role) return std::unexpected(fail(kUsage, "--role must be provider or technical_supporter"));
  }
  if (!options.region.empty()) {
    const auto prefix = projections::region_prefix(options.region);
    const bool known = prefix && std::ranges::any_of(schema::regions(), [&](const schema::Region& region) {
                         return std::string_view(region.code).starts_with(*prefix);
                       });
    if (!known) return std::unexpected(fail(kUsage, "--region must be 2, 4 or 6 digits of GB/T 2260"));
    std::ranges::copy(*prefix, of.region.begin());
  }
  return of;
}

int answer_with(const EstimateOptions& options, const StagesOffline& ledger, const EstimateAnswer& answer) {
  if (options.json) return ledger.print(server::render_estimate(answer), true);
  std::string text = server::describe_estimate(answer);
  text.pop_back();
  return ledger.print(std::move(text), false);
}

int run_estimate(const EstimateOptions& options) {
  std::optional<Uuid> filing;
  std::optional<replay::EstimateCase> of;
  if (!options.filing.empty()) {
    filing = Uuid::parse(options.filing);
    if (!filing) return fail(kUsage, "--filing must be a filing's id, such as GET /v1/filings lists them");
  } else {
    auto made = hypothetical(options);
    if (!made) return made.error();
    of = *made;
  }
  auto opened = StagesOffline::open(options.data);
  if (!opened) return opened.error();
  const replay::EstimateLog& log = (*opened)->log();
  if (options.at_position && *options.at_position >= log.size) {
    return fail(kUsage, "--at-position: the ledger has " + std::to_string(log.size) +
                            " events, the last one at position " + std::to_string(log.size - 1));
  }
  const std::uint64_t position = options.at_position.value_or(log.size - 1);
  EstimateAnswer answer;
  answer.filing = filing;
  answer.moment = {position, log.recorded_at(position)};
  answer.rejected_once_more = options.once_more;
  if (filing) {
    const replay::FilingThen then = replay::filing_then(log, *filing, position);
    if (then.visits.empty())
      return fail(kUsage,
                  "no filing " + options.filing + " was under way at position " + std::to_string(position));
    of = then.open;
    if (!of) {
      answer.ended = {then.visits.back().outcome, then.visits.back().left_at};
      answer.statistics_position = position;
      return answer_with(options, **opened, answer);
    }
  } else {
    of->entered_at = answer.moment.at;
  }
  answer.of = *of;
  if (options.once_more && !replay::decision_ahead(of->stage))
    return fail(kUsage, "--rejected-once-more is possible only while a decision is still to come");
  replay::Estimator estimator((*opened)->stages());
  const auto tables = estimator.tables_for(log, position);
  answer.statistics_position = tables.position;
  answer.estimate = tables.tables->estimate(
      *of, answer.moment.at, {.rejected_once_more = options.once_more, .position = tables.position});
  return answer_with(options, **opened, answer);
}

std::string json_of(const replay::Backtest& result) {
  std::string text;
  projections::JsonWriter json(text);
  const auto figure = [](double value) { return fmt::format("{:.6f}", value); };
  json.begin_object();
  json.member("cutoffs", result.cutoffs).member("samples", result.samples);
  json.member_raw("coverage", figure(result.coverage)).member("coverage_samples", result.covered_of);
  json.key("pinball").begin_object();
  json.member_raw("model", figure(result.pinball.model));
  json.member_raw("statutory", figure(result.pinball.statutory));
  json.member_raw("median", figure(result.pinball.median));
  json.member_raw("rule_of_thumb", figure(result.pinball.rule_of_thumb)).end_object();
  json.key("calibration").begin_array();
  for (std::size_t i = 0; i < replay::kNominal.size(); ++i) {
    json.begin_object().member_raw("nominal", fmt::format("{:.2f}", replay::kNominal[i]));
    json.member_raw("observed", figure(result.observed[i]))
        .member("samples", result.observed_of[i])
        .end_object();
  }
  json.end_array();
  json.member("first_cutoff", result.first_cutoff.text()).member("last_cutoff", result.last_cutoff.text());
  json.end_object();
  return text;
}

std::string table_of(const replay::Backtest& result) {
  std::string text = fmt::format("{} estimates at {} cut-offs, {} to {}\n\n", result.samples, result.cutoffs,
                                 Date::of(result.first_cutoff).text(), Date::of(result.last_cutoff).text());
  text += fmt::format("  the interval from p10 to p90 held the truth in {:.1f} % of {} (80 % is right)\n\n",
                      100 * result.coverage, result.covered_of);
  text += "  quantile  nominal  observed  estimates\n";
  for (std::size_t i = 0; i < replay::kNominal.size(); ++i) {
    text += fmt::format("  p{:<8.0f} {:>6.0f} %  {:>6.1f} %  {:>9}\n", 100 * replay::kNominal[i],
                        100 * replay::kNominal[i], 100 * result.observed[i], result.observed_of[i]);
  }
  text += "\n  answer            pinball loss, days (less is better)\n";
  const auto line = [&](std::string_view name, double loss) {
    text += fmt::format("  {:<16}  {:>8.2f}\n", name, loss);
  };
  line("this model", result.pinball.model);
  line("statutory limit", result.pinball.statutory);
  line("overall median", result.pinball.median);
  line("rule of thumb", result.pinball.rule_of_thumb);
  text.pop_back();
  return text;
}

int run_backtest(const BacktestOptions& options) {
  auto opened = StagesOffline::open(options.data);
  if (!opened) return opened.error();
  const replay::EstimateLog& log = (*opened)->log();
  const std::vector<replay::StageSample> samples = (*opened)->stages().samples_at(log.size - 1);
  replay::BacktestOptions how;
  how.cutoffs = options.cutoffs;
  std::expected<replay::Backtest, replay::NoEstimate> result = std::unexpected(replay::NoEstimate{});
  {
    Progress progress("looking back", "filings");
    how.on_progress = [&](std::uint64_t done, std::uint64_t total) { progress.show(done, total); };
    result = replay::backtest(samples, log.recorded_at(log.size - 1), how);
  }
  if (!result) {
    const auto sentence = server::lacking_sentence(result.error());
    return fail(kFailed, "nothing to look back on: " + sentence.en);
  }
  if (!options.svg.empty()) {
    auto output = Output::open(options.svg);
    if (!output) return fail(kFailed, output.error());
    (void)output->write(replay::calibration_svg(*result));
    if (auto finished = output->finish(); !finished) return fail(kFailed, finished.error());
  }
  return (*opened)->print(options.json ? json_of(*result) : table_of(*result), options.json);
}

}  // namespace

void add_estimate(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("estimate", "How long until a filing is published, as dates with chances");
  auto options = std::make_shared<EstimateOptions>();
  command->add_option("--data", options->data, "The ledger's data directory")->required()->type_name("DIR");
  auto* filing = command->add_option("--filing", options->filing, "A filing, by its id")->type_name("ID");
  for (CLI::Option* other : {
           command
               ->add_option("--type", options->type, "Of a filing that may never be made: its algorithm type")
               ->type_name("TYPE"),
           command->add_option("--region", options->region, "Its subject's region, 2, 4 or 6 digits")
               ->type_name("DIGITS"),
           command->add_option("--role", options->role, "provider or technical_supporter")->type_name("ROLE"),
           command->add_option("--rejections", options->rejections, "How often it was rejected so far")
               ->check(CLI::Range(0U, 100U))
               ->type_name("N"),
           command->add_option("--stage", options->stage, "The stage that it enters now")
               ->capture_default_str()
               ->type_name("STAGE"),
       })
    other->excludes(filing);
  command->add_flag("--rejected-once-more", options->once_more, "What if the next decision is a rejection?");
  command->add_option("--at-position", options->at_position, "As it was after the event at this position")
      ->type_name("N");
  command->add_flag("--json", options->json,
                    "Print one JSON object, as GET /v1/filings/{id}/estimate answers it");
  command->footer(
      "Needs neither the lock nor the master key: it may run beside the server. The same position gives the\n"
      "same answer. docs/estimation.md tells how it is made and what it cannot know.\n"
      "\n"
      "Examples:\n"
      "  filing-ledger estimate --data ./data --filing 018f2d5e-7c3a-7b6e-9d2f-0123456789ab\n"
      "  filing-ledger estimate --data ./data --type personalized_push --region 11 --rejections 1\n"
      "  filing-ledger estimate --data ./data --type dispatch_decision --rejected-once-more --json");
  command->callback([options, &run] { run = [options] { return run_estimate(*options); }; });
}

void add_backtest(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand(
      "backtest", "Estimate at past moments from what was known then, and score the answers");
  auto options = std::make_shared<BacktestOptions>();
  command->add_option("--data", options->data, "The ledger's data directory")->required()->type_name("DIR");
  command->add_option("--cutoffs", options->cutoffs, "Past moments, spread over the history")
      ->check(CLI::Range(1U, 1000U))
      ->capture_default_str()
      ->type_name("N");
  command->add_option("--svg", options->svg, "Write the calibration plot to this file")->type_name("FILE");
  command->add_flag("--json", options->json, "Print one JSON object");
  command->footer(
      "Needs neither the lock nor the master key: it may run beside the server.\n"
      "\n"
      "Examples:\n"
      "  filing-ledger backtest --data ./data\n"
      "  filing-ledger backtest --data ./data --cutoffs 24 --svg calibration.svg --json");
  command->callback([options, &run] { run = [options] { return run_backtest(*options); }; });
}

}  // namespace ledger::cli
