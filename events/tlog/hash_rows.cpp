#include "events/tlog/hash_rows.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>
#include <utility>

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

TreeResult<GrowingRows> GrowingRows::load(const HashRows& rows, std::uint64_t size) {
  GrowingRows grown;
  auto range = CompactRange::load(RowHashReader(rows), size);
  if (!range) return std::unexpected(range.error());
  grown.range_ = std::move(*range);
  for (unsigned level = 0; stored_hashes(level, size) != 0; level += kRowHeight) {
    const std::uint64_t last = stored_hashes(level, size) - 1;
    Edge& edge = grown.edges_.emplace_back();
    edge.row = {.level = level, .index = last / kRowWidth, .hashes = {}};
    const auto present = std::span(edge.row.hashes).first(last % kRowWidth + 1);
    if (!rows.read(level, edge.row.index * kRowWidth, present)) {
      return std::unexpected(TreeError{TreeError::Kind::hash_missing, level, last});
    }
  }
  return grown;
}

void GrowingRows::append(const Digest& leaf) {
  created_.clear();
  range_.append(leaf, created_);
  for (const Node& node : created_) {
    if (!is_stored_level(node.level)) continue;
    const std::size_t place = node.level / kRowHeight;
    if (place == edges_.size()) edges_.push_back({{node.level, 0, {}}, false});
    Edge& edge = edges_[place];
    if (const std::uint64_t row = node.index / kRowWidth; row != edge.row.index) {
      if (edge.changed) full_.push_back(edge.row);
      edge.row = {.level = node.level, .index = row, .hashes = {}};
    }
    edge.row.hashes[node.index % kRowWidth] = node.hash;
    edge.changed = true;
  }
}

std::vector<HashRow> GrowingRows::take() {
  std::vector<HashRow> changed = std::exchange(full_, {});
  for (Edge& edge : edges_) {
    if (edge.changed) changed.push_back(edge.row);
    edge.changed = false;
  }
  std::ranges::sort(changed, [](const HashRow& a, const HashRow& b) {
    return std::tie(a.level, a.index) < std::tie(b.level, b.index);
  });
  return changed;
}

}  // namespace ledger::tlog
