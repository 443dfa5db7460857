// Documents over HTTP: uploads streamed to the sealed store, downloads streamed back to those allowed,
// quotas, and the sweep of what nobody named. Source: DESIGN section 5, "Documents".
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "events/core/commands.hpp"
#include "events/core/states.hpp"
#include "server/api/context.hpp"
#include "server/api/options.hpp"
#include "server/http/handler.hpp"

namespace ledger::store {
class Engine;
}

namespace ledger::server {

class Metrics;

/// Everything about documents that needs the open ledger. Safe from any thread; uploads and downloads run on
/// the transport's workers.
class Documents {
 public:
  /// All three outlive this object and every sink it makes.
  Documents(store::Engine& engine, const Options& options, Metrics& metrics);
  ~Documents();

  /// Why this caller may not upload, before a byte is read: 403 for all but filers, 409 `subject_closed`, 413
  /// `document_too_large` by the announced length, 422 `document_empty` for an announced nothing.
  [[nodiscard]] std::optional<http::Response> refuse_upload(
      Language language, const GrantState& grant, std::optional<std::uint64_t> announced_bytes) const;
  /// Takes the body of an upload that was not refused; answers 201 `{digest, size}` once it is durable.
  /// `mark` is put on every answer.
  [[nodiscard]] std::unique_ptr<http::BodySink> receive(Language language, const GrantState& grant,
                                                        std::uint32_t mark);

  /// Answers `GET /v1/documents/{digest}`; `digest` is the captured text.
  [[nodiscard]] http::Response download(const http::Request& request, std::string_view digest,
                                        Language language, const std::optional<GrantState>& grant) const;

  /// Removes documents that no entry and no current draft names, uploaded longer ago than the options allow.
  /// Returns how many went. Blocks on the disk; stops early once `stop` says so.
  std::size_t sweep(TimestampUs now, const std::function<bool()>& stop);

  /// A command that may name documents is on its way: until `leave`, the sweep removes nothing, so that no
  /// decision sees a document that is gone at its commit.
  void enter();
  void leave();
  [[nodiscard]] static bool names_documents(const Command& command);

 private:
  class Upload;
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace ledger::server
