// Random bytes drawn in bulk: one call of the generator costs as much as deciding a command.
#pragma once

#include <array>
#include <cstring>

#include "events/crypto/primitives.hpp"

namespace ledger::store {

/// One thread. What was handed out is wiped here.
class RandomPool {
 public:
  RandomPool() = default;
  RandomPool(const RandomPool&) = delete;
  RandomPool& operator=(const RandomPool&) = delete;
  ~RandomPool() { crypto::wipe(std::as_writable_bytes(std::span(bytes_))); }

  /// At most 4,096 bytes.
  void fill(std::span<std::uint8_t> out) {
    if (out.size() > bytes_.size() - used_) {
      crypto::random_bytes(bytes_);
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
};

}  // namespace ledger::store
