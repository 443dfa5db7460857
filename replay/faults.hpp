// Private to replay: refusals of copying a ledger, in the engine's own terms.
#pragma once

#include <cerrno>
#include <expected>
#include <filesystem>
#include <string>
#include <utility>

#include "events/crypto/file_io.hpp"
#include "events/store/views_builder.hpp"

namespace ledger::replay {

[[nodiscard]] inline std::unexpected<store::EngineFault> refuse(store::EngineFailure kind,
                                                                std::string detail) {
  return std::unexpected(store::fault_of(kind, std::move(detail)));
}

[[nodiscard]] inline std::unexpected<store::EngineFault> storage(const crypto::FileFault& fault) {
  return refuse(store::EngineFailure::storage, fault.message());
}

[[nodiscard]] inline std::unexpected<store::EngineFault> storage(const char* operation,
                                                                 const std::filesystem::path& path,
                                                                 int code = errno) {
  return storage(crypto::FileFault{code, operation, path.string()});
}

}  // namespace ledger::replay
