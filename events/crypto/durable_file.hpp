// Small files that must survive a power cut or must not be read by others: key files, signing keys, marks.
// Nothing here outlives a call; every function may be called from any thread and blocks on the disk.
#pragma once

#include <expected>
#include <filesystem>
#include <string>

#include "events/core/types.hpp"

namespace ledger::crypto {

/// Why a file was not made, replaced or read. `code` is an errno, or 0 where the refusal is ours (loose
/// permissions, too large); `operation` is static text; `path` names the file.
struct FileFault {
  int code = 0;
  const char* operation = "";
  std::string path;
  /// No room on the disk or in the quota: the operator must act, nothing else is wrong.
  [[nodiscard]] bool is_full() const;
  /// True where the file was simply not there.
  [[nodiscard]] bool is_missing() const;
  /// One line for an operator: operation, path and reason.
  [[nodiscard]] std::string message() const;
};

/// Makes a new file with mode 0600; refuses (EEXIST) when the path is taken. On return contents and name are
/// on the disk (fsync of file and directory). A failed attempt leaves no file.
[[nodiscard]] std::expected<void, FileFault> create_secret_file(const std::filesystem::path& path,
                                                                Bytes contents);

/// Puts `contents` in place of whatever stands at the path, atomically: written beside it as `<path>.new`,
/// synced, renamed, directory synced. A reader, or a machine that lost power, sees the old file or the new
/// one, whole. `mode` is given to the new file whatever the umask.
[[nodiscard]] std::expected<void, FileFault> replace_file(const std::filesystem::path& path, Bytes contents,
                                                          unsigned mode = 0600);

/// Writes over a file of exactly this size in place and makes it durable, which needs no room on the disk; a
/// crash in between leaves either or a mixture, so only for contents that whoever reads them recognises or
/// distrusts. A file that is missing or of another size is replaced.
[[nodiscard]] std::expected<void, FileFault> overwrite_file(const std::filesystem::path& path,
                                                            Bytes contents);

/// Replaces a secret file and then overwrites the blocks of the old one in place, as far as the file system
/// does write in place (journalling ones do; copy-on-write ones and flash translation layers keep old
/// blocks).
[[nodiscard]] std::expected<void, FileFault> replace_secret_file(const std::filesystem::path& path,
                                                                 Bytes contents);

/// Reads a secret file of at most `bytes_max` bytes. Refuses a file that group or others may read or write,
/// and anything that is not a regular file: a key that others can read is not a key.
[[nodiscard]] std::expected<std::string, FileFault> load_secret_file(const std::filesystem::path& path,
                                                                     std::size_t bytes_max = 4096);

/// Reads a whole ordinary file of at most `bytes_max` bytes.
[[nodiscard]] std::expected<std::string, FileFault> load_file(const std::filesystem::path& path,
                                                              std::size_t bytes_max);

/// Makes names created, renamed or removed in a directory durable.
[[nodiscard]] std::expected<void, FileFault> sync_directory(const std::filesystem::path& directory);

/// Makes a directory and its missing parents with mode 0700, and their names durable. A present one is left
/// alone.
[[nodiscard]] std::expected<void, FileFault> make_directory(const std::filesystem::path& directory);

}  // namespace ledger::crypto
