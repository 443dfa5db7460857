#include "server/read/answer.hpp"

#include <algorithm>
#include <array>

#include <boost/json/value.hpp>

#include "events/codec/json_reader.hpp"

namespace ledger::server {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || kMarks.find(c) != kMarks.npos;
  });
}

/// The front of `rest` up to `separator`, outside quotes; `rest` then begins behind it.
std::string_view take(std::string_view& rest, char separator) {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < rest.size(); ++end) {
    if (quoted && rest[end] == '\\') {
      ++end;
    } else if (rest[end] == '"') {
      quoted = !quoted;
    } else if (!quoted && rest[end] == separator) {
      break;
    }
  }
  end = std::min(end, rest.size());
  const std::string_view front = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return trim(front);
}

/// A weight in thousandths: `0`, `1`, with up to three decimals (RFC 9110 section 12.4.2).
std::optional<int> read_weight(std::string_view text) {
  if (text.empty() || (text[0] != '0' && text[0] != '1') || text.size() > 5) return std::nullopt;
  int weight = (text[0] - '0') * 1'000;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int unit = 100;
  for (std::size_t i = 2; i < text.size(); ++i, unit /= 10) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    weight += (text[i] - '0') * unit;
  }
  return weight <= 1'000 ? std::optional(weight) : std::nullopt;
}

struct MediaRange {
  std::string_view type;
  std::string_view subtype;
  int weight = 1'000;
};

std::optional<MediaRange> read_range(std::string_view element) {
  const std::string_view name = take(element, ';');
  const std::size_t slash = name.find('/');
  if (slash == name.npos) return std::nullopt;
  MediaRange range{name.substr(0, slash), name.substr(slash + 1)};
  if (!is_token(range.type) || !is_token(range.subtype)) return std::nullopt;
  if (range.type == "*" && range.subtype != "*") return std::nullopt;
  while (!element.empty()) {
    const std::string_view parameter = take(element, ';');
    if (parameter.size() < 2 || lower(parameter[0]) != 'q' || parameter[1] != '=') continue;
    const auto weight = read_weight(parameter.substr(2));
    if (!weight) return std::nullopt;
    range.weight = *weight;
    break;  // what follows the weight belongs to no media type
  }
  return range;
}

/// 0 where a range does not cover an offer; the more specific, the higher.
int specificity(const MediaRange& range, std::string_view offer) {
  const std::size_t slash = offer.find('/');
  if (range.type == "*") return 1;
  if (!same(range.type, offer.substr(0, slash))) return 0;
  if (range.subtype == "*") return 2;
  return same(range.subtype, offer.substr(slash + 1)) ? 3 : 0;
}

}  // namespace

std::optional<std::size_t> negotiate(std::string_view accept, std::span<const std::string_view> offers) {
  struct Rating {
    int specificity = 0;
    int weight = 0;
  };
  std::array<Rating, 8> ratings{};
  const std::size_t count = std::min(offers.size(), ratings.size());
  bool readable = false;
  while (!accept.empty()) {
    const auto range = read_range(take(accept, ','));
    if (!range) continue;
    readable = true;
    for (std::size_t i = 0; i < count; ++i) {
      const int found = specificity(*range, offers[i]);
      if (found > ratings[i].specificity) ratings[i] = {found, range->weight};
    }
  }
  if (!readable) return 0;
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < count; ++i) {
    if (ratings[i].weight > 0 && (!best || ratings[i].weight > ratings[*best].weight)) best = i;
  }
  return best;
}

std::optional<std::size_t> negotiate(const http::Request& request, std::span<const std::string_view> offers) {
  const auto first = request.header("Accept");
  if (!first) return 0;
  if (request.header_count("Accept") == 1) return negotiate(*first, offers);
  std::string all;
  request.each_header("Accept", [&](std::string_view value) {
    all += value;
    all += ',';
  });
  return negotiate(all, offers);
}

Reader reader_of(const ReadContext& context) {
  if (!context.grant) return {};
  return {context.grant->role, context.grant->subject_id};
}

std::optional<http::Response> refuse(const ReadContext& context, const QueryReader& query) {
  if (const auto refusal = query.done()) return problem(context.language, *refusal);
  constexpr std::array offers = {kJson};
  if (!negotiate(context.request, offers)) return problem(context.language, "not_acceptable");
  return std::nullopt;
}

std::optional<http::Response> refuse_fields(const ReadContext& context) {
  if (context.request.body.empty()) return std::nullopt;
  const auto body = codec::parse_json(context.request.body);
  if (!body) {
    ProblemParts parts;
    parts.errors.push_back(body.error());
    return problem(context.language, body.error().code, std::move(parts));
  }
  std::vector<FieldError> errors;
  codec::ObjectReader(body->root(), "", errors).finish();
  if (!errors.empty()) return problem(context.language, std::move(errors));
  return std::nullopt;
}

http::Response answer(http::Body body, std::uint64_t position, std::optional<std::uint64_t> version,
                      std::string_view content_type, std::string_view cache_control) {
  http::Response response;
  response.content_type = content_type;
  response.headers.add("Ledger-Position", std::to_string(position));
  if (version) response.headers.add("ETag", '"' + std::to_string(*version) + '"');
  response.headers.add("Cache-Control", cache_control);
  response.body = std::move(body);
  return response;
}

}  // namespace ledger::server
