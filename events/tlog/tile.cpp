#include "events/tlog/tile.hpp"

#include <algorithm>
#include <array>

#include "events/tlog/lines.hpp"

namespace ledger::tlog {
namespace {

constexpr std::string_view kHashes = "tile/";
constexpr std::string_view kEntries = "tile/entries/";
constexpr std::string_view kPartial = ".p/";

/// Subtrees of 256^level leaves in a log.
std::uint64_t hashes_of(unsigned level, std::uint64_t size) {
  return level * kTileHeight < 64 ? size >> (level * kTileHeight) : 0;
}

/// `x001/x234/067`.
std::string index_path(std::uint64_t index) {
  std::string path;
  for (bool last = true; last || index != 0; last = false, index /= 1000) {
    std::string group = last ? "" : "x";
    for (const std::uint64_t unit : {100, 10, 1}) group += static_cast<char>('0' + index / unit % 10);
    path.insert(0, last ? group : group + "/");
  }
  return path;
}

std::optional<std::uint64_t> parse_index(std::string_view path) {
  std::uint64_t index = 0;
  while (true) {
    const bool last = !path.starts_with('x');
    if (!last) path.remove_prefix(1);
    if (path.size() < 3) return std::nullopt;
    for (const char c : path.substr(0, 3)) {
      if (c < '0' || c > '9') return std::nullopt;
      const auto digit = static_cast<std::uint64_t>(c - '0');
      if (index > (kNumberMax - digit) / 10) return std::nullopt;
      index = index * 10 + digit;
    }
    path.remove_prefix(3);
    if (last) return path.empty() ? std::optional(index) : std::nullopt;
    // A first group of zeros would be a second name of the same tile.
    if (index == 0 || !path.starts_with('/')) return std::nullopt;
    path.remove_prefix(1);
  }
}

}  // namespace

std::string Tile::path() const {
  std::string path(kind == Kind::entries ? kEntries : kHashes);
  if (kind == Kind::hashes) path += std::to_string(level) + "/";
  path += index_path(index);
  if (width != kTileWidth) path += std::string(kPartial) + std::to_string(width);
  return path;
}

std::optional<Tile> Tile::parse(std::string_view path) {
  Tile tile;
  if (path.starts_with(kEntries)) {
    tile.kind = Kind::entries;
    path.remove_prefix(kEntries.size());
  } else if (path.starts_with(kHashes)) {
    path.remove_prefix(kHashes.size());
    const std::size_t end = path.find('/');
    if (end == std::string_view::npos) return std::nullopt;
    const auto level = parse_decimal(path.substr(0, end), kTileLevelMax);
    if (!level) return std::nullopt;
    tile.level = static_cast<unsigned>(*level);
    path.remove_prefix(end + 1);
  } else {
    return std::nullopt;
  }
  if (const std::size_t partial = path.find(kPartial); partial != std::string_view::npos) {
    const auto width = parse_decimal(path.substr(partial + kPartial.size()), kTileWidth - 1);
    if (!width || *width == 0) return std::nullopt;
    tile.width = static_cast<unsigned>(*width);
    path = path.substr(0, partial);
  }
  const auto index = parse_index(path);
  if (!index) return std::nullopt;
  tile.index = *index;
  return tile;
}

std::uint64_t full_tiles(unsigned level, std::uint64_t size) {
  return hashes_of(level, size) / kTileWidth;
}

unsigned partial_width(unsigned level, std::uint64_t size) {
  return static_cast<unsigned>(hashes_of(level, size) % kTileWidth);
}

bool holds(const Tile& tile, std::uint64_t size) {
  const std::uint64_t full = full_tiles(tile.level, size);
  return tile.index < full || (tile.index == full && tile.width <= partial_width(tile.level, size));
}

std::vector<Tile> new_tiles(std::uint64_t from, std::uint64_t size) {
  std::vector<Tile> tiles;
  for (unsigned level = 0; hashes_of(level, size) > hashes_of(level, from); ++level) {
    const std::uint64_t full = full_tiles(level, size);
    for (std::uint64_t index = full_tiles(level, from); index < full; ++index) {
      tiles.push_back({.level = level, .index = index});
    }
    if (const unsigned width = partial_width(level, size); width != 0) {
      tiles.push_back({.level = level, .index = full, .width = width});
    }
  }
  return tiles;
}

bool append_entry(std::vector<std::byte>& bundle, Bytes entry) {
  if (entry.size() > kBundledEntryMax) return false;
  bundle.push_back(static_cast<std::byte>(entry.size() >> 8));
  bundle.push_back(static_cast<std::byte>(entry.size() & 0xff));
  bundle.insert(bundle.end(), entry.begin(), entry.end());
  return true;
}

std::expected<std::vector<Bytes>, BundleError> split_entries(Bytes bundle, unsigned width) {
  std::vector<Bytes> entries;
  while (entries.size() < width) {
    if (bundle.size() < 2) return std::unexpected(BundleError{entries.size()});
    const auto length =
        std::to_integer<std::size_t>(bundle[0]) << 8 | std::to_integer<std::size_t>(bundle[1]);
    bundle = bundle.subspan(2);
    if (bundle.size() < length) return std::unexpected(BundleError{entries.size()});
    entries.push_back(bundle.first(length));
    bundle = bundle.subspan(length);
  }
  if (!bundle.empty()) return std::unexpected(BundleError{width});
  return entries;
}

}  // namespace ledger::tlog
