#include "events/store/directory.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace ledger::store {
namespace {

/// The process id that the lock file holds, or 0.
int holder_of(int descriptor) {
  std::array<char, 16> text;
  const ssize_t length = ::pread(descriptor, text.data(), text.size(), 0);
  int holder = 0;
  if (length > 0) std::from_chars(text.data(), text.data() + length, holder);
  return holder;
}

}  // namespace

std::filesystem::path DataDirectory::default_master_key() const {
  std::filesystem::path path = std::filesystem::absolute(root).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  path += ".key";
  return path;
}

bool DataDirectory::holds_ledger() const {
  struct stat facts {};
  return ::stat((ledger() / "data.mdb").c_str(), &facts) == 0;
}

bool lies_in(const std::filesystem::path& path, const std::filesystem::path& directory) {
  if (path.empty()) return false;
  std::error_code code;
  const auto relative = std::filesystem::weakly_canonical(path, code)
                            .lexically_relative(std::filesystem::weakly_canonical(directory, code));
  return !relative.empty() && *relative.begin() != "..";
}

std::string LockRefusal::message() const {
  if (fault.code != EWOULDBLOCK) return fault.message();
  std::string text = "the data directory is in use";
  if (holder != 0) text += " by process " + std::to_string(holder);
  return text + ": " + fault.path + " is locked";
}

std::expected<DirectoryLock, LockRefusal> DirectoryLock::acquire(const DataDirectory& directory) {
  const std::filesystem::path path = directory.lock();
  const auto refuse = [&](const char* operation, int holder = 0) {
    return std::unexpected(LockRefusal{holder, {errno, operation, path.string()}});
  };
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return refuse("open");
  DirectoryLock lock(descriptor);
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    const int code = errno;
    const int holder = holder_of(descriptor);
    errno = code;
    return refuse("lock", holder);
  }
  const std::string text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(descriptor, 0) != 0 ||
      ::pwrite(descriptor, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return refuse("write");
  }
  return lock;
}

DirectoryLock& DirectoryLock::operator=(DirectoryLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

DirectoryLock::~DirectoryLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string boot_id() {
  auto text = crypto::load_file("/proc/sys/kernel/random/boot_id", 64);
  if (!text) return {};
  while (text->ends_with('\n')) text->pop_back();
  return *text;
}

}  // namespace ledger::store
