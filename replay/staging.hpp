// Directories that come to be whole or not at all, and files copied for good: what backup and restore share.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "events/store/directory.hpp"
#include "events/store/engine.hpp"

namespace ledger::replay {

/// Bytes copied so far, and how many there are about.
using CopyProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// A directory that is built beside its place, as `<place>.new`, and takes it at the end; dropped before, it
/// leaves nothing. Whoever stages the same place at the same time is refused (`locked`); what one that died
/// left is cleared away, and anything else that has that name is refused (`ledger_exists`) and left alone.
class Staging {
 public:
  [[nodiscard]] static std::expected<Staging, store::EngineFault> begin(const std::filesystem::path& place);
  Staging(Staging&& other) noexcept;
  Staging& operator=(Staging&&) = delete;
  ~Staging();

  [[nodiscard]] const store::DataDirectory& directory() const { return beside_; }
  /// Renames it into its place, which is free or an empty directory, durable on return. A data directory
  /// keeps the lock, which is held as long as this object lives.
  [[nodiscard]] std::expected<void, store::EngineFault> take_place(bool keep_lock);

 private:
  Staging(std::filesystem::path place, store::DataDirectory beside, store::DirectoryLock lock);
  std::filesystem::path place_;
  store::DataDirectory beside_;  ///< an empty path: nothing to remove
  std::optional<store::DirectoryLock> lock_;
};

/// Copies an ordinary file to a new one (0600), its contents durable on return; the name is the caller's to
/// make durable. Answers its size, or nullopt where there is none. `on_bytes` hears of each piece.
[[nodiscard]] std::expected<std::optional<std::uint64_t>, store::EngineFault> copy_file(
    const std::filesystem::path& from, const std::filesystem::path& to,
    const std::function<void(std::uint64_t)>& on_bytes);

struct CopiedDocuments {
  std::uint64_t documents = 0, bytes = 0;
};
/// Copies every sealed document, durable on return; uploads under way are none yet, and what vanishes
/// meanwhile is passed over.
[[nodiscard]] std::expected<CopiedDocuments, store::EngineFault> copy_documents(
    const std::filesystem::path& from, const std::filesystem::path& to,
    const std::function<void(std::uint64_t)>& on_bytes);

/// Sizes of the files at and below a path, as far as they can be seen.
[[nodiscard]] std::uint64_t bytes_below(const std::filesystem::path& path);

}  // namespace ledger::replay
