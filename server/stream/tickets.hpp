// Tickets stand in for a token where a browser can set no header: short-lived, for one use.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "events/core/types.hpp"

namespace ledger::server {

/// Kept in memory alone: a restart forgets them, and whoever holds one asks for another. Any thread.
class Tickets {
 public:
  static constexpr std::int64_t kLifeUs = 30'000'000;

  /// Beyond `tickets_max` the oldest is forgotten; beyond `per_grant_max` none is made until some were used.
  explicit Tickets(std::size_t tickets_max = 16'384, std::size_t per_grant_max = 64)
      : tickets_max_(tickets_max), per_grant_max_(per_grant_max) {}

  struct Ticket {
    std::string text;
    TimestampUs expires_at;
  };
  /// nullopt: the grant holds as many as it may.
  [[nodiscard]] std::optional<Ticket> make(const Uuid& grant_id, TimestampUs now);
  /// The grant that it is bound to; nullopt for one that is unknown, used or expired. It is used up by this.
  [[nodiscard]] std::optional<Uuid> use(std::string_view text, TimestampUs now);
  [[nodiscard]] std::size_t size() const;

 private:
  struct Held {
    Digest digest;
    Uuid grant_id;
    TimestampUs expires_at;
  };
  struct Hash {
    std::size_t operator()(const Digest& digest) const;
  };
  using Order = std::list<Held>;

  void forget(Order::iterator held);
  void forget_expired(TimestampUs now);

  const std::size_t tickets_max_, per_grant_max_;
  mutable std::mutex mutex_;
  Order order_;  // guarded by mutex_; the oldest first
  // By the digest of the text, so that looking one up tells nothing of the others by how long it takes.
  std::unordered_map<Digest, Order::iterator, Hash> by_digest_;  // guarded by mutex_
  std::unordered_map<Uuid, std::size_t> by_grant_;               // guarded by mutex_
};

}  // namespace ledger::server
