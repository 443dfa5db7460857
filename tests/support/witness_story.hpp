// A small log with a key, and another history of it; what its witnesses are sent.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "events/tlog/cosignature.hpp"
#include "events/tlog/tree.hpp"
#include "events/tlog/witness_message.hpp"
#include "server/witness/witness_client.hpp"
#include "tests/support/memory_hashes.hpp"

namespace ledger::test {

inline constexpr std::string_view kWitnessName = "witness.example/w1";

/// True once it holds, within ten seconds: only a broken product lets them run out.
template <typename Holds>
bool eventually(Holds holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

struct LogStory {
  explicit LogStory(std::string log_origin = "ledger.example/2026",
                    crypto::SigningKey log_key = crypto::SigningKey::generate())
      : origin(std::move(log_origin)), key(std::move(log_key)) {
    for (int i = 0; i < 40; ++i) {
      hashes.append(tlog::leaf_hash(bytes_of("event-" + std::to_string(i))));
      // The same up to five entries.
      fork.append(tlog::leaf_hash(bytes_of((i < 5 ? "event-" : "other-") + std::to_string(i))));
    }
  }
  [[nodiscard]] crypto::VerifierKey vkey() const {
    return {.name = origin, .type = crypto::kEd25519Type, .key = key.public_key()};
  }
  [[nodiscard]] static Digest root(const tlog::MemoryHashes& of, std::uint64_t size) {
    return tlog::root_at(of, size).value();
  }
  [[nodiscard]] tlog::SignedCheckpoint checkpoint(std::uint64_t size) const {
    return signed_by(hashes, size);
  }
  [[nodiscard]] tlog::SignedCheckpoint signed_by(const tlog::MemoryHashes& of, std::uint64_t size) const {
    const crypto::SigningKey keys[] = {key};
    return tlog::sign_checkpoint({.origin = origin, .size = size, .root = root(of, size)}, keys);
  }
  [[nodiscard]] tlog::AddCheckpoint request(std::uint64_t from, std::uint64_t to) const {
    return request_of(hashes, from, to);
  }
  [[nodiscard]] tlog::AddCheckpoint request_of(const tlog::MemoryHashes& of, std::uint64_t from,
                                               std::uint64_t to) const {
    tlog::AddCheckpoint made{.old_size = from, .proof = {}, .checkpoint = signed_by(of, to)};
    if (from > 0 && from <= to) made.proof = tlog::consistency_path(of, from, to).value();
    return made;
  }

  std::string origin;
  crypto::SigningKey key;
  tlog::MemoryHashes hashes, fork;
};

/// The story's log at some size, as its witnesses see it.
class StoryLog final : public witness::WitnessedLog {
 public:
  StoryLog(const LogStory& story, std::uint64_t size) : story_(story), size_(size) {}
  void grow_to(std::uint64_t size) {
    const std::scoped_lock lock(mutex_);
    size_ = size;
  }

  tlog::SignedCheckpoint newest() override {
    const std::scoped_lock lock(mutex_);
    return story_.checkpoint(size_);
  }
  tlog::TreeResult<std::vector<Digest>> consistency(std::uint64_t from, std::uint64_t to) override {
    const std::scoped_lock lock(mutex_);  // the hashes count their reads
    return tlog::consistency_path(story_.hashes, from, to);
  }
  void add_cosignatures(const tlog::SignedCheckpoint& checkpoint,
                        std::span<const tlog::NoteSignature> cosignatures) override {
    const std::scoped_lock lock(mutex_);
    cosigned_.push_back(checkpoint);
    for (const auto& line : cosignatures) cosigned_.back().note.signatures.push_back(line);
  }
  void conflict(std::string witness, std::string what) override {
    const std::scoped_lock lock(mutex_);
    conflicts_.emplace_back(std::move(witness), std::move(what));
  }

  [[nodiscard]] std::vector<tlog::SignedCheckpoint> cosigned() const {
    const std::scoped_lock lock(mutex_);
    return cosigned_;
  }
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> conflicts() const {
    const std::scoped_lock lock(mutex_);
    return conflicts_;
  }

 private:
  const LogStory& story_;
  mutable std::mutex mutex_;
  std::uint64_t size_;
  std::vector<tlog::SignedCheckpoint> cosigned_;
  std::vector<std::pair<std::string, std::string>> conflicts_;
};

}  // namespace ledger::test
