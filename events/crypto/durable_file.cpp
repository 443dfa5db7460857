#include "events/crypto/durable_file.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include "events/crypto/file_io.hpp"
#include "events/crypto/primitives.hpp"

namespace ledger::crypto {
namespace {

namespace fs = std::filesystem;

std::unexpected<FileFault> fault(int code, const char* operation, const fs::path& path) {
  return std::unexpected(FileFault{code, operation, path.string()});
}

/// Writes a file that was not there, all of it on the disk; its name is not durable yet.
std::expected<void, FileFault> write_new(const fs::path& path, Bytes contents, unsigned mode) {
  const File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return fault(errno, "create", path);
  const char* operation = nullptr;
  if (!write_all(file.get(), contents)) {
    operation = "write";
  } else if (mode != 0600 && ::fchmod(file.get(), mode) != 0) {
    operation = "chmod";
  } else if (::fsync(file.get()) != 0) {
    operation = "fsync";
  }
  if (operation == nullptr) return {};
  const int code = errno;
  ::unlink(path.c_str());
  return fault(code, operation, path);
}

fs::path parent_of(const fs::path& path) {
  fs::path parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

/// A secret takes the whole room at once: a growing string would leave copies of a key behind in freed
/// memory. What is none grows from what it seems to need, as its bound may be far above it.
std::expected<std::string, FileFault> read_all(int descriptor, const fs::path& path, std::size_t bytes_max,
                                               std::size_t room) {
  // One byte more than allowed is asked for, so that a file that grows meanwhile is refused too.
  std::string contents(std::min(room, bytes_max) + 1, '\0');
  std::size_t filled = 0;
  while (true) {
    if (filled == contents.size()) {
      if (filled > bytes_max) break;
      contents.resize(std::min(2 * filled, bytes_max + 1));
    }
    const ssize_t got = ::read(descriptor, contents.data() + filled, contents.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int code = errno;
      wipe(contents);
      return fault(code, "read", path);
    }
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  if (filled > bytes_max) {
    wipe(contents);
    return fault(EFBIG, "read", path);
  }
  contents.resize(filled);
  return contents;
}

/// Overwrites the blocks that an open descriptor still reaches. Best effort: its failure leaves old bytes on
/// the disk, which the header's comment promises nothing about, and the new file stands already.
void overwrite(int descriptor) {
  struct stat facts {};
  if (::fstat(descriptor, &facts) != 0 || facts.st_size <= 0 || ::lseek(descriptor, 0, SEEK_SET) != 0) return;
  const std::vector<std::byte> zeros(static_cast<std::size_t>(facts.st_size));
  if (write_all(descriptor, zeros)) ::fsync(descriptor);
}

}  // namespace

bool FileFault::is_full() const {
  return code == ENOSPC || code == EDQUOT;
}

bool FileFault::is_missing() const {
  return code == ENOENT;
}

std::string FileFault::message() const {
  std::string text = std::string(operation) + " " + path;
  if (code != 0) text += ": " + std::generic_category().message(code);
  return text;
}

std::expected<void, FileFault> overwrite_file(const fs::path& path, Bytes contents) {
  {
    const File file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    struct stat facts {};
    if (file && ::fstat(file.get(), &facts) == 0 && S_ISREG(facts.st_mode) &&
        static_cast<std::size_t>(facts.st_size) == contents.size()) {
      if (!write_all(file.get(), contents)) return fault(errno, "write", path);
      if (::fdatasync(file.get()) != 0) return fault(errno, "fdatasync", path);
      return {};
    }
  }
  return replace_file(path, contents);
}

std::expected<void, FileFault> sync_directory(const fs::path& directory) {
  const File file(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file) return fault(errno, "open directory", directory);
  if (::fsync(file.get()) != 0) return fault(errno, "fsync directory", directory);
  return {};
}

std::expected<void, FileFault> make_directory(const fs::path& directory) {
  std::vector<fs::path> missing;
  for (fs::path at = directory; !at.empty(); at = at.parent_path()) {
    struct stat facts {};
    if (::stat(at.c_str(), &facts) == 0) {
      if (!S_ISDIR(facts.st_mode)) return fault(ENOTDIR, "make directory", at);
      break;
    }
    if (errno != ENOENT) return fault(errno, "stat", at);
    if (at.has_filename()) missing.push_back(at);
    if (at == at.parent_path()) break;
  }
  for (auto at = missing.rbegin(); at != missing.rend(); ++at) {
    if (::mkdir(at->c_str(), 0700) != 0 && errno != EEXIST) return fault(errno, "make directory", *at);
    if (auto synced = sync_directory(parent_of(*at)); !synced) return synced;
  }
  return {};
}

std::expected<void, FileFault> create_secret_file(const fs::path& path, Bytes contents) {
  if (auto written = write_new(path, contents, 0600); !written) return written;
  if (auto synced = sync_directory(parent_of(path)); !synced) {
    ::unlink(path.c_str());
    return synced;
  }
  return {};
}

std::expected<void, FileFault> replace_file(const fs::path& path, Bytes contents, unsigned mode) {
  const fs::path beside = path.string() + ".new";
  if (::unlink(beside.c_str()) != 0 && errno != ENOENT) return fault(errno, "remove", beside);
  if (auto written = write_new(beside, contents, mode); !written) return written;
  if (::rename(beside.c_str(), path.c_str()) != 0) {
    const int code = errno;
    ::unlink(beside.c_str());
    return fault(code, "rename", path);
  }
  return sync_directory(parent_of(path));
}

std::expected<void, FileFault> replace_secret_file(const fs::path& path, Bytes contents) {
  const File old(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (auto replaced = replace_file(path, contents, 0600); !replaced) return replaced;
  if (old) overwrite(old.get());
  return {};
}

std::expected<std::string, FileFault> load_secret_file(const fs::path& path, std::size_t bytes_max) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return fault(errno, "open", path);
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) return fault(errno, "stat", path);
  if (!S_ISREG(facts.st_mode)) return fault(0, "not a regular file:", path);
  if ((facts.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fault(0, "refused, others than its owner may use this key file (chmod 600 it):", path);
  }
  return read_all(file.get(), path, bytes_max, bytes_max);
}

std::expected<std::string, FileFault> load_file(const fs::path& path, std::size_t bytes_max) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fault(errno, "open", path);
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) return fault(errno, "stat", path);
  // Files of the kernel's own say that they are empty.
  constexpr std::size_t kRoomMin = 4096;
  return read_all(file.get(), path, bytes_max, std::max(kRoomMin, static_cast<std::size_t>(facts.st_size)));
}

}  // namespace ledger::crypto
