// Every read of the API over a real socket: who sees what, how lists are paged, in which forms the public
// list comes. One story is told once; the cases look at it, and none of them appends anything.
#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "events/codec/entry_codec.hpp"
#include "server/api/routes.hpp"
#include "tests/support/served_ledger.hpp"

using namespace ledger;
using namespace ledger::test;
namespace json = boost::json;

namespace {

const std::string kNobody = "018f2d5e-7c3a-7b6e-9d2f-0123456789ab";
/// What only the own filer and reviewers may read, wherever it stands.
const std::string kSecret = "机密内容";

std::string percent_encoded(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

bool mentions(const Answer& answer, std::string_view text) {
  return answer.raw.body.find(text) != std::string::npos;
}

json::array items(const Answer& answer) {
  INFO(answer.raw.body);
  REQUIRE(answer.status() == 200);
  return answer.json.as_object().at("items").as_array();
}

std::set<std::string> ids(const Answer& answer) {
  std::set<std::string> all;
  for (const json::value& item : items(answer)) all.emplace(item.as_object().at("id").as_string());
  return all;
}

/// A filing through its whole life, another one still a draft, a third one rejected and in rework.
class Story {
 public:
  static Story& told() {
    static Story story;
    return story;
  }

  ServedLedger ledger;
  std::map<std::string, std::string> staff;  // role to token
  ServedLedger::Registered a, b;
  std::string product, path, feature;
  std::string published, drafted, rejected;  // filings of `a`
  std::string number;

  Answer get(const std::string& target, const std::string& token = {}, const std::string& headers = {}) {
    return ledger.get(target, token, headers);
  }

 private:
  Story() {
    for (const char* role : {"initial_reviewer", "reviewer", "registrar", "supervisor", "auditor"}) {
      staff[role] = ledger.grant(std::string("某") + role, role);
    }
    staff["admin"] = ledger.admin();
    a = ledger.qualified(1, staff["initial_reviewer"]);
    b = ledger.qualified(2, staff["initial_reviewer"]);
    product = made("/v1/subjects/" + a.id + "/products", R"({"name":"示例产品","form":"app"})");
    path =
        made("/v1/products/" + product + "/access-paths", R"({"steps":["首页","推荐)" + kSecret + R"("]})");
    feature = made("/v1/products/" + product + "/access-paths/" + path + "/features",
                   R"({"name":"功能","description":")" + kSecret + R"("})");
    drafted = made("/v1/filings",
                   R"({"subject_id":")" + a.id + R"(","form":{"algorithm_name":"草稿)" + kSecret + R"("}})");
    rejected = submitted("被驳回的算法");
    done(ledger.post("/v1/filings/" + rejected + "/start-review", staff["reviewer"], "{}"));
    decide(
        rejected, "reject", staff["reviewer"],
        R"({"reasons":[{"code":"mechanism_vague","field":"/details/model","note":")" + kSecret + R"("}]})");
    published = submitted("示例推荐算法");
    done(ledger.post("/v1/filings/" + published + "/start-review", staff["reviewer"], "{}"));
    decide(published, "approve", staff["reviewer"], "{}");
    decide(published, "assign-number", staff["registrar"], "{}");
    number = get("/v1/filings/" + published, a.token).text("number");
    const std::string today = Date::of(ledger.engine().last_recorded()).text();
    decide(published, "publish", staff["registrar"],
           R"({"series":"algorithm","batch":3,"announced_on":")" + today + R"("})");
  }

  static Answer done(Answer answer) {
    if (answer.status() >= 300) throw std::runtime_error("refused: " + answer.raw.body);
    return answer;
  }
  std::string made(const std::string& target, const std::string& body) {
    return done(ledger.post(target, a.token, body)).text("id");
  }
  void decide(const std::string& filing, const std::string& what, const std::string& token,
              const std::string& body) {
    const std::string etag = done(get("/v1/filings/" + filing, token)).raw.header("etag");
    done(ledger.post("/v1/filings/" + filing + "/" + what, token, body, "If-Match: " + etag + "\r\n"));
  }
  std::string submitted(const std::string& name) {
    const std::string report = ledger.upload(a.token, "report").text("digest");
    const std::string disclosure = ledger.upload(a.token, "disclosure").text("digest");
    const std::string form =
        R"({"algorithm_name":")" + name +
        R"(","role":"provider","purpose":"应用于资讯推荐场景","basic":{"algorithm_type":)"
        R"("personalized_push","application_field":")" +
        kSecret + R"(","launched_on":"2026-01-05","documents":{"self_assessment_report":")" + report +
        R"(","public_disclosure":")" + disclosure + R"("}},"details":{"data":")" + kSecret +
        R"(","model":"模型","strategy":"策略","risk_and_prevention":"风险"},)"
        R"("scope":{"products":[")" +
        product + R"("],"access_paths":[],"features":[]}})";
    const std::string id = made("/v1/filings", R"({"subject_id":")" + a.id + R"(","form":)" + form + "}");
    done(ledger.post("/v1/filings/" + id + "/submit", a.token, R"({"declared":true})"));
    return id;
  }
};

}  // namespace

TEST_CASE("a filing never submitted exists for its own filer only, on every path") {
  Story& story = Story::told();
  const std::string base = "/v1/filings/" + story.drafted;
  CHECK(story.get(base, story.a.token).status() == 200);
  CHECK(mentions(story.get(base, story.a.token), kSecret));
  CHECK(ids(story.get("/v1/filings", story.a.token)).contains(story.drafted));
  for (const char* tail : {"", "/events", "/timeline"}) {
    CHECK(story.get(base + tail, story.a.token).status() == 200);
    CHECK(story.get(base + tail, story.b.token).code() == "not_found");
    CHECK(story.get(base + tail).code() == "token_missing");
    for (const auto& [role, token] : story.staff) {
      CAPTURE(role, tail);
      CHECK(story.get(base + tail, token).code() == "not_found");
      // The same, once its filer made the answer a cached one.
      CHECK(story.get(base + tail, story.a.token).status() == 200);
      CHECK(story.get(base + tail, token).code() == "not_found");
    }
  }
  for (const auto& [role, token] : story.staff) {
    CAPTURE(role);
    CHECK_FALSE(ids(story.get("/v1/filings", token)).contains(story.drafted));
    CHECK_FALSE(ids(story.get("/v1/filings?subject_id=" + story.a.id, token)).contains(story.drafted));
    CHECK_FALSE(mentions(story.get("/v1/review-queue?stage=review", token), story.drafted));
  }
  CHECK(items(story.get("/v1/filings", story.b.token)).empty());
  CHECK(items(story.get("/v1/filings?subject_id=" + story.a.id, story.b.token)).empty());
}

TEST_CASE("private values of cases are for the own filer, initial reviewers and reviewers") {
  Story& story = Story::told();
  const std::vector<std::string> paths = {
      "/v1/filings/" + story.published,
      "/v1/filings/" + story.rejected,
      "/v1/filings/" + story.rejected + "/events",
      "/v1/subjects/" + story.a.id + "/products",
  };
  for (const std::string& path : paths) {
    for (int round = 0; round < 2; ++round) {  // rendered, then cached
      CAPTURE(path, round);
      CHECK(mentions(story.get(path, story.a.token), kSecret));
      CHECK(story.get(path, story.b.token).code() == "not_found");
      CHECK(story.get(path).status() == 401);
      for (const auto& [role, token] : story.staff) {
        CAPTURE(role);
        const Answer answer = story.get(path, token);
        CHECK(answer.status() == 200);
        const bool reads = role == "reviewer" || role == "initial_reviewer";
        CHECK(mentions(answer, kSecret) == reads);
        if (!reads) CHECK(mentions(answer, R"({"committed":true})"));
      }
    }
  }
}

TEST_CASE("a subject's people are for its filer and the reviewing roles") {
  Story& story = Story::told();
  const std::string path = "/v1/subjects/" + story.a.id;
  CHECK(mentions(story.get(path, story.a.token), "张三丰"));
  CHECK(mentions(story.get(path, story.staff["initial_reviewer"]), "张三丰"));
  for (const char* role : {"registrar", "supervisor", "auditor", "admin"}) {
    const Answer answer = story.get(path, story.staff[role]);
    CHECK(answer.status() == 200);
    CHECK_FALSE(mentions(answer, "张三丰"));
    CHECK_FALSE(mentions(answer, "w@example.cn"));
  }
  CHECK(story.get(path, story.b.token).code() == "not_found");
  CHECK(story.get("/v1/subjects/" + kNobody, story.staff["auditor"]).code() == "not_found");
  CHECK(ids(story.get("/v1/subjects", story.a.token)) == std::set{story.a.id});
  CHECK(ids(story.get("/v1/subjects", story.staff["supervisor"])) == std::set{story.a.id, story.b.id});
}

TEST_CASE("filers are told roles, staff principals too") {
  Story& story = Story::told();
  for (const std::string& path : std::vector<std::string>{"/v1/filings/" + story.published + "/events",
                                                          "/v1/filings/" + story.published + "/timeline",
                                                          "/v1/filings/" + story.published}) {
    CAPTURE(path);
    const std::string reviewer = story.get("/v1/me", story.staff["reviewer"]).text("principal_id");
    CHECK_FALSE(mentions(story.get(path, story.a.token), reviewer));
    CHECK(mentions(story.get(path, story.staff["auditor"]), reviewer));
  }
  const Answer timeline = story.get("/v1/filings/" + story.published + "/timeline", story.a.token);
  std::vector<std::string> stages;
  for (const json::value& stage : timeline.json.as_object().at("stages").as_array()) {
    stages.emplace_back(stage.as_object().at("stage").as_string());
    CHECK(stage.as_object().at("actor").as_object().contains("role"));
  }
  CHECK(stages == std::vector<std::string>{"drafting", "queued", "review", "numbering", "publication"});
}

TEST_CASE("single things carry version and position, the same from the cache") {
  Story& story = Story::told();
  const std::string path = "/v1/filings/" + story.published;
  const Answer first = story.get(path, story.a.token);
  const Answer second = story.get(path, story.a.token);
  CHECK(first.raw.body == second.raw.body);
  const json::object& filing = first.json.as_object();
  CHECK(first.raw.header("etag") == '"' + std::to_string(filing.at("version").as_int64()) + '"');
  CHECK(first.raw.header("ledger-position") == std::to_string(story.ledger.engine().size() - 1));
  CHECK(first.raw.header("cache-control") == "private, no-store");
  CHECK(filing.at("state").as_string() == "published");
  CHECK(std::string_view(filing.at("number").as_string()) == story.number);
  CHECK(filing.at("published").as_object().at("batch").as_int64() == 3);
  CHECK(filing.at("resolved_features").as_array().at(0).as_string() == std::string_view(story.feature));
  CHECK(filing.at("due_on").is_null());
  // Only the plain digest of what was published stands open to all who may read the filing.
  const Answer watched = story.get(path, story.staff["auditor"]);
  CHECK(watched.text("public_disclosure").starts_with("sha256:"));
}

TEST_CASE("a rejected filing's reasons reach its filer with code, field, note and titles") {
  Story& story = Story::told();
  const Answer filing = story.get("/v1/filings/" + story.rejected, story.a.token);
  const json::object& reason = filing.json.as_object().at("reasons").as_array().at(0).as_object();
  CHECK(reason.at("code").as_string() == "mechanism_vague");
  CHECK(reason.at("field").as_string() == "/details/model");
  CHECK(std::string_view(reason.at("note").as_string()) == kSecret);
  CHECK(filing.json.as_object().at("rejections").as_int64() == 1);
}

TEST_CASE("lists of filings are filtered and paged without skipping or repeating") {
  Story& story = Story::told();
  const std::string& token = story.staff["supervisor"];
  CHECK(ids(story.get("/v1/filings", token)) == std::set{story.rejected, story.published});
  CHECK(ids(story.get("/v1/filings?state=published", token)) == std::set{story.published});
  CHECK(ids(story.get("/v1/filings?algorithm_type=personalized_push", token)).size() == 2);
  CHECK(ids(story.get("/v1/filings?algorithm_type=content_filtering", token)).empty());
  CHECK(ids(story.get("/v1/filings?subject_id=" + story.b.id, token)).empty());
  CHECK(ids(story.get("/v1/filings?state=draft", story.a.token)) == std::set{story.drafted});
  std::vector<std::string> seen;
  std::string target = "/v1/filings?limit=1";
  for (int page = 0; page < 10 && !target.empty(); ++page) {
    const Answer answer = story.get(target, story.a.token);
    for (const json::value& item : items(answer)) seen.emplace_back(item.as_object().at("id").as_string());
    const json::value& next = answer.json.as_object().at("next_cursor");
    target = next.is_null() ? "" : "/v1/filings?limit=1&cursor=" + percent_encoded(next.as_string());
  }
  CHECK(seen.size() == 3);
  CHECK(std::set(seen.begin(), seen.end()).size() == 3);
  const json::object item = items(story.get("/v1/filings?state=published", token)).at(0).as_object();
  for (const char* name : {"id", "subject_id", "algorithm_name", "state", "number", "version"})
    CHECK(item.contains(name));
}

TEST_CASE("the draft box shows a filer's drafts and how far they are") {
  Story& story = Story::told();
  const json::array drafts = items(story.get("/v1/drafts", story.a.token));
  REQUIRE(drafts.size() == 1);
  const json::object& draft = drafts.at(0).as_object();
  CHECK(std::string_view(draft.at("id").as_string()) == story.drafted);
  CHECK(std::string_view(draft.at("algorithm_name").as_string()) == "草稿" + kSecret);
  for (const char* step : {"basic", "details", "scope"})
    CHECK_FALSE(draft.at("steps").as_object().at(step).as_bool());
  CHECK(items(story.get("/v1/drafts", story.b.token)).empty());
  for (const auto& [_, token] : story.staff) CHECK(story.get("/v1/drafts", token).code() == "role_forbidden");
}

TEST_CASE("the product tree comes in order, with what was added") {
  Story& story = Story::told();
  const json::object product =
      items(story.get("/v1/subjects/" + story.a.id + "/products", story.a.token)).at(0).as_object();
  CHECK(std::string_view(product.at("id").as_string()) == story.product);
  CHECK(product.at("form").as_string() == "app");
  const json::object& path = product.at("access_paths").as_array().at(0).as_object();
  CHECK(std::string_view(path.at("id").as_string()) == story.path);
  CHECK(path.at("steps").as_array().at(0).as_string() == "首页");
  const json::object& feature = path.at("features").as_array().at(0).as_object();
  CHECK(std::string_view(feature.at("id").as_string()) == story.feature);
  CHECK(std::string_view(feature.at("description").as_string()) == kSecret);
}

TEST_CASE("me tells each token who it is") {
  Story& story = Story::told();
  const Answer filer = story.get("/v1/me", story.a.token);
  CHECK(filer.text("role") == "filer");
  CHECK(filer.text("subject_id") == story.a.id);
  const Answer reviewer = story.get("/v1/me", story.staff["reviewer"]);
  CHECK(reviewer.text("role") == "reviewer");
  CHECK(reviewer.text("principal") == "某reviewer");
  CHECK(reviewer.json.as_object().at("subject_id").is_null());
  CHECK(story.get("/v1/me").code() == "token_missing");
}

TEST_CASE("grants are listed for admins, page by page, and never with a token") {
  Story& story = Story::told();
  const Answer all = story.get("/v1/access/grants", story.staff["admin"]);
  CHECK(items(all).size() == 8);  // admin, five of staff, two filers
  CHECK_FALSE(mentions(all, "fl1_"));
  CHECK_FALSE(mentions(all, "sha256:"));
  std::set<std::string> seen;
  std::string cursor;
  do {
    const Answer page = story.get("/v1/access/grants?limit=3" + (cursor.empty() ? "" : "&cursor=" + cursor),
                                  story.staff["admin"]);
    for (const std::string& id : ids(page)) CHECK(seen.insert(id).second);
    cursor = page.text("next_cursor");
  } while (!cursor.empty());
  CHECK(seen == ids(all));
  for (const auto& [role, token] : story.staff) {
    if (role != "admin") CHECK(story.get("/v1/access/grants", token).code() == "role_forbidden");
  }
  CHECK(story.get("/v1/access/grants", story.a.token).code() == "role_forbidden");
}

TEST_CASE("the review queue is for staff and holds what waits") {
  Story& story = Story::told();
  CHECK(story.get("/v1/review-queue?stage=review", story.a.token).code() == "role_forbidden");
  for (const char* stage : {"initial", "review"}) {
    CHECK(items(story.get(std::string("/v1/review-queue?stage=") + stage, story.staff["reviewer"])).empty());
  }
  CHECK(story.get("/v1/review-queue?stage=final", story.staff["reviewer"]).code() == "bad_query");
}

TEST_CASE("an auditor pages through every event, opened ones none") {
  Story& story = Story::told();
  const std::string& auditor = story.staff["auditor"];
  std::vector<std::string> sequences;
  std::string cursor;
  do {
    const Answer page =
        story.get("/v1/events?limit=7" + (cursor.empty() ? "" : "&cursor=" + cursor), auditor);
    for (const json::value& event : items(page))
      sequences.emplace_back(event.as_object().at("sequence").as_string());
    CHECK_FALSE(mentions(page, kSecret));
    CHECK_FALSE(mentions(page, "张三丰"));
    CHECK_FALSE(mentions(page, "某reviewer"));
    cursor = page.text("next_cursor");
  } while (!cursor.empty());
  REQUIRE(sequences.size() == story.ledger.engine().size());
  for (std::size_t i = 0; i < sequences.size(); ++i) CHECK(sequences[i] == std::to_string(i));

  for (const auto& [role, token] : story.staff) {
    if (role != "auditor") CHECK(story.get("/v1/events", token).code() == "role_forbidden");
  }
  CHECK(story.get("/v1/events", story.a.token).code() == "role_forbidden");
  CHECK(story.get("/v1/events").code() == "token_missing");
}

TEST_CASE("events are found by position, type and stream") {
  Story& story = Story::told();
  const std::string& auditor = story.staff["auditor"];
  const std::uint64_t size = story.ledger.engine().size();
  CHECK(items(story.get("/v1/events?after=" + std::to_string(size - 3), auditor)).size() == 2);
  CHECK(items(story.get("/v1/events?after=" + std::to_string(size - 1), auditor)).empty());
  CHECK(items(story.get("/v1/events?after=9007199254740992", auditor)).empty());
  CHECK(items(story.get("/v1/events?type=subject.approved", auditor)).size() == 2);
  CHECK(items(story.get("/v1/events?type=filing.revoked", auditor)).empty());
  const std::string stream = "/v1/events?stream=filing/" + story.published;
  const json::array all = items(story.get(stream, auditor));
  CHECK(all.size() == 6);
  CHECK(items(story.get(stream + "&type=filing.approved", auditor)).size() == 1);
  const std::string third(all.at(2).as_object().at("sequence").as_string());
  CHECK(items(story.get(stream + "&after=" + third, auditor)).size() == 3);
  CHECK(items(story.get(stream + "&after=" + std::to_string(std::stoull(third) - 1), auditor)).size() == 4);
  CHECK(items(story.get(stream + "&limit=2", auditor)).size() == 2);
  const std::string next = story.get(stream + "&limit=2", auditor).text("next_cursor");
  CHECK(items(story.get(stream + "&cursor=" + next, auditor)).size() == 4);
  CHECK(items(story.get("/v1/events?stream=filing/" + kNobody, auditor)).empty());
  for (const char* query : {"after=-1", "after=1x", "after=", "after=99999999999999999999", "cursor=x"}) {
    CHECK(story.get(std::string("/v1/events?") + query, auditor).code() == "bad_cursor");
  }
  for (const char* query :
       {"type=filing", "stream=filing", "stream=filing/1", "after=1&cursor=2", "limit=0"}) {
    CHECK(story.get(std::string("/v1/events?") + query, auditor).code() == "bad_query");
  }
}

TEST_CASE("a filing's events come oldest first, page by page") {
  Story& story = Story::told();
  const std::string base = "/v1/filings/" + story.published + "/events";
  std::vector<std::string> types;
  std::string cursor;
  do {
    const Answer page =
        story.get(base + "?limit=2" + (cursor.empty() ? "" : "&cursor=" + cursor), story.a.token);
    for (const json::value& event : items(page)) {
      types.emplace_back(event.as_object().at("type").as_string());
      CHECK(event.as_object().at("streamversion").as_int64() == static_cast<std::int64_t>(types.size()));
    }
    cursor = page.text("next_cursor");
  } while (!cursor.empty());
  CHECK(types == std::vector<std::string>{"draft.saved", "filing.submitted", "review.started",
                                          "filing.approved", "number.assigned", "filing.published"});
  CHECK(story.get(base + "?cursor=x", story.a.token).code() == "bad_cursor");
  CHECK(items(story.get(base + "?cursor=99", story.a.token)).empty());
  // The first draft was never shown to anybody else, and its text stays closed.
  const json::array events = items(story.get(base, story.staff["reviewer"]));
  CHECK(events.at(0).as_object().at("data").as_object().at("form").as_object().contains("committed"));
  CHECK(events.at(1)
            .as_object()
            .at("data")
            .as_object()
            .at("information")
            .as_object()
            .at("scope")
            .as_object()
            .contains("products"));
}

TEST_CASE("one event comes as JSON or as its bytes, public ones to everybody") {
  Story& story = Story::told();
  const json::array events = items(story.get("/v1/filings/" + story.published + "/events", story.a.token));
  const auto target = [&](std::size_t i) {
    return "/v1/events/" + std::string(events.at(i).as_object().at("sequence").as_string());
  };
  const Answer open = story.get(target(5));
  CHECK(open.status() == 200);
  CHECK(open.text("type") == "filing.published");
  CHECK_FALSE(open.json.as_object().contains("actorprincipal"));
  CHECK(open.raw.header("cache-control") == "public, no-cache");
  CHECK(story.get(target(4)).status() == 200);  // number.assigned, since it is published
  for (const std::size_t i : {0u, 1u, 2u, 3u}) {
    CHECK(story.get(target(i)).code() == "not_found");
    CHECK(story.get(target(i), story.b.token).code() == "not_found");
    CHECK(story.get(target(i), story.a.token).status() == 200);
    CHECK(story.get(target(i), story.staff["auditor"]).status() == 200);
  }
  CHECK(mentions(story.get(target(1), story.staff["reviewer"]), kSecret));
  CHECK_FALSE(mentions(story.get(target(1), story.staff["auditor"]), kSecret));

  const Answer bytes = story.get(target(5), {}, "Accept: application/octet-stream\r\n");
  CHECK(bytes.raw.header("content-type") == "application/octet-stream");
  const auto entry = codec::decode_entry(bytes_of(bytes.raw.body));
  REQUIRE(entry);
  CHECK(std::holds_alternative<FilingPublished>(entry->event.payload));
  const Answer sealed = story.get(target(1), story.a.token, "Accept: application/octet-stream\r\n");
  CHECK(codec::decode_entry(bytes_of(sealed.raw.body)).has_value());
  CHECK_FALSE(mentions(sealed, kSecret));
  CHECK(story.get(target(1), {}, "Accept: application/octet-stream\r\n").code() == "not_found");
  CHECK(story.get(target(5), {}, "Accept: application/cloudevents+json\r\n").raw.header("content-type") ==
        "application/cloudevents+json");
  CHECK(story.get(target(5), {}, "Accept: text/html\r\n").code() == "not_acceptable");
  CHECK(story.get("/v1/events/" + std::to_string(story.ledger.engine().size()), story.staff["auditor"])
            .code() == "not_found");
  for (const char* bad : {"x", "-1", "01", "1.0", "99999999999999999999"}) {
    CHECK(story.get(std::string("/v1/events/") + bad, story.staff["auditor"]).code() == "bad_id");
  }
}

TEST_CASE("an auditor finds undisclosed drafts in the log, closed") {
  Story& story = Story::told();
  const Answer answer = story.get("/v1/events?stream=filing/" + story.drafted, story.staff["auditor"]);
  REQUIRE(items(answer).size() == 1);
  CHECK_FALSE(mentions(answer, kSecret));
  const std::string target =
      "/v1/events/" + std::string(items(answer).at(0).as_object().at("sequence").as_string());
  CHECK(story.get(target, story.staff["auditor"]).status() == 200);
  for (const char* role : {"initial_reviewer", "reviewer", "registrar", "supervisor", "admin"}) {
    CHECK(story.get(target, story.staff[role]).code() == "not_found");
  }
}

TEST_CASE("the public list comes as JSON, CSV and Atom") {
  Story& story = Story::told();
  const Answer list = story.get("/v1/announcements");
  REQUIRE(items(list).size() == 1);
  const json::object item = items(list).at(0).as_object();
  for (const char* name : {"number", "algorithm_name", "type", "role", "organization_name", "products",
                           "purpose", "series", "batch", "announced_on", "status", "remark", "position"}) {
    CAPTURE(name);
    CHECK(item.contains(name));
  }
  CHECK(std::string_view(item.at("number").as_string()) == story.number);
  CHECK(item.at("status").as_string() == "published");
  CHECK(list.raw.header("cache-control") == "public, no-cache");
  CHECK(list.raw.header("vary") == "Accept");
  CHECK(list.raw.header("access-control-allow-origin") == "*");

  const Answer csv = story.get("/v1/announcements", {}, "Accept: text/csv;q=0.9, application/json;q=0.1\r\n");
  CHECK(csv.raw.header("content-type").starts_with("text/csv"));
  CHECK(csv.raw.body.starts_with("number,algorithm_name,"));
  CHECK(mentions(csv, story.number));
  const Answer atom = story.get("/v1/announcements", {}, "Accept: application/atom+xml\r\n");
  CHECK(atom.raw.header("content-type") == "application/atom+xml");
  CHECK(mentions(atom, "<feed"));
  CHECK(mentions(atom, story.number));
  CHECK(story.get("/v1/announcements", {}, "Accept: text/html\r\n").code() == "not_acceptable");

  const Answer unchanged =
      story.get("/v1/announcements", {}, "If-None-Match: " + list.raw.header("etag") + "\r\n");
  CHECK(unchanged.status() == 304);
  CHECK(unchanged.raw.body.empty());
  CHECK(story
            .get("/v1/announcements", {},
                 "Accept: text/csv\r\nIf-None-Match: " + list.raw.header("etag") + "\r\n")
            .status() == 200);
}

TEST_CASE("the public list is filtered, and refuses what it does not know") {
  Story& story = Story::told();
  const auto found = [&](const std::string& query) {
    return items(story.get("/v1/announcements?" + query)).size();
  };
  CHECK(found("query=" + percent_encoded("推荐算法")) == 1);
  CHECK(found("query=" + percent_encoded("没有这个")) == 0);
  CHECK(found("type=personalized_push&role=provider&series=algorithm&batch=3&region=110108") == 1);
  CHECK(found("region=110000") == 1);
  CHECK(found("region=44") == 0);
  CHECK(found("batch=4") == 0);
  for (const char* query : {"region=1", "type=x", "role=x", "series=x", "batch=0", "batch=x", "limit=1001",
                            "q=x", "type=personalized_push&type=personalized_push"}) {
    CAPTURE(query);
    CHECK(story.get(std::string("/v1/announcements?") + query).code() == "bad_query");
  }
  CHECK(story.get("/v1/announcements?cursor=abc").code() == "bad_cursor");
}

TEST_CASE("a number is found with and without prefix; a mistyped one is told what is wrong") {
  Story& story = Story::told();
  const std::string digits = story.number.substr(std::string("演示备").size(), 21);
  for (const std::string& text : {story.number, digits, digits + "号", "演示备" + digits}) {
    const Answer answer = story.get("/v1/numbers/" + percent_encoded(text));
    CAPTURE(text, answer.raw.body);
    CHECK(answer.status() == 200);
    CHECK(answer.text("number") == story.number);
    CHECK(answer.json.as_object().at("anomalies").as_array().empty());
  }
  std::string mistyped = digits;
  mistyped.back() = mistyped.back() == '9' ? '0' : static_cast<char>(mistyped.back() + 1);
  const Answer wrong = story.get("/v1/numbers/" + mistyped);
  CHECK(wrong.status() == 422);
  CHECK(wrong.code() == "number_check_digit");
  bool suggested = false;
  for (const json::value& suggestion : wrong.json.as_object().at("suggestions").as_array()) {
    suggested = suggested || std::string_view(suggestion.as_string()) == digits;
  }
  CHECK(suggested);
  CHECK(story.get("/v1/numbers/123").code() == "number_length");
  CHECK(story.get("/v1/numbers/" + percent_encoded("没有数字")).code() == "number_length");
}

TEST_CASE("every read refuses a parameter it does not know, and a form it does not have") {
  Story& story = Story::told();
  const std::string head(story.get("/v1/announcements").raw.header("ledger-position"));
  for (const server::Route& route : server::routes()) {
    if (route.read == nullptr) continue;
    std::string target(route.pattern);
    const auto fill = [&](const char* capture, const std::string& text) {
      if (const std::size_t at = target.find(capture); at != target.npos)
        target.replace(at, std::string(capture).size(), text);
    };
    fill("{id}", target.starts_with("/v1/subjects") ? story.a.id : story.published);
    fill("{number}", "123");
    fill("{position}", "0");
    fill("{path*}", "0/000.p/1");
    // What it cannot do without.
    const std::string needed = target == "/v1/consistency"                      ? "?from=1"
                               : target.ends_with("/diff")                      ? "?from=0&to=" + head
                               : target.starts_with("/v1/statistics/durations") ? "?stage=review"
                                                                                : "";
    const std::string more = target + (needed.empty() ? "?" : needed + "&");
    // Whoever may ask at all: the list of events is the auditor's, drafts the filer's, grants the admin's.
    std::string token = story.staff["auditor"];
    if (target == "/v1/drafts") token = story.a.token;
    if (target == "/v1/access/grants") token = story.staff["admin"];
    CAPTURE(target);
    const Answer unknown = story.get(more + "nonsense=1", token);
    CHECK(unknown.code() == "bad_query");
    CHECK(story.get(more + "limit=1&limit=1", token).code() == "bad_query");
    CHECK(story.get(more + "%zz", token).code() == "bad_query");
    target += needed;
    // What the formats of the log name has one form, whatever a client says that it likes.
    const Answer refused = story.get(target, token, "Accept: image/png\r\n");
    CHECK(refused.code() == (target.starts_with("/log/") ? "" : "not_acceptable"));
    const Answer answer = story.get(target, token);
    CHECK_FALSE(answer.raw.header("ledger-position").empty());
    const Answer bare = story.ledger.call({.method = "HEAD", .path = target, .token = token});
    CHECK(bare.status() == answer.status());
    CHECK(bare.raw.body.empty());
  }
}

TEST_CASE("a form that was read can be sent back unchanged") {
  // The only case that appends: on a filing of its own, after all others.
  Story& story = Story::told();
  const std::string base = "/v1/filings/" + story.rejected;
  const Answer before = story.get(base, story.a.token);
  const std::string form = json::serialize(before.json.as_object().at("form"));
  const Answer saved = story.ledger.call(
      {.method = "PUT", .path = base + "/draft", .token = story.a.token, .body = "{\"form\":" + form + "}"});
  CHECK(saved.status() == 200);
  const Answer draft = story.get(base, story.a.token);
  CHECK(draft.text("state") == "draft");
  CHECK(draft.json.as_object().at("form") == before.json.as_object().at("form"));
  CHECK(draft.json.as_object().at("rejections").as_int64() == 1);
  const Answer submitted = story.ledger.post(base + "/submit", story.a.token, R"({"declared":true})");
  CHECK(submitted.status() == 200);
  CHECK(mentions(submitted, "unchanged"));
  const Answer again = story.get(base, story.a.token);
  CHECK(again.json.as_object().at("warnings").as_array().at(0).as_object().at("code").as_string() ==
        "unchanged");
  const json::array queue = items(story.get("/v1/review-queue", story.staff["reviewer"]));
  REQUIRE(queue.size() == 1);
  CHECK(std::string_view(queue.at(0).as_object().at("id").as_string()) == story.rejected);
  CHECK(queue.at(0).as_object().at("kind").as_string() == "filing");
  CHECK(queue.at(0).as_object().at("attempt").as_int64() == 2);
}

TEST_CASE("the counts of the public list are for everybody, and not sent again while the list stays") {
  Story& story = Story::told();
  const Answer answer = story.get("/v1/statistics/counts");
  REQUIRE(answer.status() == 200);
  const json::object& counts = answer.json.as_object();
  CHECK(json::serialize(counts.at("filings")) == R"({"published":1,"cancelled":0,"revoked":0})");
  CHECK(counts.at("announcements").to_number<int>() == 1);
  CHECK(counts.at("by_type").as_object().size() == all_values<AlgorithmType>().size());
  CHECK(counts.at("by_type").at("personalized_push").to_number<int>() == 1);
  CHECK(counts.at("by_type").at("dispatch_decision").to_number<int>() == 0);
  CHECK(answer.raw.header("ledger-position") == json::serialize(counts.at("position")));
  CHECK(answer.raw.header("access-control-allow-origin") == "*");
  const std::string known = "If-None-Match: " + answer.raw.header("etag") + "\r\n";
  CHECK(story.get("/v1/statistics/counts", {}, known).status() == 304);
  CHECK(story.get("/v1/statistics/counts?type=provider").code() == "bad_query");
}
