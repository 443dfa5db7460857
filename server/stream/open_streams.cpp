#include "server/stream/open_streams.hpp"

#include <algorithm>
#include <utility>

#include "server/http/address.hpp"

namespace ledger::server {
namespace {

/// What is counted together; nullopt where nothing is counted.
std::optional<std::string> network_of(std::string_view address) {
  constexpr std::size_t kSubscriberBytes = 8;  // one subscriber commonly holds a whole /64 (RFC 6177)
  auto parsed = http::IpAddress::parse(address);
  if (!parsed) return std::string();
  if (parsed->is_loopback()) return std::nullopt;
  if (!parsed->is_v4()) std::fill(parsed->bytes.begin() + kSubscriberBytes, parsed->bytes.end(), 0);
  return std::string(parsed->bytes.begin(), parsed->bytes.end());
}

}  // namespace

std::shared_ptr<void> OpenStreams::enter(bool is_public, std::string_view address) {
  std::optional<std::string> network;
  if (is_public && counts_->per_address_max != 0) network = network_of(address);
  if (network) {
    const std::scoped_lock lock(counts_->mutex);
    std::size_t& held = counts_->by_network[*network];
    if (held >= counts_->per_address_max) return nullptr;
    ++held;
  }
  ++(is_public ? counts_->public_streams : counts_->granted_streams);
  return std::shared_ptr<void>(static_cast<void*>(counts_.get()),
                               [counts = counts_, is_public, network = std::move(network)](void*) {
                                 --(is_public ? counts->public_streams : counts->granted_streams);
                                 if (!network) return;
                                 const std::scoped_lock lock(counts->mutex);
                                 const auto held = counts->by_network.find(*network);
                                 if (held != counts->by_network.end() && --held->second == 0)
                                   counts->by_network.erase(held);
                               });
}

}  // namespace ledger::server
