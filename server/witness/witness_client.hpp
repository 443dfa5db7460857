// The ledger's side of c2sp.org/tlog-witness: each configured witness is asked to cosign the newest
// checkpoint, in the background, for ever. A witness that cannot be reached never stops filing; one that
// holds another history stops signing.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/types.hpp"
#include "events/crypto/signing_key.hpp"
#include "events/tlog/checkpoint.hpp"
#include "events/tlog/note.hpp"
#include "events/tlog/tree.hpp"
#include "server/witness/http_client.hpp"

namespace ledger::witness {

/// The log as its witnesses need it. Called from one thread a witness, at any time; may block for a read or a
/// commit, not for the network.
class WitnessedLog {
 public:
  virtual ~WitnessedLog() = default;
  /// The newest published checkpoint, with the log's own signatures only.
  [[nodiscard]] virtual tlog::SignedCheckpoint newest() = 0;
  /// The consistency proof between two sizes, 0 < from <= to <= the newest one's.
  [[nodiscard]] virtual tlog::TreeResult<std::vector<Digest>> consistency(std::uint64_t from,
                                                                          std::uint64_t to) = 0;
  /// Cosignatures of this checkpoint, verified; it need not be the newest any more.
  virtual void add_cosignatures(const tlog::SignedCheckpoint& checkpoint,
                                std::span<const tlog::NoteSignature> cosignatures) = 0;
  /// The witness of this name holds another history, or a longer one, than this ledger: no more checkpoint
  /// may be signed until an operator has found out why. `what` is one line for the alarm.
  virtual void conflict(std::string witness, std::string what) = 0;
};

struct WitnessConfig {
  crypto::VerifierKey key;
  UrlPrefix url;  ///< of its submissions: `add-checkpoint` lies below
  /// Reads `VKEY URL`, a blank between them. Only cosignature keys (type 0x04), only http and https.
  [[nodiscard]] static std::expected<WitnessConfig, std::string> parse(std::string_view text);
};

/// What a witness makes of the ledger.
enum class WitnessVerdict : std::uint8_t {
  agrees,       ///< it has cosigned the newest checkpoint
  unknown_log,  ///< it does not follow this log, or does not know the key that signed
  unavailable,  ///< no answer, or none that can be believed
  ahead,        ///< it has cosigned more entries than the ledger holds: the ledger was rolled back
  conflict,     ///< it holds another history
};
/// The value's own name, for metrics and logs.
[[nodiscard]] std::string_view name_of(WitnessVerdict verdict);

struct WitnessOpinion {
  WitnessVerdict verdict = WitnessVerdict::unavailable;
  std::uint64_t size = 0;  ///< cosigned now, or, where it is ahead, what it says it has seen
  std::string detail;      ///< why it does not agree; one line
};

/// Asks one witness now: does it know more than the newest checkpoint, or another history? A witness that
/// stands at or below the ledger's size is asked to cosign, which proves that the ledger only grew; what it
/// cosigns goes to the log. Nothing is called on a conflict: the verdict says it. Blocks for `timeout` at
/// most.
[[nodiscard]] WitnessOpinion ask_witness(const WitnessConfig& config, WitnessedLog& log,
                                         std::chrono::milliseconds timeout, HttpLimits limits = {});

/// How it stands with one witness, for /metrics.
struct WitnessStanding {
  std::string name;
  std::string url;
  bool asked = false;  ///< at least one round has ended
  WitnessVerdict verdict = WitnessVerdict::unavailable;
  std::uint64_t cosigned_size = 0;  ///< of the last checkpoint it cosigned in this process; 0: none yet
  TimestampUs cosigned_at;          ///< when that came
  unsigned failures = 0;            ///< rounds without a cosignature since then
  std::string reason;               ///< of the last failure; stays when it agrees again
};

struct WitnessTimes {
  std::chrono::milliseconds interval{1'000};     ///< between two checkpoints sent to one witness, at least
  std::chrono::milliseconds retry_first{1'000};  ///< after the first failure; doubles with each further one
  std::chrono::milliseconds retry_longest{60'000};
  HttpLimits http;
};

/// Keeps all witnesses up to date, one thread each.
class WitnessClients {
 public:
  /// Begins at once. The log must outlive this.
  WitnessClients(std::vector<WitnessConfig> configs, WitnessedLog& log, WitnessTimes times = {});
  ~WitnessClients();
  WitnessClients(const WitnessClients&) = delete;
  WitnessClients& operator=(const WitnessClients&) = delete;

  /// A newer checkpoint is out. Any thread; cheap.
  void ring();
  /// In the order of the configs. Any thread.
  [[nodiscard]] std::vector<WitnessStanding> standings() const;
  /// Cuts what is under way and waits for the threads; nothing of the log is called afterwards. One thread at
  /// a time.
  void stop();

 private:
  class Worker;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace ledger::witness
