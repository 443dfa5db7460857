#include "server/api/negotiation.hpp"

#include <algorithm>
#include <charconv>

#include "server/api/problem.hpp"

namespace ledger::server {
namespace {

constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Cuts the part before the next `separator` off `rest`, trimmed.
std::string_view next_part(std::string_view& rest, char separator) {
  const std::size_t at = rest.find(separator);
  const std::string_view part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
  return trimmed(part);
}

/// All lines of a header as one list (RFC 9110 section 5.3); nullopt when there is none.
std::optional<std::string> joined(const http::Request& request, std::string_view name) {
  std::optional<std::string> text;
  request.each_header(name, [&](std::string_view value) {
    if (text) {
      *text += ", ";
      *text += value;
    } else {
      text = std::string(value);
    }
  });
  return text;
}

/// A weight of RFC 9110 section 12.4.2 in thousandths; a malformed one counts as 0, so that it chooses
/// nothing.
int weight_of(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return 0;
  if (text.size() > 1 && text[1] != '.') return 0;
  int weight = (text[0] - '0') * 1000;
  int unit = 100;
  for (const char c : text.substr(std::min<std::size_t>(2, text.size()))) {
    if (c < '0' || c > '9') return 0;
    weight += (c - '0') * unit;
    unit /= 10;
  }
  return std::min(weight, 1000);
}

/// One entity tag at the front of `rest`, taken off it.
struct EntityTag {
  bool weak = false;
  std::string_view opaque;  // without the quotes
};

std::optional<EntityTag> take_tag(std::string_view& rest) {
  EntityTag tag;
  if (rest.starts_with("W/")) {
    tag.weak = true;
    rest.remove_prefix(2);
  }
  if (rest.empty() || rest.front() != '"') return std::nullopt;
  const std::size_t end = rest.find('"', 1);
  if (end == std::string_view::npos) return std::nullopt;
  tag.opaque = rest.substr(1, end - 1);
  for (const char c : tag.opaque) {
    // etagc of RFC 9110 section 8.8.3: no blanks, no controls.
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return std::nullopt;
  }
  rest.remove_prefix(end + 1);
  return tag;
}

/// Calls `visit(tag)` for each tag of a list; false when the list is malformed or holds none. Empty elements
/// are allowed, as RFC 9110 section 5.6.1.2 asks of recipients.
template <typename Visit>
bool each_tag(std::string_view list, Visit&& visit) {
  bool any = false;
  std::string_view rest = trimmed(list);
  while (!rest.empty()) {
    if (rest.front() == ',') {
      rest = trimmed(rest.substr(1));
      continue;
    }
    const auto tag = take_tag(rest);
    if (!tag) return false;
    visit(*tag);
    any = true;
    rest = trimmed(rest);
    if (!rest.empty() && rest.front() != ',') return false;
  }
  return any;
}

/// A version as our tags write it: decimal, no sign, no leading zero.
std::optional<std::uint64_t> version_of(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  std::uint64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return version;
}

}  // namespace

Language language_of(std::string_view accept_language) {
  // The weight of the best range that names each language; -1 where none does.
  int zh = -1;
  int en = -1;
  int any = -1;
  std::size_t order = 0;
  std::size_t zh_at = 0;
  std::size_t en_at = 0;
  std::string_view rest = accept_language;
  while (!rest.empty()) {
    std::string_view item = next_part(rest, ',');
    const std::string_view range = next_part(item, ';');
    int weight = 1000;
    while (!item.empty()) {
      const std::string_view parameter = next_part(item, ';');
      if (parameter.size() >= 2 && lower(parameter[0]) == 'q' && parameter[1] == '=') {
        weight = weight_of(parameter.substr(2));
      }
    }
    ++order;
    const std::string_view primary = range.substr(0, range.find('-'));
    if (equal_ignoring_case(primary, "zh")) {
      if (weight > zh) zh = weight, zh_at = order;
    } else if (equal_ignoring_case(primary, "en")) {
      if (weight > en) en = weight, en_at = order;
    } else if (range == "*") {
      any = std::max(any, weight);
    }
  }
  if (zh < 0) zh = any, zh_at = order + 2;
  if (en < 0) en = any, en_at = order + 1;
  if (zh <= 0) return Language::en;
  if (en <= 0 || zh > en) return Language::zh;
  return zh == en && zh_at < en_at ? Language::zh : Language::en;
}

Language language_of(const http::Request& request) {
  const auto text = joined(request, "Accept-Language");
  return text ? language_of(*text) : Language::en;
}

std::expected<store::ExpectedVersion, std::string_view> parse_if_match(std::string_view text) {
  store::ExpectedVersion expected;
  if (trimmed(text) == "*") {
    expected.any = true;
    return expected;
  }
  const bool read = each_tag(text, [&](const EntityTag& tag) {
    if (tag.weak) return;
    if (const auto version = version_of(tag.opaque)) expected.versions.push_back(*version);
  });
  if (!read) return std::unexpected("bad_precondition");
  return expected;
}

std::expected<std::optional<store::ExpectedVersion>, std::string_view> if_match_of(
    const http::Request& request) {
  const auto text = joined(request, "If-Match");
  if (!text) return std::nullopt;
  auto expected = parse_if_match(*text);
  if (!expected) return std::unexpected(expected.error());
  return std::optional(std::move(*expected));
}

bool none_match_fails(const http::Request& request, std::string_view etag) {
  const auto text = joined(request, "If-None-Match");
  if (!text) return false;
  if (trimmed(*text) == "*") return true;
  const std::string_view opaque = etag.substr(1, etag.size() - 2);
  bool named = false;
  const bool read = each_tag(*text, [&](const EntityTag& tag) { named = named || tag.opaque == opaque; });
  return read && named;
}

std::expected<std::optional<std::string>, std::string_view> idempotency_key_of(const http::Request& request) {
  const auto value = request.header("Idempotency-Key");
  if (!value) return std::nullopt;
  const bool printable = std::ranges::all_of(*value, [](char c) { return c >= 0x20 && c <= 0x7e; });
  if (value->empty() || value->size() > 255 || !printable || request.header_count("Idempotency-Key") != 1) {
    return std::unexpected("bad_idempotency_key");
  }
  return std::optional(std::string(*value));
}

std::optional<TraceParent> trace_of(const http::Request& request) {
  if (request.header_count("traceparent") != 1) return std::nullopt;
  return TraceParent::parse(*request.header("traceparent"));
}

Credentials credentials_of(const http::Request& request) {
  const std::size_t count = request.header_count("Authorization");
  if (count == 0) return {};
  Credentials credentials{.kind = Credentials::Kind::malformed, .token = {}};
  if (count > 1) return credentials;
  const std::string_view value = trimmed(*request.header("Authorization"));
  const std::size_t blank = value.find(' ');
  if (blank == std::string_view::npos || !equal_ignoring_case(value.substr(0, blank), "Bearer")) {
    return credentials;
  }
  const std::string_view token = trimmed(value.substr(blank));
  if (token.empty()) return credentials;
  credentials.kind = Credentials::Kind::bearer;
  credentials.token = token;
  return credentials;
}

bool is_json_type(std::string_view content_type) {
  std::string_view rest = content_type;
  if (!equal_ignoring_case(next_part(rest, ';'), "application/json")) return false;
  while (!rest.empty()) {
    const std::string_view parameter = next_part(rest, ';');
    if (parameter.empty()) continue;
    if (!equal_ignoring_case(parameter, "charset=utf-8") &&
        !equal_ignoring_case(parameter, "charset=\"utf-8\"")) {
      return false;
    }
  }
  return true;
}

}  // namespace ledger::server
