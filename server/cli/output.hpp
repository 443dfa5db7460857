// Where an export goes: standard output, or a file that appears whole or not at all.
#pragma once

#include <cstdio>
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>

namespace ledger::cli {

/// One thread. Errors are messages.
class Output {
 public:
  /// An empty path is standard output. A file is written beside its place and takes it in `finish`.
  [[nodiscard]] static std::expected<Output, std::string> open(std::filesystem::path path);
  Output(Output&& other) noexcept;
  Output& operator=(Output&&) = delete;
  /// Without `finish`: nothing is left of a file.
  ~Output();
  [[nodiscard]] bool write(std::string_view text);
  /// Durable and in its place. Also tells of earlier failures to write.
  [[nodiscard]] std::expected<void, std::string> finish();

 private:
  Output(std::FILE* file, std::filesystem::path path, std::filesystem::path beside)
      : file_(file), path_(std::move(path)), beside_(std::move(beside)) {}
  std::FILE* file_;
  std::filesystem::path path_, beside_;
  bool failed_ = false;
};

}  // namespace ledger::cli
