// Random bytes drawn in bulk: one call of the generator costs as much as deciding a command. A simulation
// draws them from its seed instead.
#pragma once

#include <array>
#include <cstring>
#include <optional>

#include "events/crypto/keystream.hpp"
#include "events/crypto/primitives.hpp"

namespace ledger::store {

/// What every id, salt and key of a simulated history follows from. Whoever knows it knows them all, so none
/// but a simulation can make one: no other writer can come to draw from it.
class SimulationSeed {
 public:
  SimulationSeed(const SimulationSeed&) = default;
  /// The seed of one ledger, so that no two share an id.
  [[nodiscard]] SimulationSeed bound_to(std::string_view origin) const {
    return SimulationSeed(crypto::hkdf_sha256(key_.view(), {bytes_of(origin)}));
  }

 private:
  friend class Simulation;
  friend class RandomPool;
  explicit SimulationSeed(crypto::SecretKey key) : key_(std::move(key)) {}
  crypto::SecretKey key_;
};

/// One thread. What was handed out is wiped here.
class RandomPool {
 public:
  /// The machine's generator, or, with a seed, what follows from it.
  explicit RandomPool(const std::optional<SimulationSeed>& seed = std::nullopt) {
    if (seed) simulated_.emplace(seed->key_);
  }
  RandomPool(const RandomPool&) = delete;
  RandomPool& operator=(const RandomPool&) = delete;
  ~RandomPool() { crypto::wipe(std::as_writable_bytes(std::span(bytes_))); }

  /// Whether what comes from here is known to everybody who knows a seed.
  [[nodiscard]] bool simulated() const { return simulated_.has_value(); }
  /// At most 4,096 bytes.
  void fill(std::span<std::uint8_t> out) {
    if (out.size() > bytes_.size() - used_) {
      if (simulated_) {
        simulated_->fill(bytes_);
      } else {
        crypto::random_bytes(bytes_);
      }
      used_ = 0;
    }
    std::memcpy(out.data(), bytes_.data() + used_, out.size());
    std::memset(bytes_.data() + used_, 0, out.size());
    used_ += out.size();
  }
  [[nodiscard]] Uuid id() {
    Uuid id;
    fill(id.bytes);
    return id;
  }
  /// UUIDv7 (RFC 9562 section 5.7): milliseconds, then random bits.
  [[nodiscard]] Uuid time_id(TimestampUs now) {
    Uuid made = id();
    const auto ms = static_cast<std::uint64_t>(now.value / 1000);
    for (int i = 0; i < 6; ++i) made.bytes[i] = static_cast<std::uint8_t>(ms >> (8 * (5 - i)));
    made.bytes[6] = static_cast<std::uint8_t>(0x70 | (made.bytes[6] & 0x0f));
    made.bytes[8] = static_cast<std::uint8_t>(0x80 | (made.bytes[8] & 0x3f));
    return made;
  }
  [[nodiscard]] crypto::SecretKey key() {
    crypto::SecretKey key;
    fill(key.octets());
    return key;
  }

 private:
  std::array<std::uint8_t, 4096> bytes_{};
  std::size_t used_ = sizeof bytes_;
  std::optional<crypto::Keystream> simulated_;
};

}  // namespace ledger::store
