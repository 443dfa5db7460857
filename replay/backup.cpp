#include "replay/backup.hpp"

#include <algorithm>

#include "events/codec/json_reader.hpp"
#include "events/store/clock.hpp"
#include "events/store/entry_store.hpp"
#include "events/store/vault.hpp"
#include "events/store/views_builder.hpp"
#include "projections/json_writer.hpp"
#include "replay/faults.hpp"

namespace ledger::replay {
namespace {

namespace fs = std::filesystem;
using store::EngineFailure;
using store::EngineFault;
using store::fault_of;

constexpr std::string_view kFormat = "filing-ledger backup 1";
constexpr std::uint64_t kMapBytes = std::uint64_t{64} << 30;
constexpr std::uint64_t kNumberMax = std::uint64_t{1} << 62;
constexpr std::size_t kReasonBytesMax = 64 * 1024;
/// Erasures are rare, and each costs one more copy.
constexpr int kTriesMax = 16;

std::unexpected<EngineFault> fault(const store::VaultFault& of_vault) {
  return refuse(
      of_vault.kind == store::VaultFailure::damaged ? EngineFailure::damaged : EngineFailure::storage,
      of_vault.detail);
}

/// Counts what was copied for whoever watches.
struct Counter {
  const CopyProgress& told;
  std::uint64_t done = 0, total = 0;
  void add(std::uint64_t bytes) {
    done += bytes;
    if (told) told(done, std::max(done, total));
  }
};

/// LMDB leaves a lock file where it opens; a copy has no use for it.
std::expected<void, EngineFault> remove_lock_file(const fs::path& environment) {
  std::error_code code;
  fs::remove(environment / "lock.mdb", code);
  if (code) return storage(crypto::FileFault{code.value(), "remove", (environment / "lock.mdb").string()});
  if (auto synced = crypto::sync_directory(environment); !synced) return storage(synced.error());
  return {};
}

std::expected<BackupFacts, EngineFault> copy_log(const store::DataDirectory& from,
                                                 const store::DataDirectory& to) {
  if (auto made = crypto::make_directory(to.ledger()); !made) return storage(made.error());
  {
    auto log = store::EntryStore::open(from.ledger(), kMapBytes, /*read_only=*/true);
    if (!log) return std::unexpected(fault_of(log.error(), "ledger"));
    if (auto copied = (*log)->copy_to(to.ledger()); !copied)
      return std::unexpected(fault_of(copied.error(), "ledger"));
  }
  std::expected<BackupFacts, EngineFault> facts;
  {
    auto copy = store::EntryStore::open(to.ledger(), kMapBytes, /*read_only=*/true);
    if (!copy) return std::unexpected(fault_of(copy.error(), "the copied ledger"));
    facts = facts_of(**copy);
  }
  if (!facts) return facts;
  if (auto removed = remove_lock_file(to.ledger()); !removed)
    return std::unexpected(std::move(removed.error()));
  return facts;
}

/// Answers the epoch of the copy.
std::expected<std::uint32_t, EngineFault> copy_vault(const store::DataDirectory& from,
                                                     const store::DataDirectory& to) {
  if (auto made = crypto::make_directory(to.vault()); !made) return storage(made.error());
  if (auto copied = store::Vault::copy(from.vault(), to.vault()); !copied) return fault(copied.error());
  const auto epoch = store::Vault::epoch_in(to.vault());
  if (!epoch) return fault(epoch.error());
  if (auto removed = remove_lock_file(to.vault()); !removed)
    return std::unexpected(std::move(removed.error()));
  return *epoch;
}

/// One copy of everything; nullopt where an erasure came between.
std::expected<std::optional<BackupFacts>, EngineFault> copy_once(const BackupOptions& options,
                                                                 const store::DataDirectory& to,
                                                                 Counter& counter) {
  const store::DataDirectory from{options.data};
  const auto before = store::Vault::epoch_in(from.vault());
  if (!before) return fault(before.error());
  auto facts = copy_log(from, to);
  if (!facts) return std::unexpected(std::move(facts.error()));
  const std::uint64_t log_bytes = bytes_below(to.ledger());
  counter.add(log_bytes);
  if (options.on_log_copied) options.on_log_copied();
  const auto epoch = copy_vault(from, to);
  if (!epoch) return std::unexpected(epoch.error());
  const std::uint64_t vault_bytes = bytes_below(to.vault());
  counter.add(vault_bytes);
  auto documents = copy_documents(from.documents(), to.documents(),
                                  [&counter](std::uint64_t bytes) { counter.add(bytes); });
  if (!documents) return std::unexpected(std::move(documents.error()));
  if (options.on_copied) options.on_copied();
  const auto after = store::Vault::epoch_in(from.vault());
  if (!after) return fault(after.error());
  if (*before != *epoch || *epoch != *after) return std::optional<BackupFacts>();
  facts->vault_epoch = *epoch;
  facts->documents = documents->documents;
  facts->bytes = log_bytes + vault_bytes + documents->bytes;
  return std::optional(std::move(*facts));
}

std::expected<void, EngineFault> clear(const store::DataDirectory& staged) {
  std::error_code code;
  for (const fs::path& part : {staged.ledger(), staged.vault(), staged.documents()}) {
    if (!code) fs::remove_all(part, code);
  }
  if (code) return storage(crypto::FileFault{code.value(), "clear", staged.root.string()});
  return {};
}

std::expected<BackupFacts, EngineFault> copy_consistently(const BackupOptions& options,
                                                          const store::DataDirectory& to) {
  const store::DataDirectory from{options.data};
  Counter counter{.told = options.on_progress};
  for (int tries = 0; tries < kTriesMax; ++tries) {
    counter.total = counter.done + bytes_below(from.ledger() / "data.mdb") +
                    bytes_below(from.vault() / "data.mdb") + bytes_below(from.documents());
    auto copied = copy_once(options, to, counter);
    if (!copied) return std::unexpected(std::move(copied.error()));
    if (*copied) return std::move(**copied);
    if (auto cleared = clear(to); !cleared) return std::unexpected(std::move(cleared.error()));
  }
  return refuse(EngineFailure::storage,
                "an erasure came between again and again: back up once they are done");
}

std::expected<void, EngineFault> check(const BackupOptions& options) {
  if (!store::DataDirectory{options.data}.holds_ledger())
    return refuse(EngineFailure::no_ledger, options.data.string() + " holds no ledger");
  std::error_code code;
  if (fs::symlink_status(options.to, code).type() != fs::file_type::not_found)
    return refuse(EngineFailure::ledger_exists, options.to.string() + " is there already");
  if (store::lies_in(options.to, options.data) || store::lies_in(options.data, options.to))
    return refuse(EngineFailure::invalid, "a backup lies outside the data directory");
  return {};
}

}  // namespace

std::filesystem::path facts_path(const fs::path& backup) {
  return backup / "backup.json";
}

std::string to_json(const BackupFacts& facts) {
  std::string text;
  projections::JsonWriter json(text);
  json.begin_object();
  json.member("format", kFormat);
  json.member("origin", facts.origin);
  json.member("ledger_id", facts.ledger_id.text());
  json.member("size", facts.size);
  json.member("root", facts.root.text());
  json.member("checkpoint", facts.checkpoint);
  json.member("vault_epoch", facts.vault_epoch);
  json.member("documents", facts.documents);
  json.member("bytes", facts.bytes);
  json.member("made_at", facts.made_at.text());
  if (!facts.signing_stopped.empty()) json.member("signing_stopped", facts.signing_stopped);
  json.end_object();
  return text;
}

std::expected<BackupFacts, std::string> read_backup_facts(std::string_view json) {
  const auto document = codec::parse_json(json);
  if (!document) return std::unexpected("it is no JSON text: " + document.error().detail);
  std::vector<FieldError> errors;
  codec::ObjectReader reader(document->root(), "", errors, codec::Origin::stored);
  BackupFacts facts;
  std::string format;
  std::uint64_t epoch = 0;
  reader.text("format", {.min = 1, .max = 64}, format);
  reader.text("origin", {.min = 1, .max = 255}, facts.origin);
  reader.uuid("ledger_id", facts.ledger_id);
  reader.integer("size", {.min = 1, .max = kNumberMax}, facts.size);
  reader.digest("root", facts.root);
  reader.text("checkpoint", {.min = 1, .max = kReasonBytesMax, .lines = true}, facts.checkpoint);
  reader.integer("vault_epoch", {.min = 1, .max = 0xffff'ffff}, epoch);
  reader.integer("documents", {.min = 0, .max = kNumberMax}, facts.documents);
  reader.integer("bytes", {.min = 1, .max = kNumberMax}, facts.bytes);
  reader.timestamp("made_at", facts.made_at);
  reader.text("signing_stopped", {.min = 1, .max = kReasonBytesMax, .lines = true}, facts.signing_stopped,
              codec::Need::optional);
  reader.finish();
  if (!errors.empty())
    return std::unexpected(errors.front().pointer + ": " + std::string(errors.front().code));
  if (format != kFormat) return std::unexpected("its format is " + format + ", not " + std::string(kFormat));
  facts.vault_epoch = static_cast<std::uint32_t>(epoch);
  return facts;
}

std::expected<BackupFacts, EngineFault> facts_of(store::EntryStore& log) {
  auto reader = log.read();
  if (!reader) return std::unexpected(fault_of(reader.error(), "ledger"));
  BackupFacts facts;
  facts.size = reader->size();
  if (log.has_tree() && reader->hashed_size() >= facts.size) {
    if (auto loaded = log.load_tree(); !loaded) {
      return refuse(loaded.error().kind == store::TreeFault::Kind::damaged ? EngineFailure::damaged
                                                                           : EngineFailure::storage,
                    loaded.error().detail);
    }
  }
  const auto newest = reader->checkpoint(facts.size);
  if (!newest) {
    return refuse(EngineFailure::storage,
                  "the newest events have no signed checkpoint yet: start the server once, then back up");
  }
  facts.root = log.root();
  facts.checkpoint = newest->text;
  const auto first = reader->entry(0);
  const auto entry = first ? codec::decode_entry(*first) : std::unexpected(codec::CodecError::malformed);
  const auto* created = entry ? std::get_if<LedgerCreated>(&entry->event.payload) : nullptr;
  if (created == nullptr) return refuse(EngineFailure::damaged, "the log does not begin with ledger.created");
  facts.origin = created->origin;
  facts.ledger_id = created->ledger_id;
  return facts;
}

std::expected<BackupFacts, EngineFault> backup(const BackupOptions& options) {
  try {
    if (auto right = check(options); !right) return std::unexpected(std::move(right.error()));
    auto staged = Staging::begin(options.to);
    if (!staged) return std::unexpected(std::move(staged.error()));
    const TimestampUs begun = store::system_now();
    auto facts = copy_consistently(options, staged->directory());
    if (!facts) return facts;
    facts->made_at = begun;
    const auto why = crypto::load_file(store::DataDirectory{options.data}.signing_stopped(), kReasonBytesMax);
    if (!why && !why.error().is_missing()) return storage(why.error());
    if (why) facts->signing_stopped = why->empty() ? "no reason is given" : *why;
    const std::string text = to_json(*facts) + "\n";
    if (auto written = crypto::replace_file(facts_path(staged->directory().root), bytes_of(text)); !written)
      return storage(written.error());
    if (auto placed = staged->take_place(/*keep_lock=*/false); !placed)
      return std::unexpected(std::move(placed.error()));
    return facts;
  } catch (const store::StoreDamage& damage) {
    return refuse(EngineFailure::damaged, damage.what());
  } catch (const std::runtime_error& failure) {
    return refuse(EngineFailure::storage, failure.what());
  }
}

}  // namespace ledger::replay
