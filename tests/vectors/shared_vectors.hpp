// Files of the shared vectors. A folder that is not there skips the test case, loudly.
#pragma once

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "events/core/types.hpp"

namespace ledger::vectors {

/// `<shared>/vectors/<folder>`; empty, after saying so, when it is not there.
inline std::filesystem::path folder(const std::string& name) {
  const auto path = std::filesystem::path(LEDGER_SHARED_DIR) / "vectors" / name;
  if (std::filesystem::is_directory(path)) return path;
  // CTest counts the test as skipped by these words.
  std::cerr << "SKIPPED: no vectors at " << path << '\n';
  WARN("SKIPPED: no vectors at " << path);
  return {};
}

inline std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  INFO(path);
  REQUIRE(file.good());
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

inline boost::json::value read_json(const std::filesystem::path& path) {
  return boost::json::parse(read(path));
}

inline std::string member(const boost::json::value& object, const char* name) {
  return std::string(object.at(name).as_string());
}

inline std::vector<std::byte> unhex(std::string_view text) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

}  // namespace ledger::vectors
