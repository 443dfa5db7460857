// What the product is measured against: the plainest Beast servers that do the same work.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace ledger::bench {

/// Serves on 127.0.0.1 with as many threads as the product until destroyed.
class BareServer {
 public:
  /// Answers every request with these bytes.
  [[nodiscard]] static std::unique_ptr<BareServer> answering(std::string body, unsigned threads);

  /// Takes each body as an event: one writer thread commits what is queued as one durable LMDB transaction
  /// (one row of `entry_bytes` and one of the body's size per event, appended) and as one unsynced
  /// transaction of two rows per event in another environment, and answers after both. No decision, no
  /// sealing, no idempotency.
  [[nodiscard]] static std::unique_ptr<BareServer> committing(const std::filesystem::path& directory,
                                                              std::size_t entry_bytes, std::string answer,
                                                              unsigned threads);
  ~BareServer();
  [[nodiscard]] std::uint16_t port() const;

  struct Impl;

 private:
  explicit BareServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ledger::bench
