#include "server/http/target.hpp"

#include <algorithm>
#include <cstdint>

#include <boost/url/encoding_opts.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/parse_query.hpp>
#include <boost/url/url_view.hpp>

namespace ledger::http {
namespace {

namespace urls = boost::urls;

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string escape_non_ascii(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      escaped.push_back(c);
    } else {
      escaped.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  return escaped;
}

bool is_clean(std::string_view decoded) {
  return decoded.find('\0') == decoded.npos && is_utf8(decoded);
}

bool parse_path(std::string_view text, std::vector<std::string>& path) {
  const auto view = urls::parse_origin_form(urls::string_view(text.data(), text.size()));
  if (!view) return false;
  const auto segments = view->encoded_segments();
  path.reserve(segments.size());
  for (const auto segment : segments) {
    path.push_back(segment.decode());
    if (!is_clean(path.back())) return false;
  }
  return true;
}

bool parse_parameters(std::string_view text, std::vector<QueryParameter>& query) {
  const auto view = urls::parse_query(urls::string_view(text.data(), text.size()));
  if (!view) return false;
  const urls::encoding_opts form(/*space_as_plus=*/true);
  query.reserve(view->size());
  for (const auto parameter : *view) {
    if (parameter.key.empty() && !parameter.has_value) continue;  // `?`, `&&`
    QueryParameter& decoded = query.emplace_back();
    decoded.name = parameter.key.decode(form);
    decoded.value = parameter.value.decode(form);
    if (!is_clean(decoded.name) || !is_clean(decoded.value)) return false;
  }
  return true;
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t tail = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || text.size() - i <= tail) return false;
    std::uint32_t code = lead & (0x3fU >> tail);
    for (std::size_t k = 1; k <= tail; ++k) {
      const auto byte = static_cast<unsigned char>(text[i + k]);
      if ((byte & 0xc0) != 0x80) return false;
      code = (code << 6) | (byte & 0x3fU);
    }
    const bool longer_than_needed = (tail == 2 && code < 0x800) || (tail == 3 && code < 0x10000);
    if (longer_than_needed || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
    i += tail + 1;
  }
  return true;
}

bool parse_target(std::string_view text, Target& target) {
  std::string escaped;
  if (!is_ascii(text)) {
    escaped = escape_non_ascii(text);
    text = escaped;
  }
  const std::size_t mark = text.find('?');
  if (!parse_path(text.substr(0, mark), target.path)) return false;
  if (mark != text.npos && !parse_parameters(text.substr(mark + 1), target.query)) {
    target.query_malformed = true;
    target.query.clear();
  }
  return true;
}

}  // namespace ledger::http
