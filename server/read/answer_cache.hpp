// Rendered answers of single things, kept while they are asked for: a hot read then costs the version of its
// stream and one look here. A body is named by (stream, version, key epoch, calendars, day, sight), so
// nothing ever has to be invalidated: an append raises the version, and an erasure, which changes what
// streams show that it does not append to, the key epoch. What says how long something takes is true for one
// day, and for the calendars published by then.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "events/core/events.hpp"
#include "server/read/visibility.hpp"

namespace ledger::server {

/// What a body was rendered from.
struct Stamp {
  std::uint32_t key_epoch = 0;  ///< as read before any private value was opened
  std::uint64_t version = 0;
  std::uint64_t calendars = 0;  ///< years published, where the body holds due dates
  Date today;                   ///< likewise
  Stamp(std::uint64_t stream_version, std::uint32_t epoch = 0, std::uint64_t years = 0, Date day = {})
      : key_epoch(epoch), version(stream_version), calendars(years), today(day) {}
  auto operator<=>(const Stamp&) const = default;
};

/// A bounded cache, least recently used out first. Any thread.
class AnswerCache {
 public:
  using Body = std::shared_ptr<const std::string>;

  /// `bytes_max` bounds bodies and their bookkeeping together, over all shards.
  explicit AnswerCache(std::size_t bytes_max);

  struct Found {
    bool known = false;         ///< the cache knows this version, and so what the reader may see of it
    Sight sight = Sight::none;  ///< meaningful when `known`
    Body body;                  ///< null where it has to be rendered, or where there is nothing to see
  };
  /// What is kept of a subject or filing at this version, for this reader.
  [[nodiscard]] Found find(const StreamId& stream, const Stamp& stamp, const Reader& reader);

  /// Keeps a body. `owner` and `disclosed` are what visibility asks for: SubjectState::id and true, or those
  /// of the FilingState. Another version of the same stream gives way. A body above an eighth of a shard is
  /// not kept.
  void put(const StreamId& stream, const Stamp& stamp, const Uuid& owner, bool disclosed, Sight sight,
           Body body);

  struct Metrics {
    std::uint64_t hits = 0, misses = 0;
    std::size_t bytes = 0, entries = 0;
  };
  [[nodiscard]] Metrics metrics() const;

 private:
  struct Entry {
    StreamId stream;
    Stamp stamp;
    Uuid owner;
    bool disclosed = false;
    std::array<Body, kSights> bodies;
    std::size_t bytes = 0;
  };
  struct Hash {
    std::size_t operator()(const StreamId& stream) const {
      return std::hash<Uuid>{}(stream.id) ^ static_cast<std::size_t>(stream.kind);
    }
  };
  struct Shard {
    mutable std::mutex mutex;
    std::list<Entry> entries;  // the front was used last
    std::unordered_map<StreamId, std::list<Entry>::iterator, Hash> by_stream;
    std::size_t bytes = 0;
    std::uint64_t hits = 0, misses = 0;
  };
  static constexpr std::size_t kShards = 16;

  Shard& shard_of(const StreamId& stream) { return shards_[Hash{}(stream) >> 7 & (kShards - 1)]; }
  static void drop(Shard& shard, std::list<Entry>::iterator entry);

  const std::size_t shard_bytes_max_;
  std::array<Shard, kShards> shards_;
};

}  // namespace ledger::server
