// The public list as JSON, CSV (RFC 4180) and Atom (RFC 4287), piece by piece. Pure text, no HTTP.
//
// CSV holds the values exactly as published, so `--` stays `--`: a spreadsheet must import the columns as
// text. No byte order mark. Atom ids are `urn:uuid:` of the announcing event, so they outlive hosts and
// names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "projections/announcements.hpp"
#include "projections/json_writer.hpp"

namespace ledger::projections {

enum class ListFormat : std::uint8_t { json, csv, atom };

/// `application/json`, `text/csv; charset=utf-8; header=present`, `application/atom+xml`.
[[nodiscard]] std::string_view content_type_of(ListFormat format);

/// The members of one item, without the braces, for an object that the caller has begun: those of DESIGN
/// section 8, and `filing_id`, `region`.
void append_members(JsonWriter& json, const Announcement& item);

/// The line of column names; CRLF at its end.
[[nodiscard]] std::string_view csv_header();
/// One item as one line.
void append_csv(std::string& out, const Announcement& item);
/// A field in quotes, inner quotes doubled, where it holds a comma, quote, CR or LF; else as it is.
void append_csv_field(std::string& out, std::string_view text);

/// What a feed says of itself.
struct FeedFacts {
  Uuid ledger_id;        ///< the feed's id
  std::string origin;    ///< the feed's author
  std::string self_url;  ///< of this page; absolute
  std::string next_url;  ///< of the next page without its cursor: up to and including `cursor=`
  std::string item_url;  ///< in front of an item's position, e.g. `https://host/v1/events/`; empty: no links
};

/// One item as an `entry` element.
void append_entry(std::string& out, const Announcement& item, const FeedFacts& facts);

/// One page of the list as a body, a chunk at a time, so that no read transaction outlives a chunk. Which
/// items the page has is settled by the first chunk; each is then shown as its own chunk's snapshot has it,
/// or as it stood at the past position asked of. Not for two threads at once.
class AnnouncementPage {
 public:
  /// `page` is what `Announcements::find` gave for `as_of`; `position` is the last one of the snapshot that
  /// it was asked of, or `as_of`, and `last_change` that of the same. The feed facts matter for Atom only.
  /// `announcements` outlives the page.
  AnnouncementPage(const Announcements& announcements, ListFormat format, Page<std::uint64_t> page,
                   std::uint64_t position, std::optional<Announcements::LastChange> last_change,
                   FeedFacts facts = {}, AsOf as_of = {});

  /// The next piece of the body, some 16 to 64 KiB; nullopt when it is complete. Reads from `views`, a
  /// transaction of a snapshot made for this call alone.
  [[nodiscard]] std::optional<std::string> next_chunk(const store::Transaction& views);

 private:
  void begin(std::string& out) const;
  void append(std::string& out, const Announcement& item, bool first) const;
  void end(std::string& out) const;

  const Announcements& announcements_;
  const ListFormat format_;
  const Page<std::uint64_t> page_;
  const std::uint64_t position_;
  const std::optional<Announcements::LastChange> last_change_;
  const FeedFacts facts_;
  const AsOf as_of_;
  std::size_t done_ = 0;
  bool begun_ = false, ended_ = false;
};

}  // namespace ledger::projections
