// Request bodies from anywhere: what parses is valid by Boost.JSON too, no reader of a form fails on it, and
// a form that reads without errors comes back from the text it is sealed as.
#include <cstdlib>
#include <string_view>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "events/codec/form_json.hpp"
#include "events/codec/json_reader.hpp"
#include "events/core/form_text.hpp"
#include "events/core/limits.hpp"

namespace {

using namespace ledger;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto document = codec::parse_json(text);
  if (!document) return 0;
  boost::json::error_code error;
  const boost::json::value plain =
      boost::json::parse(boost::json::string_view(text.data(), text.size()), error);
  require(!error);
  require(boost::json::serialize(plain) == boost::json::serialize(document->root()));

  std::vector<FieldError> errors;
  const FilingForm form = codec::read_filing_form(document->root(), "/form", errors);
  require(errors.size() <= limits::kFieldErrorsMax);
  if (errors.empty()) {
    require(codec::parse_filing_form(form_text(form)) == form);
    require(boost::json::serialize(codec::to_json(form)) == form_text(form));
  }
  (void)codec::read_subject_form(document->root(), "", errors);
  (void)codec::parse_ids(text);
  (void)codec::parse_texts(text);
  (void)codec::parse_scope(text);
  return 0;
}
