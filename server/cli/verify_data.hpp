// `verify --data`: what it is told and what it says.
#pragma once

#include <filesystem>
#include <string>

namespace ledger::cli {

struct VerifyDataOptions {
  std::filesystem::path data;
  std::filesystem::path master_key;       ///< empty: `DIR.key` where it is, else without
  std::filesystem::path checkpoint_file;  ///< that the log must continue; empty: none
  std::string vkey;                       ///< that the log must begin with; empty: any
  bool json = false;
};

/// Verifies a whole data directory and prints what was found; answers the exit code.
[[nodiscard]] int verify_data(const VerifyDataOptions& options);

}  // namespace ledger::cli
