// Request bodies from anywhere: what parses is valid by Boost.JSON too, no reader of a form fails on it, and
// a form that reads without errors comes back from the text it is sealed as.
#include <cstdlib>
#include <string>
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

void read_anything(std::string_view text) {
  const auto document = codec::parse_json(text);
  if (!document) return;
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
}

constexpr std::string_view kForm =
    R"({"algorithm_name":"示例\ud83d\ude00","role":"provider","purpose":"a\nb","basic":{"algorithm_type":)"
    R"("personalized_push","launched_on":"2026-10-01","documents":{"public_disclosure":)"
    R"("sha256:2222222222222222222222222222222222222222222222222222222222222222"}},"details":{"data":"\"x\\"},)"
    R"("scope":{"products":["018f2d5e-7c3a-7b6e-9d2f-0123456789ab"],"features":[],"technical_service":null}})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool whole = codec::parse_json(kForm).has_value();
  require(whole);
  read_anything({reinterpret_cast<const char*>(data), size});
  std::string damaged(kForm);
  for (std::size_t i = 0; i + 2 < size; i += 3) {  // two bytes of place, one of value
    damaged[get_be<std::uint16_t>(data + i) % damaged.size()] = static_cast<char>(data[i + 2]);
  }
  read_anything(damaged);
  return 0;
}
