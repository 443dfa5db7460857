#include "server/witness/witness_store.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "events/crypto/durable_file.hpp"
#include "events/tlog/checkpoint.hpp"
#include "events/tlog/cosignature.hpp"

namespace ledger::witness {
namespace {

using Kind = WitnessFault::Kind;

// `identity`: one row, "witness" -> u8 version, public key[32], name.
// `logs`: SHA-256(origin)[32] -> u8 version, u64be size, root[32], cosigned checkpoint.
constexpr const char* kIdentity = "identity";
constexpr const char* kLogs = "logs";
constexpr std::string_view kIdentityKey = "witness";
constexpr std::byte kVersion{1};
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kIdentityHead = 1 + kKeyBytes;
constexpr std::size_t kRowHead = 1 + 8 + 32;

/// Both parts lie in one folder, which takes its name when they are whole.
struct Place {
  std::filesystem::path folder;
  [[nodiscard]] static Place of(const std::filesystem::path& directory) { return {directory / "witness"}; }
  [[nodiscard]] static Place unfinished(const std::filesystem::path& directory) {
    return {directory / "witness.new"};
  }
  [[nodiscard]] std::filesystem::path key() const { return folder / "witness.key"; }
  [[nodiscard]] std::filesystem::path state() const { return folder / "state"; }
};

store::EnvironmentOptions options_for(const Place& place, bool read_only = false) {
  return {.path = place.state(),
          .map_size = std::uint64_t{256} << 20,
          .max_databases = 4,
          .read_only = read_only,
          .room_step = std::uint64_t{1} << 20};
}

std::unexpected<WitnessFault> refuse(Kind kind, std::string detail) {
  return std::unexpected(WitnessFault{kind, std::move(detail)});
}

struct Identity {
  crypto::PublicKey key{};
  std::string name;
};

std::string identity_row(const Identity& identity) {
  std::string row(1, static_cast<char>(kVersion));
  row += text_of(bytes_of(identity.key));
  return row + identity.name;
}

std::expected<Identity, WitnessFault> read_identity(store::Environment& environment,
                                                    store::Database identities) {
  const auto txn = environment.read();
  if (!txn) return refuse(Kind::storage, txn.error().message());
  const auto row = txn->get(identities, bytes_of(kIdentityKey));
  if (!row || row->size() <= kIdentityHead || row->front() != kVersion) {
    return refuse(Kind::damaged, "the state does not say which witness it belongs to");
  }
  Identity identity;
  std::memcpy(identity.key.data(), row->data() + 1, kKeyBytes);
  identity.name = text_of(row->subspan(kIdentityHead));
  return identity;
}

/// A key without its state may have signed anything; a state without its key can sign nothing.
std::expected<Place, WitnessFault> whole_place(const std::filesystem::path& directory) {
  Place place = Place::of(directory);
  const bool key = std::filesystem::exists(place.key());
  const bool state = std::filesystem::exists(place.state() / "data.mdb");
  if (key && state) return place;
  if (!key && !state) return refuse(Kind::not_witness, directory.string() + " holds no witness");
  const char* const what = key ? " holds a witness's key but not what it has cosigned (witness/state)"
                               : " holds what a witness has cosigned but not its key (witness/witness.key)";
  return refuse(Kind::not_witness,
                directory.string() + what + "; put both back, or begin a new witness in another directory");
}

std::array<std::uint8_t, 32> row_key(std::string_view origin) {
  return crypto::sha256(bytes_of(origin)).bytes;
}

tlog::SeenCheckpoint seen_in(const std::optional<Bytes>& row) {
  if (!row) return {};
  if (row->size() < kRowHead || row->front() != kVersion) {
    throw store::StoreDamage({0, "read what a witness has cosigned: a row of unknown form"});
  }
  tlog::SeenCheckpoint seen;
  const auto* octets = reinterpret_cast<const std::uint8_t*>(row->data());
  seen.size = get_be<std::uint64_t>(octets + 1);
  std::memcpy(seen.root.bytes.data(), octets + 9, seen.root.bytes.size());
  return seen;
}

std::string log_row(const tlog::SeenCheckpoint& seen, std::string_view text) {
  std::array<std::uint8_t, kRowHead> head;
  head[0] = std::to_integer<std::uint8_t>(kVersion);
  put_be(seen.size, head.data() + 1);
  std::ranges::copy(seen.root.bytes, head.begin() + 9);
  std::string row(text_of(bytes_of(head)));
  return row += text;
}

/// Key and state in a folder that counts for nothing yet.
std::expected<void, WitnessFault> fill(const Place& place, const Identity& identity,
                                       const crypto::SigningKey& key) {
  const auto storage = [](const std::string& detail) { return refuse(Kind::storage, detail); };
  if (auto made = crypto::make_directory(place.folder); !made) return storage(made.error().message());
  if (auto saved = key.save(place.key()); !saved) return storage(saved.error().message());
  auto environment = store::Environment::open(options_for(place));
  if (!environment) return storage(environment.error().message());
  const auto databases = (*environment)->open_databases({kIdentity, kLogs});
  if (!databases) return storage(databases.error().message());
  auto txn = (*environment)->write();
  if (!txn) return storage(txn.error().message());
  if (auto put = txn->put((*databases)[0], bytes_of(kIdentityKey), bytes_of(identity_row(identity))); !put) {
    return storage(put.error().message());
  }
  if (auto done = std::move(*txn).commit(); !done) return storage(done.error().message());
  for (const auto& path : {place.state(), place.folder}) {
    if (auto synced = crypto::sync_directory(path); !synced) return storage(synced.error().message());
  }
  return {};
}

}  // namespace

bool WitnessStore::is_vacant(const std::filesystem::path& directory) {
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(directory, code)) {
    // What a run that was cut short leaves, and the root of a volume of its own.
    const std::filesystem::path name = entry.path().filename();
    if (name != "lock" && name != "lost+found" && entry.path() != Place::unfinished(directory).folder) {
      return false;
    }
  }
  return !code || code == std::errc::no_such_file_or_directory;
}

std::expected<void, WitnessFault> WitnessStore::create(const std::filesystem::path& directory,
                                                       std::string_view name, const crypto::SigningKey& key) {
  if (!tlog::is_key_name(name)) throw std::invalid_argument("not a name of a key");
  if (auto made = crypto::make_directory(directory); !made) {
    return refuse(Kind::storage, made.error().message());
  }
  const auto lock = store::DirectoryLock::acquire({directory});
  if (!lock) return refuse(Kind::locked, lock.error().message());
  if (!is_vacant(directory)) return refuse(Kind::not_witness, directory.string() + " is not empty");
  const Place unfinished = Place::unfinished(directory);
  std::error_code code;
  std::filesystem::remove_all(unfinished.folder, code);  // a key without its name has signed nothing
  if (auto filled = fill(unfinished, {key.public_key(), std::string(name)}, key); !filled) {
    std::filesystem::remove_all(unfinished.folder, code);
    return filled;
  }
  std::filesystem::rename(unfinished.folder, Place::of(directory).folder, code);
  if (code) return refuse(Kind::storage, "rename " + unfinished.folder.string() + ": " + code.message());
  if (auto synced = crypto::sync_directory(directory); !synced) {
    return refuse(Kind::storage, synced.error().message());
  }
  return {};
}

std::expected<std::unique_ptr<WitnessStore>, WitnessFault> WitnessStore::open(
    const std::filesystem::path& directory, std::string_view name) {
  const auto place = whole_place(directory);
  if (!place) return std::unexpected(place.error());
  auto lock = store::DirectoryLock::acquire({directory});
  if (!lock) return refuse(Kind::locked, lock.error().message());
  auto key = crypto::SigningKey::load(place->key());
  if (!key) return refuse(Kind::storage, key.error().message());
  auto environment = store::Environment::open(options_for(*place));
  if (!environment) return refuse(Kind::storage, environment.error().message());
  const auto databases = (*environment)->open_databases({kIdentity, kLogs});
  if (!databases) return refuse(Kind::storage, databases.error().message());
  const auto identity = read_identity(**environment, (*databases)[0]);
  if (!identity) return std::unexpected(identity.error());
  if (identity->key != key->public_key()) {
    return refuse(Kind::damaged, place->key().string() + " is not the key that this state belongs to");
  }
  if (identity->name != name) {
    return refuse(Kind::other_name, directory.string() + " is the witness " + identity->name + ", not " +
                                        std::string(name) + "; each witness has a key of its own");
  }
  return std::unique_ptr<WitnessStore>(
      new WitnessStore(std::move(*lock), std::move(*key), std::move(*environment), (*databases)[1]));
}

std::expected<crypto::VerifierKey, WitnessFault> WitnessStore::verifier_key(
    const std::filesystem::path& directory) {
  const auto place = whole_place(directory);
  if (!place) return std::unexpected(place.error());
  auto environment = store::Environment::open(options_for(*place, true));
  if (!environment) return refuse(Kind::storage, environment.error().message());
  const auto databases = (*environment)->open_databases({kIdentity});
  if (!databases) return refuse(Kind::damaged, databases.error().message());
  auto identity = read_identity(**environment, databases->front());
  if (!identity) return std::unexpected(identity.error());
  return tlog::cosigner_key(identity->name, identity->key);
}

store::ReadTxn WitnessStore::read() const {
  auto txn = environment_->read();
  if (!txn) throw store::StoreDamage(txn.error());
  return std::move(*txn);
}

tlog::SeenCheckpoint WitnessStore::seen(std::string_view origin) const {
  const store::ReadTxn txn = read();
  return seen_in(txn.get(logs_, bytes_of(row_key(origin))));
}

std::optional<std::string> WitnessStore::checkpoint(std::string_view origin_hash) const {
  const auto digest = Digest::parse("sha256:" + std::string(origin_hash));
  if (!digest) return std::nullopt;
  const store::ReadTxn txn = read();
  const auto row = txn.get(logs_, bytes_of(digest->bytes));
  if (!row) return std::nullopt;
  (void)seen_in(row);
  return std::string(text_of(row->subspan(kRowHead)));
}

store::StoreResult<bool> WitnessStore::advance(std::string_view origin, const tlog::SeenCheckpoint& before,
                                               const tlog::SeenCheckpoint& now, std::string_view text) {
  const std::string row = log_row(now, text);
  const auto key = row_key(origin);
  const std::scoped_lock writing(writing_);
  if (auto room = environment_->secure_room(key.size() + row.size(), 1); !room) {
    return std::unexpected(room.error());
  }
  auto txn = environment_->write();
  if (!txn) return std::unexpected(txn.error());
  const tlog::SeenCheckpoint stored = seen_in(txn->get(logs_, bytes_of(key)));
  if (stored.size != before.size || stored.root != before.root) return false;
  if (auto put = txn->put(logs_, bytes_of(key), bytes_of(row)); !put) return std::unexpected(put.error());
  if (auto done = std::move(*txn).commit(); !done) return std::unexpected(done.error());
  return true;
}

}  // namespace ledger::witness
