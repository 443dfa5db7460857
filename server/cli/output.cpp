#include "server/cli/output.hpp"

#include <unistd.h>
#include <utility>

namespace ledger::cli {

std::expected<Output, std::string> Output::open(std::filesystem::path path) {
  if (path.empty()) return Output(stdout, {}, {});
  std::filesystem::path beside = path;
  beside += ".new";
  std::FILE* file = std::fopen(beside.c_str(), "wb");
  if (file == nullptr) return std::unexpected("cannot write " + beside.string());
  return Output(file, std::move(path), std::move(beside));
}

Output::Output(Output&& other) noexcept
    : file_(std::exchange(other.file_, nullptr)),
      path_(std::move(other.path_)),
      beside_(std::move(other.beside_)),
      failed_(other.failed_) {}

Output::~Output() {
  if (file_ == nullptr || file_ == stdout) return;
  std::fclose(file_);
  std::error_code ignored;
  std::filesystem::remove(beside_, ignored);
}

bool Output::write(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), file_) != text.size()) failed_ = true;
  return !failed_;
}

std::expected<void, std::string> Output::finish() {
  if (std::fflush(file_) != 0) failed_ = true;
  if (file_ == stdout) {
    file_ = nullptr;
    if (failed_) return std::unexpected("standard output cannot be written");
    return {};
  }
  if (!failed_ && ::fsync(::fileno(file_)) != 0) failed_ = true;
  if (std::fclose(std::exchange(file_, nullptr)) != 0) failed_ = true;
  std::error_code code;
  if (!failed_) std::filesystem::rename(beside_, path_, code);
  if (!failed_ && !code) return {};
  std::filesystem::remove(beside_, code);
  return std::unexpected("cannot write " + path_.string());
}

}  // namespace ledger::cli
