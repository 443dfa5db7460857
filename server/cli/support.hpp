// What the commands share: exit codes, how a failure is told, where the data lies, progress on a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "events/store/engine.hpp"

namespace CLI {
class App;
}

namespace ledger::cli {

/// Exit codes; docs/cli.md tells them to operators, and scripts rely on them.
enum ExitCode : int {
  kDone = 0,
  kFailed = 1,      ///< the work could not be done, or not all of it
  kUsage = 2,       ///< arguments or input files that make no sense
  kLedger = 3,      ///< no ledger where one is needed, or one where none may be
  kLocked = 4,      ///< another process holds the directory
  kKey = 5,         ///< master key missing, unreadable or another ledger's
  kClock = 6,       ///< the machine's clock is not to be trusted
  kDamaged = 7,     ///< what is stored contradicts itself
  kListen = 8,      ///< the address cannot be listened on
  kRolledBack = 9,  ///< the ledger is not the continuation of what was published, or signing was stopped
};

/// What a command line asked for; main runs it once all arguments are known to be right.
using Run = std::function<int()>;

/// Writes `filing-ledger: <message>` on standard error, as one line, and answers `code`.
int fail(ExitCode code, std::string_view message);
/// The same for what the engine met, with what to do about it.
int fail(const store::EngineFault& fault);

/// Ends `text` as one line on standard output; kFailed where that cannot be written.
int print_line(std::string_view text);

/// Where the ledger lies and how much address space its files get: options of nearly every command.
struct LedgerOptions {
  std::filesystem::path data;
  std::filesystem::path master_key;
  std::uint64_t ledger_map_bytes = std::uint64_t{64} << 30;
  std::uint64_t views_map_bytes = std::uint64_t{64} << 30;
  bool accept_clock = false;
  std::filesystem::path checkpoint_file;
  [[nodiscard]] store::EngineOptions engine() const;
};

/// Adds `--data` (required) and `--master-key`.
void add_data_options(CLI::App& command, LedgerOptions& options);
/// Adds `--checkpoint-file`, `--ledger-map-size`, `--views-map-size`, `--accept-clock`, for commands that
/// write.
void add_writer_options(CLI::App& command, LedgerOptions& options);

/// A check for CLI11: a size in bytes with k, M or G behind it, turned into plain bytes.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

/// One line on standard error that is written over while work goes on: only on a terminal, at most ten times
/// a second.
class Progress {
 public:
  explicit Progress(std::string what, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Any one thread at a time.
  void show(std::uint64_t done, std::uint64_t total);

 private:
  using Clock = std::chrono::steady_clock;
  const std::string what_, unit_;
  const bool visible_;
  const Clock::time_point begun_;
  Clock::time_point shown_;
  bool dirty_ = false;
};

/// The contents of an input file; the error is a message.
[[nodiscard]] std::expected<std::string, std::string> read_input(const std::filesystem::path& path);

}  // namespace ledger::cli
