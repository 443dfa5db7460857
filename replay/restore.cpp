#include "replay/restore.hpp"

#include <algorithm>

#include "events/codec/entry_codec.hpp"
#include "events/crypto/signing_key.hpp"
#include "events/store/clock.hpp"
#include "events/store/erasure.hpp"
#include "events/store/log_signer.hpp"
#include "events/store/rollback.hpp"
#include "events/store/views_builder.hpp"
#include "events/tlog/tree.hpp"
#include "replay/faults.hpp"
#include "replay/staging.hpp"
#include "replay/verify_data.hpp"

namespace ledger::replay {
namespace {

namespace fs = std::filesystem;
using store::EngineFailure;
using store::EngineFault;
using store::fault_of;

constexpr std::uint64_t kMapBytes = std::uint64_t{64} << 30;
constexpr std::size_t kFactsBytesMax = std::size_t{1} << 20;

std::expected<BackupFacts, EngineFault> load_facts(const fs::path& from) {
  const auto text = crypto::load_file(facts_path(from), kFactsBytesMax);
  if (!text) {
    return refuse(text.error().is_missing() ? EngineFailure::no_ledger : EngineFailure::storage,
                  from.string() + " is no whole backup: " + text.error().message());
  }
  auto facts = read_backup_facts(*text);
  if (!facts) return refuse(EngineFailure::damaged, facts_path(from).string() + ": " + facts.error());
  return std::move(*facts);
}

std::expected<void, EngineFault> check_places(const RestoreOptions& options) {
  std::error_code code;
  if (store::DataDirectory{options.data}.holds_ledger())
    return refuse(EngineFailure::ledger_exists, options.data.string() + " holds a ledger already");
  const auto kind = fs::status(options.data, code).type();
  if (kind != fs::file_type::not_found &&
      (kind != fs::file_type::directory || !fs::is_empty(options.data, code))) {
    return refuse(EngineFailure::ledger_exists, options.data.string() + " is there already and not empty");
  }
  if (store::lies_in(options.from, options.data) || store::lies_in(options.data, options.from))
    return refuse(EngineFailure::invalid, "the data directory lies outside the backup");
  if (store::lies_in(options.master_key, options.data))
    return refuse(EngineFailure::invalid, "the master key lies outside the data directory");
  if (!options.checkpoint_file.empty() && !fs::exists(options.checkpoint_file, code)) {
    return refuse(
        EngineFailure::invalid,
        "there is no checkpoint file " + options.checkpoint_file.string() +
            ": leave it out only if it is lost, for nothing then tells whether this backup is behind");
  }
  return {};
}

std::expected<void, EngineFault> copy_files(const RestoreOptions& options, const BackupFacts& facts,
                                            const store::DataDirectory& to) {
  const store::DataDirectory from{options.from};
  std::uint64_t done = 0;
  const auto count = [&](std::uint64_t bytes) {
    done += bytes;
    if (options.on_progress) options.on_progress(done, std::max(done, facts.bytes));
  };
  for (const auto& [source, target] :
       {std::pair{from.ledger(), to.ledger()}, std::pair{from.vault(), to.vault()}}) {
    if (auto made = crypto::make_directory(target); !made) return storage(made.error());
    auto copied = copy_file(source / "data.mdb", target / "data.mdb", count);
    if (!copied) return std::unexpected(std::move(copied.error()));
    if (!*copied) return refuse(EngineFailure::damaged, "the backup lacks " + (source / "data.mdb").string());
    if (auto synced = crypto::sync_directory(target); !synced) return storage(synced.error());
  }
  auto documents = copy_documents(from.documents(), to.documents(), count);
  if (!documents) return std::unexpected(std::move(documents.error()));
  if (documents->documents != facts.documents) {
    return refuse(EngineFailure::damaged, "the backup has " + std::to_string(documents->documents) +
                                              " documents and was made with " +
                                              std::to_string(facts.documents));
  }
  return {};
}

// ---- the log

/// What a pass over all entries tells.
struct Survey {
  LedgerState ledger;
  std::vector<store::Erasure> erasures;
};

/// Hashes every entry again, so that what is signed for is what lies there.
std::expected<Survey, EngineFault> survey(const store::EntryReader& log, const BackupFacts& facts) {
  Survey found;
  tlog::CompactRange range;
  store::Cursor cursor = log.entries();
  for (std::uint64_t at = 0; at < facts.size; ++at) {
    const auto broken = [&](const char* what) {
      return refuse(EngineFailure::damaged, "the entry at position " + std::to_string(at) + what);
    };
    if (!cursor.next() || !std::ranges::equal(cursor.key(), bytes_of(store::position_key(at))))
      return broken(" is missing");
    range.append(tlog::leaf_hash(cursor.value()));
    const auto header = codec::decode_header(cursor.value());
    if (!header) return broken(" does not decode");
    if (header->header.stream.kind != StreamKind::ledger && header->type != type_number<PersonalDataErased>())
      continue;
    auto entry = codec::decode_entry(cursor.value());
    if (!entry) return broken(" does not decode");
    if (auto* erased = std::get_if<PersonalDataErased>(&entry->event.payload))
      found.erasures.push_back({at, entry->event.header.stream.id, std::move(erased->records)});
    found.ledger = evolve(std::move(found.ledger), entry->event);
  }
  if (range.root() != facts.root)
    return refuse(EngineFailure::damaged, "the entries do not give the root of the backup's checkpoint");
  return found;
}

std::expected<void, EngineFault> check_signatures(const BackupFacts& facts, const LedgerState& ledger) {
  const auto checkpoint = tlog::parse_checkpoint(facts.checkpoint);
  if (!checkpoint)
    return refuse(EngineFailure::damaged, "the checkpoint does not read: " + checkpoint.error().message());
  const auto signers = tlog::verify_checkpoint(*checkpoint, crypto::parse_verifier_keys(ledger.vkeys), {});
  if (!signers) return refuse(EngineFailure::damaged, "the checkpoint: " + signers.error().message());
  return {};
}

std::expected<Survey, EngineFault> check_log(store::EntryStore& log, const BackupFacts& facts) {
  auto found = facts_of(log);
  if (!found) return std::unexpected(std::move(found.error()));
  if (found->origin != facts.origin || found->ledger_id != facts.ledger_id || found->size != facts.size ||
      found->root != facts.root || found->checkpoint != facts.checkpoint) {
    return refuse(EngineFailure::damaged, "the backup's log is not the one that backup.json speaks of");
  }
  auto reader = log.read();
  if (!reader) return std::unexpected(fault_of(reader.error(), "ledger"));
  auto surveyed = survey(*reader, facts);
  if (!surveyed) return surveyed;
  if (auto right = check_signatures(facts, surveyed->ledger); !right)
    return std::unexpected(std::move(right.error()));
  return surveyed;
}

// ---- whether it may write

/// What an erasure that this log does not know says about it.
std::optional<std::string> erased_beyond(std::span<const store::Erasure> listed, std::uint64_t size) {
  for (const store::Erasure& erasure : listed) {
    if (erasure.position < size) continue;
    return "an erasure at position " + std::to_string(erasure.position) +
           " was carried out, and this backup has " + std::to_string(size) + " events";
  }
  return std::nullopt;
}

/// Why the log must not write, if anything says so; fills in who was asked.
std::expected<std::string, EngineFault> why_read_only(const RestoreOptions& options,
                                                      const store::EntryReader& log,
                                                      std::span<const store::Erasure> listed,
                                                      Restored& restored) {
  if (!restored.facts.signing_stopped.empty())
    return "the backup was made of a ledger that had stopped signing: " + restored.facts.signing_stopped;
  if (!options.checkpoint_file.empty()) {
    if (auto why = erased_beyond(listed, restored.facts.size)) return std::move(*why);
    const auto last = store::CheckpointFile::read_last(options.checkpoint_file);
    if (!last) return storage(last.error());
    if (!*last) {
      return refuse(EngineFailure::invalid, options.checkpoint_file.string() + " holds no checkpoint");
    }
    restored.checked_file = true;
    if (auto why = store::contradiction(log, restored.facts.origin, **last)) return std::move(*why);
  }
  if (options.ask_witnesses) {
    auto asked = options.ask_witnesses(log);
    if (!asked) return std::move(asked.error());
    restored.checked_witnesses = *asked;
  }
  return std::string();
}

std::expected<void, EngineFault> mark(const store::DataDirectory& staged, const std::string& why) {
  const std::string text =
      store::system_now().text() + " restored from a backup for reading only: " + why + "\n";
  if (auto marked = crypto::replace_file(staged.signing_stopped(), bytes_of(text)); !marked)
    return storage(marked.error());
  return {};
}

// ---- keys

/// Why the vault does not open, in words for whoever holds the wrong half.
std::string why_locked(const fs::path& key_file, std::uint32_t vault_epoch, const std::string& detail) {
  const auto held = store::Vault::epochs_held(key_file);
  if (!held || std::ranges::find(*held, vault_epoch) != held->end()) return detail;
  const std::string epochs = "the backup's vault is of epoch " + std::to_string(vault_epoch) + ", and " +
                             key_file.string() + " holds epoch " + std::to_string(held->back());
  if (held->back() > vault_epoch) {
    return epochs +
           ": personal data was erased after this backup was made, and an erasure makes every older "
           "copy of the vault unreadable for good, which is its purpose. Restore a backup made after "
           "the last erasure";
  }
  return epochs +
         ": the key file is older than the backup, and an erasure came between. Name the key file of "
         "today, or the copy made after that erasure";
}

/// Opens the vault for reading only, which changes neither it nor the key file.
std::expected<void, EngineFault> check_vault(const fs::path& key_file, const store::DataDirectory& staged,
                                             const BackupFacts& facts) {
  const auto epoch = store::Vault::epoch_in(staged.vault());
  if (!epoch) return refuse(EngineFailure::damaged, "the backup's " + epoch.error().detail);
  if (*epoch != facts.vault_epoch)
    return refuse(EngineFailure::damaged, "the backup's vault is not the one that backup.json speaks of");
  const auto master = crypto::MasterKey::load(key_file);
  if (!master) return refuse(EngineFailure::master_key, master.error().message());
  const auto vault =
      store::Vault::open({.directory = staged.vault(), .epoch_file = key_file, .read_only = true}, *master);
  if (vault) return {};
  if (vault.error().kind != store::VaultFailure::epoch_file)
    return refuse(EngineFailure::damaged, vault.error().detail);
  return refuse(EngineFailure::master_key, why_locked(key_file, *epoch, vault.error().detail));
}

/// The name that a key has in a data directory: the first one's is fixed.
std::string key_file_name(const LedgerState& ledger, const crypto::VerifierKey& key) {
  if (key.text() == ledger.vkey) return "signing.key";
  std::array<std::uint8_t, 4> id;
  put_be(key.id(), id.data());
  return "signing-" + hex(id) + ".key";
}

std::expected<void, EngineFault> place_signing_keys(const RestoreOptions& options, const LedgerState& ledger,
                                                    const store::DataDirectory& staged, bool needed) {
  for (const fs::path& file : options.signing_keys) {
    const auto key = crypto::SigningKey::load(file);
    if (!key) return refuse(EngineFailure::signing_key, key.error().message());
    const crypto::VerifierKey verifier{.name = ledger.origin, .key = key->public_key()};
    if (std::ranges::find(ledger.vkeys, verifier.text()) == ledger.vkeys.end()) {
      return refuse(EngineFailure::signing_key, file.string() + " holds " + verifier.text() +
                                                    ", which is no key in force of this ledger");
    }
    const fs::path name = staged.root / key_file_name(ledger, verifier);
    if (fs::exists(name)) continue;
    if (auto saved = key->save(name); !saved) return storage(saved.error());
  }
  if (!needed) return {};
  const auto signer = store::LogSigner::load(staged, ledger.origin);
  if (!signer) return refuse(EngineFailure::signing_key, signer.error().message());
  std::string names;
  for (const std::string& vkey : signer->missing(ledger.vkeys)) names += (names.empty() ? "" : ", ") + vkey;
  if (names.empty()) return {};
  return refuse(EngineFailure::signing_key, "no file given holds the signing key of " + names);
}

// ---- all of it

/// What `verify` checks, on the copy: a backup that was changed, or has lost something, takes nobody's place.
std::expected<void, EngineFault> check_everything(const store::DataDirectory& staged,
                                                  const fs::path& key_file, const RestoreOptions& options) {
  const auto opened = OpenedDirectory::open(staged.root, key_file);
  if (!opened) return std::unexpected(opened.error());
  VerifyOptions verify;
  verify.erasures_carried_out = false;  // that comes last
  verify.on_progress = options.on_verified;
  const auto report = verify_data(opened->stores(), verify);
  if (!report) return std::unexpected(report.error());
  if (report->good()) return {};
  const VerifyProblem& problem = report->problems.front();
  return refuse(
      EngineFailure::damaged,
      "the backup: " + (problem.position ? "position " + std::to_string(*problem.position) + ": " : "") +
          problem.what);
}

/// Carries out, in the place itself, what the log and the list say was erased.
std::expected<void, EngineFault> erase_again(const RestoreOptions& options, const fs::path& key_file,
                                             std::span<const store::Erasure> erasures, bool note) {
  if (erasures.empty()) return {};
  auto stores = store::open_stores(options.data, key_file, kMapBytes);
  if (!stores) return std::unexpected(std::move(stores.error()));
  auto erased =
      store::erase_records(**stores, erasures, note ? options.checkpoint_file : std::filesystem::path());
  if (!erased) {
    return refuse(EngineFailure::storage,
                  "restored, but not everything that was erased is destroyed again: " + erased.error() +
                      "; the next start does it before it serves");
  }
  return {};
}

std::expected<Restored, EngineFault> restore_checked(const RestoreOptions& options) {
  if (auto right = check_places(options); !right) return std::unexpected(std::move(right.error()));
  auto facts = load_facts(options.from);
  if (!facts) return std::unexpected(std::move(facts.error()));
  const fs::path key_file = options.master_key.empty()
                                ? store::DataDirectory{options.data}.default_master_key()
                                : options.master_key;
  std::vector<store::Erasure> listed;
  if (!options.checkpoint_file.empty()) {
    auto read = store::read_erasures(store::erasures_path(options.checkpoint_file));
    if (!read) return storage(read.error());
    listed = std::move(*read);
  }
  auto staged = Staging::begin(options.data);
  if (!staged) return std::unexpected(std::move(staged.error()));
  const store::DataDirectory& directory = staged->directory();
  if (auto copied = copy_files(options, *facts, directory); !copied)
    return std::unexpected(std::move(copied.error()));

  Restored restored;
  restored.facts = std::move(*facts);
  Survey surveyed;
  {
    auto log = store::EntryStore::open(directory.ledger(), kMapBytes, /*read_only=*/true);
    if (!log) return std::unexpected(fault_of(log.error(), "the backup's ledger"));
    auto checked = check_log(**log, restored.facts);
    if (!checked) return std::unexpected(std::move(checked.error()));
    surveyed = std::move(*checked);
    auto reader = (*log)->read();
    if (!reader) return std::unexpected(fault_of(reader.error(), "ledger"));
    auto why = why_read_only(options, *reader, listed, restored);
    if (!why) return std::unexpected(std::move(why.error()));
    restored.read_only = std::move(*why);
  }
  const bool writes = restored.read_only.empty();
  if (!writes && !options.allow_behind) {
    return refuse(EngineFailure::rolled_back,
                  restored.read_only + "\n" + std::string(store::rollback_advice()));
  }
  if (auto opens = check_vault(key_file, directory, restored.facts); !opens) {
    if (writes || opens.error().kind == EngineFailure::damaged)
      return std::unexpected(std::move(opens.error()));
    restored.vault_opens = false;
  }
  if (restored.vault_opens) {
    if (auto whole = check_everything(directory, key_file, options); !whole)
      return std::unexpected(std::move(whole.error()));
  }
  if (auto placed = place_signing_keys(options, surveyed.ledger, directory, writes); !placed)
    return std::unexpected(std::move(placed.error()));
  if (!writes) {
    if (auto marked = mark(directory, restored.read_only); !marked)
      return std::unexpected(std::move(marked.error()));
  }
  for (const fs::path& environment : {directory.ledger(), directory.vault()}) {
    std::error_code ignored;
    fs::remove(environment / "lock.mdb", ignored);
  }
  std::vector<store::Erasure> erasures = std::move(surveyed.erasures);
  std::ranges::copy_if(listed, std::back_inserter(erasures), [&](const store::Erasure& erasure) {
    return std::ranges::find(erasures, erasure) == erasures.end();
  });
  if (auto placed = staged->take_place(/*keep_lock=*/true); !placed)
    return std::unexpected(std::move(placed.error()));
  if (!restored.vault_opens) return restored;
  restored.erasures = erasures.size();
  // A log that contradicts the file may be another's: its erasures do not go into the list.
  if (auto erased = erase_again(options, key_file, erasures, writes); !erased)
    return std::unexpected(std::move(erased.error()));
  return restored;
}

}  // namespace

std::expected<Restored, EngineFault> restore(const RestoreOptions& options) {
  try {
    return restore_checked(options);
  } catch (const store::StoreDamage& damage) {
    return refuse(EngineFailure::damaged, damage.what());
  } catch (const std::runtime_error& failure) {
    return refuse(EngineFailure::storage, failure.what());
  }
}

}  // namespace ledger::replay
