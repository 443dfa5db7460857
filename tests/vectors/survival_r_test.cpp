// Our curves against those of R's `survival` package, on the samples of random histories as `export
// durations` writes them and on the answers as they are sent. Skipped where R is missing, and says so.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "server/read/durations.hpp"
#include "tests/support/random_history.hpp"

using namespace ledger;
using namespace ledger::test;
namespace json = boost::json;

namespace {

std::uint64_t seed() {
  if (const char* given = std::getenv("LEDGER_SEED")) return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

/// Text that a CSV has for a JSON number, as it was sent; NA for null.
std::string csv(const json::value& value) {
  if (value.is_null()) return "NA";
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value.to_number<double>());
  return text;
}

struct Files {
  std::ofstream samples, strata, curves, incidences;
};

void write_stratum(Files& files, const replay::StageIndex& stages, const replay::Stratum& stratum,
                   const replay::Moment& moment) {
  const std::string text = server::render_durations(
      {stratum.stage, replay::survival_of_sorted(stages.spells(stratum, moment)), moment.position, false});
  const json::value answer = json::parse(text);
  const std::string attempt =
      std::to_string(stratum.attempt_max == stratum.attempt_min ? stratum.attempt_min : 0U);
  const std::string key = std::string(code_of(stratum.stage)) + ',' + attempt + ',' +
                          (stratum.type ? std::string(code_of(*stratum.type)) : "") + ',';
  files.strata << key << csv(answer.at("samples")) << ',' << csv(answer.at("events")) << '\n';
  for (const json::value& point : answer.at("curve").as_array()) {
    files.curves << key << csv(point.at("days")) << ',' << csv(point.at("survival")) << ','
                 << csv(point.at("lower")) << ',' << csv(point.at("upper")) << ',' << csv(point.at("at_risk"))
                 << '\n';
  }
  for (const auto& outcome : answer.at("incidence").as_object()) {
    for (const json::value& point : outcome.value().as_array()) {
      files.incidences << key << outcome.key() << ',' << csv(point.at("days")) << ','
                       << csv(point.at("probability")) << '\n';
    }
  }
}

}  // namespace

TEST_CASE("curves, intervals and incidences equal those of R's survival package to 1e-9") {
  if (std::system("Rscript -e 'library(survival)' >/dev/null 2>&1") != 0) {
    std::cerr << "SKIPPED: no Rscript with the package survival (r-base-core, r-cran-survival); "
                 "nothing was compared with R\n";
    return;
  }
  const std::uint64_t used = seed();
  INFO("LEDGER_SEED=" << used);
  std::mt19937_64 random(used);
  FoldedViews ledger;
  RandomHistory history(ledger, used, 300);
  while (ledger.history.size() < 6'000) {
    // Half of the gaps are minutes, so that many stays are of one length.
    ledger.pass(random() % 2 == 0 ? 60'000'000 * static_cast<std::int64_t>(random() % 5)
                                  : static_cast<std::int64_t>(random() % 4'000'000'000));
    history.step();
  }
  replay::StageIndex stages;
  stages.catch_up(ledger.views(), ledger.models.timeline, ledger.history.size());
  // In the middle of things, where much is still open.
  const std::uint64_t position = ledger.history.size() / 2 + random() % (ledger.history.size() / 2);
  const replay::Moment moment{position, ledger.history[position].header.recorded_at};

  const TempDir directory;
  Files files{std::ofstream(directory / "samples.csv"), std::ofstream(directory / "strata.csv"),
              std::ofstream(directory / "curves.csv"), std::ofstream(directory / "incidences.csv")};
  std::string lines(server::kSampleColumns);
  stages.for_each(
      position, [&](const replay::StageSample& sample) { server::append_sample(lines, sample, moment.at); });
  files.samples << lines;
  files.strata << "stage,attempt,type,samples,events\n";
  files.curves << "stage,attempt,type,days,survival,lower,upper,at_risk\n";
  files.incidences << "stage,attempt,type,outcome,days,probability\n";
  for (const projections::Stage stage : projections::all_stages()) {
    write_stratum(files, stages, {.stage = stage}, moment);
    write_stratum(files, stages, {.stage = stage, .attempt_min = 1, .attempt_max = 1}, moment);
    write_stratum(files, stages, {.stage = stage, .attempt_min = 2, .attempt_max = 2}, moment);
    write_stratum(files, stages, {.stage = stage, .type = AlgorithmType::personalized_push}, moment);
  }
  for (std::ofstream* file : {&files.samples, &files.strata, &files.curves, &files.incidences}) file->close();

  std::string command = "Rscript " LEDGER_SOURCE_DIR "/tests/vectors/survival.R";
  for (const char* name : {"samples", "strata", "curves", "incidences"}) {
    command += ' ' + (directory / (std::string(name) + ".csv")).string();
  }
  CHECK(std::system(command.c_str()) == 0);
}
