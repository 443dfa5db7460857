// The two things that `verify` verifies, each in a file of its own.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace ledger::cli {

struct VerifyBundleOptions {
  std::filesystem::path bundle;
  std::vector<std::string> vkeys;
  std::vector<std::string> witnesses;
  std::size_t witnesses_min = 0;
  std::vector<std::filesystem::path> documents;
  bool json = false;
};

/// `verify --bundle`: kDone when it verifies, kDamaged when it does not, kUsage when the file is no bundle or
/// a key is none.
int verify_bundle(const VerifyBundleOptions& options);

}  // namespace ledger::cli
