// How a store keeps the tree's hashes so that each is written once and a proof stays cheap: only every fourth
// level (34 bytes an entry instead of 64), in rows of 16. What lies between is hashed again when asked for:
// at most 15 hashes a row, 11 for the four siblings that a path takes from it, so about 55 in a log of a
// million entries. (Storing tiles alone, every eighth level, would cost up to 255 a tile.) Since 256 = 16^2,
// the hashes of a tile are 16 rows.
#pragma once

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

}  // namespace ledger::tlog
