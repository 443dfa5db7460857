// Checks what lies beside the log: sealed values against their commitments, the vault, the documents, and
// that erasures were carried out. Without keys it checks the form of the sealed values alone.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "events/codec/entry_codec.hpp"
#include "events/crypto/commitment.hpp"
#include "events/store/documents.hpp"
#include "events/store/vault.hpp"
#include "replay/verify_problem.hpp"

namespace ledger::replay {

/// What opens private values; all of it or none.
struct PrivateStores {
  const crypto::MasterKey* master = nullptr;
  const store::Vault* vault = nullptr;
  const store::DocumentStore* documents = nullptr;
};

struct PrivateFigures {
  std::uint64_t opened = 0;            ///< values opened and equal to their commitments
  std::uint64_t erased = 0;            ///< values whose key is gone
  std::uint64_t documents = 0;         ///< documents read whole
  std::uint64_t closed_documents = 0;  ///< documents whose key is gone
  std::uint64_t vault_records = 0;     ///< keys in the vault, each opened
  std::uint64_t document_bytes = 0;
};

/// The machine failed: says nothing about the ledger.
class KeyFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One thread. A failure of the machine throws KeyFailure. The stores may be those of a live server: what is
/// erased while this runs is no problem.
class PrivateCheck {
 public:
  explicit PrivateCheck(const PrivateStores& stores) : stores_(stores) {}

  void set_origin(std::string origin) { origin_ = std::move(origin); }
  /// The row of sealed values beside an event; empty where it has none. `subject`: whose documents it names.
  void event(const Event& event, const codec::EntryParts& parts, Bytes row,
             const std::optional<Uuid>& subject, VerifyProblems& problems);
  /// Reads the documents that events named since the last call. Between stretches: it takes its time.
  void read_documents(const std::function<bool()>& should_stop, VerifyProblems& problems);
  /// Behind the last event: every key of the vault, and every document that no event named.
  void end(const std::function<bool()>& should_stop, VerifyProblems& problems);

  /// Keys that are gone though no erasure of the log so far names them.
  void report_gone(VerifyProblems& problems) const;
  /// Keys that are still there though an erasure names them.
  void report_not_carried_out(VerifyProblems& problems) const;

  [[nodiscard]] const PrivateFigures& figures() const { return figures_; }

 private:
  struct Named {
    std::uint64_t position;
    Uuid subject;
    Digest digest;
  };
  /// The error is what is wrong with the key's row.
  [[nodiscard]] std::expected<std::optional<crypto::SecretKey>, std::string> key_of(const Uuid& record) const;
  [[nodiscard]] const crypto::RecordSealer* sealer_of(const Uuid& record, std::uint64_t position,
                                                      VerifyProblems& problems);
  void value(const Event& event, const codec::CommitmentRow& committed, const crypto::RecordSealer& sealer,
             Bytes sealed, const std::optional<Uuid>& subject, VerifyProblems& problems);
  void read_document(const Named& named, VerifyProblems& problems);
  void name_document(std::uint64_t position, const std::optional<Uuid>& subject,
                     const std::optional<Digest>& digest);
  void check_vault(const std::function<bool()>& should_stop, VerifyProblems& problems);
  void check_files(const std::function<bool()>& should_stop, VerifyProblems& problems);

  const PrivateStores stores_;
  std::string origin_;
  std::unordered_map<Uuid, std::optional<crypto::RecordSealer>> sealers_;
  std::uint32_t epoch_ = 0;                       ///< of the vault that they come from
  std::unordered_map<Uuid, std::uint64_t> gone_;  ///< records without a key, by the first event that needs it
  std::unordered_map<Uuid, std::uint64_t> erased_;  ///< records that the log says are erased, by the event
  std::vector<Named> named_;                        ///< not read yet
  std::unordered_set<std::string> seen_;            ///< subject and keyed name of documents that were read
  PrivateFigures figures_;
};

}  // namespace ledger::replay
