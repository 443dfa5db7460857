// Tiles and entry bundles of a log (c2sp.org/tlog-tiles): their names, their widths, the bytes of a bundle.
// A tile holds up to 256 hashes of complete subtrees of 256^level leaves; a bundle the entries of a level-0
// tile. Pure; any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/types.hpp"

namespace ledger::tlog {

inline constexpr unsigned kTileWidth = 256;
/// Levels of the tree between a tile's hashes and those of the tile above.
inline constexpr unsigned kTileHeight = 8;
inline constexpr unsigned kTileLevelMax = 63;
/// The longest entry that a bundle can hold.
inline constexpr std::size_t kBundledEntryMax = 65'535;

/// One resource of a log: a tile of hashes, or a bundle of entries (level 0 then). `width` counts hashes or
/// entries: 256 when full, 1 to 255 when partial.
struct Tile {
  enum class Kind { hashes, entries };
  Kind kind = Kind::hashes;
  unsigned level = 0;
  std::uint64_t index = 0;
  unsigned width = kTileWidth;
  auto operator<=>(const Tile&) const = default;

  /// `tile/0/x001/234.p/17`, `tile/entries/000`: the path under the log's prefix.
  [[nodiscard]] std::string path() const;
  /// Reads exactly what `path` writes: level 0 to 63, index in zero-padded groups of three digits and not
  /// above 2^63-1, no superfluous group, width 1 to 255 when given. Anything else is nullopt. Says nothing of
  /// whether a log holds it.
  [[nodiscard]] static std::optional<Tile> parse(std::string_view path);
};

/// Full tiles of a level in a log of `size` entries: floor(size / 256^(level + 1)).
[[nodiscard]] std::uint64_t full_tiles(unsigned level, std::uint64_t size);
/// Width of the partial tile behind them, floor(size / 256^level) mod 256; 0: there is none.
[[nodiscard]] unsigned partial_width(unsigned level, std::uint64_t size);
/// Whether a log of `size` entries holds all of the tile. Hashes never change, so a partial tile is the
/// beginning of every wider one.
[[nodiscard]] bool holds(const Tile& tile, std::uint64_t size);
/// All tiles of hashes, level by level, that a log of `size` entries has and one of `from` had not: full ones
/// not full before, and the partial one of each level where it is new or wider. With from = 0: the whole log.
[[nodiscard]] std::vector<Tile> new_tiles(std::uint64_t from, std::uint64_t size);

/// Puts an entry, its length before it as two bytes big-endian, behind a bundle. False, and nothing put, for
/// an entry above kBundledEntryMax.
[[nodiscard]] bool append_entry(std::vector<std::byte>& bundle, Bytes entry);

/// Why bytes are no bundle: the entry, counted from 0 within it, at which they end early; or, at the number
/// of entries expected, bytes too many.
struct BundleError {
  std::size_t entry = 0;
};
/// The entries of a bundle of `width` entries, as views of its bytes.
[[nodiscard]] std::expected<std::vector<Bytes>, BundleError> split_entries(Bytes bundle, unsigned width);

}  // namespace ledger::tlog
