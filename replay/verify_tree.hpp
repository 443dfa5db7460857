// Checks the stored hashes and checkpoints of a log while its entries go by: every hash is computed anew from
// the entries and compared with what is stored.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "events/store/entry_store.hpp"
#include "replay/verify_problem.hpp"

namespace ledger::replay {

/// One thread. Entries are given in order, in stretches that each have one reader.
class TreeCheck {
 public:
  /// A stretch begins; `reader` lives until `end_stretch`.
  void begin_stretch(const store::EntryReader& reader);
  /// The next entry, against its stored hash.
  void entry(Bytes entry, VerifyProblems& problems);
  /// The nodes that the stretch completed, against their stored rows.
  void end_stretch(VerifyProblems& problems);
  /// Behind the last entry of the log as `reader` has it: rows that are not full yet, padding included, and
  /// that there are no others.
  void end_log(const store::EntryReader& reader, VerifyProblems& problems);

  /// Entries so far.
  [[nodiscard]] std::uint64_t size() const { return rows_.size(); }
  [[nodiscard]] Digest root() const { return rows_.root(); }

 private:
  void compare(const store::EntryReader& reader, const tlog::HashRow& row, VerifyProblems& problems) const;
  tlog::GrowingRows rows_;
  std::map<unsigned, tlog::HashRow> unfilled_;  ///< by level: the last row, as of the last stretch's end
  const store::EntryReader* reader_ = nullptr;
  std::optional<Bytes> leaf_row_;  ///< that the next entry's hash stands in
};

/// Checks kept checkpoints.
class CheckpointCheck {
 public:
  explicit CheckpointCheck(std::string origin) : origin_(std::move(origin)) {}

  /// Keys that are in force from here on; they are known ever after.
  void learn(std::span<const std::string> vkeys);
  /// A checkpoint of the first `size` entries: `root` is theirs, `at` the recorded time of the last of them.
  /// `vkeys` are in force there.
  void check(const store::KeptCheckpoint& kept, const Digest& root, TimestampUs at,
             std::span<const std::string> vkeys, VerifyProblems& problems);

  [[nodiscard]] std::uint64_t checkpoints() const { return checkpoints_; }
  /// Signatures of the log's keys that verified.
  [[nodiscard]] std::uint64_t signatures() const { return signatures_; }

 private:
  [[nodiscard]] std::string fault_of(const store::KeptCheckpoint& kept, const Digest& root, TimestampUs at,
                                     std::span<const std::string> vkeys);
  const std::string origin_;
  std::vector<std::string> known_;
  std::vector<crypto::VerifierKey> keys_;  ///< the same, read
  std::uint64_t checkpoints_ = 0, signatures_ = 0;
};

}  // namespace ledger::replay
