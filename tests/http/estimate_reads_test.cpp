// Waiting times as the API answers them, on a real ledger whose clock is the test's: months of filings go by.
#include <functional>
#include <map>

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "projections/read_models.hpp"
#include "server/read/reads.hpp"
#include "tests/support/engine_story.hpp"

using namespace ledger;
using namespace ledger::test;
namespace json = boost::json;

namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;

/// Filings of one subject, one every two days: submitted a day after the draft, taken up a day later, decided
/// after 30 more; every fourth is rejected first and comes back after ten days. Numbers a day after the
/// approval, batches every 60 days of what was numbered 20 days before.
class Months {
 public:
  static Months& gone_by() {
    static Months months;
    return months;
  }

  projections::ReadModels models;
  EngineStory story{false};
  server::Reads reads;
  EngineStory::Registered subject, other;
  store::Granted reviewer{}, registrar{}, auditor{};
  std::vector<Uuid> filings;
  std::int64_t begin = 0;
  std::uint64_t past_position = 0;
  std::string past_answer;  // of filing 80, when `past_position` was the last

  [[nodiscard]] std::string date(double day) const {
    return Date::of({begin + static_cast<std::int64_t>(day * static_cast<double>(kDayUs))}).text();
  }

  /// `query` without the question mark.
  http::Response ask(const Uuid& filing, const std::string& query, std::optional<store::Granted> who) {
    return asked(query, who, filing, &server::Reads::filing_estimate);
  }
  http::Response hypothetical(const std::string& query) {
    return asked(query, std::nullopt, {}, &server::Reads::estimates);
  }
  static std::string text(const http::Response& response) { return std::string(response.body.text()); }
  static json::object object(const http::Response& response) {
    INFO(text(response));
    REQUIRE(response.status == 200);
    return json::parse(text(response)).as_object();
  }

 private:
  Months() {
    story.projections.assign(models.all().begin(), models.all().end());
    story.open();
    const store::Granted initial = story.staff(Role::initial_reviewer, "初审");
    reviewer = story.staff(Role::reviewer, "复审");
    registrar = story.staff(Role::registrar, "登记");
    auditor = story.staff(Role::auditor, "审计");
    subject = story.qualified(1, initial);
    other = story.qualified(2, initial);
    const Uuid product = story.must(AddProduct{subject.subject, "产品", ProductForm::app}, subject.filer).id;
    const Uuid path = story.must(AddAccessPath{product, {"首页"}}, subject.filer).id;
    const Uuid feature = story.must(AddFeature{product, path, "功能", "说明"}, subject.filer).id;
    form_ = story.whole_form(subject.subject, {feature});
    begin = story.now;
    for (int i = 0; i < 110; ++i) at(2.0 * i, [this, i] { draft(2.0 * i, i % 4 == 3); });
    for (int batch = 1; batch <= 4; ++batch) at(60.0 * batch + 0.5, [this, batch] { publish(batch); });
    run_until(190.25);
    past_position = story.engine->snapshot().size() - 1;
    past_answer = text(ask(filings[80], "", subject.filer));
    run_until(212.25);
  }

  void at(double day, std::function<void()> what) { plan_.emplace(day, std::move(what)); }
  void run_until(double day) {
    while (!plan_.empty() && plan_.begin()->first <= day) {
      const auto next = plan_.extract(plan_.begin());
      story.now = begin + static_cast<std::int64_t>(next.key() * static_cast<double>(kDayUs));
      next.mapped()();
    }
  }
  void draft(double day, bool rejected_first) {
    const Uuid filing = story.must(CreateFiling{subject.subject, form_}, subject.filer).id;
    filings.push_back(filing);
    at(day + 1, [=, this] { submit(filing, day + 1, rejected_first); });
  }
  void submit(const Uuid& filing, double day, bool rejected) {
    story.must(SubmitFiling{filing, true}, subject.filer);
    at(day + 1, [=, this] { story.must(StartReview{filing}, reviewer); });
    if (!rejected) {
      at(day + 31, [=, this] { story.must(ApproveFiling{filing}, reviewer); });
      at(day + 32, [=, this] {
        story.must(AssignNumber{filing}, registrar);
        numbered_.emplace_back(day + 32, filing);
      });
      return;
    }
    at(day + 31, [=, this] {
      story.must(RejectFiling{filing, {{"mechanism_vague", "/details/model", "请补充"}}}, reviewer);
    });
    at(day + 41, [=, this] {
      story.must(SaveDraft{filing, form_}, subject.filer);
      submit(filing, day + 41, false);
    });
  }
  void publish(int batch) {
    std::erase_if(numbered_, [&](const auto& waiting) {
      if (waiting.first > 60.0 * batch + 0.5 - 20) return false;
      story.must(PublishFiling{waiting.second, Series::algorithm, static_cast<std::uint32_t>(batch),
                               Date::of(TimestampUs{story.now})},
                 registrar);
      return true;
    });
  }

  http::Response asked(const std::string& query, std::optional<store::Granted> who, const Uuid& filing,
                       http::Response (server::Reads::*read)(const server::ReadContext&)) {
    http::Request request;
    for (std::size_t at = 0; at < query.size();) {
      const std::size_t end = std::min(query.find('&', at), query.size());
      const std::size_t equals = query.find('=', at);
      request.query.push_back({query.substr(at, equals - at), query.substr(equals + 1, end - equals - 1)});
      at = end + 1;
    }
    std::optional<GrantState> grant;
    if (who) grant = story.engine->snapshot().lookup().grant(who->grant_id).kept();
    const server::ReadContext context{.engine = *story.engine,
                                      .models = models,
                                      .request = request,
                                      .grant = grant,
                                      .ids = {filing},
                                      .text = {},
                                      .language = server::Language::en,
                                      .now = TimestampUs{story.now}};
    return (reads.*read)(context);
  }

  FilingForm form_;
  std::multimap<double, std::function<void()>> plan_;
  std::vector<std::pair<double, Uuid>> numbered_;
};

}  // namespace

TEST_CASE(
    "a filing is told when it will be published, with the chance of a rejection and what that stands on") {
  Months& months = Months::gone_by();
  // Drafted on day 190, in review since day 192: decided on day 222, numbered on 223. The batch of day 240
  // has its cut-off on day 220; what is numbered up to day 280 is in that of day 300.
  const json::object answer = Months::object(months.ask(months.filings[95], "", months.subject.filer));
  CHECK(answer.at("status") == "estimated");
  CHECK(answer.at("stage") == "review");
  CHECK(answer.at("attempt") == 1);
  CHECK(answer.at("elapsed_days").as_double() == Approx(20).margin(0.01));
  const json::object& dates = answer.at("dates").as_object();
  CHECK(dates.at("p50") == json::string(months.date(300.5)));
  CHECK(answer.at("days").as_object().at("p50").as_double() == Approx(88.5).margin(1.5));
  for (const char* quantile : {"p10", "p50", "p80", "p90", "p95"}) CHECK(dates.contains(quantile));
  CHECK(answer.at("rejection_probability").as_double() == Approx(0.25).margin(0.05));
  CHECK(answer.at("samples").as_int64() >= 30);
  CHECK(answer.at("stratum").as_object().at("type") == "personalized_push");
  CHECK(answer.at("stratum").as_object().at("pooled") == false);
  CHECK(answer.at("position").as_int64() ==
        static_cast<std::int64_t>(months.story.engine->snapshot().size()) - 1);
  CHECK(answer.at("sentence").as_object().at("zh").as_string().find(months.date(300.5)) !=
        json::string::npos);
  CHECK(answer.at("stages").as_array().size() >= 5);
}

TEST_CASE("an estimate of a past position is the one that was given then, byte for byte") {
  Months& months = Months::gone_by();
  const std::string query = "at_position=" + std::to_string(months.past_position);
  const http::Response again = months.ask(months.filings[80], query, months.subject.filer);
  CHECK(Months::text(again) == months.past_answer);
  CHECK(months.past_answer.find(R"("status":"estimated")") != std::string::npos);
  CHECK(again.headers.find("Cache-Control") == "private, no-store");
  CHECK(months.ask(months.filings[80], "as_of=1999-01-01T00:00:00Z", months.auditor).status == 404);
  // A time names the same position, and counts from itself.
  const std::string noon = TimestampUs{months.begin + 191 * kDayUs}.text();
  const json::object later = Months::object(months.ask(months.filings[80], "as_of=" + noon, months.auditor));
  CHECK(later.at("as_of") == json::string(noon));
  CHECK(later.at("status") == "estimated");
}

TEST_CASE("what if it is rejected once more is answered while a decision is still to come") {
  Months& months = Months::gone_by();
  const json::object plain = Months::object(months.ask(months.filings[95], "", months.subject.filer));
  const json::object what_if =
      Months::object(months.ask(months.filings[95], "rejected_once_more=true", months.subject.filer));
  CHECK(what_if.at("rejection_probability").as_double() == 1);
  CHECK(what_if.at("rejected_once_more") == true);
  CHECK(what_if.at("days").as_object().at("p50").as_double() >=
        plain.at("days").as_object().at("p50").as_double());
  // Numbered and waiting for the batch.
  const http::Response decided =
      months.ask(months.filings[88], "rejected_once_more=true", months.subject.filer);
  CHECK(decided.status == 400);
  CHECK(months.ask(months.filings[95], "rejected_once_more=perhaps", months.subject.filer).status == 400);
}

TEST_CASE("a filing that has ended has nothing left to estimate") {
  Months& months = Months::gone_by();
  const json::object answer = Months::object(months.ask(months.filings[0], "", months.subject.filer));
  CHECK(answer.at("status") == "ended");
  CHECK(answer.at("outcome") == "published");
  CHECK(answer.at("days").is_null());
  CHECK(answer.at("sentence").as_object().at("en").as_string().find(months.date(60.5)) != json::string::npos);
}

TEST_CASE("an estimate is for the own filer, staff and auditors, and a draft for its filer alone") {
  Months& months = Months::gone_by();
  CHECK(months.ask(months.filings[95], "", months.other.filer).status == 404);
  CHECK(months.ask(months.filings[95], "", months.auditor).status == 200);
  CHECK(months.ask(months.filings[95], "", months.reviewer).status == 200);
  // Before its first submission, now and as of a position at which it was still a draft.
  CHECK(months.ask(months.filings.back(), "", months.auditor).status == 404);
  CHECK(months.ask(months.filings.back(), "", months.subject.filer).status == 200);
  const std::uint64_t first = months.story.engine->snapshot()
                                  .stream_positions({StreamKind::filing, months.filings[95]}, 0, 1)
                                  .front();
  const std::string then = "at_position=" + std::to_string(first);
  CHECK(months.ask(months.filings[95], then, months.auditor).status == 404);
  CHECK(Months::object(months.ask(months.filings[95], then, months.subject.filer)).at("stage") == "drafting");
  CHECK(months.ask(months.filings[95], "at_position=" + std::to_string(first - 1), months.subject.filer)
            .status == 404);
  CHECK(months.ask({{9}}, "", months.auditor).status == 404);
}

TEST_CASE("a ledger without history says what it lacks and gives the statutory limit, never a number") {
  Months& months = Months::gone_by();
  // On day 40.2 five reviews had been decided: those of the filings drafted on day 0, 2, 4, 6 and 8.
  const std::string early = TimestampUs{months.begin + 40 * kDayUs + kDayUs / 5}.text();
  const json::object answer =
      Months::object(months.ask(months.filings[10], "as_of=" + early, months.auditor));
  CHECK(answer.at("status") == "not_enough_history");
  CHECK(answer.at("days").is_null());
  CHECK(answer.at("rejection_probability").is_null());
  CHECK(answer.at("lack").as_object().at("what") == "finished_reviews");
  CHECK(answer.at("lack").as_object().at("found") == 5);
  CHECK(answer.at("lack").as_object().at("needed") == 30);
  CHECK(answer.at("statutory").as_object().at("working_days_per_review") == 30);
  CHECK(answer.at("sentence")
            .as_object()
            .at("en")
            .as_string()
            .find("Not enough history: 5 finished reviews, 30 needed; statutory limit given instead") == 0);
}

TEST_CASE("moments that the log does not hold are refused by name") {
  Months& months = Months::gone_by();
  const Uuid filing = months.filings[95];
  const http::Response beyond = months.ask(filing, "at_position=99999999", months.auditor);
  CHECK(beyond.status == 404);
  CHECK(Months::text(beyond).find("\"beyond_log\"") != std::string::npos);
  CHECK(Months::text(beyond).find("\"size\":") != std::string::npos);
  for (const char* query :
       {"at_position=-1", "at_position=x", "as_of=yesterday", "as_of=2999-01-01T00:00:00Z",
        "at_position=1&as_of=2026-10-01T00:00:00Z", "type=x"}) {
    INFO(query);
    const http::Response refused = months.ask(filing, query, months.auditor);
    CHECK(refused.status == 400);
    CHECK(Months::text(refused).find("\"bad_query\"") != std::string::npos);
  }
}

TEST_CASE(
    "everybody may ask for a filing that does not exist, as of the last announcement and in large cells") {
  Months& months = Months::gone_by();
  const http::Response response = months.hypothetical("type=personalized_push&region=11&role=provider");
  const json::object answer = Months::object(response);
  // Seventy-five of ninety-odd first reviews had been decided, but under thirty second ones.
  CHECK(answer.at("stage") == "queued");
  CHECK(answer.at("attempt") == 1);
  CHECK(response.headers.find("Cache-Control") == "public, no-cache");
  CHECK_FALSE(response.headers.find("ETag")->empty());
  CHECK(answer.at("position").as_int64() <
        static_cast<std::int64_t>(months.story.engine->snapshot().size()) - 1);
  const bool told = answer.at("status") == "estimated";
  if (!told) {
    CHECK(answer.at("lack").as_object().at("needed") == 30);
    CHECK(answer.at("lack").as_object().at("found").is_null());
  }
  const json::object waiting = Months::object(months.hypothetical("stage=numbering&rejections=0"));
  CHECK(waiting.at("status") == "estimated");
  CHECK(waiting.at("samples").as_int64() >= 30);
  CHECK(Months::text(months.hypothetical("stage=numbering&rejections=0")) ==
        Months::text(months.hypothetical("rejections=0&stage=numbering")));
  for (const char* query :
       {"type=poetry", "region=99", "region=1101080", "role=filer", "rejections=-1", "rejections=101",
        "stage=registration", "stage=nowhere", "at_position=3", "stage=numbering&rejected_once_more=true"}) {
    INFO(query);
    CHECK(months.hypothetical(query).status == 400);
  }
}
