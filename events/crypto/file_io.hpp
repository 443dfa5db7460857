// Open files and whole transfers: what everything that reads or writes files by hand stands on. Blocks on the
// disk; errno tells why a call failed.
#pragma once

#include <cstdint>
#include <span>
#include <sys/types.h>
#include <utility>

#include "events/core/types.hpp"

namespace ledger::crypto {

/// An open file descriptor, closed when it goes out of scope. Move only.
class File {
 public:
  explicit File(int descriptor = -1) : descriptor_(descriptor) {}
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~File();
  [[nodiscard]] int get() const { return descriptor_; }
  [[nodiscard]] explicit operator bool() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

/// Writes all of it, in as many calls as it takes, where the file stands; false with errno.
[[nodiscard]] bool write_all(int descriptor, Bytes bytes);
/// The same at an offset, which leaves the file's own position alone.
[[nodiscard]] bool write_at(int descriptor, Bytes bytes, std::uint64_t offset);
/// Bytes read at an offset, fewer than asked for only at the end of the file; -1 with errno.
[[nodiscard]] ssize_t read_at(int descriptor, std::span<std::byte> out, std::uint64_t offset);

}  // namespace ledger::crypto
