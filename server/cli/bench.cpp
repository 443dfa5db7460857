// `bench`: runs the benches of server/bench and tells ratios.
#include "server/bench/bench.hpp"

#include <algorithm>
#include <cstdlib>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <spdlog/fmt/fmt.h>

#include "projections/json_writer.hpp"
#include "server/cli/commands.hpp"

namespace ledger::cli {
namespace {

struct Options {
  std::vector<std::string> names;
  unsigned repeats = 5;
  std::filesystem::path directory;
  bool quick = false, list = false, json = false;
};

struct Spread {
  double min = 0, median = 0, max = 0;
};

Spread spread(const std::vector<bench::Sample>& samples, double (*figure)(const bench::Sample&)) {
  std::vector<double> values;
  for (const bench::Sample& sample : samples) values.push_back(figure(sample));
  if (values.empty()) return {};
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  const double median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {values.front(), median, values.back()};
}

double product(const bench::Sample& sample) {
  return sample.product;
}
double raw(const bench::Sample& sample) {
  return sample.raw;
}
double ratio(const bench::Sample& sample) {
  return sample.raw > 0 ? sample.product / sample.raw : 0;
}

void add_spread(projections::JsonWriter& json, std::string_view name, const Spread& spread) {
  json.key(name).begin_object();
  json.member_raw("min", fmt::format("{:.6g}", spread.min));
  json.member_raw("median", fmt::format("{:.6g}", spread.median));
  json.member_raw("max", fmt::format("{:.6g}", spread.max));
  json.end_object();
}

std::string json_of(const bench::Bench& bench, const bench::Result& result) {
  std::string text;
  projections::JsonWriter json(text);
  const bool compared = !result.samples.empty() && result.samples.front().raw > 0;
  json.begin_object();
  json.member("name", bench.name);
  json.member("unit", result.unit);
  json.member("repeats", std::uint64_t{result.samples.size()});
  add_spread(json, "product", spread(result.samples, product));
  if (compared) {
    add_spread(json, "raw", spread(result.samples, raw));
    add_spread(json, "ratio", spread(result.samples, ratio));
  }
  if (bench.goal > 0) {
    json.member_raw("goal", fmt::format("{:.6g}", bench.goal));
    json.member("goal_is", bench.at_most ? "at_most" : "at_least");
  }
  if (!result.note.empty()) json.member("note", result.note);
  json.end_object();
  return text;
}

std::string lines_of(const bench::Bench& bench, const bench::Result& result) {
  const auto line = [&](const char* what, const Spread& spread, const char* shape) {
    return fmt::format(fmt::runtime("\n  {:<8} " + std::string(shape) + " " + shape + " " + shape), what,
                       spread.min, spread.median, spread.max);
  };
  std::string text =
      fmt::format("{} ({}), {} repeats: min, median, max", bench.name, result.unit, result.samples.size());
  // Rates are large and need no fraction; costs are small.
  const char* const shape = bench.at_most ? "{:>12.2f}" : "{:>12.0f}";
  text += line("product", spread(result.samples, product), shape);
  if (!result.samples.empty() && result.samples.front().raw > 0) {
    text += line("raw", spread(result.samples, raw), shape);
    text += line("ratio", spread(result.samples, ratio), "{:>12.3f}");
  }
  if (bench.goal > 0)
    text += fmt::format("\n  goal     {:>12.6g} at {}", bench.goal, bench.at_most ? "most" : "least");
  if (!result.note.empty()) text += "\n  " + result.note;
  return text;
}

/// A directory of its own for one bench, gone with everything in it.
class Workplace {
 public:
  explicit Workplace(const std::filesystem::path& base) {
    std::string pattern =
        (base.empty() ? std::filesystem::temp_directory_path() : base) / "filing-ledger-bench-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("cannot make a directory such as " + pattern);
    path_ = pattern;
  }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;
  ~Workplace() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

int run_benches(const Options& options) {
  std::vector<const bench::Bench*> chosen;
  for (const bench::Bench& bench : bench::benches()) {
    if (options.names.empty() || std::ranges::find(options.names, bench.name) != options.names.end()) {
      chosen.push_back(&bench);
    }
  }
  for (const std::string& name : options.names) {
    if (std::ranges::find(chosen, name, [](const bench::Bench* bench) { return bench->name; }) ==
        chosen.end()) {
      return fail(kUsage, "no bench is called " + name + "; see: filing-ledger bench --list");
    }
  }
  if (options.list) {
    for (const bench::Bench* bench : chosen) {
      if (const int code = print_line(fmt::format("{:<24} {}", bench->name, bench->about)); code != kDone)
        return code;
    }
    return kDone;
  }
  std::string all;
  for (const bench::Bench* bench : chosen) {
    const Workplace workplace(options.directory);
    bench::Options each;
    each.repeats = options.quick ? std::min(options.repeats, 1U) : options.repeats;
    each.directory = workplace.path();
    each.quick = options.quick;
    const bool terminal = ::isatty(STDERR_FILENO) == 1;
    each.on_progress = [&](const std::string& line) {
      if (terminal) fmt::print(stderr, "{}: {}\n", bench->name, line);
    };
    const bench::Result result = bench->run(each);
    if (options.json) {
      all += (all.empty() ? "" : ",") + json_of(*bench, result);
    } else if (const int code = print_line(lines_of(*bench, result)); code != kDone) {
      return code;
    }
  }
  return options.json ? print_line("{\"benches\":[" + all + "]}") : kDone;
}

}  // namespace

void add_bench(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("bench", "Measure this machine: the same work raw and through the product");
  auto options = std::make_shared<Options>();
  command->add_option("NAME", options->names, "Which benches to run (default: all)")->type_name("");
  command->add_flag("--list", options->list, "List the benches and what each compares");
  command->add_option("--repeats", options->repeats, "Interleaved repeats of each side")
      ->check(CLI::Range(1U, 1000U))
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--dir", options->directory,
                   "Where to work: on the disk that is to be measured (default: TMPDIR)")
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR");
  command->add_flag("--quick", options->quick, "Once and with little work, to see that everything runs");
  command->add_flag("--json", options->json, "Print one JSON object");
  command->footer(
      "Figures are work done a second, or a cost where the goal is a bound from above; a ratio is product "
      "by\n"
      "raw in one repeat.\n"
      "\n"
      "Examples:\n"
      "  filing-ledger bench --list\n"
      "  filing-ledger bench --dir /var/lib --repeats 7 --json");
  command->callback([options, &run] { run = [options] { return run_benches(*options); }; });
}

}  // namespace ledger::cli
