// `verify --data`: the whole of a data directory, also beside a running server.
#include "server/cli/verify_data.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include <spdlog/fmt/fmt.h>

#include "events/crypto/base64.hpp"
#include "events/store/checkpoint_file.hpp"
#include "projections/json_writer.hpp"
#include "replay/verify_data.hpp"
#include "server/cli/support.hpp"

namespace ledger::cli {
namespace {

using replay::VerifyReport;

// ---- A file whose pages do not hang together may end the process while it is read. Then, too, it is told
// where that was.

std::atomic<std::uint64_t> position_at_hand = 0;
std::atomic<bool> tell_json = false;
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

/// Text put together without what a signal handler must not call.
class SignalText {
 public:
  SignalText& add(const char* text) {
    while (*text != '\0' && size_ < sizeof text_) text_[size_++] = *text++;
    return *this;
  }
  SignalText& add(std::uint64_t number) {
    char digits[20];
    std::size_t count = 0;
    do {
      digits[count++] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    while (count > 0 && size_ < sizeof text_) text_[size_++] = digits[--count];
    return *this;
  }
  void write(int descriptor) const { (void)!::write(descriptor, text_, size_); }

 private:
  char text_[256];
  std::size_t size_ = 0;
};

/// A place for the views of the run, with the names in it as a signal handler can use them.
class Scratch {
 public:
  Scratch() {
    std::string pattern = std::filesystem::temp_directory_path() / "filing-ledger-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory " + pattern);
    root_ = pattern;
    views_ = root_ + "/views";
    data_ = views_ + "/data.mdb";
    lock_ = views_ + "/lock.mdb";
    at_hand = this;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    at_hand = nullptr;
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  [[nodiscard]] const std::string& views() const { return views_; }
  static void remove_at_once() {
    const Scratch* scratch = at_hand.load();
    if (scratch == nullptr) return;
    (void)::unlink(scratch->data_.c_str());
    (void)::unlink(scratch->lock_.c_str());
    (void)::rmdir(scratch->views_.c_str());
    (void)::rmdir(scratch->root_.c_str());
  }

 private:
  static inline std::atomic<const Scratch*> at_hand = nullptr;
  std::string root_, views_, data_, lock_;
};

extern "C" void tell_damage(int) {
  Scratch::remove_at_once();
  const std::uint64_t position = position_at_hand.load(std::memory_order_relaxed);
  SignalText()
      .add("filing-ledger: the ledger's file is damaged near position ")
      .add(position)
      .add("\n")
      .write(2);
  if (tell_json.load(std::memory_order_relaxed)) {
    SignalText()
        .add("{\"verified\":false,\"problem\":{\"position\":")
        .add(position)
        .add(",\"what\":\"the file is damaged near this position and cannot be read on\"}}\n")
        .write(1);
  }
  ::_exit(kDamaged);
}

void handle_damage(bool json) {
  tell_json = json;
  struct sigaction action {};
  action.sa_handler = tell_damage;
  action.sa_flags = SA_RESETHAND;
  ::sigemptyset(&action.sa_mask);
  for (const int signal : {SIGBUS, SIGSEGV, SIGABRT}) ::sigaction(signal, &action, nullptr);
}

// ---- what is said

std::string json_of(const VerifyReport& report) {
  std::string text;
  projections::JsonWriter json(text);
  json.begin_object();
  json.member_raw("verified", report.good() ? "true" : "false");
  json.member("origin", report.origin);
  json.member("size", report.size);
  json.member("root", crypto::base64(bytes_of(report.root.bytes)));
  json.member("checkpoints", report.checkpoints);
  json.member("opened", report.privates.opened);
  json.member("erased", report.privates.erased);
  json.member("documents", report.privates.documents);
  if (report.problems.empty()) {
    json.member_raw("problem", "null");
  } else {
    const replay::VerifyProblem& problem = report.problems.front();
    json.key("problem").begin_object();
    json.member_raw("position", problem.position ? std::to_string(*problem.position) : "null");
    json.member("what", problem.what);
    json.end_object();
  }
  json.member_raw("without_master_key", report.without_master_key ? "true" : "false");
  json.member_raw("seconds", fmt::format("{:.6f}", report.seconds));
  json.end_object();
  return text;
}

std::string summary_of(const VerifyReport& report) {
  std::string text = fmt::format("{}: {} events, {} checkpoints with {} signatures", report.origin,
                                 report.size, report.checkpoints, report.signatures);
  if (report.without_master_key) {
    text += "\nwithout the master key: private values, keys and documents were not opened";
  } else {
    text += fmt::format(
        "\n{} private values opened, {} whose key is gone; {} keys; {} documents, {} whose key is gone",
        report.privates.opened, report.privates.erased, report.privates.vault_records,
        report.privates.documents, report.privates.closed_documents);
  }
  text += fmt::format("\n{:.1f} MB in {:.1f} s, {:.0f} events/s", static_cast<double>(report.bytes) / 1e6,
                      report.seconds, report.events_per_second());
  return text;
}

int tell(const VerifyReport& report, bool json) {
  if (json) {
    if (const int code = print_line(json_of(report)); code != kDone) return code;
  }
  if (!report.problems.empty()) {
    const replay::VerifyProblem& problem = report.problems.front();
    const std::string at = problem.position ? fmt::format("at position {}: ", *problem.position) : "";
    return fail(kDamaged, at + problem.what);
  }
  if (json) return kDone;
  return print_line(summary_of(report) + "\nverified");
}

/// The checkpoint of a checkpoint file; an error is told already.
std::expected<std::optional<std::string>, int> published_checkpoint(const std::filesystem::path& path) {
  if (path.empty()) return std::nullopt;
  if (!std::filesystem::exists(path)) return std::unexpected(fail(kUsage, "there is no " + path.string()));
  auto last = store::CheckpointFile::read_last(path);
  if (!last) return std::unexpected(fail(kFailed, last.error().message()));
  if (!*last) return std::unexpected(fail(kFailed, path.string() + " holds no checkpoint to compare with"));
  return std::move(*last);
}

/// The key to use; nullopt: none was named, and none lies where it would.
std::optional<std::filesystem::path> master_key(const VerifyDataOptions& options) {
  if (!options.master_key.empty()) return options.master_key;
  const auto beside = store::DataDirectory{options.data}.default_master_key();
  return std::filesystem::exists(beside) ? std::optional(beside) : std::nullopt;
}

}  // namespace

int verify_data(const VerifyDataOptions& options) {
  if (!options.vkey.empty() && !crypto::VerifierKey::parse(options.vkey))
    return fail(kUsage, "--vkey is no verifier key: " + options.vkey);
  replay::VerifyOptions verify;
  if (!options.vkey.empty()) verify.first_vkey = options.vkey;
  // Before the log: a server writes its checkpoint file behind it.
  auto published = published_checkpoint(options.checkpoint_file);
  if (!published) return published.error();
  verify.published = std::move(*published);
  handle_damage(options.json);
  const auto opened = replay::OpenedDirectory::open(options.data, master_key(options));
  if (!opened && opened.error().kind == store::EngineFailure::damaged) {
    VerifyReport report;
    report.problems.push_back({std::nullopt, opened.error().detail});
    return tell(report, options.json);
  }
  if (!opened) return fail(opened.error());
  const Scratch scratch;
  verify.scratch = scratch.views();
  verify.position = &position_at_hand;
  std::expected<VerifyReport, store::EngineFault> report;
  {
    Progress progress("verifying", "events");
    verify.on_progress = [&](std::uint64_t done, std::uint64_t total) { progress.show(done, total); };
    report = replay::verify_data(opened->stores(), verify);
  }
  if (!report) return fail(report.error());
  return tell(*report, options.json);
}

}  // namespace ledger::cli
