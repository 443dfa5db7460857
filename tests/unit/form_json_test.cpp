#include "events/codec/form_json.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <catch2/catch.hpp>

#include "events/codec/json_reader.hpp"
#include "events/core/form_text.hpp"
#include "events/core/limits.hpp"

namespace ledger {
namespace {

constexpr std::string_view kFiling =
    R"({"algorithm_name":"示例推荐算法","role":"provider","purpose":"应用于资讯推荐场景,\n根据\t兴趣",)"
    R"("basic":{"algorithm_type":"personalized_push","application_field":"资讯","launched_on":"2026-10-01",)"
    R"("documents":{"self_assessment_report":"sha256:1111111111111111111111111111111111111111111111111111111111111111",)"
    R"("public_disclosure":"sha256:2222222222222222222222222222222222222222222222222222222222222222"}},)"
    R"("details":{"data":"a\"b\\c/d","model":"m","strategy":"s","risk_and_prevention":""},)"
    R"("scope":{"products":["018f2d5e-7c3a-7b6e-9d2f-0123456789ab"],"access_paths":[],"features":[],)"
    R"("technical_service":""}})";

constexpr std::string_view kSubject =
    R"({"organization_name":"示例科技有限公司","credit_code":"91110108MA01EXAMPL","region":"110108",)"
    R"("website_name":"示例网","website_domain":"example.cn","daily_visits":120000,)"
    R"("basic_information":{"kind":"enterprise","registered_address":"北京市海淀区示例路1号","industry":"软件"},)"
    R"("certificate":{"kind":"business_license","number":"91110108MA01EXAMPL"},)"
    R"("legal_representative":{"name":"张三","id_number":"110108199001011234","phone":"+86 10 1234","email":"a@example.cn"},)"
    R"("safety_officer":{"name":"李四","position":"算法安全责任人","phone":"1","email":"b@example.cn"},)"
    R"("documents":{"commitment_letter":"sha256:3333333333333333333333333333333333333333333333333333333333333333",)"
    R"("responsibility_statement":"sha256:4444444444444444444444444444444444444444444444444444444444444444"},)"
    R"("confirmed":true})";

codec::JsonDocument parsed(std::string_view text) {
  auto document = codec::parse_json(text);
  REQUIRE(document.has_value());
  return std::move(*document);
}

std::vector<std::string> filing_errors(std::string_view text) {
  std::vector<FieldError> errors;
  (void)codec::read_filing_form(parsed(text).root(), "/form", errors);
  std::vector<std::string> out;
  for (const FieldError& error : errors) out.push_back(error.pointer + " " + error.code);
  return out;
}

std::vector<std::string> subject_errors(std::string_view text) {
  std::vector<FieldError> errors;
  (void)codec::read_subject_form(parsed(text).root(), "", errors);
  std::vector<std::string> out;
  for (const FieldError& error : errors) out.push_back(error.pointer + " " + error.code);
  return out;
}

using Errors = std::vector<std::string>;

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

TEST_CASE("a whole filing form is read, and what is answered can be sent back unchanged") {
  std::vector<FieldError> errors;
  const FilingForm form = codec::read_filing_form(parsed(kFiling).root(), "", errors);
  CHECK(errors.empty());
  CHECK(form.algorithm_name == "示例推荐算法");
  CHECK(form.role == AlgorithmRole::provider);
  CHECK(form.basic->algorithm_type == AlgorithmType::personalized_push);
  CHECK(form.basic->launched_on == Date::parse("2026-10-01"));
  CHECK(form.basic->documents->public_disclosure->bytes[0] == 0x22);
  CHECK(form.details->data == "a\"b\\c/d");
  CHECK(form.scope->products->size() == 1);
  CHECK(form.scope->features->empty());
  CHECK(form.scope->technical_service == "");
  CHECK(boost::json::serialize(codec::to_json(form)) == kFiling);
  const FilingForm again = codec::read_filing_form(codec::to_json(form), "", errors);
  CHECK(errors.empty());
  CHECK(again == form);
}

TEST_CASE("a sealed form is what the answer shows, byte for byte, and is read back") {
  std::vector<FieldError> errors;
  const FilingForm form = codec::read_filing_form(parsed(kFiling).root(), "", errors);
  CHECK(form_text(form) == kFiling);
  CHECK(codec::parse_filing_form(form_text(form)) == form);
  CHECK(codec::parse_filing_form(form_text({})) == FilingForm{});
  CHECK(codec::parse_scope(scope_text(*form.scope)).has_value());
  CHECK(codec::parse_scope(scope_text(*form.scope))->products == form.scope->products);
  CHECK_FALSE(codec::parse_scope(scope_text(*form.scope))->technical_service.has_value());
  CHECK(codec::parse_scope(scope_text({}))->features == std::vector<Uuid>{});

  const std::vector<Uuid> ids{*Uuid::parse("018f2d5e-7c3a-7b6e-9d2f-0123456789ab"), Uuid{}};
  CHECK(codec::parse_ids(ids_text(ids)) == ids);
  CHECK(codec::parse_ids("[]") == std::vector<Uuid>{});
  std::string controls;
  for (char c = 1; c < 0x20; ++c) controls += c;
  const std::vector<std::string> steps{"首页", "", "\"\\/", controls};
  CHECK(codec::parse_texts(texts_text(steps)) == steps);
  for (const std::string_view text : {"", "{}", "[1]", "[\"x\"]", "[null]"}) {
    CHECK_FALSE(codec::parse_ids(text).has_value());
  }
  for (const std::string_view text : {"", "{}", "[1]", "[[]]"})
    CHECK_FALSE(codec::parse_texts(text).has_value());
  for (const std::string_view text : {"", "[]", "{\"role\":\"king\"}", "{\"other\":1}", "{\"purpose\":1}"}) {
    CHECK_FALSE(codec::parse_filing_form(text).has_value());
  }
}

TEST_CASE("a sealed form is read even when today's limits are narrower") {
  FilingForm form;
  form.algorithm_name = std::string(1'000, 'x') + '\x01';
  CHECK(codec::parse_filing_form(form_text(form)) == form);
}

TEST_CASE("any part of a draft may be missing or null") {
  for (const std::string_view text :
       {"{}", R"({"basic":{}})", R"({"basic":{"documents":{}},"scope":{},"details":{}})",
        R"({"algorithm_name":null,"basic":null,"scope":{"products":null}})"}) {
    CHECK(filing_errors(text).empty());
  }
  std::vector<FieldError> errors;
  const FilingForm form = codec::read_filing_form(parsed(R"({"basic":{},"role":null})").root(), "", errors);
  CHECK(form.basic == FilingForm::Basic{});
  CHECK_FALSE(form.role.has_value());
  CHECK(boost::json::serialize(codec::to_json(form)) == R"({"basic":{}})");
}

TEST_CASE("types, lengths and code lists of a draft are checked at once, each where it stands") {
  CHECK(filing_errors(R"({"role":"owner","purpose":1,"basic":{"algorithm_type":"x","launched_on":"2026-2-1",
        "documents":{"public_disclosure":"md5:1","other":1}},"details":[],"scope":{"products":["x"]},"extra":{}})") ==
        Errors{"/form/role not_in_list", "/form/purpose wrong_type", "/form/basic/algorithm_type not_in_list",
               "/form/basic/launched_on bad_format", "/form/basic/documents/public_disclosure bad_format",
               "/form/basic/documents/other unknown_field", "/form/details wrong_type",
               "/form/scope/products/0 bad_format", "/form/extra unknown_field"});
  const auto with = [](std::string_view member, const std::string& value) {
    return "{\"" + std::string(member) + "\":\"" + value + "\"}";
  };
  CHECK(filing_errors(with("algorithm_name", repeated("算", 64))).empty());
  CHECK(filing_errors(with("algorithm_name", repeated("算", 65))) == Errors{"/form/algorithm_name too_long"});
  CHECK(filing_errors(with("algorithm_name", "a\\nb")) == Errors{"/form/algorithm_name control_character"});
  CHECK(filing_errors(with("purpose", repeated("用", 500))).empty());
  CHECK(filing_errors(with("purpose", repeated("用", 501))) == Errors{"/form/purpose too_long"});
  CHECK(filing_errors(R"({"details":)" + with("data", repeated("数", 4'001)) + "}") ==
        Errors{"/form/details/data too_long"});
  std::string ids = "\"018f2d5e-7c3a-7b6e-9d2f-0123456789ab\"";
  const std::string list = ids + repeated("," + ids, limits::kScopeIdsMax - 1);
  CHECK(filing_errors(R"({"scope":{"features":[)" + list + "]}}").empty());
  CHECK(filing_errors(R"({"scope":{"features":[)" + list + "," + ids + "]}}") ==
        Errors{"/form/scope/features too_many_items"});
  CHECK(filing_errors("[]") == Errors{"/form wrong_type"});
}

TEST_CASE("a whole subject form is read and answered as it was sent") {
  std::vector<FieldError> errors;
  const SubjectForm form = codec::read_subject_form(parsed(kSubject).root(), "", errors);
  CHECK(errors.empty());
  CHECK(form.daily_visits == 120'000);
  CHECK(form.legal_representative->id_number == "110108199001011234");
  CHECK_FALSE(form.legal_representative->position.has_value());
  CHECK(form.safety_officer->position == "算法安全责任人");
  CHECK(form.confirmed == true);
  CHECK(boost::json::serialize(codec::to_json(form)) == kSubject);
}

TEST_CASE("each person of a subject has the members of its kind only") {
  CHECK(subject_errors(R"({"legal_representative":{"position":"x"},"safety_officer":{"id_number":"x"}})") ==
        Errors{"/legal_representative/position unknown_field", "/safety_officer/id_number unknown_field"});
  CHECK(subject_errors(R"({"daily_visits":-1,"confirmed":"yes","website_domain":7})") ==
        Errors{"/website_domain wrong_type", "/daily_visits out_of_range", "/confirmed wrong_type"});
  CHECK(subject_errors(R"({"daily_visits":9007199254740991})").empty());
  CHECK(subject_errors(R"({"daily_visits":9007199254740992})") == Errors{"/daily_visits out_of_range"});
}

TEST_CASE("a contact has three members") {
  std::vector<FieldError> errors;
  const ContactForm contact = codec::read_contact_form(
      parsed(R"({"name":"王五","phone":"13800000000","email":"c@example.cn"})").root(), "/contact", errors);
  CHECK(errors.empty());
  CHECK(contact.name == "王五");
  CHECK(boost::json::serialize(codec::to_json(contact)) ==
        R"({"name":"王五","phone":"13800000000","email":"c@example.cn"})");
  (void)codec::read_contact_form(parsed(R"({"name":["x"],"fax":"1"})").root(), "/contact", errors);
  REQUIRE(errors.size() == 2);
  CHECK(errors[0].pointer == "/contact/name");
  CHECK(errors[1].pointer == "/contact/fax");
}

}  // namespace ledger

namespace {

/// The text as a JSON string, one character at a time.
std::string quoted_slowly(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    constexpr std::string_view kShort = "\"\\\b\f\n\r\t", kNames = "\"\\bfnrt";
    if (const std::size_t at = kShort.find(c); at != kShort.npos) {
      out += {'\\', kNames[at]};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr std::string_view kHex = "0123456789abcdef";
      out += {'\\', 'u', '0', '0', kHex[static_cast<unsigned char>(c) >> 4], kHex[c & 15]};
    } else {
      out += c;
    }
  }
  return out + '"';
}

void require_quoted(const std::string& text) {
  std::string quoted = "kept";
  ledger::append_json_string(quoted, text);
  if (quoted != "kept" + quoted_slowly(text)) FAIL("of " << text.size() << " bytes: " << quoted);
}

}  // namespace

TEST_CASE("a character that needs an escape gets it wherever it stands, and no other does") {
  for (std::size_t size = 0; size <= 25; ++size) {
    require_quoted(std::string(size, 'x'));
    for (std::size_t at = 0; at < size; ++at) {
      for (const char filler : {'x', '\xe4', '"', '\x01'}) {
        for (int c = 0; c < 256; ++c) {
          std::string text(size, filler);
          text[at] = static_cast<char>(c);
          require_quoted(text);
        }
      }
    }
  }
}
