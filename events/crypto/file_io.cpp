#include "events/crypto/file_io.hpp"

#include <cerrno>
#include <unistd.h>

namespace ledger::crypto {
namespace {

/// Repeats `call`, which writes the beginning of what it is given and answers how much.
template <typename Call>
bool write_in_pieces(Bytes bytes, Call call) {
  while (!bytes.empty()) {
    const ssize_t written = call(bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool write_all(int descriptor, Bytes bytes) {
  return write_in_pieces(bytes, [&](Bytes rest) { return ::write(descriptor, rest.data(), rest.size()); });
}

bool write_at(int descriptor, Bytes bytes, std::uint64_t offset) {
  const std::byte* begin = bytes.data();
  return write_in_pieces(bytes, [&](Bytes rest) {
    return ::pwrite(descriptor, rest.data(), rest.size(), static_cast<off_t>(offset) + (rest.data() - begin));
  });
}

ssize_t read_at(int descriptor, std::span<std::byte> out, std::uint64_t offset) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t got =
        ::pread(descriptor, out.data() + filled, out.size() - filled, static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return static_cast<ssize_t>(filled);
}

}  // namespace ledger::crypto
