// What verifying found wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ledger::replay {

struct VerifyProblem {
  std::optional<std::uint64_t> position;  ///< of the event; nullopt for what belongs to none
  std::string what;                       ///< one line, for an operator; no private value
};

using VerifyProblems = std::vector<VerifyProblem>;

}  // namespace ledger::replay
