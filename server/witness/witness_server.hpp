// A witness (c2sp.org/tlog-witness) as the application behind a transport:
//   POST /add-checkpoint              cosigns a checkpoint that only grew from what was seen before
//   GET  /<origin hash>/checkpoint    the latest one cosigned
//   GET  /healthz                     `ok`, 503 once it must not sign any more
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "events/crypto/signing_key.hpp"
#include "server/http/handler.hpp"
#include "server/witness/witness_store.hpp"

namespace ledger::witness {

struct WitnessOptions {
  std::string name;
  /// The logs followed, by the names of their Ed25519 keys; several keys of one origin while they rotate.
  std::vector<crypto::VerifierKey> log_keys;
  std::size_t queue_max = 64;  ///< requests that wait for the disk; beyond: 503
  /// Seconds since the epoch, for cosignatures; empty: the machine's clock.
  std::function<std::uint64_t()> now;
  enum class Level : std::uint8_t { info, alarm };
  /// One line about what was cosigned, or refused and ought to be looked at. Any thread.
  std::function<void(Level, const std::string&)> on_notice;
  /// The store is in an unknown state: nothing is signed any more, the process ought to end.
  std::function<void()> on_broken;
};

/// Requests wait in a bounded queue for one worker, which alone writes: io threads never wait for the disk.
class WitnessServer final : public http::Handler {
 public:
  /// The store must outlive this.
  WitnessServer(WitnessStore& store, WitnessOptions options);
  /// After the transport has stopped; what still waits gets 503.
  ~WitnessServer() override;

  [[nodiscard]] http::Admission admit(const http::Request& head) override;
  void handle(http::Request&& request, http::Reply reply) override;
  [[nodiscard]] http::Response problem(const http::Problem& problem) override;
  void fault(std::string_view what) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ledger::witness
