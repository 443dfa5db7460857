// Rendered answers that stay right for ever, kept while they are asked for: their key names all that they
// depend on, the position included. Bounded by bytes, least recently used out first.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace ledger::server {

/// Any thread.
class BodyCache {
 public:
  using Body = std::shared_ptr<const std::string>;

  /// `bytes_max` bounds keys and bodies together.
  explicit BodyCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// Null where it is not kept.
  [[nodiscard]] Body find(std::string_view key) {
    const std::lock_guard lock(mutex_);
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->body;
  }

  /// Keeps a body, unless it alone is above the bound.
  void put(std::string key, Body body) {
    const std::size_t bytes = key.size() + body->size() + kOverhead;
    if (bytes > bytes_max_) return;
    const std::lock_guard lock(mutex_);
    if (by_key_.contains(key)) return;
    entries_.push_front({std::move(key), std::move(body), bytes});
    by_key_.emplace(entries_.front().key, entries_.begin());
    bytes_ += bytes;
    while (bytes_ > bytes_max_) {
      bytes_ -= entries_.back().bytes;
      by_key_.erase(entries_.back().key);
      entries_.pop_back();
    }
  }

  [[nodiscard]] std::size_t bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  static constexpr std::size_t kOverhead = 256;  // list, map and string headers, about
  struct Entry {
    std::string key;
    Body body;
    std::size_t bytes = 0;
  };

  const std::size_t bytes_max_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;                                                 // the front was used last
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;  // views of the entries' keys
  std::size_t bytes_ = 0;
};

}  // namespace ledger::server
