#include "server/stream/filter.hpp"

#include <algorithm>

#include "projections/announcements.hpp"
#include "server/http/message.hpp"
#include "server/read/position.hpp"

namespace ledger::server {
namespace {

/// All type names with commas between are shorter.
constexpr std::size_t kTypesBytesMax = 2'048;

std::uint64_t read_types(QueryReader& query) {
  const auto text = query.text("type", kTypesBytesMax);
  if (!text) return ~std::uint64_t{0};
  std::uint64_t types = 0;
  std::string_view rest = *text;
  for (bool more = true; more;) {
    const std::size_t comma = rest.find(',');
    const auto type = event_type_from(rest.substr(0, comma));
    if (!type) {
      query.wrong("type", "is not an event type, or a list of them with commas between");
      return 0;
    }
    types |= std::uint64_t{1} << *type;
    more = comma != rest.npos;
    if (more) rest.remove_prefix(comma + 1);
  }
  return types;
}

std::optional<StreamStart> start_after(std::string_view text) {
  const auto position = read_position(text);
  if (!position) return std::nullopt;
  return StreamStart{.head = false, .next = *position + 1};
}

}  // namespace

StreamFilter read_stream_filter(QueryReader& query) {
  StreamFilter filter;
  filter.types = read_types(query);
  if (const auto name = query.text("stream")) {
    filter.stream = StreamId::parse(*name);
    if (!filter.stream) query.wrong("stream", "must be ledger, or subject, product or filing with an id");
  }
  if (const auto filing = query.uuid("filing_id")) {
    if (filter.stream) query.wrong("filing_id", "stands in place of stream");
    filter.stream = StreamId{StreamKind::filing, *filing};
  }
  filter.subject_id = query.uuid("subject_id");
  if (const auto region = query.text("region")) {
    if (const auto prefix = projections::region_prefix(*region)) {
      filter.region = *prefix;
    } else {
      query.wrong("region", "must be 2, 4 or 6 digits of GB/T 2260");
    }
  }
  return filter;
}

StreamStart read_stream_start(QueryReader& query, const http::Request& request) {
  const auto after = query.text("after");
  std::optional<StreamStart> start;
  if (const auto last = request.header("Last-Event-ID")) {
    // A browser that reconnects sends it along with the address it began with.
    if (request.header_count("Last-Event-ID") == 1) start = start_after(*last);
  } else if (!after) {
    return {};
  } else {
    start = *after == "head" ? StreamStart{.head = true, .next = 0} : start_after(*after);
  }
  if (!start) query.bad_cursor();
  return start.value_or(StreamStart{});
}

}  // namespace ledger::server
