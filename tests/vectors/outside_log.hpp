// A reader of tiled logs written for the tests from the specifications alone (RFC 6962, c2sp.org/tlog-tiles):
// it includes nothing of ours, so that a mistake of ours cannot be its own. Slow and literal on purpose.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <openssl/sha.h>

namespace outside {

using Hash = std::string;  // 32 bytes

inline Hash sha256(const std::string& bytes) {
  Hash hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return hash;
}

inline std::string tile_name(const std::string& kind, std::uint64_t index, std::uint64_t width) {
  char group[8];
  std::snprintf(group, sizeof group, "%03u", static_cast<unsigned>(index % 1000));
  std::string name = group;
  while ((index /= 1000) > 0) {
    std::snprintf(group, sizeof group, "x%03u", static_cast<unsigned>(index % 1000));
    name = std::string(group) + "/" + name;
  }
  name = "tile/" + kind + "/" + name;
  return width == 256 ? name : name + ".p/" + std::to_string(width);
}

/// Reads a log of a given size by fetching resources by their names.
class Log {
 public:
  using Fetch = std::function<std::optional<std::string>(const std::string& name)>;
  Log(std::uint64_t size, Fetch fetch) : size_(size), fetch_(std::move(fetch)) {}

  /// The entries [256 * index, ...) that the log's size has.
  std::vector<std::string> entries(std::uint64_t index) {
    const std::uint64_t width = width_of(size_, index);
    const std::string bundle = get(tile_name("entries", index, width));
    std::vector<std::string> entries;
    std::size_t at = 0;
    for (std::uint64_t i = 0; i < width; ++i) {
      const std::size_t length =
          static_cast<unsigned char>(bundle.at(at)) * 256U + static_cast<unsigned char>(bundle.at(at + 1));
      if (at + 2 + length > bundle.size()) throw std::runtime_error("a bundle ends early");
      entries.push_back(bundle.substr(at + 2, length));
      at += 2 + length;
    }
    if (at != bundle.size()) throw std::runtime_error("a bundle goes on");
    return entries;
  }

  /// Hash number `index` of the tiles of a level.
  Hash tile_hash(unsigned level, std::uint64_t index) {
    std::uint64_t hashes = size_;
    for (unsigned i = 0; i < level; ++i) hashes /= 256;
    const std::string tile =
        get(tile_name(std::to_string(level), index / 256, width_of(hashes, index / 256)));
    if (tile.size() != 32 * width_of(hashes, index / 256)) throw std::runtime_error("a tile of a wrong size");
    return tile.substr(index % 256 * 32, 32);
  }

  /// MTH(D[begin:end]) by the words of RFC 6962, taking hashes from tiles where one stands for the range.
  Hash root_from_tiles(std::uint64_t begin, std::uint64_t end) {
    if (begin == end) return sha256("");
    std::uint64_t leaves = 1;
    for (unsigned level = 0; leaves <= end - begin; ++level, leaves *= 256) {
      if (leaves == end - begin && begin % leaves == 0) return tile_hash(level, begin / leaves);
    }
    std::uint64_t k = 1;
    while (k * 2 < end - begin) k *= 2;
    return sha256('\1' + root_from_tiles(begin, begin + k) + root_from_tiles(begin + k, end));
  }
  Hash root_from_tiles() { return root_from_tiles(0, size_); }

 private:
  static std::uint64_t width_of(std::uint64_t count, std::uint64_t tile) {
    return count >= (tile + 1) * 256 ? 256 : count - tile * 256;
  }
  const std::string& get(const std::string& name) {
    auto found = fetched_.find(name);
    if (found == fetched_.end()) {
      auto bytes = fetch_(name);
      if (!bytes) throw std::runtime_error("not served: " + name);
      found = fetched_.emplace(name, std::move(*bytes)).first;
    }
    return found->second;
  }

  std::uint64_t size_;
  Fetch fetch_;
  std::map<std::string, std::string> fetched_;
};

/// The tree over entries themselves, by the words of RFC 6962; whole blocks of 256 are hashed once.
class Tree {
 public:
  void append(const std::string& entry) { leaves_.push_back(sha256('\0' + entry)); }
  [[nodiscard]] const Hash& leaf(std::uint64_t index) const { return leaves_.at(index); }
  [[nodiscard]] std::uint64_t size() const { return leaves_.size(); }
  Hash root(std::uint64_t begin, std::uint64_t end) {
    if (begin == end) return sha256("");
    if (end - begin == 1) return leaves_.at(begin);
    const bool block = end - begin == 256 && begin % 256 == 0;
    if (block && blocks_.contains(begin)) return blocks_.at(begin);
    std::uint64_t k = 1;
    while (k * 2 < end - begin) k *= 2;
    const Hash hash = sha256('\1' + root(begin, begin + k) + root(begin + k, end));
    if (block) blocks_.emplace(begin, hash);
    return hash;
  }

 private:
  std::vector<Hash> leaves_;
  std::map<std::uint64_t, Hash> blocks_;
};

}  // namespace outside
