// Calendars and what is counted with them, over a real socket: a ledger of the time before calendars, whose
// due dates are provisional until they come.
#include <atomic>
#include <chrono>

#include <catch2/catch.hpp>

#include "events/core/calendars.hpp"
#include "events/core/working_days.hpp"
#include "tests/support/served_ledger.hpp"

using namespace ledger;
using namespace ledger::test;
namespace json = boost::json;

namespace {

std::string body_of(const CalendarPublished& calendar) {
  const auto days = [](const std::vector<Date>& list) {
    json::array out;
    for (const Date day : list) out.emplace_back(day.text());
    return out;
  };
  return json::serialize(json::object{{"year", calendar.year},
                                      {"holidays", days(calendar.holidays)},
                                      {"working_days", days(calendar.working_days)},
                                      {"source", calendar.source}});
}

/// A year with the first weekdays behind a day off, all that an arrangement may hold.
CalendarPublished invented(int year, Date behind) {
  CalendarPublished calendar{static_cast<std::uint16_t>(year), {}, {}, "an invented year"};
  for (Date day{behind.days + 1}; calendar.holidays.size() < 5; ++day.days) {
    if (day.year() == year && !is_weekend(day)) calendar.holidays.push_back(day);
  }
  return calendar;
}

/// One submitted filing in a ledger without calendars, read by a clock of our own.
struct Story {
  std::shared_ptr<std::atomic<std::int64_t>> clock = std::make_shared<std::atomic<std::int64_t>>(now());
  ServedLedger ledger{options(clock)};
  std::string initial = ledger.grant("初审", "initial_reviewer");
  std::string reviewer = ledger.grant("复审", "reviewer");
  std::string auditor = ledger.grant("审计", "auditor");
  ServedLedger::Registered subject = ledger.qualified(1, initial);
  std::string filing;
  Date submitted_on;

  explicit Story(const std::string& launched_on = "2020-01-06") {
    const std::string product =
        made("/v1/subjects/" + subject.id + "/products", R"({"name":"示例产品","form":"app"})");
    const std::string path = made("/v1/products/" + product + "/access-paths", R"({"steps":["首页"]})");
    made("/v1/products/" + product + "/access-paths/" + path + "/features",
         R"({"name":"功能","description":"说明"})");
    form_ = R"({"algorithm_name":"示例推荐算法","role":"provider","purpose":"应用于资讯推荐场景","basic":{)"
            R"("algorithm_type":"personalized_push","application_field":"资讯","launched_on":")" +
            launched_on + R"(","documents":{"self_assessment_report":")" +
            ledger.upload(subject.token, "report").text("digest") + R"(","public_disclosure":")" +
            ledger.upload(subject.token, "disclosure").text("digest") +
            R"("}},"details":{"data":"数据","model":"模型","strategy":"策略","risk_and_prevention":"风险"},)"
            R"("scope":{"products":[")" +
            product + R"("],"access_paths":[],"features":[]}})";
    filing = made("/v1/filings", R"({"subject_id":")" + subject.id + R"(","form":)" + form_ + "}");
  }

  void submit() {
    done(ledger.post(at("/submit"), subject.token, R"({"declared":true})"));
    submitted_on = Date::of(ledger.engine().last_recorded());
  }
  [[nodiscard]] std::string at(const std::string& tail = {}) const { return "/v1/filings/" + filing + tail; }
  [[nodiscard]] json::object read() const { return read(subject.token); }
  [[nodiscard]] json::object read(const std::string& token) const {
    return done(ledger.get(at(), token)).json.as_object();
  }
  /// It is noon of this day in Asia/Shanghai for whoever reads.
  void today(Date day) { clock->store((std::int64_t{day.days} * 24 + 4) * 3'600'000'000); }
  Answer publish(const CalendarPublished& calendar) {
    return ledger.post("/v1/calendars", ledger.admin(), body_of(calendar));
  }
  static Answer done(Answer answer) {
    if (answer.status() >= 300) throw std::runtime_error("refused: " + answer.raw.body);
    return answer;
  }

 private:
  static std::int64_t now() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  static server::Options options(const std::shared_ptr<std::atomic<std::int64_t>>& clock) {
    server::Options options;
    options.clock = [clock] { return TimestampUs{clock->load()}; };
    options.metrics_here = true;
    return options;
  }
  std::string made(const std::string& target, const std::string& body) {
    return done(ledger.post(target, subject.token, body)).text("id");
  }
  std::string form_;
};

std::string text(const json::object& object, const char* name) {
  return std::string(object.at(name).as_string());
}

}  // namespace

TEST_CASE("a due date without a calendar is provisional, and the calendar that arrives mends it") {
  Story story;
  story.submit();
  const Date from = story.submitted_on;
  story.today(from);
  const auto before = WorkingCalendar().add(from, kReviewDays).value();
  json::object filing = story.read();
  CHECK(text(filing, "due_on") == before.day.text());
  CHECK_FALSE(filing.at("overdue").as_bool());
  CHECK(filing.at("due_provisional").as_bool());
  const json::object reason = filing.at("due_provisional_reason").as_object();
  CHECK(text(reason, "code") == "calendar_unpublished");
  CHECK(reason.at("year").to_number<int>() == *before.unpublished);
  CHECK(reason.at("title").as_object().contains("zh"));

  // Every year that the count goes through; the first with days off behind the submission.
  std::vector<CalendarPublished> years;
  for (int year = from.year(); year <= before.day.year() + 1; ++year) {
    years.push_back(invented(year, year == from.year() && Date{from.days + 9}.year() == year
                                       ? from
                                       : Date::parse(std::to_string(year) + "-01-01").value()));
    const Answer published = story.publish(years.back());
    REQUIRE(published.status() == 201);
    CHECK(published.raw.header("location") == "/v1/calendars");
    CHECK(published.text("state") == "published");
  }
  const auto after = WorkingCalendar(years).add(from, kReviewDays).value();
  REQUIRE(after.day > before.day);
  // The filing itself is at the version that it was at: what was kept of it must not be shown again.
  const json::object mended = story.read();
  CHECK(mended.at("version") == filing.at("version"));
  CHECK(text(mended, "due_on") == after.day.text());
  CHECK_FALSE(mended.at("due_provisional").as_bool());
  CHECK_FALSE(mended.contains("due_provisional_reason"));
}

TEST_CASE("a case becomes overdue the day after its due date, wherever it is shown") {
  Story story;
  story.submit();
  const Date due = WorkingCalendar().add(story.submitted_on, kReviewDays)->day;
  const auto overdue_everywhere = [&] {
    const json::object filing = story.read();
    const json::array stages = Story::done(story.ledger.get(story.at("/timeline"), story.subject.token))
                                   .json.as_object()
                                   .at("stages")
                                   .as_array();
    const json::object queued = stages.back().as_object();
    const json::object item = Story::done(story.ledger.get("/v1/review-queue?stage=review", story.reviewer))
                                  .json.as_object()
                                  .at("items")
                                  .as_array()
                                  .at(0)
                                  .as_object();
    CHECK(text(queued, "due_on") == due.text());
    CHECK(text(item, "due_on") == due.text());
    CHECK(text(filing, "due_on") == due.text());
    CHECK(queued.at("overdue") == filing.at("overdue"));
    CHECK(item.at("overdue") == filing.at("overdue"));
    const std::string metrics = story.ledger.get("/metrics").raw.body;
    const bool counted = metrics.find("ledger_review_overdue{stage=\"review\"} 1") != metrics.npos;
    CHECK(counted == filing.at("overdue").as_bool());
    CHECK(metrics.find("ledger_review_overdue{stage=\"initial\"} 0") != metrics.npos);
    return filing.at("overdue").as_bool();
  };
  story.today(due);
  CHECK_FALSE(overdue_everywhere());
  story.today({due.days + 1});
  CHECK(overdue_everywhere());
  story.today(due);
  CHECK_FALSE(overdue_everywhere());
}

TEST_CASE("queued and review share one clock, other stages count their days without one") {
  Story story;
  story.submit();
  Story::done(story.ledger.post(story.at("/start-review"), story.reviewer, "{}"));
  const Date from = story.submitted_on;
  story.today({from.days + 40});
  const json::array stages = Story::done(story.ledger.get(story.at("/timeline"), story.reviewer))
                                 .json.as_object()
                                 .at("stages")
                                 .as_array();
  REQUIRE(stages.size() == 3);
  const json::object drafting = stages[0].as_object(), queued = stages[1].as_object(),
                     review = stages[2].as_object();
  CHECK(drafting.at("due_on").is_null());
  CHECK(drafting.at("overdue").is_null());
  CHECK(drafting.at("due_provisional").is_null());
  CHECK(drafting.at("working_days").is_int64());
  CHECK(queued.at("due_on") == review.at("due_on"));
  CHECK_FALSE(queued.at("overdue").as_bool());  // it ended in time
  CHECK_FALSE(review.at("overdue").as_bool());
  CHECK(review.at("working_days").to_number<std::uint32_t>() ==
        WorkingCalendar().between(from, {from.days + 40})->days);
  CHECK(review.at("working_days_provisional").as_bool());
  story.today({from.days + 80});
  const json::object later = Story::done(story.ledger.get(story.at("/timeline"), story.reviewer))
                                 .json.as_object()
                                 .at("stages")
                                 .as_array()
                                 .at(2)
                                 .as_object();
  CHECK(later.at("overdue").as_bool());

  const json::array of_subject =
      Story::done(story.ledger.get("/v1/subjects/" + story.subject.id + "/timeline", story.subject.token))
          .json.as_object()
          .at("stages")
          .as_array();
  for (const json::value& stage : of_subject) {
    CHECK(stage.as_object().at("due_on").is_null());
    CHECK(stage.as_object().at("working_days").is_int64());
  }
}

TEST_CASE("a late first filing is accepted and flagged, to those who may see the launch") {
  Story story("2020-01-06");  // long before any clock that runs this
  json::object drafted = story.read().at("first_filing").as_object();
  CHECK(drafted.at("filed_on").is_null());
  CHECK(drafted.at("late").as_bool());
  story.submit();
  const Date due = WorkingCalendar().add(Date::parse("2020-01-06").value(), kFirstFilingDays)->day;
  for (const std::string& token : {story.subject.token, story.reviewer}) {
    const json::object first = story.read(token).at("first_filing").as_object();
    CHECK(text(first, "launched_on") == "2020-01-06");
    CHECK(text(first, "due_on") == due.text());
    CHECK(text(first, "filed_on") == story.submitted_on.text());
    CHECK(first.at("late").as_bool());
    CHECK(first.at("due_provisional").as_bool());
  }
  const json::object watched = story.read(story.auditor).at("first_filing").as_object();
  CHECK(watched.at("launched_on").as_object().at("committed").as_bool());
  CHECK(watched.at("due_on").is_null());
  CHECK(watched.at("late").is_null());
}

TEST_CASE("a filing before its launch is not late, and a launch beyond all calendars has no due date") {
  Story ahead("2199-12-01");
  ahead.submit();
  const json::object first = ahead.read().at("first_filing").as_object();
  CHECK_FALSE(first.at("late").as_bool());
  Story beyond("9999-12-31");
  beyond.submit();
  CHECK(beyond.read().at("first_filing").as_object().at("due_on").is_null());
  CHECK(beyond.read().at("first_filing").as_object().at("late").is_null());
}

TEST_CASE("calendars are published by an admin, once a year, and read by anybody") {
  Story story;
  CHECK(story.ledger.get("/v1/calendars").json.as_object().at("items").as_array().empty());
  const CalendarPublished year = shipped_calendars().back();
  CHECK(story.ledger.post("/v1/calendars", {}, body_of(year)).code() == "token_missing");
  for (const std::string& token : {story.reviewer, story.auditor, story.subject.token}) {
    CHECK(story.ledger.post("/v1/calendars", token, body_of(year)).code() == "role_forbidden");
  }
  const Answer first =
      story.ledger.post("/v1/calendars", story.ledger.admin(), body_of(year), "Idempotency-Key: y\r\n");
  REQUIRE(first.status() == 201);
  const Answer again =
      story.ledger.post("/v1/calendars", story.ledger.admin(), body_of(year), "Idempotency-Key: y\r\n");
  CHECK(again.raw.body == first.raw.body);
  const Answer twice = story.publish(year);
  CHECK(twice.status() == 409);
  CHECK(twice.code() == "calendar_published");

  const Answer list = story.ledger.get("/v1/calendars");
  const json::object item = list.json.as_object().at("items").as_array().at(0).as_object();
  CHECK(item.at("year").to_number<int>() == year.year);
  CHECK(item.at("holidays").as_array().size() == year.holidays.size());
  CHECK(text(item, "source") == year.source);
  CHECK(item.at("position") == first.json.as_object().at("position"));
  const std::string tag = list.raw.header("etag");
  CHECK(story.ledger.get("/v1/calendars", {}, "If-None-Match: " + tag + "\r\n").status() == 304);
  REQUIRE(story.publish(shipped_calendars().front()).status() == 201);
  CHECK(story.ledger.get("/v1/calendars", {}, "If-None-Match: " + tag + "\r\n").status() == 200);
  CHECK(story.ledger.get("/v1/calendars?year=2026").code() == "bad_query");
}

TEST_CASE("everything that is wrong with a calendar's body is told in one answer") {
  Story story;
  const Answer wrong = story.ledger.post(
      "/v1/calendars", story.ledger.admin(),
      R"({"year":2027,"holidays":["2027-01-01","2027-01-02","2026-12-31"],"working_days":["2027-01-04"],"extra":1})");
  CHECK(wrong.status() == 422);
  const auto errors = wrong.errors();
  const auto told = [&](std::string_view error) { return std::ranges::find(errors, error) != errors.end(); };
  CHECK(told("/holidays/1 weekend_day"));
  CHECK(told("/holidays/2 out_of_range"));
  CHECK(told("/working_days/0 weekday_day"));
  CHECK(told("/source required"));
  CHECK(told("/extra unknown_field"));
  CHECK(errors.size() == 5);
  const auto of_year = [&](const char* year) {
    return story.ledger
        .post("/v1/calendars", story.ledger.admin(),
              std::string(R"({"year":)") + year + R"(,"holidays":["2027-01-01"],"source":"x"})")
        .errors();
  };
  CHECK(of_year("1999") == std::vector<std::string>{"/year out_of_range"});
  CHECK(of_year("\"2027\"") == std::vector<std::string>{"/year wrong_type"});
  CHECK(of_year("2027.5") == std::vector<std::string>{"/year wrong_type"});
  CHECK(story.ledger.get("/v1/calendars").json.as_object().at("items").as_array().empty());
}
