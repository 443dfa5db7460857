#include "server/stream/tickets.hpp"

#include <array>
#include <cstring>
#include <iterator>

#include "events/crypto/base64.hpp"
#include "events/crypto/primitives.hpp"

namespace ledger::server {
namespace {

constexpr std::size_t kSecretBytes = 32;

}  // namespace

std::size_t Tickets::Hash::operator()(const Digest& digest) const {
  std::size_t value = 0;
  std::memcpy(&value, digest.bytes.data(), sizeof value);
  return value;
}

std::optional<Tickets::Ticket> Tickets::make(const Uuid& grant_id, TimestampUs now) {
  std::array<std::uint8_t, kSecretBytes> secret{};
  crypto::random_bytes(secret);
  Ticket ticket{crypto::base64url(std::as_bytes(std::span(secret))), {now.value + kLifeUs}};
  const Digest digest = crypto::sha256(bytes_of(ticket.text));
  const std::scoped_lock lock(mutex_);
  forget_expired(now);
  if (const auto held = by_grant_.find(grant_id); held != by_grant_.end() && held->second >= per_grant_max_) {
    return std::nullopt;
  }
  if (order_.size() >= tickets_max_) forget(order_.begin());
  order_.push_back({digest, grant_id, ticket.expires_at});
  by_digest_.emplace(digest, std::prev(order_.end()));
  ++by_grant_[grant_id];
  return ticket;
}

std::optional<Uuid> Tickets::use(std::string_view text, TimestampUs now) {
  const Digest digest = crypto::sha256(bytes_of(text));
  const std::scoped_lock lock(mutex_);
  forget_expired(now);
  const auto found = by_digest_.find(digest);
  if (found == by_digest_.end()) return std::nullopt;
  const Held held = *found->second;
  forget(found->second);
  // The clock may have been set back and forth: one that is not the oldest may be too old all the same.
  if (now >= held.expires_at) return std::nullopt;
  return held.grant_id;
}

std::size_t Tickets::size() const {
  const std::scoped_lock lock(mutex_);
  return order_.size();
}

void Tickets::forget(Order::iterator held) {
  by_digest_.erase(held->digest);
  if (const auto count = by_grant_.find(held->grant_id); --count->second == 0) by_grant_.erase(count);
  order_.erase(held);
}

void Tickets::forget_expired(TimestampUs now) {
  while (!order_.empty() && now >= order_.front().expires_at) forget(order_.begin());
}

}  // namespace ledger::server
