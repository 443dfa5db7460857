#include "server/http/target.hpp"

#include <algorithm>
#include <cstdint>

#include <boost/url/encoding_opts.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/pct_string_view.hpp>
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

// Decodes one piece that holds no separator any more. False: a bad escape, NUL, or invalid UTF-8.
bool decode(std::string_view text, const urls::encoding_opts& options, std::string& decoded) {
  const auto view = urls::make_pct_string_view(urls::string_view(text.data(), text.size()));
  if (!view) return false;
  decoded = view->decode(options);
  return is_clean(decoded);
}

// Calls `visit(piece)` for each piece between `mark`s until it says false.
template <typename Visit>
bool each_piece(std::string_view text, char mark, Visit&& visit) {
  for (;;) {
    const std::size_t end = text.find(mark);
    if (!visit(text.substr(0, end))) return false;
    if (end == text.npos) return true;
    text.remove_prefix(end + 1);
  }
}

// Boost.URL judges the grammar and decodes; the splitting is ours, since its iterators of 1.81 read past the
// end of a query that ends in `&`.
bool parse_path(std::string_view text, std::vector<std::string>& path) {
  if (!urls::parse_origin_form(urls::string_view(text.data(), text.size()))) return false;
  if (text == "/") return true;
  path.reserve(static_cast<std::size_t>(std::count(text.begin(), text.end(), '/')));
  return each_piece(text.substr(1), '/', [&](std::string_view piece) {
    return decode(piece, urls::encoding_opts(), path.emplace_back());
  });
}

bool parse_parameters(std::string_view text, std::vector<QueryParameter>& query) {
  const urls::encoding_opts form(/*space_as_plus=*/true);
  return each_piece(text, '&', [&](std::string_view piece) {
    if (piece.empty()) return true;  // `?`, `&&`
    const std::size_t equals = std::min(piece.find('='), piece.size());
    QueryParameter& parameter = query.emplace_back();
    return decode(piece.substr(0, equals), form, parameter.name) &&
           decode(piece.substr(std::min(equals + 1, piece.size())), form, parameter.value);
  });
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
