// The newest events of the log as live subscribers see them, made once before all are woken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <shared_mutex>

#include "server/stream/feed.hpp"

namespace ledger::server {

/// Answers from memory, without a transaction, what nearly every live subscriber asks: what came since a
/// moment ago. One thread takes in, any thread reads pages. Bounded in events and in bytes.
class NewestEvents {
 public:
  static constexpr std::size_t kEventsMax = 4'096;

  explicit NewestEvents(std::size_t bytes_max = std::size_t{16} << 20) : bytes_max_(bytes_max) {}

  /// Takes in what the log has grown by; begins anew at its end where that is too much, or where a key was
  /// destroyed. `heard` is how often the bell had rung before: a reader who has seen all that is here has
  /// heard so much. With `granted`, events are made for those with a token, too. Throws StoreDamage.
  void take_in(const store::Engine& engine, RenderedEvents& rendered, std::uint64_t heard, bool granted);
  /// Empties it: every page is asked of the log again.
  void forget();

  struct Page {
    FeedPage page;
    std::uint64_t heard = 0;
  };
  /// The page that Feed::read would give for a log that ends where this does; nullopt where that has to be
  /// asked: the cursor lies elsewhere, the log says something new about who may see what, a filter or a
  /// private value needs the store. Whether the grant has expired is for the caller to ask.
  [[nodiscard]] std::optional<Page> page(const FeedRequest& request, const PageLimits& limits,
                                         const RenderedEvents& rendered, std::uint32_t key_epoch) const;

 private:
  struct Entry {
    StreamId stream;
    EventType type = 0;
    EventFacts facts;
    EventOwner owner;  ///< as it was when this was taken in
    RenderedEvents::Text committed, public_;
    [[nodiscard]] std::size_t bytes() const {
      return (committed ? committed->size() : 0) + (public_ ? public_->size() : 0);
    }
  };
  enum class Look : std::uint8_t { passed, taken, unknown };

  [[nodiscard]] Look look_at(std::uint64_t position, const FeedRequest& request,
                             const RenderedEvents& rendered, FeedPage& page, std::size_t& bytes) const;
  [[nodiscard]] std::uint64_t end() const { return first_ + entries_.size(); }
  void restart(std::uint64_t at, std::uint32_t key_epoch);
  void add(Entry entry);
  void drop_oldest();

  const std::size_t bytes_max_;
  mutable std::shared_mutex mutex_;
  // Guarded by mutex_; the thread that takes in is the only one that writes.
  bool begun_ = false;
  std::uint64_t first_ = 0;  ///< the position of entries_[0], or where the log ended
  std::deque<Entry> entries_;
  std::map<StreamId, std::deque<std::uint64_t>> by_stream_;  ///< positions, rising
  std::size_t bytes_ = 0;
  std::uint32_t key_epoch_ = 0;
  std::uint64_t heard_ = 0;
};

}  // namespace ledger::server
