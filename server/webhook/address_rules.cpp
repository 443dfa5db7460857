#include "server/webhook/address_rules.hpp"

#include <array>

namespace ledger::webhook {
namespace {

/// A network by its first bytes; what is beyond `bits` of them is zero.
struct Network {
  std::array<std::uint8_t, 16> prefix;
  unsigned bits;
  const char* what;
};

constexpr std::array kV4 = {
    Network{{0}, 8, "this network"},
    Network{{10}, 8, "private"},
    Network{{100, 64}, 10, "shared by a carrier"},
    Network{{127}, 8, "loopback"},
    Network{{169, 254}, 16, "link-local"},
    Network{{172, 16}, 12, "private"},
    Network{{192, 0, 0}, 24, "reserved"},
    Network{{192, 0, 2}, 24, "documentation"},
    Network{{192, 88, 99}, 24, "a relay of 6to4"},
    Network{{192, 168}, 16, "private"},
    Network{{198, 18}, 15, "benchmarking"},
    Network{{198, 51, 100}, 24, "documentation"},
    Network{{203, 0, 113}, 24, "documentation"},
    Network{{224}, 4, "multicast"},
    Network{{240}, 4, "reserved"},
};

constexpr std::array kV6 = {
    Network{{}, 128, "unspecified"},
    Network{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, "loopback"},
    Network{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, "a mapped IPv4 address"},
    Network{{0x00, 0x64, 0xff, 0x9b}, 32, "a translated IPv4 address"},
    Network{{0xfc}, 7, "unique-local"},
    Network{{0xfe, 0x80}, 10, "link-local"},
    Network{{0xff}, 8, "multicast"},
    Network{{0x20, 0x01, 0x0d, 0xb8}, 32, "documentation"},
    Network{{0x20, 0x01}, 23, "a protocol's own"},
    Network{{0x20, 0x02}, 16, "an IPv4 address of 6to4"},
    Network{{0x3f, 0xff}, 20, "documentation"},
};
constexpr Network kGlobal{{0x20}, 3, "global"};

bool lies_in(std::span<const std::uint8_t> address, const Network& network) {
  for (unsigned bit = 0; bit < network.bits; bit += 8) {
    const unsigned left = network.bits - bit;
    const auto mask = static_cast<std::uint8_t>(left >= 8 ? 0xff : 0xff << (8 - left));
    if ((address[bit / 8] & mask) != network.prefix[bit / 8]) return false;
  }
  return true;
}

template <typename Networks>
const Network* find(std::span<const std::uint8_t> address, const Networks& networks) {
  for (const Network& network : networks) {
    if (lies_in(address, network)) return &network;
  }
  return nullptr;
}

}  // namespace

std::optional<std::string> why_not_public(std::span<const std::uint8_t> address) {
  if (address.size() != 4 && address.size() != 16) return "no IP address";
  const Network* found = address.size() == 4 ? find(address, kV4) : find(address, kV6);
  if (found != nullptr) return found->what;
  if (address.size() == 16 && !lies_in(address, kGlobal)) return "not global";
  return std::nullopt;
}

}  // namespace ledger::webhook
