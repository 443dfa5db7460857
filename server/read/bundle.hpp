// Collecting the evidence bundle of a filing (`GET /v1/filings/{id}/bundle`, replay/bundle.hpp) for one
// reader, and sending it while it is made: a slow client costs one piece of memory.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "events/store/engine.hpp"
#include "replay/bundle.hpp"
#include "server/http/message.hpp"
#include "server/read/visibility.hpp"

namespace ledger::server {

/// Where a bundle is made from. The functions are called one at a time, on whatever thread asks for the next
/// piece, until the producer is gone.
struct BundleSources {
  std::function<store::Snapshot()> snapshot;
  /// The key of a record, by its id; nullopt once it was destroyed.
  std::function<std::optional<crypto::SecretKey>(const Uuid& record)> record_key;
  /// The inclusion path of the entry at a position in the tree of `size` entries; nullopt where it cannot be
  /// read.
  std::function<std::optional<std::vector<Digest>>(std::uint64_t position)> inclusion_path;
  std::string origin;                               ///< of the log
  std::string checkpoint;                           ///< the signed checkpoint's text
  std::uint64_t size = 0;                           ///< its size: only entries below are in the bundle
  std::size_t bytes_max = replay::kBundleBytesMax;  ///< of the text; what no verifier takes is not begun
};

enum class BundleRefusal : std::uint8_t {
  not_found,  ///< no such filing, none below `size`, or not the reader's to know of: 404
  too_large,  ///< would be longer than `bytes_max`, by a bound from above
};

/// Plans the bundle and answers what makes its text. In it are the filing's stream, its subject's, those of
/// the products that the filing's scopes name, and position 0; what is disclosed is what the reader may open
/// now (sight_of_event). A reader who may not read the scope gets all of the subject's products, so that the
/// choice tells nothing; so does everybody where a scope cannot be opened any more or names what is gone.
/// A filing is there for whom `GET /v1/filings/{id}` shows it to. Blocks for as long as it takes to read
/// these entries once. An entry or a path that cannot be read later ends the body as failed.
[[nodiscard]] std::expected<std::shared_ptr<http::ChunkProducer>, BundleRefusal> collect_bundle(
    BundleSources sources, const Uuid& filing, const Reader& reader);

}  // namespace ledger::server
