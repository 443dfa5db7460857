#include "server/http/rate_limiter.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <list>
#include <mutex>
#include <unordered_map>

#include "server/http/address.hpp"

namespace ledger::http {
namespace {

using Key = std::array<std::uint8_t, 16>;

struct KeyHash {
  std::size_t operator()(const Key& key) const noexcept {
    // Buckets need no secret: the table is bounded and the list, not the hash, decides who is forgotten. Both
    // halves count, since IPv4 differs in the lower and IPv6 in the upper one.
    std::uint64_t upper;
    std::uint64_t lower;
    std::memcpy(&upper, key.data(), 8);
    std::memcpy(&lower, key.data() + 8, 8);
    std::uint64_t mixed = (upper ^ (lower * 0x9e3779b97f4a7c15ULL)) * 0xbf58476d1ce4e5b9ULL;
    return static_cast<std::size_t>(mixed ^ (mixed >> 31));
  }
};

struct Bucket {
  Key key;
  double tokens;
  RateLimiter::Clock::time_point seen;
};

}  // namespace

struct RateLimiter::Table {
  const Limits limits;
  mutable std::mutex mutex;
  std::list<Bucket> by_use;  // guarded by mutex; the most recently used first
  std::unordered_map<Key, std::list<Bucket>::iterator, KeyHash> by_key;  // guarded by mutex

  Bucket& bucket_of(const Key& key, Clock::time_point now) {
    if (const auto found = by_key.find(key); found != by_key.end()) {
      by_use.splice(by_use.begin(), by_use, found->second);
      return by_use.front();
    }
    if (by_key.size() >= limits.addresses_max) {
      by_key.erase(by_use.back().key);
      by_use.pop_back();
    }
    by_use.push_front({key, limits.burst, now});
    by_key.emplace(key, by_use.begin());
    return by_use.front();
  }
};

RateLimiter::RateLimiter(Limits limits) {
  limits.burst = std::max(limits.burst, 1.0);
  limits.addresses_max = std::max<std::size_t>(limits.addresses_max, 1);
  table_.reset(new Table{limits, {}, {}, {}});
}
RateLimiter::~RateLimiter() = default;

RateLimiter::Verdict RateLimiter::take(std::string_view address, Clock::time_point now) {
  if (table_->limits.per_minute <= 0) return {};
  const auto parsed = IpAddress::parse(address);
  if (parsed && parsed->is_loopback()) return {};
  Key key{};
  if (parsed) {
    key = parsed->bytes;
    if (!parsed->is_v4()) std::fill(key.begin() + 8, key.end(), std::uint8_t{0});
  }

  const std::lock_guard lock(table_->mutex);
  Bucket& bucket = table_->bucket_of(key, now);
  const double per_second = table_->limits.per_minute / 60.0;
  const double elapsed_s = std::max(0.0, std::chrono::duration<double>(now - bucket.seen).count());
  bucket.tokens = std::min(table_->limits.burst, bucket.tokens + elapsed_s * per_second);
  bucket.seen = std::max(bucket.seen, now);
  if (bucket.tokens >= 1.0) {
    bucket.tokens -= 1.0;
    return {};
  }
  const double wait_s = std::ceil((1.0 - bucket.tokens) / per_second);
  return {false, static_cast<std::uint32_t>(std::clamp(wait_s, 1.0, 86'400.0))};
}

std::size_t RateLimiter::size() const {
  const std::lock_guard lock(table_->mutex);
  return table_->by_key.size();
}

}  // namespace ledger::http
