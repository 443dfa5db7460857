#include "events/tlog/hash_rows.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace ledger::tlog {

std::optional<Digest> RowHashReader::read(unsigned level, std::uint64_t index) const {
  const unsigned above = level % kRowHeight;  // levels between the stored one and ours
  std::size_t count = std::size_t{1} << above;
  std::array<Digest, kRowWidth> hashes;
  if (!rows_.read(level - above, index << above, std::span(hashes).first(count))) return std::nullopt;
  for (; count > 1; count /= 2) {
    for (std::size_t i = 0; i < count / 2; ++i) hashes[i] = node_hash(hashes[2 * i], hashes[2 * i + 1]);
  }
  return hashes[0];
}

std::optional<std::vector<std::byte>> tile_bytes(const HashRows& rows, const Tile& tile) {
  // Deeper levels stand for more leaves than any log has; their indices would not fit.
  if (tile.kind != Tile::Kind::hashes || tile.level > 7 || tile.index >> 55 != 0) return std::nullopt;
  std::vector<std::byte> bytes(tile.width * sizeof(Digest));
  std::array<Digest, kRowWidth> hashes;
  for (unsigned done = 0; done < tile.width; done += kRowWidth) {
    const auto row = std::span(hashes).first(std::min(kRowWidth, tile.width - done));
    if (!rows.read(tile.level * kTileHeight, tile.index * kTileWidth + done, row)) return std::nullopt;
    std::memcpy(bytes.data() + done * sizeof(Digest), row.data(), row.size_bytes());
  }
  return bytes;
}

}  // namespace ledger::tlog
