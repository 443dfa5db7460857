// What differs between two JSON values.
#include "server/read/json_diff.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

using namespace ledger::server;

namespace {

using Lines = std::vector<std::string>;

/// One line each: `pointer before after`. Every commitment under `/other` is one to another event.
Lines diff(const char* before, const char* after) {
  Lines lines;
  const auto other = [](std::string_view pointer) { return pointer.starts_with("/other"); };
  for (const FieldDifference& difference :
       differences(boost::json::parse(before), boost::json::parse(after), other)) {
    lines.push_back(difference.pointer + ' ' + boost::json::serialize(difference.before) + ' ' +
                    boost::json::serialize(difference.after));
  }
  return lines;
}

}  // namespace

TEST_CASE("equal values differ in nothing") {
  CHECK(diff(R"({"a":[1,{"b":null}],"c":{}})", R"({"c":{},"a":[1,{"b":null}]})").empty());
  CHECK(diff("null", "null").empty());
}

TEST_CASE("fields that changed, came and went are told with their pointers") {
  CHECK(diff(R"({"a":1,"b":{"c":"x","d":true},"gone":2})", R"({"a":1,"b":{"c":"y","d":true},"new":"z"})") ==
        Lines{R"(/b/c "x" "y")", R"(/new null "z")", "/gone 2 null"});
  CHECK(diff(R"({"a/b":1,"m~n":1})", R"({"a/b":2,"m~n":2})") == Lines{"/a~1b 1 2", "/m~0n 1 2"});
}

TEST_CASE("what is not there is compared field by field, like an object without members") {
  CHECK(diff("null", R"({"a":1,"b":{"c":2,"n":null},"l":[1]})") ==
        Lines{"/a null 1", "/b/c null 2", "/l null [1]"});
  CHECK(diff(R"({"form":{"name":"x"}})", R"({"form":null})") == Lines{R"(/form/name "x" null)"});
  CHECK(diff(R"({"a":{}})", R"({"a":null})") == Lines{"/a {} null"});
  CHECK(diff(R"({"a":{"b":1}})", R"({"a":"text"})") == Lines{R"(/a {"b":1} "text")"});
}

TEST_CASE("lists are compared element by element") {
  CHECK(diff(R"({"l":["a","b","c"]})", R"({"l":["a","x"]})") == Lines{R"(/l/1 "b" "x")", R"(/l/2 "c" null)"});
  CHECK(diff(R"([{"code":"u"}])", R"([{"code":"v"},{"code":"w"}])") ==
        Lines{R"(/0/code "u" "v")", R"(/1/code null "w")"});
}

TEST_CASE("commitments that look alike differ when they are commitments of another event") {
  constexpr const char* kBoth = R"({"same":{"committed":true},"other":{"committed":true}})";
  CHECK(diff(kBoth, kBoth) == Lines{R"(/other {"committed":true} {"committed":true})"});
  CHECK(diff(R"({"same":{"committed":true}})", R"({"same":"opened"})") ==
        Lines{R"(/same {"committed":true} "opened")"});
  CHECK(diff(R"({"same":{"committed":true}})", R"({"same":null})") ==
        Lines{R"(/same {"committed":true} null)"});
}
