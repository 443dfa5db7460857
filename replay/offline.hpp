// Reading a data directory without its lock and without its master key, beside a running server or without
// one: what `export` stands on. Nothing in the directory is changed.
#pragma once

#include <expected>
#include <filesystem>
#include <memory>
#include <string>

#include "events/store/entry_store.hpp"
#include "events/store/views.hpp"
#include "events/store/views_builder.hpp"
#include "projections/read_models.hpp"

namespace ledger::replay {

/// One thread.
class OfflineLedger {
 public:
  /// Opens the log. Faults: no_ledger, damaged, storage.
  [[nodiscard]] static std::expected<std::unique_ptr<OfflineLedger>, store::EngineFault> open(
      const std::filesystem::path& data);
  ~OfflineLedger();
  OfflineLedger(const OfflineLedger&) = delete;
  OfflineLedger& operator=(const OfflineLedger&) = delete;

  [[nodiscard]] const std::string& origin() const { return stores_->origin; }
  [[nodiscard]] const Uuid& ledger_id() const { return stores_->ledger_id; }
  [[nodiscard]] const store::EntryStore& log() const { return *stores_->log; }

  /// Opens read models that hold at least every event that the log held at this call: the directory's own
  /// where they are to be trusted and have come that far, else others built from the log in a temporary
  /// directory, which then hold nothing that is found by a private value. `on_progress` hears of building.
  [[nodiscard]] std::expected<void, store::EngineFault> open_models(
      const std::function<void(std::uint64_t, std::uint64_t)>& on_progress);
  /// After `open_models`. A transaction of their rows, short-lived; its events are those below `meta->size`.
  [[nodiscard]] store::ReadTxn read_models() const;
  [[nodiscard]] const projections::ReadModels& models() const { return *models_; }
  [[nodiscard]] store::ViewsMeta models_meta(const store::Transaction& txn) const;

 private:
  OfflineLedger() = default;
  [[nodiscard]] bool open_own_models(std::uint64_t size);
  [[nodiscard]] std::expected<void, store::EngineFault> build_models(
      const std::function<void(std::uint64_t, std::uint64_t)>& on_progress);

  std::filesystem::path scratch_;  ///< removed at the end; empty: none
  std::unique_ptr<store::Stores> stores_;
  std::unique_ptr<projections::ReadModels> models_;
};

}  // namespace ledger::replay
