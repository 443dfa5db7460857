// What the answers of all reads have in common: content negotiation, headers, the frame of a list.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "projections/json_writer.hpp"
#include "server/api/context.hpp"
#include "server/http/message.hpp"
#include "server/read/query.hpp"
#include "server/read/visibility.hpp"

namespace ledger::server {

/// The offer that an `Accept` text likes best (RFC 9110 section 12.5.1): q-values and specificity count,
/// parameters of media types do not; of equally liked offers the first. nullopt when it takes none of them.
/// An element that cannot be read is as if absent; a text without a readable element takes everything.
[[nodiscard]] std::optional<std::size_t> negotiate(std::string_view accept,
                                                   std::span<const std::string_view> offers);
/// The same for a request; several header lines are one list, none takes everything.
[[nodiscard]] std::optional<std::size_t> negotiate(const http::Request& request,
                                                   std::span<const std::string_view> offers);

/// Who asks, for the rules of visibility.
[[nodiscard]] Reader reader_of(const ReadContext& context);

/// What stands in the way of answering JSON: the query's mistakes, or an `Accept` that does not take JSON.
/// Ask it once every parameter was asked for.
[[nodiscard]] std::optional<http::Response> refuse(const ReadContext& context, const QueryReader& query);

/// Why the body of a request that has no fields is not taken: no JSON object, or one with fields; nullopt for
/// `{}` and for none. Of a command without form that the ledger does not record.
[[nodiscard]] std::optional<http::Response> refuse_fields(const ReadContext& context);

inline constexpr std::string_view kJson = "application/json";
/// For whatever shows private or dated facts (DESIGN section 6).
inline constexpr std::string_view kNoStore = "private, no-store";
/// For what everybody may see: caches keep it and ask again.
inline constexpr std::string_view kRevalidate = "public, no-cache";

/// 200. `position` is that of the snapshot's last event; `version` makes the `ETag` where there is one.
[[nodiscard]] http::Response answer(http::Body body, std::uint64_t position,
                                    std::optional<std::uint64_t> version = std::nullopt,
                                    std::string_view content_type = kJson,
                                    std::string_view cache_control = kNoStore);

/// `{"items":[...],"next_cursor","position"}`.
class ListBody {
 public:
  ListBody() : json_(text_) {
    json_.begin_object();
    json_.key("items");
    json_.begin_array();
  }
  ListBody(const ListBody&) = delete;
  ListBody& operator=(const ListBody&) = delete;

  /// Where the next item goes.
  [[nodiscard]] projections::JsonWriter& json() { return json_; }
  [[nodiscard]] std::size_t size() const { return text_.size(); }
  /// The finished text; the last call.
  [[nodiscard]] std::string finish(const std::optional<std::string>& next_cursor, std::uint64_t position) {
    json_.end_array();
    json_.key("next_cursor");
    if (next_cursor) {
      json_.value(*next_cursor);
    } else {
      json_.raw("null");
    }
    json_.member("position", position);
    json_.end_object();
    return std::move(text_);
  }

 private:
  std::string text_;
  projections::JsonWriter json_;
};

}  // namespace ledger::server
