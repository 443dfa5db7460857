#include "events/codec/json_reader.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <catch2/catch.hpp>

#include "events/core/limits.hpp"
#include "events/core/text.hpp"

namespace ledger {
namespace {

using codec::IntegerRule;
using codec::Need;
using codec::ObjectReader;
using codec::parse_json;
using codec::TextRule;

/// `code` or `code pointer` of a refused document; `ok` otherwise.
std::string outcome(std::string_view text) {
  const auto document = parse_json(text);
  if (document) return "ok";
  return document.error().pointer.empty() ? document.error().code
                                          : document.error().code + " " + document.error().pointer;
}

std::vector<std::string> shown(const std::vector<FieldError>& errors) {
  std::vector<std::string> out;
  for (const FieldError& error : errors) out.push_back(error.pointer + " " + error.code);
  return out;
}

/// What reading one member gives: the errors of the document, shown.
template <class Read>
std::vector<std::string> errors_of(std::string_view text, Read read) {
  const auto document = parse_json(text);
  REQUIRE(document.has_value());
  std::vector<FieldError> errors;
  ObjectReader reader(document->root(), "", errors);
  read(reader);
  reader.finish();
  return shown(errors);
}

using Errors = std::vector<std::string>;

}  // namespace

TEST_CASE("a JSON text is read whole or refused with a code of the whole document") {
  CHECK(outcome(R"({"a":[1,-2,3.5,true,null,"\ud83d\ude00"]})") == "ok");
  CHECK(outcome(" {} \r\n\t") == "ok");
  CHECK(outcome("18446744073709551615") == "ok");

  for (const std::string_view text : {"",
                                      " ",
                                      "{",
                                      "{} x",
                                      "{}{}",
                                      "[1,]",
                                      R"({"a":1,})",
                                      "// c\n1",
                                      "'a'",
                                      "NaN",
                                      "Infinity",
                                      "+1",
                                      "01",
                                      "1.",
                                      ".5",
                                      "1e400",
                                      "-1e400",
                                      "1e99999999999",
                                      "tru",
                                      "nullnull",
                                      "\"a\nb\"",
                                      "\"\\x\"",
                                      "\"\\u12G4\"",
                                      "\xEF\xBB\xBF{}"}) {
    CAPTURE(text);
    CHECK(outcome(text) == "bad_json");
  }
  CHECK(outcome(std::string_view("{}\0", 3)) == "bad_json");
  CHECK(outcome(std::string_view("\"a\0b\"", 5)) == "bad_json");
}

TEST_CASE("texts that are not UTF-8 are refused before they are parsed") {
  for (const std::string_view text : {"\"\xFF\"", "\"\xC0\xAF\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"",
                                      "\"\xE4\xBD\"", "\x80", "{\"\xC3\": 1}"}) {
    CHECK(outcome(text) == "invalid_utf8");
  }
}

TEST_CASE("lone surrogates are refused, wherever they stand") {
  for (const std::string_view text : {R"("\ud800")", R"("\ud83dx")", R"("\udc00")", R"("\ud83d\u0041")",
                                      R"("\ud83d\ud83d")", R"({"\uDBFF":1})", R"(["a\\\ud800"])"}) {
    CAPTURE(text);
    CHECK(outcome(text) == "lone_surrogate");
  }
  CHECK(outcome(R"("\\ud800")") == "ok");  // an escaped backslash, then plain letters
}

TEST_CASE("nesting is bounded at 32") {
  const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  CHECK(outcome(nested(limits::kJsonDepthMax)) == "ok");
  CHECK(outcome(nested(limits::kJsonDepthMax + 1)) == "too_deep");
  CHECK(outcome(std::string(200'000, '[')) == "too_deep");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += R"({"a":)";
  CHECK(outcome(objects) == "too_deep");
}

TEST_CASE("a repeated key is refused where it stands") {
  CHECK(outcome(R"({"a":1,"a":1})") == "duplicate_key /a");
  CHECK(outcome(R"({"a":{"b":[0,{"c":1,"\u0063":2}]}})") == "duplicate_key /a/b/1/c");
  CHECK(outcome(R"({"x/y~z":{"q":1,"q":2}})") == "duplicate_key /x~1y~0z/q");
  CHECK(outcome(R"([{"a":1},{"a":2}])") == "ok");
  CHECK(outcome(R"({"a":{"a":{"a":1}}})") == "ok");
  CHECK(outcome(R"({"":1,"":2})") == "duplicate_key /");
  std::string many = "{";
  for (int i = 0; i < 5'000; ++i) many += "\"k" + std::to_string(i) + "\":1,";
  CHECK(outcome(many + "\"k4999\":2}") == "duplicate_key /k4999");
  CHECK(outcome(many + "\"k5000\":2}") == "ok");
}

TEST_CASE("a parsed document keeps its members in order") {
  const auto document = parse_json(R"({"b":1,"a":[{"c":"\u4e2d"}],"d":{}})");
  REQUIRE(document.has_value());
  CHECK(boost::json::serialize(document->root()) == R"({"b":1,"a":[{"c":"中"}],"d":{}})");
}

TEST_CASE("pointers are escaped as RFC 6901 says") {
  CHECK(codec::child_pointer("", "a") == "/a");
  CHECK(codec::child_pointer("/a", "m~n/o") == "/a/m~0n~1o");
  CHECK(codec::child_pointer("/a", std::size_t{7}) == "/a/7");
}

TEST_CASE("all field errors of a document come at once") {
  const auto errors = errors_of(
      R"({"name":7,"kind":"no","id":"x","day":"2026-02-30","at":"yesterday","n":11,"flag":"true","digest":"sha256:0",
          "inner":{"deep":1},"list":["x",1],"stray":1,"a/b":2})",
      [](ObjectReader& reader) {
        std::string name, missing;
        AlgorithmType kind{};
        Uuid id;
        Date day;
        TimestampUs at;
        std::uint64_t n = 0;
        bool flag = false;
        Digest digest;
        std::vector<Uuid> list;
        CHECK_FALSE(reader.text("name", {.max = 5}, name));
        CHECK_FALSE(reader.code("kind", kind));
        CHECK_FALSE(reader.uuid("id", id));
        CHECK_FALSE(reader.date("day", day));
        CHECK_FALSE(reader.timestamp("at", at));
        CHECK_FALSE(reader.integer("n", {.max = 10}, n));
        CHECK_FALSE(reader.boolean("flag", flag));
        CHECK_FALSE(reader.digest("digest", digest));
        CHECK_FALSE(reader.text("missing", {.max = 5}, missing));
        CHECK_FALSE(reader.uuids("list", 5, list));
        auto inner = reader.object("inner");
        REQUIRE(inner.has_value());
        std::string deep;
        CHECK_FALSE(inner->text("deep", {.max = 5}, deep));
        inner->finish();
      });
  CHECK(errors == Errors{"/name wrong_type", "/kind not_in_list", "/id bad_format", "/day bad_format",
                         "/at bad_format", "/n out_of_range", "/flag wrong_type", "/digest bad_format",
                         "/missing required", "/list/0 bad_format", "/list/1 wrong_type",
                         "/inner/deep wrong_type", "/stray unknown_field", "/a~1b unknown_field"});
}

TEST_CASE("right values arrive, absent and null ones leave everything as it was") {
  const auto errors = errors_of(
      R"({"name":"示例","kind":"personalized_push","id":"018f2d5e-7c3a-7b6e-9d2f-0123456789ab","n":5,"gone":null,
          "days":["2026-10-01"],"words":["首页","推荐"],"channel":"app","steps":[{"x":1},{"x":2}]})",
      [](ObjectReader& reader) {
        std::optional<std::string> name, gone, absent;
        std::optional<AlgorithmType> kind;
        std::optional<std::uint64_t> n;
        Uuid id;
        std::vector<Date> days;
        std::vector<std::string> words;
        std::string channel;
        CHECK(reader.has("name"));
        CHECK_FALSE(reader.has("gone"));
        CHECK(reader.text("name", {.min = 2, .max = 2}, name));
        CHECK(name == "示例");
        CHECK(reader.code("kind", kind));
        CHECK(kind == AlgorithmType::personalized_push);
        CHECK(reader.uuid("id", id));
        CHECK(id.text() == "018f2d5e-7c3a-7b6e-9d2f-0123456789ab");
        CHECK(reader.integer("n", {.min = 5, .max = 5}, n));
        CHECK(n == 5);
        CHECK_FALSE(reader.text("gone", {.max = 5}, gone));
        CHECK_FALSE(reader.text("absent", {.max = 5}, absent));
        CHECK_FALSE(gone.has_value());
        CHECK(reader.dates("days", 3, days));
        CHECK(days == std::vector<Date>{*Date::parse("2026-10-01")});
        CHECK(reader.texts("words", 3, {.min = 1, .max = 5}, words));
        CHECK(words == std::vector<std::string>{"首页", "推荐"});
        CHECK(reader.choice("channel", {"web", "app"}, channel));
        CHECK(channel == "app");
        auto steps = reader.objects("steps", 2);
        REQUIRE(steps.size() == 2);
        std::uint64_t x = 0;
        CHECK(steps[1].integer("x", {.max = 9}, x));
        CHECK(x == 2);
        CHECK(steps[1].pointer() == "/steps/1");
      });
  CHECK(errors.empty());
  CHECK(errors_of(R"({"a":null})", [](ObjectReader& reader) {
          std::string a;
          CHECK_FALSE(reader.text("a", {.max = 5}, a));
        }) == Errors{"/a required"});
}

TEST_CASE("a value that is no object has one error, not one for each member") {
  CHECK(errors_of(R"([1])", [](ObjectReader& reader) {
          std::string a;
          CHECK_FALSE(reader.text("a", {.max = 5}, a));
          CHECK_FALSE(reader.has("a"));
          CHECK(reader.raw("a") == nullptr);
        }) == Errors{" wrong_type"});
  CHECK(errors_of(R"({"list":[{"a":"x"},7]})", [](ObjectReader& reader) {
          for (ObjectReader& element : reader.objects("list", 5)) {
            std::string a;
            element.text("a", {.max = 5}, a);
            element.finish();
          }
        }) == Errors{"/list/1 wrong_type"});
}

TEST_CASE("integers are integers within their bounds") {
  const auto read = [](std::string_view text) {
    std::uint64_t n = 99;
    auto errors =
        errors_of(text, [&](ObjectReader& reader) { reader.integer("n", {.min = 1, .max = 100}, n); });
    return errors.empty() ? std::to_string(n) : errors.front();
  };
  CHECK(read(R"({"n":1})") == "1");
  CHECK(read(R"({"n":100})") == "100");
  for (const std::string_view text :
       {R"({"n":0})", R"({"n":101})", R"({"n":-1})", R"({"n":18446744073709551615})",
        R"({"n":18446744073709551616})", R"({"n":-9223372036854775809})", R"({"n":1e30})"}) {
    CAPTURE(text);
    CHECK(read(text) == "/n out_of_range");
  }
  for (const std::string_view text :
       {R"({"n":1.5})", R"({"n":1.0})", R"({"n":"1"})", R"({"n":true})", R"({"n":[1]})"}) {
    CAPTURE(text);
    CHECK(read(text) == "/n wrong_type");
  }
}

TEST_CASE("texts are counted in characters and hold none that hide or reorder") {
  const auto read = [](std::string_view json_text, const TextRule& rule) {
    auto errors = errors_of("{\"t\":\"" + std::string(json_text) + "\"}", [&](ObjectReader& reader) {
      std::string t;
      reader.text("t", rule, t);
    });
    return errors.empty() ? std::string("ok") : errors.front().substr(3);
  };
  CHECK(read("算法算法", {.min = 4, .max = 4}) == "ok");
  CHECK(read("😀😀", {.min = 2, .max = 2}) == "ok");
  CHECK(read("算法算法", {.max = 3}) == "too_long");
  CHECK(read("算", {.min = 2, .max = 3}) == "too_short");
  CHECK(read("", {.max = 3}) == "ok");

  const TextRule one{.max = 9};
  const TextRule several{.max = 9, .lines = true};
  CHECK(read("a b\\u3000c", one) == "ok");
  CHECK(read("a\\nb\\tc", several) == "ok");
  for (const std::string_view text : {"\\n", "\\t"}) CHECK(read(text, one) == "control_character");
  for (const std::string_view text :
       {"\\u0000", "\\u001f", "\\r", "\x7f", "\\u0085", "\\ufffe", "\\ufdd0", "\\ud83f\\udfff"}) {
    CAPTURE(text);
    CHECK(read(text, one) == "control_character");
    CHECK(read(text, several) == "control_character");
  }
  for (const std::string_view text :
       {"\\u2028", "\\u2029", "\\u202a", "\\u202e", "\\u2066", "\\u2069", "\\u200b", "\\u200f", "\\ufeff",
        "\\u00ad", "\\u061c", "\\udb40\\udc41"}) {
    CAPTURE(text);
    CHECK(read(text, one) == "control_character");
    CHECK(read(text, several) == "ok");
  }
}

TEST_CASE("lists are bounded, and one wrong element spoils only the list") {
  CHECK(errors_of(R"({"l":["a","b","c"]})", [](ObjectReader& reader) {
          std::vector<std::string> l{"before"};
          CHECK_FALSE(reader.texts("l", 2, {.max = 5}, l));
          CHECK(l == std::vector<std::string>{"before"});
        }) == Errors{"/l too_many_items"});
  CHECK(errors_of(R"({"l":["a","toolong",3]})", [](ObjectReader& reader) {
          std::vector<std::string> l;
          CHECK_FALSE(reader.texts("l", 5, {.max = 5}, l));
          CHECK(l.empty());
        }) == Errors{"/l/1 too_long", "/l/2 wrong_type"});
  CHECK(errors_of(R"({"l":{}})", [](ObjectReader& reader) {
          std::vector<Uuid> l;
          CHECK_FALSE(reader.uuids("l", 5, l, Need::optional));
        }) == Errors{"/l wrong_type"});
  CHECK(errors_of(R"({"l":[]})", [](ObjectReader& reader) {
          std::vector<Uuid> l{Uuid{}};
          CHECK(reader.uuids("l", 5, l));
          CHECK(l.empty());
        }).empty());
}

TEST_CASE("no document makes more errors than a reader can use") {
  std::string text = "{";
  for (int i = 0; i < 1'000; ++i) text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":1";
  CHECK(errors_of(text + "}", [](ObjectReader&) {}).size() == limits::kFieldErrorsMax);
}

TEST_CASE("stored values are read whatever today's limits are") {
  const auto document = parse_json(R"({"t":"toolong\u0000","l":["018f2d5e-7c3a-7b6e-9d2f-0123456789ab"]})");
  REQUIRE(document.has_value());
  std::vector<FieldError> errors;
  ObjectReader reader(document->root(), "", errors, codec::Origin::stored);
  std::string t;
  std::vector<Uuid> l;
  CHECK(reader.text("t", {.max = 2}, t));
  CHECK(reader.uuids("l", 0, l));
  CHECK(errors.empty());
}

TEST_CASE("UTF-8 is told from everything else") {
  CHECK(is_utf8(""));
  CHECK(is_utf8("plain ASCII of more than eight bytes"));
  CHECK(
      is_utf8("\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F"
              "\xBF\xBF"));
  for (const std::string_view text :
       {"\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xE4\xBD", "\xED\xA0\x80", "\xEF\xBF",
        "\xF0\x8F\xBF\xBF", "\xF0\x90\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE", "12345678\xFF",
        "1234567\xE4\xBD\xA0\xA0"}) {
    CHECK_FALSE(is_utf8(text));
  }
  CHECK(count_characters("a算😀é") == 4);
}

}  // namespace ledger
