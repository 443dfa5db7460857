#include "server/webhook/cursor_store.hpp"

#include <algorithm>
#include <array>

namespace ledger::webhook {
namespace {

// A row: format 1, flags (1 paused, 2 failing), cursor, failures, failing since; then the reason as text.
constexpr std::uint8_t kRowFormat = 1;
constexpr std::uint8_t kPaused = 1;
constexpr std::uint8_t kFailing = 2;
constexpr std::size_t kFixedBytes = 2 + 8 + 4 + 8;
constexpr std::uint64_t kMapBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kRowBytesMax = 4096;

std::string row_of(const Progress& progress) {
  std::array<std::uint8_t, kFixedBytes> fixed{};
  fixed[0] = kRowFormat;
  if (progress.paused) fixed[1] |= kPaused;
  if (progress.failing_since) fixed[1] |= kFailing;
  put_be(progress.cursor, fixed.data() + 2);
  put_be(progress.failures, fixed.data() + 10);
  put_be(static_cast<std::uint64_t>(progress.failing_since.value_or(TimestampUs{}).value), fixed.data() + 14);
  std::string row(fixed.begin(), fixed.end());
  row.append(progress.reason, 0, kRowBytesMax / 2);
  return row;
}

std::optional<Progress> progress_of(Bytes row) {
  if (row.size() < kFixedBytes || std::to_integer<std::uint8_t>(row[0]) != kRowFormat) return std::nullopt;
  const auto* octets = reinterpret_cast<const std::uint8_t*>(row.data());
  const std::uint8_t flags = octets[1];
  Progress progress;
  progress.paused = (flags & kPaused) != 0;
  progress.cursor = get_be<std::uint64_t>(octets + 2);
  progress.failures = get_be<std::uint32_t>(octets + 10);
  if ((flags & kFailing) != 0) {
    progress.failing_since = TimestampUs{static_cast<std::int64_t>(get_be<std::uint64_t>(octets + 14))};
  }
  progress.reason = std::string(text_of(row.subspan(kFixedBytes)));
  return progress;
}

}  // namespace

store::StoreResult<std::unique_ptr<CursorStore>> CursorStore::open(const std::filesystem::path& directory) {
  store::EnvironmentOptions options;
  options.path = directory;
  options.map_size = kMapBytes;
  options.max_databases = 1;
  options.room_step = std::uint64_t{1} << 20;
  auto environment = store::Environment::open(std::move(options));
  if (!environment) return std::unexpected(environment.error());
  const auto databases = (*environment)->open_databases({"cursors"});
  if (!databases) return std::unexpected(databases.error());
  return std::unique_ptr<CursorStore>(new CursorStore(std::move(*environment), databases->front()));
}

std::optional<Progress> CursorStore::load(const Uuid& webhook) {
  auto txn = environment_->read();
  if (!txn) throw store::StoreDamage(txn.error());
  const auto row = txn->get(rows_, bytes_of(webhook.bytes));
  return row ? progress_of(*row) : std::nullopt;
}

std::vector<Uuid> CursorStore::webhooks() {
  auto txn = environment_->read();
  if (!txn) throw store::StoreDamage(txn.error());
  std::vector<Uuid> ids;
  store::Cursor cursor = txn->cursor(rows_);
  while (cursor.next()) {
    Uuid id;
    if (cursor.key().size() != id.bytes.size()) continue;
    std::ranges::transform(cursor.key(), id.bytes.begin(),
                           [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
    ids.push_back(id);
  }
  return ids;
}

template <typename Change>
store::StoreResult<void> CursorStore::write(Change change) {
  const std::scoped_lock lock(mutex_);
  if (broken_) return std::unexpected(*broken_);
  if (auto room = environment_->secure_room(kRowBytesMax, 1); !room) return room;
  auto txn = environment_->write();
  if (!txn) return std::unexpected(txn.error());
  if (auto changed = change(*txn); !changed) return changed;
  auto committed = std::move(*txn).commit();
  // What is on the disk is then unknown: the file stays as it is until the next start.
  if (!committed && !committed.error().is_full()) broken_ = committed.error();
  return committed;
}

store::StoreResult<void> CursorStore::save(const Uuid& webhook, const Progress& progress) {
  const std::string row = row_of(progress);
  return write([&](store::WriteTxn& txn) { return txn.put(rows_, bytes_of(webhook.bytes), bytes_of(row)); });
}

store::StoreResult<void> CursorStore::remove(const Uuid& webhook) {
  return write([&](store::WriteTxn& txn) { return txn.del(rows_, bytes_of(webhook.bytes)); });
}

}  // namespace ledger::webhook
