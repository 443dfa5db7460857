#include "server/read/answer_cache.hpp"

namespace ledger::server {
namespace {

// A list node, a map node and their share of the table, measured roughly: enough to keep the bound honest.
constexpr std::size_t kEntryBytes = 320;
constexpr std::size_t kBodyBytes = 64;

Sight sight_of(const StreamId& stream, const Uuid& owner, bool disclosed, const Reader& reader) {
  return stream.kind == StreamKind::filing ? sight_of_filing(reader, owner, disclosed)
                                           : sight_of_subject(reader, owner);
}

}  // namespace

AnswerCache::AnswerCache(std::size_t bytes_max) : shard_bytes_max_(bytes_max / kShards) {}

AnswerCache::Found AnswerCache::find(const StreamId& stream, const Stamp& stamp, const Reader& reader) {
  Shard& shard = shard_of(stream);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.by_stream.find(stream);
  if (found == shard.by_stream.end() || found->second->stamp != stamp) {
    ++shard.misses;
    return {};
  }
  const Entry& entry = *found->second;
  shard.entries.splice(shard.entries.begin(), shard.entries, found->second);
  Found answer{true, sight_of(stream, entry.owner, entry.disclosed, reader), nullptr};
  if (answer.sight != Sight::none) answer.body = entry.bodies[static_cast<std::size_t>(answer.sight)];
  ++(answer.body || answer.sight == Sight::none ? shard.hits : shard.misses);
  return answer;
}

void AnswerCache::put(const StreamId& stream, const Stamp& stamp, const Uuid& owner, bool disclosed,
                      Sight sight, Body body) {
  const std::size_t bytes = body->size() + kBodyBytes;
  if (sight == Sight::none || bytes + kEntryBytes > shard_bytes_max_ / 8) return;
  Shard& shard = shard_of(stream);
  const std::lock_guard lock(shard.mutex);
  auto found = shard.by_stream.find(stream);
  if (found != shard.by_stream.end() && found->second->stamp != stamp) {
    // A slow reader of an older snapshot must not push out what is newer.
    if (found->second->stamp > stamp) return;
    drop(shard, found->second);
    found = shard.by_stream.end();
  }
  if (found == shard.by_stream.end()) {
    shard.entries.push_front({stream, stamp, owner, disclosed, {}, kEntryBytes});
    found = shard.by_stream.emplace(stream, shard.entries.begin()).first;
    shard.bytes += kEntryBytes;
  } else {
    shard.entries.splice(shard.entries.begin(), shard.entries, found->second);
  }
  Entry& entry = *found->second;
  Body& place = entry.bodies[static_cast<std::size_t>(sight)];
  if (!place) {
    entry.bytes += bytes;
    shard.bytes += bytes;
    place = std::move(body);
  }
  while (shard.bytes > shard_bytes_max_ && shard.entries.size() > 1)
    drop(shard, std::prev(shard.entries.end()));
}

void AnswerCache::drop(Shard& shard, std::list<Entry>::iterator entry) {
  shard.bytes -= entry->bytes;
  shard.by_stream.erase(entry->stream);
  shard.entries.erase(entry);
}

AnswerCache::Metrics AnswerCache::metrics() const {
  Metrics sum;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    sum.hits += shard.hits;
    sum.misses += shard.misses;
    sum.bytes += shard.bytes;
    sum.entries += shard.entries.size();
  }
  return sum;
}

}  // namespace ledger::server
