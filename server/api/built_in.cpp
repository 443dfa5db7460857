#include "server/api/built_in.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "events/core/types.hpp"
#include "events/crypto/base64.hpp"
#include "events/crypto/primitives.hpp"
#include "server/api/negotiation.hpp"
#include "server/api/texts.hpp"

namespace ledger::server {
namespace {

struct BuiltIn {
  BuiltIn(std::string_view type, std::string_view given)
      : content_type(type),
        text(std::make_shared<const std::string>(given)),
        etag('"' + crypto::sha256(bytes_of(given)).hex().substr(0, 32) + '"') {}

  [[nodiscard]] http::Response answer(const http::Request& request) const {
    http::Response response;
    response.content_type = content_type;
    response.headers.add("ETag", etag);
    response.headers.add("Cache-Control", "no-cache");
    if (none_match_fails(request, etag)) {
      response.status = 304;
    } else {
      response.body = http::Body(text);
    }
    return response;
  }

  const std::string_view content_type;
  const std::shared_ptr<const std::string> text;
  const std::string etag;
};

/// What a policy calls the content of the page's one element of this name.
std::string hash_source(std::string_view page, std::string_view element) {
  const std::string open = '<' + std::string(element) + '>', close = "</" + std::string(element) + '>';
  const std::size_t begin = page.find(open), end = page.find(close);
  if (begin == page.npos || end == page.npos) throw std::logic_error("the page has no " + open);
  const std::string_view content = page.substr(begin + open.size(), end - begin - open.size());
  return "'sha256-" + crypto::base64(bytes_of(crypto::sha256(bytes_of(content)).bytes)) + "'";
}

std::string policy_of(std::string_view page) {
  return "default-src 'none'; script-src " + hash_source(page, "script") + "; style-src " +
         hash_source(page, "style") +
         "; connect-src 'self'; img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; "
         "frame-ancestors 'none'";
}

}  // namespace

http::Response openapi_answer(const http::Request& request) {
  static const BuiltIn kText("application/yaml", openapi_text());
  return kText.answer(request);
}

http::Response asyncapi_answer(const http::Request& request) {
  static const BuiltIn kText("application/yaml", asyncapi_text());
  return kText.answer(request);
}

http::Response status_page_answer(const http::Request& request) {
  static const BuiltIn kPage("text/html; charset=utf-8", status_page_text());
  static const std::string kPolicy = policy_of(status_page_text());
  http::Response response = kPage.answer(request);
  response.headers.add("Content-Security-Policy", kPolicy);
  response.headers.add("X-Content-Type-Options", "nosniff");
  response.headers.add("Referrer-Policy", "no-referrer");
  return response;
}

}  // namespace ledger::server
