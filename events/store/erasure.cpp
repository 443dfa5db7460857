#include "events/store/erasure.hpp"

#include <algorithm>

#include "events/store/indexes.hpp"

namespace ledger::store {

std::expected<std::optional<std::string>, std::string> erase_records(
    Stores& stores, std::span<const Erasure> erasures, const std::filesystem::path& checkpoint_file) {
  std::vector<Uuid> records;
  for (const Erasure& erasure : erasures) {
    for (const Uuid& record : erasure.records) {
      const auto key = stores.vault->find(record);
      if (!key) return std::unexpected(key.error().detail);
      if (*key) records.push_back(record);
    }
  }
  if (!records.empty()) {
    if (auto destroyed = stores.vault->destroy(records); !destroyed)
      return std::unexpected(destroyed.error().detail);
  }
  for (const Erasure& erasure : erasures) {
    const Uuid documents = document_record(stores.master, erasure.subject);
    if (std::ranges::find(erasure.records, documents) == erasure.records.end()) continue;
    if (auto removed = stores.documents->remove_all(erasure.subject); !removed)
      return std::unexpected(removed.error().message());
  }
  // Last: a list that cannot be written must not keep keys alive. The next start adds what it misses.
  if (checkpoint_file.empty()) return std::nullopt;
  const auto noted = add_erasures(erasures_path(checkpoint_file), erasures);
  return noted ? std::nullopt : std::optional(noted.error().message());
}

std::vector<Erasure> erasures_in(const Stores& stores) {
  std::vector<Erasure> erasures;
  auto views = stores.views->read();
  if (!views) throw StoreDamage(views.error());
  auto log = stores.log->read();
  if (!log) throw StoreDamage(log.error());
  Cursor cursor = (*views)->cursor(stores.views->databases().erasures);
  for (bool there = cursor.first(); there; there = cursor.next()) {
    const auto position = position_in(cursor.key());
    const auto bytes = position ? log->entry(*position) : std::nullopt;
    auto entry = bytes ? codec::decode_entry(*bytes) : std::unexpected(codec::CodecError::malformed);
    auto* erased = entry ? std::get_if<PersonalDataErased>(&entry->event.payload) : nullptr;
    if (erased == nullptr) throw StoreDamage({0, "the views name an erasure that the log does not hold"});
    erasures.push_back({*position, entry->event.header.stream.id, std::move(erased->records)});
  }
  return erasures;
}

std::expected<std::optional<std::string>, std::string> replay_erasures(
    Stores& stores, const std::filesystem::path& checkpoint_file) {
  std::vector<Erasure> erasures = erasures_in(stores);
  if (!checkpoint_file.empty()) {
    auto noted = read_erasures(erasures_path(checkpoint_file));
    if (!noted) return std::unexpected(noted.error().message());
    std::ranges::copy_if(*noted, std::back_inserter(erasures), [&](const Erasure& erasure) {
      return std::ranges::find(erasures, erasure) == erasures.end();
    });
  }
  if (erasures.empty()) return std::nullopt;
  return erase_records(stores, erasures, checkpoint_file);
}

}  // namespace ledger::store
