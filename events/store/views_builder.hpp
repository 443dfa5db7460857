// Brings views up to date with the log: catching up where they can be believed, else rebuilding them beside
// the old file and swapping. The same code serves the engine at start, `rebuild` offline, and a rebuild
// beside the views that serve (live_rebuild.hpp).
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "events/store/engine.hpp"
#include "events/store/stores.hpp"

namespace ledger::store {

struct ViewsOptions {
  std::uint64_t map_bytes = std::uint64_t{64} << 30;
  /// Rows that a rebuild holds before it writes them; decoded states, the order of the rows while they are
  /// written, and LMDB need at most one and a half times as much again.
  std::size_t buffer_bytes = std::size_t{128} << 20;
  std::size_t states_max = 65'536;  ///< decoded states kept, times two; each takes about a kilobyte
  std::function<void(std::uint64_t done, std::uint64_t total)> on_progress;
  const std::atomic<bool>* stop = nullptr;  ///< once true, the work ends early
};

/// Applies the log to the rows of views, as often as it has grown. One thread at a time; everything named
/// outlives it.
class ViewsBuild {
 public:
  /// `trusted`: each write leaves a file that may be believed; otherwise the file counts only once `catch_up`
  /// has returned, and is written in smaller steps.
  ViewsBuild(const Stores& stores, Views& views, std::span<Projection* const> projections,
             const ViewsOptions& options, bool trusted);
  ~ViewsBuild();

  /// Applies and writes the events from the views' size to the log's. Answers the views' size: less than the
  /// log's only where it was told to stop, and then rows may be missing. Throws StoreDamage for a log or a
  /// view that does not read.
  [[nodiscard]] StoreResult<std::uint64_t> catch_up();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// One `catch_up`. Throws as it does.
[[nodiscard]] StoreResult<void> apply_log(const Stores& stores, Views& views,
                                          std::span<Projection* const> projections,
                                          const ViewsOptions& options, bool trusted);

/// Where views are made before they take their place; emptied first.
[[nodiscard]] std::expected<std::filesystem::path, EngineFault> place_beside(const Stores& stores);

/// Puts the finished and marked views that lie beside into their place, in one step where the file system can
/// exchange names, and removes the old ones; files that are open stay so. Stopped anywhere in it, a start
/// finds the old views, the new ones, or none. Durable with the next `sync_directory` of the root.
[[nodiscard]] std::expected<void, EngineFault> put_in_place(const Stores& stores);

/// Why the views as they lie there do not count; nullopt where they do. Opens nothing for writing.
[[nodiscard]] std::optional<std::string> why_rebuild(const Stores& stores, const Views& views);

/// Builds the views anew in `views.new/` and puts them in the place of `views/`, closed cleanly. Nobody may
/// have `views/` open.
[[nodiscard]] std::expected<void, EngineFault> rebuild_views(const Stores& stores,
                                                             std::span<Projection* const> projections,
                                                             const ViewsOptions& options);

/// Opens `views/` up to date and marked as open, rebuilding where needed; `notice` hears why.
[[nodiscard]] std::expected<void, EngineFault> open_views(Stores& stores,
                                                          std::span<Projection* const> projections,
                                                          const ViewsOptions& options,
                                                          const std::function<void(std::string)>& notice);

/// Opens everything of a data directory but the views. `read_only`: for tools beside a running server.
[[nodiscard]] std::expected<std::unique_ptr<Stores>, EngineFault> open_stores(
    const std::filesystem::path& data, const std::filesystem::path& master_key,
    std::uint64_t ledger_map_bytes, bool read_only = false);

[[nodiscard]] EngineFault fault_of(EngineFailure kind, std::string detail);
[[nodiscard]] EngineFault fault_of(const StoreFault& fault, std::string_view what);

}  // namespace ledger::store
