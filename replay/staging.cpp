#include "replay/staging.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "events/crypto/file_io.hpp"
#include "events/store/documents.hpp"
#include "replay/faults.hpp"

namespace ledger::replay {
namespace {

namespace fs = std::filesystem;
using store::EngineFailure;
using store::EngineFault;
using store::fault_of;

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

/// Says that a directory is a staging's own.
constexpr const char* kMark = "staging";

using crypto::File;
using crypto::write_all;

fs::path without_slash(const fs::path& path) {
  fs::path plain = fs::absolute(path).lexically_normal();
  return plain.has_filename() ? plain : plain.parent_path();
}

}  // namespace

// ---- staging

std::expected<Staging, EngineFault> Staging::begin(const fs::path& place) {
  fs::path plain = without_slash(place);
  store::DataDirectory beside{plain};
  beside.root += ".new";
  // Only what an earlier staging made is cleared away.
  const fs::path mark = beside.root / kMark;
  std::error_code looked;
  if (fs::exists(beside.root, looked) && !fs::is_empty(beside.root, looked) && !fs::exists(mark, looked)) {
    return std::unexpected(
        fault_of(EngineFailure::ledger_exists,
                 beside.root.string() + " is in the way, and was not made by this command"));
  }
  if (auto made = crypto::make_directory(beside.root); !made) return storage(made.error());
  if (auto marked = crypto::replace_file(mark, {}); !marked) return storage(marked.error());
  auto lock = store::DirectoryLock::acquire(beside);
  if (!lock) return std::unexpected(fault_of(EngineFailure::locked, lock.error().message()));
  std::error_code code;
  std::vector<fs::path> left;
  for (fs::directory_iterator at(beside.root, code), end; !code && at != end; at.increment(code)) {
    if (at->path() != beside.lock() && at->path() != mark) left.push_back(at->path());
  }
  for (const fs::path& path : left) {
    if (!code) fs::remove_all(path, code);
  }
  if (code) return storage("clear", beside.root, code.value());
  return Staging(std::move(plain), std::move(beside), std::move(*lock));
}

Staging::Staging(fs::path place, store::DataDirectory beside, store::DirectoryLock lock)
    : place_(std::move(place)), beside_(std::move(beside)), lock_(std::move(lock)) {}

Staging::Staging(Staging&& other) noexcept
    : place_(std::move(other.place_)),
      beside_(std::exchange(other.beside_, {})),
      lock_(std::exchange(other.lock_, std::nullopt)) {}

Staging::~Staging() {
  std::error_code ignored;
  if (!beside_.root.empty()) fs::remove_all(beside_.root, ignored);
}

std::expected<void, EngineFault> Staging::take_place(bool keep_lock) {
  if (::unlink((beside_.root / kMark).c_str()) != 0) return storage("remove", beside_.root / kMark);
  if (!keep_lock) {
    if (::unlink(beside_.lock().c_str()) != 0) return storage("remove", beside_.lock());
    lock_.reset();
  }
  if (auto synced = crypto::sync_directory(beside_.root); !synced) return storage(synced.error());
  if (::rename(beside_.root.c_str(), place_.c_str()) != 0) return storage("rename", place_);
  beside_ = {};
  if (auto synced = crypto::sync_directory(place_.parent_path()); !synced) return storage(synced.error());
  return {};
}

// ---- files

std::expected<std::optional<std::uint64_t>, EngineFault> copy_file(
    const fs::path& from, const fs::path& to, const std::function<void(std::uint64_t)>& on_bytes) {
  const File source(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!source && errno == ENOENT) return std::optional<std::uint64_t>();
  if (!source) return storage("open", from);
  struct stat facts {};
  if (::fstat(source.get(), &facts) != 0) return storage("stat", from);
  if (!S_ISREG(facts.st_mode)) return storage("not a regular file:", from, 0);
  const File target(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!target) return storage("create", to);
  std::vector<char> piece(kPieceBytes);
  std::uint64_t bytes = 0;
  while (true) {
    const ssize_t got = ::read(source.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return storage("read", from);
    if (got == 0) break;
    if (!write_all(target.get(), std::as_bytes(std::span(piece.data(), static_cast<std::size_t>(got)))))
      return storage("write", to);
    bytes += static_cast<std::uint64_t>(got);
    if (on_bytes) on_bytes(static_cast<std::uint64_t>(got));
  }
  if (::fsync(target.get()) != 0) return storage("fsync", to);
  return std::optional(bytes);
}

std::expected<CopiedDocuments, EngineFault> copy_documents(
    const fs::path& from, const fs::path& to, const std::function<void(std::uint64_t)>& on_bytes) {
  const auto fault = [](const store::DocumentFault& fault) {
    return std::unexpected(fault_of(EngineFailure::storage, fault.message()));
  };
  if (auto made = crypto::make_directory(to); !made) return storage(made.error());
  CopiedDocuments copied;
  if (!fs::exists(from)) return copied;
  auto store = store::DocumentStore::open(from, /*read_only=*/true);
  if (!store) return fault(store.error());
  const auto subjects = (*store)->subjects();
  if (!subjects) return fault(subjects.error());
  for (const Uuid& subject : *subjects) {
    const auto listings = (*store)->list(subject);
    if (!listings) return fault(listings.error());
    if (listings->empty()) continue;
    const std::string name = hex(subject.bytes);
    if (auto made = crypto::make_directory(to / name); !made) return storage(made.error());
    for (const store::DocumentListing& listing : *listings) {
      auto file = copy_file(from / name / listing.name, to / name / listing.name, on_bytes);
      if (!file) return std::unexpected(std::move(file.error()));
      if (!*file) continue;
      ++copied.documents;
      copied.bytes += **file;
    }
    if (auto synced = crypto::sync_directory(to / name); !synced) return storage(synced.error());
  }
  return copied;
}

std::uint64_t bytes_below(const fs::path& path) {
  std::error_code code;
  if (fs::is_regular_file(path, code)) return fs::file_size(path, code);
  std::uint64_t bytes = 0;
  for (fs::recursive_directory_iterator at(path, code), end; !code && at != end; at.increment(code)) {
    std::error_code vanished;
    const std::uint64_t size = at->is_regular_file(vanished) ? at->file_size(vanished) : 0;
    if (!vanished) bytes += size;
  }
  return bytes;
}

}  // namespace ledger::replay
