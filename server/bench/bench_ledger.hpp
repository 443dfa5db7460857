// A real ledger for benches: created in an empty directory, with one qualified subject and drafts of it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "events/store/engine.hpp"
#include "projections/read_models.hpp"

namespace ledger::bench {

struct BenchLedger {
  projections::ReadModels models;
  std::unique_ptr<store::Engine> engine;
  store::Granted filer;
  std::string filer_token;
  Uuid subject;

  /// Creates and opens the ledger in `directory`; `change` may alter the options that it is opened with.
  /// Throws std::runtime_error with what failed.
  explicit BenchLedger(const std::filesystem::path& directory,
                       const std::function<void(store::EngineOptions&)>& change = {});

  /// Runs a command that must succeed; throws std::runtime_error with the refusal's code.
  store::Accepted must(Command command,
                       std::variant<store::Anonymous, store::Trusted, store::Granted> caller);

  /// A token of an auditor.
  [[nodiscard]] std::string auditor_token();
  /// That many filings, each with a first draft.
  [[nodiscard]] std::vector<Uuid> drafts(std::size_t count);

  /// A form whose JSON is about a kilobyte.
  [[nodiscard]] static FilingForm kilobyte_form();
};

}  // namespace ledger::bench
