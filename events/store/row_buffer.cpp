#include "events/store/row_buffer.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <string_view>

namespace ledger::store {
namespace {

std::uint32_t hash_of(Bytes key) {
  const std::size_t hash = std::hash<std::string_view>()(text_of(key));
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

int compare(Bytes a, Bytes b) {
  const int order = std::memcmp(a.data(), b.data(), std::min(a.size(), b.size()));
  if (order != 0) return order;
  return a.size() < b.size() ? -1 : (a.size() > b.size() ? 1 : 0);
}

bool equal(Bytes a, Bytes b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

/// The size of an id: what rows are grouped by.
constexpr std::size_t kGroupBytes = 16;

std::size_t doubled(std::size_t slots) {
  return std::max<std::size_t>(64, slots * 2);
}

bool starts_with(Bytes key, Bytes prefix) {
  return key.size() >= prefix.size() &&
         (prefix.empty() || std::memcmp(key.data(), prefix.data(), prefix.size()) == 0);
}

}  // namespace

RowBuffer::RowBuffer() = default;

const RowBuffer::Entry* RowBuffer::find(Database database, Bytes key, std::uint32_t hash) const {
  if (database.handle >= tables_.size()) return nullptr;
  const Table& table = tables_[database.handle];
  if (table.slots.empty()) return nullptr;
  const std::size_t mask = table.slots.size() - 1;
  for (std::size_t at = hash & mask; table.slots[at].entry != 0; at = (at + 1) & mask) {
    if (table.slots[at].hash != hash) continue;
    const Entry& entry = table.entries[table.slots[at].entry - 1];
    if (equal(entry.key_bytes(), key)) return &entry;
  }
  return nullptr;
}

void RowBuffer::grow(Table& table) {
  table.slots.assign(doubled(table.slots.size()), {});
  const std::size_t mask = table.slots.size() - 1;
  for (std::uint32_t i = 0; i < table.entries.size(); ++i) {
    const std::uint32_t hash = table.entries[i].hash;
    std::size_t at = hash & mask;
    while (table.slots[at].entry != 0) at = (at + 1) & mask;
    table.slots[at] = {i + 1, hash};
  }
}

/// The slot of a group, or the free one where it would stand. Groups whose hashes are equal share one:
/// whoever reads them compares keys anyway.
RowBuffer::Slot& RowBuffer::group_slot(Table& table, std::uint32_t hash) {
  const std::size_t mask = table.groups.size() - 1;
  std::size_t at = hash & mask;
  while (table.groups[at].entry != 0 && table.groups[at].hash != hash) at = (at + 1) & mask;
  return table.groups[at];
}

void RowBuffer::add_to_group(Table& table, std::uint32_t index) {
  table.next.resize(index + 1);
  const Bytes key = table.entries[index].key_bytes();
  if (key.size() < kGroupBytes) return;  // no prefix that is looked for by group is its own
  if ((table.group_count + 1) * 2 > table.groups.size()) {
    std::pmr::vector<Slot> old(LargePages::instance());
    old.swap(table.groups);
    table.groups.resize(doubled(old.size()));
    for (const Slot& slot : old) {
      if (slot.entry != 0) group_slot(table, slot.hash) = slot;
    }
  }
  const std::uint32_t hash = hash_of(key.first(kGroupBytes));
  Slot& slot = group_slot(table, hash);
  if (slot.entry == 0) ++table.group_count;
  table.next[index] = slot.entry;
  slot = {index + 1, hash};
}

void RowBuffer::group(Table& table) {
  table.grouped = true;
  for (std::uint32_t i = 0; i < table.entries.size(); ++i) add_to_group(table, i);
}

RowBuffer::Entry& RowBuffer::entry_for(Database database, Bytes key) {
  if (database.handle >= tables_.size()) tables_.resize(database.handle + 1);
  Table& table = tables_[database.handle];
  const std::uint32_t hash = hash_of(key);
  std::uint32_t index;
  if (const Entry* there = find(database, key, hash)) {
    index = static_cast<std::uint32_t>(there - table.entries.data());
  } else {
    if ((table.entries.size() + 1) * 2 > table.slots.size()) grow(table);
    const std::size_t mask = table.slots.size() - 1;
    std::size_t at = hash & mask;
    while (table.slots[at].entry != 0) at = (at + 1) & mask;
    index = static_cast<std::uint32_t>(table.entries.size());
    table.slots[at] = {index + 1, hash};
    Entry& made = table.entries.emplace_back();
    made.key = arena_.copy(key).data();
    made.key_size = static_cast<std::uint16_t>(key.size());
    made.hash = hash;
    if (table.grouped) add_to_group(table, index);
  }
  Entry& entry = table.entries[index];
  if (marked_) {
    undo_.push_back({database.handle, index, entry.value, entry.size, entry.room, entry.kind});
    entry.room = 0;  // the old value may come back, so the new one stands elsewhere
  }
  return entry;
}

std::optional<Bytes> RowBuffer::get(Database database, Bytes key) {
  const std::uint32_t hash = hash_of(key);
  for (const RowBuffer* layer = this; layer != nullptr; layer = layer->under_) {
    const Entry* entry = layer->find(database, key, hash);
    if (entry == nullptr || entry->kind == Kind::absent) continue;
    if (entry->kind == Kind::deleted) return std::nullopt;
    return entry->value_bytes();
  }
  if (base_ == nullptr) return std::nullopt;
  return base_->get(database, key);
}

StoreResult<void> RowBuffer::put(Database database, Bytes key, Bytes value) {
  Entry& entry = entry_for(database, key);
  if (entry.kind == Kind::absent) ++rows_;
  if (entry.room < value.size()) {
    entry.value = arena_.take(value.size());
    entry.room = static_cast<std::uint32_t>(value.size());
  }
  if (!value.empty()) std::memcpy(entry.value, value.data(), value.size());
  entry.size = static_cast<std::uint32_t>(value.size());
  entry.kind = Kind::row;
  return {};
}

StoreResult<void> RowBuffer::del(Database database, Bytes key) {
  Entry& entry = entry_for(database, key);
  if (entry.kind == Kind::absent) ++rows_;
  entry.size = 0;
  entry.kind = Kind::deleted;
  return {};
}

namespace {

/// The front of a key as numbers that sort as its bytes do, so that sorting need not follow a pointer a
/// comparison.
struct Front {
  std::array<std::uint64_t, 4> words;
  std::uint32_t index;
};

Front front_of(Bytes key, std::uint32_t index) {
  std::array<std::uint8_t, 32> bytes{};
  std::memcpy(bytes.data(), key.data(), std::min(key.size(), bytes.size()));
  Front front{.words = {}, .index = index};
  for (std::size_t i = 0; i < front.words.size(); ++i)
    front.words[i] = get_be<std::uint64_t>(bytes.data() + 8 * i);
  return front;
}

}  // namespace

RowBuffer::Order RowBuffer::sorted(const Table& table) {
  std::pmr::vector<Front> fronts(LargePages::instance());
  fronts.reserve(table.entries.size());
  for (std::uint32_t i = 0; i < table.entries.size(); ++i) {
    if (table.entries[i].kind != Kind::absent) fronts.push_back(front_of(table.entries[i].key_bytes(), i));
  }
  std::ranges::sort(fronts, [&](const Front& a, const Front& b) {
    if (a.words != b.words) return a.words < b.words;
    return compare(table.entries[a.index].key_bytes(), table.entries[b.index].key_bytes()) < 0;
  });
  Order order;
  order.reserve(fronts.size());
  for (const Front& front : fronts) order.push_back(&table.entries[front.index]);
  return order;
}

/// In key order, rows lie scattered over the memory: the next ones are fetched while one is put.
void RowBuffer::look_ahead(const Order& order, std::size_t at) {
  constexpr std::size_t kEntryAhead = 16, kBytesAhead = 8;
  if (at + kEntryAhead < order.size()) __builtin_prefetch(order[at + kEntryAhead]);
  if (at + kBytesAhead >= order.size()) return;
  __builtin_prefetch(order[at + kBytesAhead]->key);
  __builtin_prefetch(order[at + kBytesAhead]->value);
}

void RowBuffer::collect(Database database, Bytes prefix,
                        std::map<std::string_view, const Entry*>& out) const {
  if (database.handle >= tables_.size()) return;
  Table& table = tables_[database.handle];
  const auto look_at = [&](const Entry& entry) {
    // A layer above was here first, and hides this one.
    if (entry.kind != Kind::absent && starts_with(entry.key_bytes(), prefix)) {
      out.emplace(text_of(entry.key_bytes()), &entry);
    }
  };
  if (prefix.size() < kGroupBytes) {
    std::ranges::for_each(table.entries, look_at);
    return;
  }
  if (!table.grouped) group(table);
  if (table.groups.empty()) return;
  std::uint32_t at = group_slot(table, hash_of(prefix.first(kGroupBytes))).entry;
  while (at != 0) {
    look_at(table.entries[at - 1]);
    at = table.next[at - 1];
  }
}

void RowBuffer::scan(Database database, Bytes prefix,
                     const std::function<bool(Bytes key, Bytes value)>& each) const {
  std::map<std::string_view, const Entry*> own;
  for (const RowBuffer* layer = this; layer != nullptr; layer = layer->under_) {
    layer->collect(database, prefix, own);
  }
  auto next = own.begin();
  const auto give_own = [&] {
    const Entry& entry = *(next++)->second;
    return entry.kind == Kind::deleted || each(entry.key_bytes(), entry.value_bytes());
  };
  if (base_ != nullptr) {
    Cursor cursor = base_->cursor(database);
    for (bool there = cursor.seek(prefix); there && starts_with(cursor.key(), prefix);
         there = cursor.next()) {
      bool hidden = false;
      while (next != own.end()) {
        const int order = compare(next->second->key_bytes(), cursor.key());
        if (order > 0) break;
        hidden = order == 0;
        if (!give_own()) return;
      }
      if (!hidden && !each(cursor.key(), cursor.value())) return;
    }
  }
  while (next != own.end()) {
    if (!give_own()) return;
  }
}

void RowBuffer::mark() {
  undo_.clear();
  marked_ = true;
}

void RowBuffer::rollback() {
  while (!undo_.empty()) {
    const Undo& undo = undo_.back();
    Entry& entry = tables_[undo.table].entries[undo.entry];
    if (undo.kind == Kind::absent && entry.kind != Kind::absent) --rows_;
    entry.value = undo.value;
    entry.size = undo.size;
    entry.room = undo.room;
    entry.kind = undo.kind;
    undo_.pop_back();
  }
  marked_ = false;
}

void RowBuffer::keep() {
  undo_.clear();
  marked_ = false;
}

std::size_t RowBuffer::held_bytes() const {
  std::size_t held = arena_.held();
  for (const Table& table : tables_) {
    held += table.entries.capacity() * sizeof(Entry) + table.slots.size() * sizeof(Slot);
    held += table.next.capacity() * sizeof(std::uint32_t) + table.groups.size() * sizeof(Slot);
  }
  return held;
}

std::size_t RowBuffer::used_bytes() const {
  std::size_t used = arena_.held();
  for (const Table& table : tables_) {
    // Two slots an entry at least, of its own and where it is grouped.
    used += table.entries.size() * (sizeof(Entry) + 2 * sizeof(Slot));
    if (table.grouped) used += table.entries.size() * (sizeof(std::uint32_t) + 2 * sizeof(Slot));
  }
  return used;
}

std::uint64_t RowBuffer::payload_bytes() const {
  std::uint64_t bytes = 0;
  for (const Table& table : tables_) {
    for (const Entry& entry : table.entries) {
      if (entry.kind != Kind::absent) bytes += entry.key_size + entry.size;
    }
  }
  return bytes;
}

StoreResult<void> RowBuffer::flush(WriteTxn& txn) const {
  for (unsigned handle = 0; handle < tables_.size(); ++handle) {
    for (const Entry* entry : sorted(tables_[handle])) {
      const Database database{handle};
      auto done = entry->kind == Kind::row ? txn.put(database, entry->key_bytes(), entry->value_bytes())
                                           : txn.del(database, entry->key_bytes());
      if (!done) return done;
    }
  }
  return {};
}

StoreResult<void> RowBuffer::flush_in_steps(Environment& environment, std::size_t step_bytes,
                                            const std::atomic<bool>* stop) const {
  std::optional<WriteTxn> txn;
  std::size_t put_bytes = 0;
  const auto end_step = [&]() -> StoreResult<void> {
    put_bytes = 0;
    if (!txn) return {};
    auto committed = std::move(*txn).commit();
    txn.reset();
    return committed;
  };
  for (unsigned handle = 0; handle < tables_.size(); ++handle) {
    const Database database{handle};
    const Order order = sorted(tables_[handle]);
    bool append = false;
    for (std::size_t i = 0; i < order.size(); ++i) {
      look_ahead(order, i);
      const Entry& entry = *order[i];
      if (!txn) {
        auto begun = environment.write();
        if (!begun) return std::unexpected(begun.error());
        txn.emplace(std::move(*begun));
      }
      if (i == 0) {
        // Behind everything that is there, rows fill their pages one after another.
        Cursor cursor = txn->cursor(database);
        append = !cursor.last() || compare(cursor.key(), entry.key_bytes()) < 0;
      }
      auto done = entry.kind == Kind::deleted ? txn->del(database, entry.key_bytes())
                  : append ? txn->put_append(database, entry.key_bytes(), entry.value_bytes())
                           : txn->put(database, entry.key_bytes(), entry.value_bytes());
      if (!done) return done;
      put_bytes += entry.key_size + entry.size;
      if (put_bytes >= step_bytes) {
        if (auto ended = end_step(); !ended) return ended;
        if (stop != nullptr && stop->load(std::memory_order_relaxed)) return {};
      }
    }
  }
  return end_step();
}

void RowBuffer::clear(bool keep_memory) {
  for (Table& table : tables_) {
    const std::size_t used = table.entries.size();
    table.entries.clear();
    table.next.clear();
    table.groups.clear();
    table.grouped = false;
    table.group_count = 0;
    // A large table once is no reason to walk a large one at every batch.
    if (!keep_memory && table.slots.size() > 4096 && used * 8 < table.slots.size()) {
      table.slots.clear();
      table.slots.shrink_to_fit();
      table.entries.shrink_to_fit();
    } else if (used != 0) {
      std::ranges::fill(table.slots, Slot{});
    }
  }
  keep_memory ? arena_.rewind() : arena_.clear();
  undo_.clear();
  marked_ = false;
  base_ = nullptr;
  under_ = nullptr;
  rows_ = 0;
}

}  // namespace ledger::store
