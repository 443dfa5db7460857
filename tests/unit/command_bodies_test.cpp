#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "events/codec/json_reader.hpp"
#include "server/api/commands.hpp"

using namespace ledger;
using namespace ledger::server;

namespace {

const Ids kIds = {*Uuid::parse("018f2d5e-7c3a-7b6e-9d2f-000000000001"),
                  *Uuid::parse("018f2d5e-7c3a-7b6e-9d2f-000000000002"),
                  *Uuid::parse("018f2d5e-7c3a-7b6e-9d2f-000000000003")};

struct Read {
  Command command;
  std::vector<FieldError> errors;
  /// `pointer code` of each, in order.
  [[nodiscard]] std::vector<std::string> found() const {
    std::vector<std::string> out;
    for (const FieldError& error : errors) out.push_back(error.pointer + " " + error.code);
    return out;
  }
};

Read read(ReadCommand reader, std::string_view body) {
  const auto document = codec::parse_json(body);
  REQUIRE(document.has_value());
  Read out;
  out.command = reader(kIds, document->root(), out.errors);
  return out;
}

using Found = std::vector<std::string>;

}  // namespace

TEST_CASE("a command without fields takes an empty object and nothing else") {
  CHECK(read(commands::approve_filing, "{}").errors.empty());
  CHECK(std::get<ApproveFiling>(read(commands::approve_filing, "{}").command).filing_id == kIds[0]);
  CHECK(read(commands::approve_filing, R"({"x":1})").found() == Found{"/x unknown_field"});
  CHECK(read(commands::approve_filing, "[]").found() == Found{" wrong_type"});
  CHECK(read(commands::approve_filing, "null").found() == Found{" wrong_type"});
}

TEST_CASE("a filing is made of a subject and a form, both required") {
  const Read good =
      read(commands::create_filing,
           R"({"subject_id":"018f2d5e-7c3a-7b6e-9d2f-0000000000ff","form":{"algorithm_name":"名"}})");
  CHECK(good.errors.empty());
  CHECK(std::get<CreateFiling>(good.command).form.algorithm_name == "名");
  CHECK(read(commands::create_filing, "{}").found() == Found{"/subject_id required", "/form required"});
  CHECK(read(commands::create_filing, R"({"subject_id":"x","form":3,"z":0})").found() ==
        Found{"/subject_id bad_format", "/form wrong_type", "/z unknown_field"});
  CHECK(read(commands::save_draft, R"({"form":{"basic":{"launched_on":"2026-02-30"}}})").found() ==
        Found{"/form/basic/launched_on bad_format"});
  CHECK(read(commands::save_draft, "7").found() == Found{" wrong_type"});
}

TEST_CASE("an absent reason list is left to the decision, a malformed one is told item by item") {
  CHECK(read(commands::reject_filing, "{}").errors.empty());
  CHECK(read(commands::reject_filing, R"({"reasons":[]})").errors.empty());
  const Read good = read(commands::reject_filing,
                         R"({"reasons":[{"code":"unsigned","field":"/details/model","note":"请补\n充"}]})");
  CHECK(good.errors.empty());
  CHECK(std::get<RejectFiling>(good.command).reasons.at(0).note == "请补\n充");
  CHECK(
      read(commands::reject_filing, R"({"reasons":[{"code":"unsigned","field":"/a"},{"code":1,"x":2},"y"]})")
          .found() == Found{"/reasons/2 wrong_type", "/reasons/1/code wrong_type",
                            "/reasons/1/field required", "/reasons/1/x unknown_field"});
}

TEST_CASE("a publication needs series, batch and date, each in its form") {
  CHECK(read(commands::publish_filing, "{}").found() ==
        Found{"/series required", "/batch required", "/announced_on required"});
  CHECK(
      read(commands::publish_filing, R"({"series":"other","batch":0,"announced_on":"2026-13-01"})").found() ==
      Found{"/series not_in_list", "/batch out_of_range", "/announced_on bad_format"});
  const Read good =
      read(commands::publish_filing, R"({"series":"deep_synthesis","batch":3,"announced_on":"2026-05-01"})");
  CHECK(good.errors.empty());
  CHECK(std::get<PublishFiling>(good.command).batch == 3);
}

TEST_CASE("a correction may send the whole public record back") {
  const Read good =
      read(commands::correct_announcement, R"({"public_record":{"number":"演示备1号","algorithm_name":"新名",
    "type":"personalized_push","role":"provider","organization_name":"某公司","products":"--","purpose":"用途",
    "series":"algorithm","batch":2,"announced_on":"2026-05-01","status":"published","remark":"","position":9},
    "note":"更正"})");
  CHECK(good.found() == Found{});
  CHECK(std::get<CorrectAnnouncement>(good.command).record.batch == 2U);
  CHECK(read(commands::correct_announcement, "{}").found() == Found{"/public_record required"});
  CHECK(read(commands::correct_announcement, R"({"public_record":{"batch":"2","extra":1}})").found() ==
        Found{"/public_record/batch wrong_type", "/public_record/extra unknown_field"});
}

TEST_CASE("names are held to their length and to visible characters") {
  const std::string name64(64, 'n');
  CHECK(read(commands::add_product, R"({"name":")" + name64 + R"(","form":"app"})").errors.empty());
  CHECK(read(commands::add_product, R"({"name":")" + name64 + R"(n","form":"app"})").found() ==
        Found{"/name too_long"});
  CHECK(read(commands::add_product, R"({"name":"","form":"APP"})").found() ==
        Found{"/name too_short", "/form not_in_list"});
  CHECK(read(commands::add_product, R"({"name":"a\u0000b","form":"app"})").found() ==
        Found{"/name control_character"});
  CHECK(read(commands::add_product, R"({"name":"a\u202eb","form":"app"})").found() ==
        Found{"/name control_character"});
  CHECK(read(commands::add_access_path, R"({"steps":["首页","a\nb"]})").found() ==
        Found{"/steps/1 control_character"});
}

TEST_CASE("the ids of a path reach the command in their places") {
  const Read feature = read(commands::update_feature, R"({"name":"新名"})");
  const auto& command = std::get<UpdateFeature>(feature.command);
  CHECK(command.product_id == kIds[0]);
  CHECK(command.path_id == kIds[1]);
  CHECK(command.feature_id == kIds[2]);
  CHECK_FALSE(command.description.has_value());
}

TEST_CASE("a grant names its role by a code") {
  const Read good =
      read(commands::grant_access,
           R"({"principal":"张三","role":"reviewer","expires_at":"2027-01-01T00:00:00+08:00"})");
  CHECK(good.errors.empty());
  CHECK(std::get<GrantAccess>(good.command).role == Role::reviewer);
  CHECK(read(commands::grant_access, R"({"principal":"a","role":"god","expires_at":"soon"})").found() ==
        Found{"/role not_in_list", "/expires_at bad_format"});
}
