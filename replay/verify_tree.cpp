#include "replay/verify_tree.hpp"

#include <algorithm>
#include <cstring>

namespace ledger::replay {
namespace {

using tlog::kRowHeight;
using tlog::kRowWidth;

/// How many rows of a stored level a log of this size has.
std::uint64_t rows_of(unsigned level, std::uint64_t size) {
  return (tlog::stored_hashes(level, size) + kRowWidth - 1) / kRowWidth;
}

}  // namespace

// ---- hashes

void TreeCheck::begin_stretch(const store::EntryReader& reader) {
  reader_ = &reader;
  leaf_row_ = reader.hash_row(0, size() / kRowWidth);
}

void TreeCheck::entry(Bytes entry, VerifyProblems& problems) {
  const std::uint64_t position = size();
  const std::size_t place = position % kRowWidth;
  if (place == 0) leaf_row_ = reader_->hash_row(0, position / kRowWidth);
  const Digest leaf = tlog::leaf_hash(entry);
  if (!leaf_row_) {
    problems.push_back({position, "the hash of the entry is missing"});
  } else if (std::memcmp(leaf_row_->data() + place * sizeof leaf, leaf.bytes.data(), sizeof leaf) != 0) {
    problems.push_back({position, "the entry does not have the hash that is stored for it"});
  }
  rows_.append(leaf);
}

void TreeCheck::end_stretch(VerifyProblems& problems) {
  for (tlog::HashRow& row : rows_.take()) {
    if (row.hashes.back() == Digest{}) {
      unfilled_.insert_or_assign(row.level, std::move(row));
      continue;
    }
    unfilled_.erase(row.level);
    // Every hash of a full row of leaves was compared as its entry went by.
    if (row.level > 0) compare(*reader_, row, problems);
  }
  reader_ = nullptr;
  leaf_row_.reset();
}

void TreeCheck::compare(const store::EntryReader& reader, const tlog::HashRow& row,
                        VerifyProblems& problems) const {
  const auto stored = reader.hash_row(row.level, row.index);
  for (std::size_t i = 0; i < kRowWidth; ++i) {
    const Digest& hash = row.hashes[i];
    if (stored && std::memcmp(stored->data() + i * sizeof hash, hash.bytes.data(), sizeof hash) == 0)
      continue;
    const std::uint64_t first = (row.index * kRowWidth + i) << row.level;
    const std::uint64_t last = std::min(first + (std::uint64_t{1} << row.level), size()) - 1;
    std::string what = "the stored hash of level " + std::to_string(row.level) + ", row " +
                       std::to_string(row.index) + ", place " + std::to_string(i);
    if (!stored) {
      what += " is missing";
    } else if (hash == Digest{}) {
      what += " should not be there yet";
    } else {
      what += " is not that of the entries " + std::to_string(first) + " to " + std::to_string(last);
    }
    problems.push_back({std::min(last, size() - 1), std::move(what)});
    return;
  }
}

void TreeCheck::end_log(const store::EntryReader& reader, VerifyProblems& problems) {
  for (const auto& [level, row] : unfilled_) compare(reader, row, problems);
  std::uint64_t node_rows = 0;
  for (unsigned level = kRowHeight; level < 64; level += kRowHeight) node_rows += rows_of(level, size());
  const store::EntryReader::Counts counts = reader.counts();
  if (counts.leaf_rows != rows_of(0, size()) || counts.node_rows != node_rows)
    problems.push_back({size() - 1, "there are stored hashes of more entries than the log has"});
}

// ---- checkpoints

void CheckpointCheck::learn(std::span<const std::string> vkeys) {
  for (const std::string& vkey : vkeys) {
    if (std::ranges::find(known_, vkey) != known_.end()) continue;
    known_.push_back(vkey);
    if (auto key = crypto::VerifierKey::parse(vkey)) keys_.push_back(std::move(*key));
  }
}

std::string CheckpointCheck::fault_of(const store::KeptCheckpoint& kept, const Digest& root, TimestampUs at,
                                      std::span<const std::string> vkeys) {
  const auto parsed = tlog::parse_checkpoint(kept.text);
  if (!parsed) return "does not read: " + parsed.error().message();
  const tlog::Checkpoint& checkpoint = parsed->checkpoint;
  if (checkpoint.size != kept.size) return "is of another size, " + std::to_string(checkpoint.size);
  if (checkpoint.origin != origin_) return "is of another log, " + checkpoint.origin;
  if (checkpoint.root != root) return "has another root than the entries before it give";
  if (kept.at != at) return "is not dated like the entry before it";
  const auto signers = tlog::verify_checkpoint(*parsed, keys_, {});
  if (!signers) return "is not signed: " + signers.error().message();
  for (const std::string& vkey : vkeys) {
    const bool signed_by = std::ranges::any_of(
        signers->log, [&](const tlog::VerifiedSignature& one) { return keys_[one.key].text() == vkey; });
    if (!signed_by) return "lacks the signature of a key in force, " + vkey;
  }
  signatures_ += signers->log.size();
  return {};
}

void CheckpointCheck::check(const store::KeptCheckpoint& kept, const Digest& root, TimestampUs at,
                            std::span<const std::string> vkeys, VerifyProblems& problems) {
  ++checkpoints_;
  if (std::string fault = fault_of(kept, root, at, vkeys); !fault.empty()) {
    problems.push_back(
        {kept.size - 1, "the checkpoint of " + std::to_string(kept.size) + " events " + std::move(fault)});
  }
}

}  // namespace ledger::replay
