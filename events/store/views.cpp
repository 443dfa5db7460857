#include "events/store/views.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "events/crypto/primitives.hpp"
#include "events/store/directory.hpp"

namespace ledger::store {
namespace {

/// Raised whenever the meaning of a row of the indexes or of a state changes: older files are rebuilt.
constexpr int kFormat = 4;

constexpr std::array<const char*, 16> kNames = {"meta",
                                                "streams",
                                                "grants",
                                                "principal_grants",
                                                "idempotency",
                                                "credit_codes",
                                                "numbers",
                                                "serials",
                                                "subject_numbers",
                                                "names",
                                                "subject_products",
                                                "subject_filings",
                                                "regions",
                                                "documents",
                                                "erasable",
                                                "erasures"};

constexpr std::string_view kVersionsRow = "versions";
constexpr std::string_view kLedgerRow = "ledger_id";
constexpr std::string_view kProgressRow = "progress";
constexpr std::size_t kProgressSize = 8 + 32;

constexpr std::string_view kClean = "clean\n";

std::string open_mark() {
  return "open " + boot_id() + "\n";
}

/// Marks are of one size, so that a new one fits over the old one on a disk without room.
constexpr std::size_t kMarkBytes = 64;

std::expected<void, crypto::FileFault> put_mark(const std::filesystem::path& path, std::string text) {
  text.resize(std::max(text.size(), kMarkBytes), ' ');
  return crypto::overwrite_file(path, bytes_of(text));
}

const std::uint8_t* octets(Bytes bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}

}  // namespace

std::optional<Uuid> id_in(Bytes value) {
  Uuid id;
  if (value.size() != id.bytes.size()) return std::nullopt;
  std::memcpy(id.bytes.data(), value.data(), value.size());
  return id;
}

std::optional<std::uint64_t> position_in(Bytes value) {
  if (value.size() < sizeof(std::uint64_t)) return std::nullopt;
  return get_be<std::uint64_t>(octets(value));
}

StoreResult<std::unique_ptr<Views>> Views::open(const std::filesystem::path& directory,
                                                std::uint64_t map_bytes,
                                                std::span<Projection* const> projections, bool read_only) {
  std::unique_ptr<Views> views(new Views());
  views->projections_.assign(projections.begin(), projections.end());
  std::ranges::sort(views->projections_, {}, &Projection::name);
  views->names_.assign(kNames.begin(), kNames.end());
  for (const Projection* projection : views->projections_) {
    for (const char* name : projection->databases()) views->names_.emplace_back(name);
  }
  if (auto opened = views->open_file(directory, map_bytes, read_only); !opened)
    return std::unexpected(opened.error());
  std::size_t next = kNames.size();
  for (Projection* projection : views->projections_) {
    const std::size_t count = projection->databases().size();
    projection->open(std::span(views->handles_).subspan(next, count));
    next += count;
  }
  return views;
}

StoreResult<std::unique_ptr<Views>> Views::make_beside(const std::filesystem::path& directory,
                                                       std::uint64_t map_bytes) const {
  std::unique_ptr<Views> views(new Views());
  views->projections_ = projections_;
  views->names_ = names_;
  if (auto opened = views->open_file(directory, map_bytes, /*read_only=*/false); !opened)
    return std::unexpected(opened.error());
  if (!std::ranges::equal(views->handles_, handles_, {}, &Database::handle, &Database::handle))
    return std::unexpected(StoreFault{EINVAL, "give a second file the handles of the first"});
  return views;
}

StoreResult<void> Views::open_file(const std::filesystem::path& directory, std::uint64_t map_bytes,
                                   bool read_only) {
  std::vector<const char*> names;
  for (const std::string& name : names_) names.push_back(name.c_str());
  auto environment = Environment::open({.path = directory,
                                        .map_size = map_bytes,
                                        .max_databases = static_cast<unsigned>(names.size() + 4),
                                        .no_sync = true,
                                        .read_only = read_only,
                                        .random_access = true});
  if (!environment) return std::unexpected(environment.error());
  auto handles = (*environment)->open_databases(std::span(names));
  if (!handles) return std::unexpected(handles.error());
  handles_ = std::move(*handles);

  IndexDatabases& own = databases_;
  const std::array<Database*, kNames.size()> members = {&own.meta,
                                                        &own.streams,
                                                        &own.grants,
                                                        &own.principal_grants,
                                                        &own.idempotency,
                                                        &own.credit_codes,
                                                        &own.numbers,
                                                        &own.serials,
                                                        &own.subject_numbers,
                                                        &own.names,
                                                        &own.subject_products,
                                                        &own.subject_filings,
                                                        &own.regions,
                                                        &own.documents,
                                                        &own.erasable,
                                                        &own.erasures};
  for (std::size_t i = 0; i < members.size(); ++i) *members[i] = handles_[i];
  file_ = std::move(*environment);
  return {};
}

StoreResult<ViewsRead> Views::read() const {
  std::shared_ptr<Environment> file = this->file();
  auto txn = file->read();
  if (!txn) return std::unexpected(txn.error());
  return ViewsRead(std::move(file), std::move(*txn));
}

std::shared_ptr<Environment> Views::take_file(Views& beside) {
  std::shared_ptr<Environment> file = std::exchange(beside.file_, nullptr);
  const std::lock_guard lock(file_mutex_);
  return std::exchange(file_, std::move(file));
}

std::optional<ViewsMeta> Views::meta(const Transaction& txn) const {
  const auto ledger = txn.get(databases_.meta, bytes_of(kLedgerRow));
  const auto progress = txn.get(databases_.meta, bytes_of(kProgressRow));
  if (!ledger || !progress || progress->size() != kProgressSize) return std::nullopt;
  const auto id = id_in(*ledger);
  if (!id) return std::nullopt;
  ViewsMeta meta{.ledger_id = *id, .size = get_be<std::uint64_t>(octets(*progress)), .last_leaf = {}};
  std::memcpy(meta.last_leaf.bytes.data(), progress->data() + 8, meta.last_leaf.bytes.size());
  return meta;
}

std::string Views::versions_text() const {
  std::string text = "indexes " + std::to_string(kFormat) + "\n";
  for (const Projection* projection : projections_) {
    text.append(projection->name()).append(" ").append(std::to_string(projection->version())).append("\n");
  }
  return text;
}

bool Views::versions_match(const Transaction& txn) const {
  const auto row = txn.get(databases_.meta, bytes_of(kVersionsRow));
  return row && text_of(*row) == versions_text();
}

StoreResult<void> Views::put_versions(Rows& rows, const Uuid& ledger_id) const {
  if (auto put = rows.put(databases_.meta, bytes_of(kVersionsRow), bytes_of(versions_text())); !put)
    return put;
  return rows.put(databases_.meta, bytes_of(kLedgerRow), bytes_of(ledger_id.bytes));
}

StoreResult<void> Views::put_progress(Rows& rows, std::uint64_t size, const Digest& last_leaf) const {
  return rows.put(databases_.meta, bytes_of(kProgressRow), Key().number(size).add(last_leaf));
}

std::string Views::dump() const {
  auto read = this->read();
  if (!read) throw StoreDamage(read.error());
  const ReadTxn& txn = **read;
  std::string text;
  const auto add = [&text](Bytes bytes) { text += hex(std::span(octets(bytes), bytes.size())); };
  for (std::size_t i = 0; i < names_.size(); ++i) {
    Cursor cursor = txn.cursor(handles_[i]);
    while (cursor.next()) {
      text.append(names_[i]).append(" ");
      add(cursor.key());
      text += ' ';
      add(cursor.value());
      text += '\n';
    }
  }
  return text;
}

std::optional<std::string> TrustMark::distrust() const {
  auto text = crypto::load_file(path_, 256);
  if (!text) {
    return text.error().is_missing() ? "they carry no mark" : "their mark cannot be read";
  }
  text->resize(std::min(text->size(), text->find('\n') + 1));  // the rest is blanks
  if (*text == kClean) return std::nullopt;
  if (boot_id().empty()) return "they were not closed cleanly, and this machine tells no boot id";
  if (*text == open_mark()) return std::nullopt;
  return "they were not closed cleanly before the machine was started again";
}

std::expected<void, crypto::FileFault> TrustMark::set_open() const {
  return put_mark(path_, open_mark());
}

std::expected<void, crypto::FileFault> TrustMark::remove() const {
  std::error_code code;
  std::filesystem::remove(path_, code);
  if (code) return std::unexpected(crypto::FileFault{code.value(), "remove", path_.string()});
  return {};
}

std::expected<void, crypto::FileFault> TrustMark::set_clean() const {
  return put_mark(path_, std::string(kClean));
}

}  // namespace ledger::store
