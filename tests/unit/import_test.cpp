// Importing into a real ledger: repeats, cancellations, broken rows, and doing it again.
#include "replay/import.hpp"

#include "tests/support/engine_story.hpp"

using namespace ledger;
using namespace ledger::replay;
using test::EngineStory;

namespace {

constexpr const char* kHeader =
    "list,batch_no,algorithm_name,type_or_role,subject_name,products,filing_number\r\n";

std::string row(const std::string& name, const std::string& number, const std::string& batch = "1") {
  return "deep," + batch + "," + name + ",服务提供者,某公司,应用（APP）," + number + "\r\n";
}

constexpr const char* kFirst = "网信算备330110807992101250019号";
constexpr const char* kSecond = "网信算备340104381149201230011号";

ImportReport run(EngineStory& story, const std::string& filings,
                 std::optional<std::string_view> cancellations = {}) {
  auto report =
      import_lists(*story.engine, {.filings = filings, .cancellations = cancellations, .on_progress = {}});
  if (!report) FAIL("import: " << report.error().detail);
  return *report;
}

std::optional<FilingState> filing_with(const EngineStory& story, std::string_view digits) {
  const auto snapshot = story.engine->snapshot();
  const auto id = snapshot.lookup().number_owner(digits);
  return id ? snapshot.lookup().filing(*id).kept() : std::nullopt;
}

std::vector<std::string> codes(const ImportReport& report) {
  std::vector<std::string> codes;
  for (const ImportAnomaly& anomaly : report.anomalies) codes.push_back(anomaly.code);
  return codes;
}

}  // namespace

TEST_CASE("each row is one event, and a repeated number is a second announcement of its record") {
  EngineStory story;
  const std::uint64_t before = story.engine->size();
  const ImportReport report =
      run(story, kHeader + row("甲", kFirst) + row("乙", kSecond) + row("甲", kFirst, "2"));
  CHECK(report.rows == 3);
  CHECK(report.records == 2);
  CHECK(report.repeats == 1);
  CHECK(report.appended == 3);
  CHECK(report.unrecorded == 0);
  CHECK(story.engine->size() == before + 3);
  const auto filing = filing_with(story, "330110807992101250019");
  REQUIRE(filing);
  CHECK(filing->version == 2);
  CHECK(filing->imported);
  CHECK(filing->status == FilingStatus::published);
  CHECK(filing->public_record->batch == 2u);
}

TEST_CASE("importing the same file again appends nothing and reports the same, also after a restart") {
  EngineStory story;
  const std::string list =
      kHeader + row("甲", kFirst) + row("甲", kFirst) + row("乙", kSecond) + row("丙", "无号");
  const std::string notices = "filing_number,notice_date\r\n" + std::string(kFirst) + ",2025-07-14\r\n";
  ImportReport first = run(story, list, notices);
  CHECK(first.appended == 5);  // equal rows of one file are two announcements
  CHECK(first.records == 3);
  CHECK(first.repeats == 1);
  const std::uint64_t size = story.engine->size();
  for (int again = 0; again < 2; ++again) {
    ImportReport second = run(story, list, notices);
    CHECK(second.appended == 0);
    CHECK(story.engine->size() == size);
    second.appended = first.appended;
    CHECK(second.rows == first.rows);
    CHECK(second.records == first.records);
    CHECK(second.repeats == first.repeats);
    CHECK(second.cancellations == first.cancellations);
    CHECK(second.anomalies == first.anomalies);
    story.reopen();
  }
  // A longer file only adds what is new.
  CHECK(run(story, list + row("丁", "网信算备110108224236606220017号"), notices).appended == 1);
}

TEST_CASE("a notice cancels the record with its number, with the notice's date, once") {
  EngineStory story;
  const std::string notices = "filing_number,notice_date\r\n" + std::string(kFirst) + ",2025-07-14\r\n" +
                              kSecond + ",2025-07-14\r\n网信算备110108224236606220017号,2025-07-14\r\n,\r\n" +
                              kFirst + ",2025-08-01\r\n";
  const ImportReport report = run(story, kHeader + row("甲", kFirst) + row("乙", kSecond), notices);
  CHECK(report.cancellations == 2);
  CHECK(report.unrecorded == 3);
  CHECK(report.anomalies ==
        std::vector<ImportAnomaly>{{3, "网信算备110108224236606220017号", "cancellation_unmatched"},
                                   {4, "", "cancellation_date"},
                                   {4, "", "cancellation_number"},
                                   {5, kFirst, "cancellation_refused_illegal_transition"}});
  const auto filing = filing_with(story, "330110807992101250019");
  REQUIRE(filing);
  CHECK(filing->status == FilingStatus::cancelled);
  CHECK(filing->public_record->status == "cancelled");
  const auto event = story.engine->snapshot().event(filing->position, false);
  REQUIRE(event);
  const auto& cancelled = std::get<FilingCancelled>(event->event.payload);
  CHECK(cancelled.noticed_on == Date::parse("2025-07-14"));
  CHECK(cancelled.ground == "official_notice");
  CHECK(event->event.header.actor.role == Role::operator_);
}

TEST_CASE("rows without a readable number are records of their own") {
  EngineStory story;
  const ImportReport report = run(story, kHeader + row("甲", "无号") + row("乙", "") + row("丙", "无号"));
  CHECK(report.records == 3);
  CHECK(report.unrecorded == 0);
  CHECK(codes(report) == std::vector<std::string>{"number_format", "missing_filing_number", "number_format"});
}

TEST_CASE("a row that no CSV reader can take is reported, and its neighbours are imported") {
  EngineStory story;
  const ImportReport report =
      run(story, kHeader + row("甲", kFirst) + "deep,too,few\r\n" + row("乙", kSecond));
  CHECK(report.rows == 3);
  CHECK(report.records == 2);
  CHECK(report.unrecorded == 1);
  CHECK(report.anomalies == std::vector<ImportAnomaly>{{2, "", "csv_column_count"}});
}

TEST_CASE("a file that is no list is refused before anything is appended") {
  EngineStory story;
  const std::uint64_t before = story.engine->size();
  const std::string list = kHeader + row("甲", kFirst);
  for (const std::string& bad : {std::string(), std::string("a,b\r\n"), std::string("list,list\r\n")}) {
    const auto refused =
        import_lists(*story.engine, {.filings = bad, .cancellations = {}, .on_progress = {}});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().unreadable_list);
    const auto notices =
        import_lists(*story.engine, {.filings = list, .cancellations = bad, .on_progress = {}});
    REQUIRE_FALSE(notices);
    CHECK(notices.error().unreadable_list);
  }
  CHECK(story.engine->size() == before);
}

TEST_CASE("an engine that takes no writes ends the import with a fault, and importing again goes on") {
  EngineStory story;
  std::string list = kHeader;
  for (int i = 0; i < 3000; ++i) list += row("名" + std::to_string(i), "无号" + std::to_string(i));
  const auto stopped = import_lists(
      *story.engine,
      {.filings = list, .cancellations = {}, .on_progress = [&](auto, auto) { story.engine->close(); }});
  REQUIRE_FALSE(stopped);
  CHECK_FALSE(stopped.error().unreadable_list);
  CHECK(stopped.error().detail.find("shutting_down") != std::string::npos);
  story.reopen();
  const std::uint64_t there = story.engine->size() - 2;
  CHECK(there < 3000);
  const ImportReport report = run(story, list);
  CHECK(report.records == 3000);
  CHECK(report.appended == 3000 - there);
}
