// The child of the crash test: appends from several threads and reports each acknowledgement down a pipe,
// until it is killed. engine_child DIR SUBJECT GRANT RUN [rebuild], reports on standard output; with
// `rebuild` it makes the views anew beside them, again and again.
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "events/store/engine.hpp"
#include "events/store/rebuild_status.hpp"

using namespace ledger;
using namespace ledger::store;

namespace {

constexpr int kThreads = 4;

/// One write of less than PIPE_BUF bytes is never torn.
void report(const std::string& line) {
  if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::_Exit(3);
}

Submission keyed(Command command, const Granted& filer, const std::string& key) {
  Submission given;
  given.command = std::move(command);
  given.caller = filer;
  given.method = "POST";
  given.path = "/v1/filings";
  given.body = key;
  given.idempotency_key = key;
  return given;
}

void append_for_ever(Engine& engine, Uuid subject, Granted filer, const std::string& run, int thread) {
  FilingForm form;
  form.algorithm_name = "示例推荐算法";
  form.purpose = std::string(300, 'x');
  Uuid filing;
  for (int i = 0;; ++i) {
    const std::string key = run + "-" + std::to_string(thread) + "-" + std::to_string(i);
    // A new filing now and then, so that record keys go through the vault under fire as well.
    const bool first = i % 10 == 0;
    const Outcome outcome = first ? engine.execute(keyed(CreateFiling{subject, form}, filer, key))
                                  : engine.execute(keyed(SaveDraft{filing, form}, filer, key));
    if (!outcome) {
      std::fprintf(stderr, "refused: %.*s\n", static_cast<int>(outcome.error().code.size()),
                   outcome.error().code.data());
      std::_Exit(2);
    }
    filing = outcome->id;
    report(key + " " + std::to_string(outcome->position) + " " + filing.text() + " " +
           std::to_string(outcome->version) + "\n");
  }
}

void rebuild_for_ever(Engine& engine) {
  while (true) {
    const auto begun = engine.start_rebuild();
    if (!begun && begun.error().code != "rebuild_running") std::_Exit(4);
    if (begun) report("rebuild\n");
    if (engine.rebuild_status().state == RebuildState::failed) std::_Exit(5);
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5 && argc != 6) return 64;
  EngineOptions options;
  options.data = argv[1];
  options.ledger_map_bytes = options.views_map_bytes = std::uint64_t{1} << 30;
  const auto subject = Uuid::parse(argv[2]), grant = Uuid::parse(argv[3]);
  if (!subject || !grant) return 64;
  auto engine = Engine::open(options, {});
  if (!engine) {
    std::fprintf(stderr, "open: %s\n", engine.error().detail.c_str());
    return 1;
  }
  report("ready\n");
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back(append_for_ever, std::ref(**engine), *subject, Granted{*grant}, std::string(argv[4]),
                         t);
  }
  if (argc == 6) threads.emplace_back(rebuild_for_ever, std::ref(**engine));
  for (std::thread& thread : threads) thread.join();
}
