// How a store keeps the tree's hashes so that each is written once and a proof stays cheap: only every fourth
// level (34 bytes an entry instead of 64), in rows of 16. What lies between is hashed again when asked for:
// at most 15 hashes a row, 11 for the four siblings that a path takes from it, so about 55 in a log of a
// million entries. (Storing tiles alone, every eighth level, would cost up to 255 a tile.) Since 256 = 16^2,
// the hashes of a tile are 16 rows.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "events/core/types.hpp"
#include "events/tlog/tile.hpp"
#include "events/tlog/tree.hpp"

namespace ledger::tlog {

inline constexpr unsigned kRowHeight = 4;
inline constexpr unsigned kRowWidth = 16;

/// Whether a node that `CompactRange::append` created is one to store: its row is index / 16, its place in
/// the row index % 16.
[[nodiscard]] constexpr bool is_stored_level(unsigned level) {
  return level % kRowHeight == 0;
}

/// The stored hashes.
class HashRows {
 public:
  virtual ~HashRows() = default;
  /// Fills `out` (1 to 16 hashes) with the hashes `first`, `first` + 1, ... of a stored level, all of one
  /// row; false when any is not there.
  [[nodiscard]] virtual bool read(unsigned level, std::uint64_t first, std::span<Digest> out) const = 0;
};

/// Any complete subtree's hash from stored rows: one read, at most seven node hashes. `rows` must outlive it.
class RowHashReader final : public HashReader {
 public:
  explicit RowHashReader(const HashRows& rows) : rows_(rows) {}
  [[nodiscard]] std::optional<Digest> read(unsigned level, std::uint64_t index) const override;

 private:
  const HashRows& rows_;
};

/// The bytes of a tile of hashes, 32 a hash; nullopt when a hash is not there. At most 16 reads.
[[nodiscard]] std::optional<std::vector<std::byte>> tile_bytes(const HashRows& rows, const Tile& tile);

/// A row as it is stored: its hashes in order, zero bytes where the log has not come yet.
struct HashRow {
  unsigned level = 0;       ///< a stored one
  std::uint64_t index = 0;  ///< of the row on its level
  std::array<Digest, kRowWidth> hashes;
};

/// How many hashes of a stored level a log of `size` entries has.
[[nodiscard]] constexpr std::uint64_t stored_hashes(unsigned level, std::uint64_t size) {
  return size >> level;
}

/// The right edge of a log as its store needs it: the compact range, and the rows that the next leaves go
/// into. Cheap to copy (a few kB), so that a batch can be tried and given up. One thread at a time.
class GrowingRows {
 public:
  GrowingRows() = default;
  /// As stored, for a log of `size` entries.
  [[nodiscard]] static TreeResult<GrowingRows> load(const HashRows& rows, std::uint64_t size);

  /// Appends one leaf; the rows that it touches are changed from here on.
  void append(const Digest& leaf);
  /// The rows changed since the last `take`, each once and as it is now, level by level and ascending: what
  /// is to be put.
  [[nodiscard]] std::vector<HashRow> take();

  [[nodiscard]] std::uint64_t size() const { return range_.size(); }
  [[nodiscard]] Digest root() const { return range_.root(); }

 private:
  struct Edge {
    HashRow row;  ///< the last row of its level, full or not
    bool changed = false;
  };
  CompactRange range_;
  std::vector<Edge> edges_;    ///< by stored level, as far as the log has come
  std::vector<HashRow> full_;  ///< changed rows that are no edge any more
  std::vector<Node> created_;
};

}  // namespace ledger::tlog
