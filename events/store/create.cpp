// `init`: makes a data directory that holds a ledger.
#include <unistd.h>

#include "events/crypto/signing_key.hpp"
#include "events/crypto/token.hpp"
#include "events/store/appender.hpp"
#include "events/store/clock.hpp"
#include "events/store/engine.hpp"
#include "events/store/views_builder.hpp"

namespace ledger::store {
namespace {

constexpr std::size_t kOriginBytesMax = 255;
constexpr std::uint64_t kNewMapBytes = std::uint64_t{1} << 26;

/// A key name of C2SP signed notes: not empty, no blanks, no `+`; printable ASCII besides, as it becomes part
/// of URLs.
bool is_origin(std::string_view origin) {
  if (origin.empty() || origin.size() > kOriginBytesMax) return false;
  for (const char c : origin) {
    if (c <= ' ' || c > '~' || c == '+') return false;
  }
  return true;
}

/// 1 to 16 characters (code points), none of them a digit or a control character.
bool is_prefix(std::string_view prefix) {
  std::size_t characters = 0;
  for (const char c : prefix) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x21 || byte == 0x7f || (c >= '0' && c <= '9')) return false;
    if ((byte & 0xc0) != 0x80) ++characters;
  }
  return characters >= 1 && characters <= 16;
}

/// Files and directories made so far; takes them away again unless everything came to be.
class Undo {
 public:
  ~Undo() {
    std::error_code ignored;
    for (auto path = made_.rbegin(); path != made_.rend(); ++path)
      std::filesystem::remove_all(*path, ignored);
  }
  void made(std::filesystem::path path) { made_.push_back(std::move(path)); }
  void keep() { made_.clear(); }

 private:
  std::vector<std::filesystem::path> made_;
};

std::unexpected<EngineFault> storage(std::string detail) {
  return std::unexpected(fault_of(EngineFailure::storage, std::move(detail)));
}

/// `ledger.created`, the first admin's grant and the calendars, as one command of the operator.
std::vector<NewEvent> first_events(Stores& stores, const CreateOptions& options, const std::string& vkey,
                                   RandomPool& random, TimestampUs at, Uuid& grant_id) {
  LedgerCreated created{.ledger_id = stores.ledger_id,
                        .origin = options.origin,
                        .number_prefix = options.number_prefix,
                        .vkey = vkey};
  grant_id = random.time_id(at);
  AccessGranted granted;
  granted.grant_id = grant_id;
  granted.principal_id = random.id();
  granted.role = Role::admin;
  granted.token_epoch = kTokenEpoch;
  granted.token_digest = crypto::token_digest(crypto::make_token(stores.master, {kTokenEpoch, grant_id}));
  granted.principal = Private::of(std::string("admin"));
  std::vector<NewEvent> events;
  events.push_back({.stream = {}, .payload = std::move(created), .effective_on = {}});
  events.push_back({.stream = {}, .payload = std::move(granted), .effective_on = {}});
  for (const CalendarPublished& calendar : options.calendars) {
    events.push_back({.stream = {}, .payload = calendar, .effective_on = {}});
  }
  return events;
}

/// Writes the first events: keys, then entries. The views are only a scratch file for the decision's sake.
std::expected<Uuid, EngineFault> begin_log(Stores& stores, const CreateOptions& options,
                                           const crypto::SigningKey& signing, TimestampUs at) {
  const std::string vkey = crypto::VerifierKey{.name = options.origin, .key = signing.public_key()}.text();
  if (auto loaded = stores.log->load_tree(); !loaded) return storage(loaded.error().detail);
  stores.log->set_signer(LogSigner(options.origin, signing));
  Indexes indexes(*stores.views, stores.master, {}, 16);
  Appender appender(stores, indexes);
  if (auto begun = appender.restart(0, {}); !begun) return storage(begun.error().message());
  Uuid grant_id;
  auto events = first_events(stores, options, vkey, appender.random(), at, grant_id);
  const Provenance from{.actor = {{}, Role::operator_},
                        .command_id = appender.random().id(),
                        .correlation_id = appender.random().time_id(at),
                        .causation_id = {},
                        .trace = {},
                        .recorded_at = at,
                        .key_tag = {},
                        .method = {},
                        .path = {},
                        .body = {}};
  if (auto staged = appender.append(from, std::move(events)); !staged) {
    return std::unexpected(fault_of(EngineFailure::damaged, staged.error().detail));
  }
  const auto batch = appender.freeze(/*with_views=*/true);
  if (!batch) return storage(batch.error().message());
  if (auto made = stores.vault->create((*batch)->keys); !made) return storage(made.error().detail);
  if (auto committed = stores.log->commit({.first = (*batch)->first,
                                           .rows = (*batch)->rows,
                                           .at = (*batch)->last_recorded,
                                           .vkeys = (*batch)->vkeys,
                                           .forget_checkpoint = {}});
      !committed) {
    return storage(committed.error().fault.message());
  }
  appender.end_reads();
  return grant_id;
}

std::optional<EngineFault> refuse(const CreateOptions& options, const DataDirectory& directory,
                                  TimestampUs now) {
  if (directory.holds_ledger()) {
    return fault_of(EngineFailure::ledger_exists, options.data.string() + " holds a ledger already");
  }
  std::error_code code;
  if (std::filesystem::exists(options.data) && !std::filesystem::is_empty(options.data, code)) {
    return fault_of(EngineFailure::ledger_exists, options.data.string() + " is not empty");
  }
  if (lies_in(options.master_key, options.data)) {
    return fault_of(EngineFailure::invalid, "the master key lies outside the data directory");
  }
  if (!is_origin(options.origin)) {
    return fault_of(EngineFailure::invalid,
                    "an origin is 1 to 255 printable ASCII characters without blanks and +");
  }
  if (!is_prefix(options.number_prefix)) {
    return fault_of(EngineFailure::invalid, "a number prefix is 1 to 16 characters, none of them a digit");
  }
  if (options.at && (options.at->value < 0 || *options.at > now)) {
    return fault_of(EngineFailure::clock, "the first events cannot lie ahead of the clock");
  }
  return std::nullopt;
}

}  // namespace

std::expected<Created, EngineFault> Engine::create(const CreateOptions& options) {
  const DataDirectory directory{options.data};
  const TimestampUs now = system_now();
  if (auto refused = refuse(options, directory, now)) return std::unexpected(std::move(*refused));

  Undo undo;
  const auto make = [&](const std::filesystem::path& path) {
    if (!std::filesystem::exists(path)) undo.made(path);
    return crypto::make_directory(path);
  };
  if (auto made = make(directory.root); !made) return storage(made.error().message());
  auto lock = DirectoryLock::acquire(directory);
  if (!lock) return std::unexpected(fault_of(EngineFailure::locked, lock.error().message()));
  undo.made(directory.lock());

  const std::filesystem::path key_file =
      options.master_key.empty() ? directory.default_master_key() : options.master_key;
  auto master = crypto::MasterKey::create(key_file);
  if (!master) return std::unexpected(fault_of(EngineFailure::master_key, master.error().message()));
  undo.made(key_file);
  const crypto::SigningKey signing = crypto::SigningKey::generate();
  if (auto saved = signing.save(directory.signing_key()); !saved) return storage(saved.error().message());
  undo.made(directory.signing_key());
  const std::string vkey = crypto::VerifierKey{.name = options.origin, .key = signing.public_key()}.text();

  RandomPool random;
  Stores stores{.directory = directory,
                .master = std::move(*master),
                .ledger_id = random.id(),
                .origin = options.origin,
                .log = {},
                .vault = {},
                .documents = {},
                .views = {}};
  undo.made(directory.vault());
  auto vault =
      Vault::open({.directory = directory.vault(), .epoch_file = key_file, .create = true}, stores.master);
  if (!vault) return storage(vault.error().detail);
  stores.vault = std::move(*vault);
  undo.made(directory.documents());
  auto documents = DocumentStore::open(directory.documents());
  if (!documents) return storage(documents.error().message());
  stores.documents = std::move(*documents);

  // The log takes its name last, so that a directory holds a ledger or none, wherever this stopped.
  std::filesystem::path log_beside = directory.ledger();
  log_beside += ".new";
  std::filesystem::path scratch = directory.views();
  scratch += ".new";
  undo.made(log_beside);
  undo.made(scratch);
  auto log = EntryStore::open(log_beside, kNewMapBytes);
  if (!log) return storage(log.error().message());
  stores.log = std::move(*log);
  auto views = Views::open(scratch, kNewMapBytes, {});
  if (!views) return storage(views.error().message());
  stores.views = std::move(*views);
  std::expected<Uuid, EngineFault> grant = begin_log(stores, options, signing, options.at.value_or(now));
  if (!grant) return std::unexpected(std::move(grant.error()));
  stores.views.reset();
  stores.log.reset();
  std::error_code code;
  std::filesystem::remove_all(scratch, code);
  std::filesystem::rename(log_beside, directory.ledger(), code);
  if (code) return storage("ledger: " + code.message());
  undo.made(directory.ledger());
  if (auto synced = crypto::sync_directory(directory.root); !synced) return storage(synced.error().message());
  undo.keep();
  return Created{options.origin, vkey, crypto::make_token(stores.master, {kTokenEpoch, *grant})};
}

}  // namespace ledger::store
