// The second place of the last signed checkpoint (`--checkpoint-file`), on another disk if the operator is
// wise: a ledger that comes back shorter than this file knows it, from a backup or a snapshot of a machine,
// would sign a second history, and must not write.
//
// The file is two slots of 4,096 bytes that are written in turn, so that a torn write leaves the other one:
//
//   slot = "fl-checkpoint-1\n"[16] || u64be sequence || u32be length || checkpoint[length] || 0...
//          || SHA-256 of all before it[32]
//
// Beside it, `<file>.erasures` lists which records were erased, so that a restored vault loses them again:
//   line = <position of the erasure> <subject id> <record id>[,<record id>...]
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "events/core/types.hpp"
#include "events/crypto/durable_file.hpp"
#include "events/crypto/file_io.hpp"

namespace ledger::store {

/// The committing thread; blocks on the disk.
class CheckpointFile {
 public:
  /// Opens the file, or makes one without a checkpoint, and keeps it locked: another process that writes it
  /// is refused. A file that is no checkpoint file, or none of whose slots is whole, is refused: `operation`
  /// says so.
  [[nodiscard]] static std::expected<CheckpointFile, crypto::FileFault> open(std::filesystem::path path);
  /// The checkpoint that a file holds, for whoever may only read it; nullopt in one that was never written.
  [[nodiscard]] static std::expected<std::optional<std::string>, crypto::FileFault> read_last(
      const std::filesystem::path& path);

  /// The checkpoint written last; nullopt in a new file.
  [[nodiscard]] const std::optional<std::string>& last() const { return last_; }
  /// Writes the other slot; durable on return. A file that was removed meanwhile is a fault.
  [[nodiscard]] std::expected<void, crypto::FileFault> write(std::string_view checkpoint);

 private:
  [[nodiscard]] static std::expected<CheckpointFile, crypto::FileFault> take(std::filesystem::path path,
                                                                             int flags);
  CheckpointFile(std::filesystem::path path, crypto::File file)
      : path_(std::move(path)), file_(std::move(file)) {}
  std::filesystem::path path_;
  crypto::File file_;
  std::uint64_t sequence_ = 0;  ///< of the slot written last
  std::optional<std::string> last_;
};

/// Which records an erasure destroyed.
struct Erasure {
  std::uint64_t position = 0;
  Uuid subject;
  std::vector<Uuid> records;
  bool operator==(const Erasure&) const = default;
};

/// `<checkpoint file>.erasures`.
[[nodiscard]] std::filesystem::path erasures_path(const std::filesystem::path& checkpoint_file);
/// Every erasure of the file; none where it is missing. A last line that a crash cut off is passed over, any
/// other line out of form is refused.
[[nodiscard]] std::expected<std::vector<Erasure>, crypto::FileFault> read_erasures(
    const std::filesystem::path& path);
/// Adds lines for erasures that the file does not have; durable on return.
[[nodiscard]] std::expected<void, crypto::FileFault> add_erasures(const std::filesystem::path& path,
                                                                  std::span<const Erasure> erasures);

}  // namespace ledger::store
