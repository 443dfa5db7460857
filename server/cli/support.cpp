#include "server/cli/support.hpp"

#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <spdlog/fmt/fmt.h>

namespace ledger::cli {
namespace {

struct Advice {
  ExitCode code;
  const char* text;
};

Advice advice_for(store::EngineFailure kind) {
  using enum store::EngineFailure;
  switch (kind) {
    case no_ledger:
      return {kLedger, "name another directory with --data, or make a ledger with: filing-ledger init"};
    case ledger_exists: return {kLedger, "choose an empty or new directory; a ledger is never overwritten"};
    case invalid: return {kUsage, "see --help and docs/cli.md"};
    case locked: return {kLocked, "stop that process first, or ask it over HTTP"};
    case signing_key:
      return {kKey,
              "bring the key file back, or exchange the key while another one is in force: signing-key"};
    case rolled_back: return {kRolledBack, "docs/operations.md says what to do"};
    case master_key: return {kKey, "name the file with --master-key; without it nothing can be written"};
    case clock: return {kClock, "set the machine's clock, or start with --accept-clock if it is right"};
    case damaged: return {kDamaged, "do not write to it; restore a backup or ask for help with this message"};
    case storage: return {kFailed, "see what the disk and its permissions say, then try again"};
  }
  return {kFailed, "try again"};
}

/// A message on one line, whatever it was made of.
std::string one_line(std::string_view text) {
  std::string line(text);
  while (!line.empty() && (line.back() == '\n' || line.back() == '.')) line.pop_back();
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return line;
}

constexpr auto kBetweenShows = std::chrono::milliseconds(100);

void add_size(CLI::App& command, const std::string& name, std::uint64_t& bytes, const std::string& about) {
  command
      .add_option_function<std::string>(
          name, [&bytes](const std::string& text) { bytes = parse_size(text).value_or(bytes); }, about)
      ->check([](const std::string& text) {
        return parse_size(text) ? std::string() : "is no size in bytes such as 512M or 64G: " + text;
      })
      ->type_name("SIZE")
      ->default_str(fmt::format("{}G", bytes >> 30));
}

}  // namespace

int fail(ExitCode code, std::string_view message) {
  fmt::print(stderr, "filing-ledger: {}\n", one_line(message));
  return code;
}

int fail(const store::EngineFault& fault) {
  const Advice advice = advice_for(fault.kind);
  return fail(advice.code, fmt::format("{}; {}", one_line(fault.detail), advice.text));
}

int print_line(std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
                       std::fputc('\n', stdout) != EOF && std::fflush(stdout) == 0;
  return written ? kDone : fail(kFailed, "standard output cannot be written");
}

store::EngineOptions LedgerOptions::engine() const {
  store::EngineOptions engine;
  engine.data = data;
  engine.master_key = master_key;
  engine.ledger_map_bytes = ledger_map_bytes;
  engine.views_map_bytes = views_map_bytes;
  engine.accept_clock = accept_clock;
  engine.checkpoint_file = checkpoint_file;
  return engine;
}

void add_data_options(CLI::App& command, LedgerOptions& options) {
  command.add_option("--data", options.data, "The ledger's data directory")->required()->type_name("DIR");
  command
      .add_option("--master-key", options.master_key,
                  "The master key file (default: DIR.key beside the directory)")
      ->type_name("FILE");
}

void add_writer_options(CLI::App& command, LedgerOptions& options) {
  command
      .add_option(
          "--checkpoint-file", options.checkpoint_file,
          "Keep the last signed checkpoint there too, best on another disk: a ledger that fell behind "
          "it refuses to write")
      ->type_name("FILE");
  add_size(command, "--ledger-map-size", options.ledger_map_bytes,
           "Most that the ledger may grow to (address space)");
  add_size(command, "--views-map-size", options.views_map_bytes,
           "Most that the views may grow to (address space)");
  command.add_flag("--accept-clock", options.accept_clock,
                   "Go on although the last event is more than 30 days old");
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value == 0) return std::nullopt;
  const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
  unsigned shift = 0;
  if (suffix == "k" || suffix == "K") {
    shift = 10;
  } else if (suffix == "M") {
    shift = 20;
  } else if (suffix == "G") {
    shift = 30;
  } else if (!suffix.empty()) {
    return std::nullopt;
  }
  constexpr std::uint64_t kSizeMax = std::uint64_t{1} << 46;  // what 47 bits of address space still hold
  if (value > (kSizeMax >> shift)) return std::nullopt;
  return value << shift;
}

Progress::Progress(std::string what, std::string unit)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      visible_(::isatty(STDERR_FILENO) == 1),
      begun_(Clock::now()),
      shown_(begun_) {}

Progress::~Progress() {
  if (dirty_) fmt::print(stderr, "\r\033[K");
}

void Progress::show(std::uint64_t done, std::uint64_t total) {
  const auto now = Clock::now();
  if (!visible_ || (now - shown_ < kBetweenShows && done != total)) return;
  shown_ = now;
  dirty_ = true;
  const double seconds = std::chrono::duration<double>(now - begun_).count();
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  const double left = rate > 0 && total > done ? static_cast<double>(total - done) / rate : 0;
  fmt::print(stderr, "\r\033[K{}: {} of {} {}, {:.0f} {}/s, {:.0f} s left", what_, done, total, unit_, rate,
             unit_, left);
  std::fflush(stderr);
}

std::expected<std::string, std::string> read_input(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) return std::unexpected("cannot read " + path.string());
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return std::unexpected("cannot read " + path.string());
  return text;
}

}  // namespace ledger::cli
