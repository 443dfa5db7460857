// The rows of a batch, or of a stretch of a rebuild, before they are put: a hash map over what the views
// hold.
//
// Decisions and projections read and write here as if it were the database, so that each sees all earlier
// ones; one command's rows can be taken back without touching its neighbours'; and the rows reach LMDB once
// each, in key order, which costs a third of putting them one event after another.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory_resource>
#include <string_view>
#include <vector>

#include "events/store/arena.hpp"
#include "events/store/rows.hpp"

namespace ledger::store {

class RowBuffer final : public Rows {
 public:
  RowBuffer();

  /// What lies under the buffer; null: nothing. It must outlive its use here. Bytes from `get` die with it.
  void set_base(const Transaction* base) { base_ = base; }
  /// Rows between this buffer and the base: those of a batch that is being committed. Null: none. Only read.
  void set_under(const RowBuffer* under) { under_ = under; }

  /// The value as the buffer has it, else as the base has it. Bytes of the buffer live until the row is put
  /// again, `clear` or `rollback`, those of the base as long as its transaction.
  [[nodiscard]] std::optional<Bytes> get(Database database, Bytes key) override;
  /// Never fail here: running out of room shows in `flush`.
  [[nodiscard]] StoreResult<void> put(Database database, Bytes key, Bytes value) override;
  [[nodiscard]] StoreResult<void> del(Database database, Bytes key) override;

  /// Every row whose key starts with `prefix`, in key order, until `each` answers false. With a prefix of an
  /// id's size or more it looks at the rows of that id only, once a first scan has walked the database's rows
  /// here. `each` must not put. One thread for this layer and the one under it, which may be flushed
  /// meanwhile.
  void scan(Database database, Bytes prefix, const std::function<bool(Bytes key, Bytes value)>& each) const;

  /// From here on every put and deletion can be taken back.
  void mark();
  /// Takes back what was put and deleted since `mark`, and ends the mark.
  void rollback();
  /// Keeps it, and ends the mark.
  void keep();

  /// Heap memory of the rows in the buffer, about.
  [[nodiscard]] std::size_t held_bytes() const;
  /// What of it the rows of now take: a cleared buffer may hold more.
  [[nodiscard]] std::size_t used_bytes() const;
  /// Keys and values that a flush would put, in bytes, and their number.
  [[nodiscard]] std::uint64_t payload_bytes() const;
  [[nodiscard]] std::uint64_t rows() const { return rows_; }

  /// Puts every row, in key order. The buffer keeps them: `clear` once the transaction is committed.
  [[nodiscard]] StoreResult<void> flush(WriteTxn& txn) const;
  /// The same in transactions of at most about `step_bytes` each, committed here: for a file that nobody
  /// trusts before it is whole. Once `stop` is true it ends early, with rows missing.
  [[nodiscard]] StoreResult<void> flush_in_steps(Environment& environment, std::size_t step_bytes,
                                                 const std::atomic<bool>* stop = nullptr) const;

  /// Forgets all rows. What lies under them goes too. `keep_memory`: as many will come again.
  void clear(bool keep_memory = false);

 private:
  enum class Kind : std::uint8_t { absent, row, deleted };  // absent: taken back, so the base counts
  struct Entry {
    const std::byte* key = nullptr;
    std::byte* value = nullptr;
    std::uint32_t size = 0, room = 0, hash = 0;
    std::uint16_t key_size = 0;
    Kind kind = Kind::absent;
    [[nodiscard]] Bytes key_bytes() const { return {key, key_size}; }
    [[nodiscard]] Bytes value_bytes() const { return {value, size}; }
  };
  /// Carries its entry's hash, so that an entry of another key is passed over without a look at it.
  struct Slot {
    std::uint32_t entry = 0;  ///< index + 1, 0: free
    std::uint32_t hash = 0;
  };
  struct Table {
    std::pmr::vector<Entry> entries{LargePages::instance()};
    std::pmr::vector<Slot> slots{LargePages::instance()};  ///< a power of two, at most half full

    // Rows of one id, chained, from the first scan on: most databases are never scanned.
    bool grouped = false;
    std::pmr::vector<Slot> groups{LargePages::instance()};  ///< the newest entry of a group; as `slots`
    std::pmr::vector<std::uint32_t> next{LargePages::instance()};  ///< by entry: one before it, index + 1
    std::size_t group_count = 0;
  };
  struct Undo {
    std::uint32_t table, entry;
    std::byte* value;
    std::uint32_t size, room;
    Kind kind;
  };

  [[nodiscard]] const Entry* find(Database database, Bytes key, std::uint32_t hash) const;
  Entry& entry_for(Database database, Bytes key);
  static void grow(Table& table);
  static void group(Table& table);
  static void add_to_group(Table& table, std::uint32_t index);
  [[nodiscard]] static Slot& group_slot(Table& table, std::uint32_t hash);
  using Order = std::vector<const Entry*>;
  [[nodiscard]] static Order sorted(const Table& table);
  static void look_ahead(const Order& order, std::size_t at);
  void collect(Database database, Bytes prefix, std::map<std::string_view, const Entry*>& out) const;

  const Transaction* base_ = nullptr;
  const RowBuffer* under_ = nullptr;
  mutable std::vector<Table> tables_;  ///< by database handle; a scan may group one
  Arena arena_;
  std::vector<Undo> undo_;
  bool marked_ = false;
  std::uint64_t rows_ = 0;
};

}  // namespace ledger::store
