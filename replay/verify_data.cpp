#include "replay/verify_data.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "events/store/rollback.hpp"
#include "events/store/views_builder.hpp"
#include "replay/legality.hpp"
#include "replay/verify_tree.hpp"

namespace ledger::replay {
namespace {

using store::EngineFailure;
using store::EngineFault;
using store::fault_of;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kMapBytes = std::uint64_t{64} << 30;
/// Events of one read transaction.
constexpr std::uint64_t kStretchEvents = 4096;
constexpr std::uint64_t kEventsBetweenChecks = 256;
constexpr auto kBetweenLooks = std::chrono::milliseconds(50);

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

/// A place for views that nobody needs afterwards.
class Scratch {
 public:
  explicit Scratch(std::filesystem::path given) : path_(std::move(given)) {
    if (path_.empty()) {
      std::string pattern = std::filesystem::temp_directory_path() / "filing-ledger-XXXXXX";
      if (::mkdtemp(pattern.data()) == nullptr) throw ScratchFailure("no temporary directory " + pattern);
      path_ = pattern;
      return;
    }
    std::error_code code;
    std::filesystem::remove_all(path_, code);
    if (code) throw ScratchFailure("remove " + path_.string() + ": " + code.message());
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

store::EntryReader read_log(const store::EntryStore& log) {
  auto reader = log.read();
  if (!reader) throw ScratchFailure("ledger: " + reader.error().message());
  return std::move(*reader);
}

/// One run over the log.
class Run {
 public:
  Run(const VerifiedStores& stores, const VerifyOptions& options)
      : stores_(stores),
        options_(options),
        scratch_(options.scratch),
        legality_(std::make_unique<LegalityReplay>(scratch_.path(), options.buffer_bytes)),
        privates_(stores.privates) {
    report_.without_master_key = stores.privates.vault == nullptr;
  }

  std::expected<VerifyReport, EngineFault> go() {
    begun_ = Clock::now();
    try {
      if (const auto none = why_not()) return std::unexpected(fault_of(EngineFailure::storage, *none));
      run();
    } catch (const store::StoreDamage& damage) {
      problems_.push_back({at_, std::string("the file is damaged: ") + damage.what()});
    }
    finish();
    return std::move(report_);
  }

 private:
  /// A ledger that has no tree yet, or whose tree is being made.
  std::optional<std::string> why_not() const {
    const store::EntryReader reader = read_log(*stores_.log);
    const bool begun = stores_.log->has_tree() && reader.checkpoint_up_to(~std::uint64_t{0});
    if (begun) return std::nullopt;
    return "the log has no tree and no checkpoint yet: the server makes them at its first start";
  }

  void run() {
    check_published();
    bool looked_beside = false;
    while (!enough() && !stopped()) {
      if (!stretch()) {
        throttle();
        continue;
      }
      if (broken_ || enough() || stopped()) return;
      if (!looked_beside) privates_.end(options_.should_stop, problems_);
      looked_beside = true;
      if (settle()) return;
    }
  }

  [[nodiscard]] bool enough() const { return problems_.size() >= options_.problems_max; }
  bool stopped() {
    if (!report_.stopped && options_.should_stop && options_.should_stop()) report_.stopped = true;
    return report_.stopped;
  }

  void check_published() {
    if (!options_.published) return;
    const store::EntryReader reader = read_log(*stores_.log);
    const auto first = reader.entry(0);
    const auto entry = first ? codec::decode_entry(*first) : std::unexpected(codec::CodecError::malformed);
    const auto* created = entry ? std::get_if<LedgerCreated>(&entry->event.payload) : nullptr;
    if (created == nullptr) return;  // told at position 0
    if (const auto why = store::contradiction(reader, created->origin, *options_.published))
      problems_.push_back({std::nullopt, *why});
  }

  /// One read transaction's events, and the documents that they name; true at the end of the log.
  bool stretch() {
    bool end = false;
    {
      const store::EntryReader reader = read_log(*stores_.log);
      const std::uint64_t size = reader.size();
      const std::uint64_t events =
          options_.events_per_second == 0
              ? kStretchEvents
              : std::clamp<std::uint64_t>(options_.events_per_second / 10, 1, kStretchEvents);
      const std::uint64_t to = std::min(size, at_ + events);
      tree_.begin_stretch(reader);
      read_entries(reader, to);
      tree_.end_stretch(problems_);
      if (at_ < to) return true;  // enough problems, or stopped
      end = at_ == size;
      if (end) end_of_log(reader);
    }
    privates_.read_documents(options_.should_stop, problems_);
    if (options_.on_progress) options_.on_progress(at_, std::max(at_, total_));
    return end || stopped();
  }

  void read_entries(const store::EntryReader& reader, std::uint64_t to) {
    total_ = reader.size();
    const auto from = store::position_key(at_);
    store::Cursor entries = reader.entries();
    store::Cursor sealed = reader.sealed_values();
    store::Cursor checkpoints = reader.checkpoints();
    bool entry_there = entries.seek(bytes_of(from));
    sealed_there_ = sealed.seek(bytes_of(from));
    checkpoint_there_ = checkpoints.seek(bytes_of(from));
    // That of size `at_` was met at the end of the stretch before, if it was there then.
    if (checkpoint_there_ && at_ > 0 && std::ranges::equal(checkpoints.key(), bytes_of(from)))
      checkpoint_there_ = checkpoints.next();
    for (; at_ < to; entry_there = entries.next()) {
      if (at_ % kEventsBetweenChecks == 0) {
        if (stopped()) return;
        if (legality_) legality_->settle();
      }
      if (options_.position != nullptr) options_.position->store(at_, std::memory_order_relaxed);
      if (!entry_there || !std::ranges::equal(entries.key(), bytes_of(store::position_key(at_)))) {
        problems_.push_back({at_, "the entry is missing"});
        broken_ = true;  // whatever follows would follow from it
        return;
      }
      event(entries.value(), sealed_row(sealed));
      ++at_;
      checkpoint(checkpoints);
      if (enough()) return;
    }
  }

  /// The sealed values of the event at hand.
  Bytes sealed_row(store::Cursor& sealed) {
    if (!sealed_there_) return {};
    const auto key = store::position_key(at_);
    if (!std::ranges::equal(sealed.key(), bytes_of(key))) {
      if (std::ranges::lexicographical_compare(sealed.key(), bytes_of(key)))
        problems_.push_back({at_, "there is a row of sealed values that belongs to no event"});
      return {};
    }
    const Bytes row = sealed.value();
    sealed_there_ = sealed.next();
    ++sealed_rows_;
    return row;
  }

  void event(Bytes entry, Bytes sealed) {
    report_.bytes += entry.size() + sealed.size();
    const std::size_t before = problems_.size();
    tree_.entry(entry, problems_);
    auto decoded = codec::decode_entry(entry);
    if (!decoded) {
      if (problems_.size() == before) {
        problems_.push_back({at_, "the entry does not decode: " + std::string(name_of(decoded.error()))});
      }
      legality_.reset();
      return;
    }
    Event& event = decoded->event;
    const EventHeader& header = event.header;
    if (header.position.value != at_)
      problems_.push_back(
          {at_, "the entry says that its position is " + std::to_string(header.position.value)});
    if (header.recorded_at < last_recorded_)
      problems_.push_back({at_, "the entry was recorded before the one in front of it"});
    last_recorded_ = header.recorded_at;
    if (at_ == 0) begin(event);
    if (legality_ && problems_.size() == before) {
      if (const auto violation = legality_->judge(event)) {
        problems_.push_back(
            {at_, "the event is not admissible: " + std::string(violation->rule) + ", " + violation->detail});
      }
    }
    // From an event that must not be there, no state follows.
    if (problems_.size() != before) legality_.reset();
    if (legality_) apply(event, decoded->parts);
    const auto subject = legality_ ? legality_->subject_of(header.stream) : std::nullopt;
    privates_.event(event, decoded->parts, sealed, subject, problems_);
  }

  void begin(const Event& first) {
    const auto* created = std::get_if<LedgerCreated>(&first.payload);
    if (created == nullptr) {
      problems_.push_back({at_, "the log does not begin with ledger.created"});
      return;
    }
    report_.origin = created->origin;
    privates_.set_origin(created->origin);
    checkpoints_.emplace(created->origin);
    if (options_.first_vkey && *options_.first_vkey != created->vkey)
      problems_.push_back({at_, "the log begins with another signing key, " + created->vkey});
  }

  void apply(Event& event, const codec::EntryParts& parts) {
    const bool keys_change = event.header.stream.kind == StreamKind::ledger;
    legality_->apply(event, parts);
    if (keys_change && checkpoints_) checkpoints_->learn(legality_->vkeys());
  }

  /// The kept checkpoint of the events so far, if there is one.
  void checkpoint(store::Cursor& cursor) {
    if (!checkpoint_there_) return;
    const auto kept = store::read_checkpoint_row(cursor.key(), cursor.value());
    if (!kept || kept->size < at_) {
      problems_.push_back({at_ - 1, "there is a checkpoint row that is none"});
      checkpoint_there_ = cursor.next();
      return;
    }
    if (kept->size > at_) return;
    if (checkpoints_) {
      const auto vkeys = legality_ ? legality_->vkeys() : std::span<const std::string>();
      checkpoints_->check(*kept, tree_.root(), last_recorded_, vkeys, problems_);
    }
    checkpoint_there_ = cursor.next();
  }

  /// Behind the last entry that the reader has.
  void end_of_log(const store::EntryReader& reader) {
    if (at_ == 0) {
      problems_.push_back({std::nullopt, "the log is empty"});
      return;
    }
    tree_.end_log(reader, problems_);
    const store::EntryReader::Counts counts = reader.counts();
    if (counts.entries != at_) problems_.push_back({at_ - 1, "there are rows of entries beyond the log"});
    if (counts.sealed != sealed_rows_)
      problems_.push_back({at_ - 1, "there are sealed values of events that the log does not have"});
    if (checkpoint_there_)
      problems_.push_back({at_ - 1, "there is a checkpoint of more events than the log has"});
    if (!reader.checkpoint(at_))
      problems_.push_back({at_ - 1, "the newest checkpoint does not cover the whole log"});
  }

  /// Keys that are gone and erasures must explain each other; problems where they do not. False where more of
  /// the log may do so.
  bool settle() {
    const auto until = Clock::now() + options_.erasure_wait;
    for (;;) {
      VerifyProblems open;
      privates_.report_gone(open);
      // An erasure is in the log before a key goes.
      const bool unexplained = !open.empty();
      if (options_.erasures_carried_out) privates_.report_not_carried_out(open);
      if (open.empty() || stopped()) return true;
      if (read_log(*stores_.log).size() > at_) return false;
      if (unexplained || Clock::now() >= until) {
        std::ranges::move(open, std::back_inserter(problems_));
        return true;
      }
      std::this_thread::sleep_for(kBetweenLooks);
    }
  }

  void throttle() {
    if (options_.events_per_second == 0) return;
    const double due = static_cast<double>(at_) / static_cast<double>(options_.events_per_second);
    while (!stopped() && seconds_since(begun_) < due) std::this_thread::sleep_for(kBetweenLooks);
  }

  void finish() {
    report_.seconds = seconds_since(begun_);
    report_.size = at_;
    report_.root = tree_.root();
    report_.privates = privates_.figures();
    report_.bytes += report_.privates.document_bytes;
    if (checkpoints_) {
      report_.checkpoints = checkpoints_->checkpoints();
      report_.signatures = checkpoints_->signatures();
    }
    std::vector<std::size_t> order(problems_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    constexpr std::uint64_t kLast = ~std::uint64_t{0};
    std::ranges::sort(order, {},
                      [&](std::size_t i) { return std::pair(problems_[i].position.value_or(kLast), i); });
    for (const std::size_t i : order) {
      if (report_.problems.size() == options_.problems_max) break;
      report_.problems.push_back(std::move(problems_[i]));
    }
  }

  const VerifiedStores stores_;
  const VerifyOptions& options_;
  const Scratch scratch_;
  std::unique_ptr<LegalityReplay> legality_;  ///< null once the log went wrong
  TreeCheck tree_;
  std::optional<CheckpointCheck> checkpoints_;  ///< from the first event on
  PrivateCheck privates_;
  VerifyProblems problems_;
  VerifyReport report_;
  Clock::time_point begun_;
  std::uint64_t at_ = 0;  ///< events so far
  std::uint64_t total_ = 0;
  std::uint64_t sealed_rows_ = 0;
  TimestampUs last_recorded_;
  bool broken_ = false;                                   ///< an entry is missing: there is no going on
  bool sealed_there_ = false, checkpoint_there_ = false;  ///< where the cursors stand, within a stretch
};

}  // namespace

VerifiedStores VerifiedStores::of(const store::Stores& stores) {
  return {.log = stores.log.get(),
          .privates = {
              .master = &stores.master, .vault = stores.vault.get(), .documents = stores.documents.get()}};
}

std::expected<OpenedDirectory, EngineFault> OpenedDirectory::open(
    const std::filesystem::path& data, const std::optional<std::filesystem::path>& master_key) {
  const store::DataDirectory directory{data};
  if (!directory.holds_ledger())
    return std::unexpected(fault_of(EngineFailure::no_ledger, data.string() + " holds no ledger"));
  OpenedDirectory opened;
  if (master_key) {
    auto master = crypto::MasterKey::load(*master_key);
    if (!master) return std::unexpected(fault_of(EngineFailure::master_key, master.error().message()));
    opened.master_ = std::make_unique<crypto::MasterKey>(std::move(*master));
  }
  auto log = store::EntryStore::open(directory.ledger(), kMapBytes, /*read_only=*/true);
  if (!log) return std::unexpected(fault_of(log.error(), "ledger"));
  opened.log_ = std::move(*log);
  if (!master_key) return opened;
  // Keys are not kept: another process may erase them.
  auto vault = store::Vault::open({.directory = directory.vault(),
                                   .epoch_file = *master_key,
                                   .cache_entries_max = 0,
                                   .create = false,
                                   .read_only = true},
                                  *opened.master_);
  if (!vault) {
    const EngineFailure kind = vault.error().kind == store::VaultFailure::epoch_file
                                   ? EngineFailure::master_key
                               : vault.error().kind == store::VaultFailure::damaged ? EngineFailure::damaged
                                                                                    : EngineFailure::storage;
    return std::unexpected(fault_of(kind, vault.error().detail));
  }
  opened.vault_ = std::move(*vault);
  auto documents = store::DocumentStore::open(directory.documents(), /*read_only=*/true);
  if (!documents) return std::unexpected(fault_of(EngineFailure::storage, documents.error().message()));
  opened.documents_ = std::move(*documents);
  return opened;
}

VerifiedStores OpenedDirectory::stores() const {
  return {.log = log_.get(),
          .privates = {.master = master_.get(), .vault = vault_.get(), .documents = documents_.get()}};
}

std::expected<VerifyReport, EngineFault> verify_data(const VerifiedStores& stores,
                                                     const VerifyOptions& options) {
  try {
    return Run(stores, options).go();
  } catch (const store::StoreDamage& damage) {
    return std::unexpected(fault_of(EngineFailure::damaged, damage.what()));
  } catch (const std::exception& failure) {
    return std::unexpected(fault_of(EngineFailure::storage, failure.what()));
  }
}

}  // namespace ledger::replay
